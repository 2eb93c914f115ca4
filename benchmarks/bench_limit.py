"""How many redshifts can be right at all: the Bayes-optimal answer, from a large bank of noiseless simulations.

Run from anywhere: ``python benchmarks/bench_limit.py [--spectra 300] [--bank 120000] [--rivals redshift nmf]``.

Spectra of the usual mix, without blends, are observed with white noise of known size and nothing else, so that the
likelihood is exact. The probability of a redshift is the sum of the likelihoods of all members of the bank there,
their amplitudes marginalised over the prior of the significance; each member also stands for its neighbours in
redshift, a few pixels to each side. The answer is the redshift round which most probability lies, within 0.005 (1+z).
A bank of a finite size answers worse than the limit, where lines are strong and members too few; so the success is
followed with the size of the bank, and extrapolated.
"""

import argparse
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.table import Table
from redshift_rivals import answers_of
from redshift_scores import RESULTS, interval, success, write
from redshift_sets import SNR, LabelledSet
from scipy.optimize import curve_fit
from scipy.sparse import csr_array
from tqdm import tqdm

from museml.data.batch import Batch
from museml.data.psf import lsf_fwhm
from museml.simulation.spectra import IDEAL, Instrument, draw_objects, observe

SEED = 740_000
STEP, START, PIXELS = 1.75e-4, 4752.0, 3860
HOURS = 10.0
LAGS = np.arange(-7, 8)
CHUNK = 2000
WINDOW = int(0.005 / STEP)
#: a difference of chi2 counts as if templates were right to so much of the greatest: 0, exact
MISFITS = (0.0, 0.01, 0.05, 0.2)
HALVINGS, DRAWS = 5, 200
SIGNIFICANCE = (SNR[0], 5.0, 10.0, 30.0, 200.0)
LN_Z = (-0.01, 2.1)
TRUTH = ("z", "class", "kind")
#: MUSE with pixels even in ln(wavelength), on which a redshift is a shift
EVEN = Instrument.from_axis(START * np.exp(STEP * np.arange(PIXELS)), "vacuum", "MUSE, even in ln", lsf_fwhm)


@dataclass(frozen=True)
class Observed:
    """Spectra, their noise, and what they are."""

    values: np.ndarray
    sigma: np.ndarray
    amplitude: np.ndarray
    truth: Table


def observed(number):
    """Return spectra with white noise of one size per channel."""
    rng = np.random.default_rng(SEED)
    objects = draw_objects(number, rng, instrument=EVEN)
    conditions = replace(IDEAL, snr=SNR, exposure_hours=(HOURS, HOURS))
    seen = observe(objects.flux, rng, EVEN, conditions)
    return Observed(seen.values, seen.sigma[0], seen.amplitude, objects.truth)


