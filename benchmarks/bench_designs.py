"""Designs of a network for redshifts on equal terms: the same simulated spectra, the same loss, the same minutes.

Run: python benchmarks/bench_designs.py --minutes 6 --work FOLDER
"""

import time
from pathlib import Path

import click
import numpy as np
from tqdm import tqdm

from museml.data import redshift_bins as bins
from museml.data.log_grid import START, to_log_grid
from museml.networks.backend import load_keras, run_padded, tolerant
from museml.networks.redshift import build_redshift_network
from museml.output import make_folder
from museml.simulation.spectra import simulate_spectra
from museml.training.redshift import mixed_draw, redshift_inputs, redshift_loss, simulated_draw
from museml.training.redshift_fit import ahead
from museml.training.redshift_pool import read_pool
from museml.training.redshift_scores import RANGES, first_answers, is_right

SHARES = {"MUSE-extended": 0.86, "SDSS": 0.07, "BlueMUSE": 0.07}
SHAPE = (4096, 7)


def build_plain_network(shape, width=32):
    """Build a plain classifier: convolutions down to 64 positions, two dense layers, one output per bin and class."""
    keras = load_keras()
    x = entry = keras.layers.Input(shape)
    for i in range(6):
        size = min(width * (1 + i // 2), 96)
        x = keras.layers.Conv1D(size, 9 if i == 0 else 5, strides=2, padding="same", activation="silu")(x)
        x = keras.layers.Add()([x, keras.layers.Conv1D(size, 5, padding="same", activation="silu")(x)])
    x = keras.layers.Dense(256, activation="silu")(keras.layers.Flatten()(x))
    return keras.Model(entry, keras.layers.Dense(bins.N_OUTPUTS)(keras.layers.Dropout(0.1)(x)))


def equivariant(**sizes):
    """Return a function that builds the network of the model 'redshift-muse' with other sizes."""
    return lambda: build_redshift_network(SHAPE, bins.N_BINS // 2, **sizes)


DESIGNS = {
    "equivariant": equivariant(),
    "plain": lambda: build_plain_network(SHAPE),
    "few-templates": equivariant(templates=16),
    "many-templates": equivariant(templates=48),
    "wide": equivariant(hidden=64, width=48),
    "small": equivariant(hidden=32, templates=24, width=24, features=12),
}


def fit(network, draw, minutes, size, rate):
    """Fit for so many minutes; the rate rises at first and falls to zero as a cosine. Return the spectra seen."""
    network.compile(load_keras().optimizers.Adam(rate, clipnorm=1.0), redshift_loss, jit_compile=False)
    batches, start, seen, first = ahead(draw, np.random.default_rng(1), 10**6, size), None, 0, []
    with tqdm(total=round(60 * minutes), unit="s") as bar:
        while True:
            batch = next(batches)
            part = (time.perf_counter() - start) / (60 * minutes) if start else 0
            if part >= 1:
                return seen
            network.optimizer.learning_rate = rate * min(part / 0.03, (1 + np.cos(np.pi * part)) / 2) + 1e-6
            with tolerant():
                first.append(float(network.train_on_batch(*batch)))
            start = start or time.perf_counter()  # without compilation
            seen += size
            bar.update(round(time.perf_counter() - start) - bar.n)
            bar.set_postfix(loss=f"{np.mean(first[-100:]):.3f}")


def scores(network, batch, truth):
    """Return the success on simulated spectra, as text."""
    inputs = redshift_inputs(to_log_grid(batch, START))
    outputs = run_padded(lambda part: network.predict_on_batch(part), inputs, 128)
    found = bins.posterior(outputs, START, {"scale": 1.0, "offset": [0.0]})
    kind, z, p = first_answers(found)
    right, sure = is_right(kind, z, truth), p > 0.9
    true = np.ma.filled(np.ma.asarray(truth["z"], float), np.nan)
    good = (np.asarray(truth["snr_line"]) > 10) | (np.asarray(truth["snr_cont"]) > 5)
    galaxy = (np.asarray(truth["class"]) == "galaxy") & ~np.asarray(truth["blend"], bool)
    parts = {f"z {low:g}-{high:g}": galaxy & good & (true >= low) & (true < high) for low, high in RANGES}
    parts = {"all": galaxy | ~galaxy, "good": galaxy & good, **parts, "p > .9": sure}
    text = ", ".join(f"{name} {right[rows].mean():.3f} ({rows.sum()})" for name, rows in parts.items())
    return f"{text}, sure {sure.mean():.3f}"


@click.command()
@click.option("--minutes", default=6.0, show_default=True, help="Minutes of training of each design.")
@click.option("--work", required=True, help="Folder for simulated spectra; what is there already is used.")
@click.option("--pool", default=60_000, show_default=True, help="Simulated spectra.")
@click.option("--size", default=96, show_default=True, help="Spectra per step.")
@click.option("--rate", default=2e-3, show_default=True, help="Greatest learning rate.")
@click.option("--save", help="Folder for the weights.")
@click.argument("designs", nargs=-1)
def main(minutes, work, pool, size, rate, save, designs):
    """Train designs and print their scores on simulations of another seed."""
    make_folder(work)
    parts = [
        (simulated_draw(read_pool(work, round(pool * share), (0, i), name, 2)), share)
        for i, (name, share) in enumerate(SHARES.items())
    ]
    batch, truth = simulate_spectra(3000, (0, 98, 1), blends=0.1)
    for name in designs or DESIGNS:
        load_keras().utils.set_random_seed(0)
        network = DESIGNS[name]()
        seen = fit(network, mixed_draw(parts), minutes, size, rate)
        print(
            f"{name}: {network.count_params()} weights, {seen} spectra seen; {scores(network, batch, truth)}",
            flush=True,
        )
        if save:
            network.save_weights(Path(save) / f"{name}.weights.h5")


if __name__ == "__main__":
    main()
