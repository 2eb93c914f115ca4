"""Training on labelled spectra: deep ones for training, the held-out ones made shallower for the test.

Run from anywhere: ``python benchmarks/bench_training.py [--spectra 800] [--epochs 8] [--ways default ...]``.

Deep simulated spectra (exposures of 30 to 140 hours) stand for a person's labelled ones. The model that is shipped is
tuned on them in several ways. All are tested on the same fifth of the objects, at full depth and made 2, 3, 5, 10 times
shallower, and on simulated spectra of all depths. What was trained is kept in the folder ``--work``.
"""

import argparse
from pathlib import Path

import numpy as np
from astropy.table import Table

from museml.simulation.spectra import Conditions, simulate_spectra
from museml.training.labels import LabelledSpectra, make_labels
from museml.training.scores import score_answers
from museml.training.tuning import tune_redshift
from museml.training.tuning_settings import TuningSettings

DEPTHS = (1.0, 2.0, 3.0, 5.0, 10.0)
#: way of training -> settings that differ from the default ones
WAYS = {
    "default": {},
    "not made shallower": {"shallower": 1.0},
    "nothing simulated": {"simulated": 0.0},
    "neither": {"shallower": 1.0, "simulated": 0.0},
}
#: strong residuals of the sky, a bad calibration, and errors that are far too large
UNLIKE = Conditions(
    residuals=5.0, spikes=8.0, background=0.6, tilt=0.4, ripple=0.06, error_factor=(2.5, 4.0), cosmic_rays=3.0
)
WANTED = ("success", "purity at p > 0.9", "completeness at p > 0.9", "calibration error (ECE)")


def make_spectra(count, seed, unlike):
    """Return deep spectra with labels, alike or unlike those that the shipped model was trained on."""
    conditions = UNLIKE if unlike else Conditions()
    spectra, truth = simulate_spectra(
        count, seed=seed, snr=(10.0, 200.0), exposure_hours=(30.0, 140.0), conditions=conditions
    )
    return LabelledSpectra(spectra, make_labels(spectra.ids, truth["z"], truth["class"]))


def rows_of(way, answers, what):
    """Return a row per depth."""
    scores = score_answers(answers)
    for depth in np.unique(scores["depth"]):
        part = scores[(scores["depth"] == depth) & (scores["data"] == "all")]
        values = {row["name"]: row for row in part if row["name"] in WANTED}
        success = values["success"]
        row = {"way": way, "spectra": what, "depth": float(depth), "n": int(success["n"])}
        row |= {"success": success["value"], "low": success["low"], "high": success["high"]}
        yield row | {name: values[name]["value"] for name in WANTED[1:]}


def measure(options):
    """Return the rows of all ways, those of the model that is shipped first."""
    labelled, rows = make_spectra(options.spectra, 1, options.unlike), []
    for way in options.ways:
        chosen = {"init": options.init, "epochs": options.epochs, "steps": options.steps, **WAYS[way]}
        folder = options.work / way.replace(" ", "-")
        tuned = tune_redshift(labelled, folder, TuningSettings(**chosen), depths=DEPTHS, resume=True)
        if tuned.before is not None and not rows:
            rows += rows_of("as shipped", tuned.before, "held out")
            rows += rows_of("as shipped", tuned.simulated[0], "all depths")
        rows += rows_of(way, tuned.answers, "held out")
        rows += rows_of(way, tuned.simulated[-1], "all depths")
        print(way, f"{len(tuned.model.history['loss'])} epochs", flush=True)
    return rows


def main():
    """Train, test, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--spectra", type=int, default=800)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--init", default=TuningSettings().init)
    parser.add_argument("--unlike", action="store_true", help="spectra with worse errors, sky and calibration")
    parser.add_argument("--work", type=Path, default=Path("training-work"))
    options = parser.parse_args()
    table = Table(measure(options))
    for name in table.colnames[4:]:
        table[name].info.format = ".3f"
    table.pprint_all()
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    table.write(folder / f"training{'_unlike' if options.unlike else ''}.csv", overwrite=True)


if __name__ == "__main__":
    main()