class Posterior:
    """Sums of likelihoods by redshift, for each spectrum and each value of `MISFITS`."""

    def __init__(self, spectra):
        self.bins = round((LN_Z[1] - LN_Z[0]) / STEP)
        shape = (len(MISFITS), self.bins, len(spectra.values))
        self.sums, self.nothing = np.zeros(shape), np.zeros((len(MISFITS), shape[2]))
        weighted = spectra.values / spectra.sigma**2
        self._data = [_shifted(weighted, lag).T.astype(np.float32) for lag in LAGS]
        self._weights = np.array([_shifted(1 / spectra.sigma[None] ** 2, lag)[0] for lag in LAGS], np.float32)
        self._units = 1 + np.outer(MISFITS, 0.5 * spectra.amplitude**2)  # that half a difference of chi2 counts in
        self._best = np.zeros(shape[2])  # the greatest likelihood up to now, its logarithm

    def add(self, flux, z):
        """Add members of the bank."""
        empty = ~np.isfinite(z)
        bright = flux[~empty]
        place = np.round((np.log1p(z[~empty]) - LN_Z[0]) / STEP).astype(int)
        norms = bright**2 @ self._weights.T
        for i, lag in enumerate(LAGS):
            where = csr_array((np.ones(len(place)), (place + lag, np.arange(len(place)))), (self.bins, len(place)))
            logs = _log_likelihood(bright @ self._data[i], norms[:, i, None])
            self._rescale(logs.max(axis=0))
            for k, unit in enumerate(self._units):
                self.sums[k] += where @ np.exp((logs - self._best) / unit) / len(LAGS)
        self.nothing += empty.sum() * np.exp(-self._best / self._units)

    def _rescale(self, best):
        """Bring the sums to a new greatest likelihood, so that no number gets too large or too small."""
        best = np.maximum(best, self._best)
        factor = np.exp((self._best - best) / self._units)
        self.sums *= factor[:, None]
        self.nothing *= factor
        self._best = best

    def answers(self):
        """Return the best redshift of each spectrum, NaN for nothing, and its probability; a row per misfit."""
        return tuple(np.moveaxis([self._answer(k) for k in range(len(MISFITS))], 1, 0))

    def _answer(self, k):
        padded = np.pad(np.cumsum(self.sums[k], axis=0), ((WINDOW + 1, WINDOW), (0, 0)), mode="edge")
        padded[: WINDOW + 1] = 0
        inside = padded[2 * WINDOW + 1 :] - padded[: -2 * WINDOW - 1]
        best, total = inside.argmax(axis=0), self.sums[k].sum(axis=0) + self.nothing[k]
        mass = np.take_along_axis(inside, best[None], 0)[0]
        z = np.expm1(LN_Z[0] + STEP * self._middle(k, best))
        none = self.nothing[k] > mass
        return np.where(none, np.nan, z), np.where(none, self.nothing[k], mass) / total

    def _middle(self, k, best):
        """Return the mean place of the probability in the windows round the best places."""
        places = np.clip(best + np.arange(-WINDOW, WINDOW + 1)[:, None], 0, self.bins - 1)
        weights = np.take_along_axis(self.sums[k], places, 0)
        return (weights * places).sum(axis=0) / np.maximum(weights.sum(axis=0), 1e-300)


def _shifted(rows, lag):
    """Return rows so that channel p holds what was at p + lag; 0 past the ends."""
    moved = np.roll(rows, -lag, axis=1)
    if lag > 0:
        moved[:, -lag:] = 0
    elif lag < 0:
        moved[:, :-lag] = 0
    return moved


def _log_likelihood(cross, norm):
    """Return ln of the likelihood ratio to no object, marginalised over an amplitude that is even in the logarithm."""
    amplitude = np.clip(cross / norm, *SNR)
    peak = amplitude * (cross - 0.5 * amplitude * norm)
    width = np.sqrt(2 * np.pi) / np.maximum(amplitude * np.sqrt(norm), 1)
    return peak + np.log(np.minimum(width / np.log(SNR[1] / SNR[0]), 1))


def follow(spectra, bank):
    """Yield the size of the bank and the answers, as it grows."""
    rng, posterior = np.random.default_rng(SEED + 1), Posterior(spectra)
    stops, size = [bank // 2**i for i in reversed(range(HALVINGS))], 0
    with tqdm(total=bank, unit="members") as bar:
        for stop in stops:
            while size < stop:
                part = draw_objects(min(CHUNK, stop - size), rng, instrument=EVEN)
                posterior.add(part.flux.astype(np.float32), np.ma.filled(part.truth["z"].astype(float), np.nan))
                size += len(part)
                bar.update(len(part))
            yield size, *posterior.answers()


def right(z, truth):
    """Return which redshifts are right; NaN is, where there is nothing."""
    true = np.ma.filled(np.ma.asarray(truth["z"], float), np.nan)
    return np.where(np.isnan(true), np.isnan(z), np.abs(z - true) < 0.005 * (1 + true))


def extrapolate(sizes, rates):
    """Return the rate at an endless bank: rates approach it with a power of the size."""

    def approach(size, limit, gap, power):
        return limit - gap * (size / sizes[0]) ** -power

    bounds = ([min(rates[-1], 0.999), 0, 0.15], [1, 1, 1.5])
    start = (min(rates[-1] + 0.01, 1), max(rates[-1] - rates[0], 0.01), 0.5)
    return float(curve_fit(approach, sizes, rates, start, bounds=bounds)[0][0])


def limits(sizes, hits):
    """Return the interval that holds 95 % of the extrapolated rates of spectra drawn anew with replacement."""
    rng, number = np.random.default_rng(SEED), hits.shape[1]
    draws = (hits[:, rng.integers(0, number, number)].mean(axis=1) for _ in range(DRAWS))
    return tuple(np.percentile([extrapolate(sizes, rates) for rates in draws], (2.5, 97.5)))


def table(spectra, followed, rivals):
    """Yield, by significance, the success for each size of the bank, the limit, and the success of the classifiers."""
    sizes = np.array([size for size, *_ in followed], float)
    hits = np.array([[right(z, spectra.truth) for z in found] for _, found, _ in followed])  # size, misfit, spectrum
    claimed = followed[-1][2]
    edges = [*pairwise(SIGNIFICANCE), (SIGNIFICANCE[0], SIGNIFICANCE[-1])]
    for low, high in edges:
        rows = (spectra.amplitude >= low) & (spectra.amplitude < high)
        rates = hits[..., rows].mean(axis=-1)
        best = int(rates[-1].argmax())
        row = {"significance": f"{low:g}-{high:g}", "n": int(rows.sum()), "misfit": MISFITS[best]}
        row |= {f"bank_{int(size)}": rate for size, rate in zip(sizes, rates[:, best], strict=True)}
        ends = limits(sizes, hits[:, best, rows])
        row |= {"claimed": float(claimed[0][rows].mean()), "limit": extrapolate(sizes, rates[:, best])}
        row |= {"limit_low": ends[0], "limit_high": ends[1]}
        for name, hit in rivals.items():
            ends = interval(hit, rows)
            row |= {name: float(hit[rows].mean()), f"{name}_low": ends[0], f"{name}_high": ends[1]}
        yield row


def as_set(spectra):
    """Return the spectra as the classifiers take them."""
    errors = np.broadcast_to(spectra.sigma, spectra.values.shape).astype(np.float32)
    ids, truth = tuple(str(i) for i in range(len(spectra.values))), spectra.truth.copy()
    truth["z_2"] = np.ma.masked_all(len(ids))
    mask = np.zeros(errors.shape, bool)
    return LabelledSet("ideal", [Batch(ids, spectra.values, errors, mask, EVEN.wave * u.AA, "vacuum")], truth)


def kept(options):
    """Return the spectra and what the bank says of them, from the work folder if they are there."""
    path = options.work / f"limit-{options.spectra}-{options.bank}.npz"
    if not path.exists():
        spectra = observed(options.spectra)
        sizes, z, p = zip(*follow(spectra, options.bank), strict=True)
        truth = {name: np.ma.filled(spectra.truth[name], np.nan if name == "z" else "") for name in TRUTH}
        np.savez(path, sizes=sizes, z=z, p=p, values=spectra.values, sigma=spectra.sigma,
                 amplitude=spectra.amplitude, **{f"true_{name}": values for name, values in truth.items()})  # fmt: skip
    file = np.load(path)
    truth = Table(
        {name: np.ma.masked_invalid(file["true_z"]) if name == "z" else file[f"true_{name}"] for name in TRUTH}
    )
    spectra = Observed(file["values"], file["sigma"], file["amplitude"], truth)
    return spectra, list(zip(file["sizes"], file["z"], file["p"], strict=True))


def main():
    """Follow the bank, ask the classifiers, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--spectra", type=int, default=300)
    parser.add_argument("--bank", type=int, default=120_000)
    parser.add_argument("--rivals", nargs="*", default=["redshift", "nmf"])
    parser.add_argument("--model", type=Path, help="model of the classifier redshift; by default the one shipped")
    parser.add_argument("--work", type=Path, default=Path("redshift_answers"), help="folder for answers")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the table")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    spectra, followed = kept(options)
    labelled = as_set(spectra)
    rivals = {
        name: success(answers_of(name, labelled, options.work, options.model)[0], labelled.truth)
        for name in options.rivals
    }
    write(table(spectra, followed, rivals), options.results / "limit.csv")
    print(Table.read(options.results / "limit.csv"))


if __name__ == "__main__":
    main()
