"""What came out of a comparison with a truth: rates, curves, residuals and calibration."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from astropy.table import Table

from museml.catalogs.match import Pairs
from museml.catalogs.rates import f1_rate, rate
from museml.catalogs.residuals import residual_table
from museml.catalogs.sphere import filled, finite_positions

__all__ = ["SNR_BINS", "VERDICTS", "Score"]

#: edges of the bins of signal-to-noise ratio
SNR_BINS = (0.0, 3, 4, 5, 6, 8, 10, 15, 25, 50, 100, np.inf)
#: what a detection can be
VERDICTS = {
    "real": "it has its match among what should be found",
    "faint": "its match in the truth is fainter than the limit: neither right nor false",
    "false": "it has no match",
    "outside": "it, or its match, lies outside the footprint and does not count",
    "no position": "its position is not finite; it does not count",
}
BRIGHT = 10.0  # S/N above which measurements are summed up
P_BINS = np.linspace(0, 1, 11)


@dataclass(frozen=True)
class Score:
    """What came out of a comparison with a truth; every interval holds 95 %.

    Attributes
    ----------
    detections, truth : `~astropy.table.Table`
        As they were given.
    pairs : `~museml.catalogs.match.Pairs`
        ``rows`` of the detections and ``others`` of the truth that belong together.
    verdict : ndarray of str
        For each detection one of `VERDICTS`.
    wanted : ndarray of bool
        Which rows of the truth are inside the footprint and not fainter than the limit.
    inside : ndarray of bool
        Which rows of the truth are inside the footprint.
    found : ndarray of bool
        Which rows of the truth have a match.
    snr : ndarray
        Signal-to-noise ratios of the truth; NaN where it tells none.
    settings : dict
        ``radius`` (arcsec), ``tolerance`` (Angstrom, or None), ``limit`` (or None).
    bins : tuple
        Edges of the bins.
    """

    detections: Table
    truth: Table
    pairs: Pairs
    verdict: np.ndarray
    wanted: np.ndarray
    inside: np.ndarray
    found: np.ndarray
    snr: np.ndarray
    settings: dict
    bins: tuple = SNR_BINS

    @property
    def completeness(self):
        """What part of the truth from the limit on was found: a `~museml.catalogs.rates.Rate`."""
        return rate(int((self.wanted & self.found).sum()), int(self.wanted.sum()))

    @property
    def reliability(self):
        """What part of the detections is real, those of fainter things left out."""
        real = self._count("real")
        return rate(real, real + self._count("false"))

    @property
    def f1(self):
        """The harmonic mean of both."""
        missed = int((self.wanted & ~self.found).sum())
        return f1_rate(self._count("real"), self._count("false"), missed)

    @property
    def source_completeness(self):
        """What part of the sources with a wanted row has a match of any row; None if the truth tells no sources."""
        if "source" not in self.truth.colnames:
            return None
        numbers = np.asarray(self.truth["source"])
        wanted = np.unique(numbers[self.wanted])
        return rate(int(np.isin(wanted, numbers[self.found & self.inside]).sum()), len(wanted))

    @cached_property
    def by_truth(self):
        """Completeness in bins of the true signal-to-noise ratio, those below the limit, too."""
        return _binned(self.snr[self.inside], self.found[self.inside], self.bins, "completeness")

    @cached_property
    def by_detection(self):
        """Reliability in bins of the measured signal-to-noise ratio."""
        counted = np.isin(self.verdict, ("real", "false"))
        snr = column_or_nan(self.detections, "snr")
        return _binned(snr[counted], self.verdict[counted] == "real", self.bins, "reliability")

    @property
    def compared(self):
        """Rows of the detections and of the truth that are matched inside the footprint."""
        kept = self.inside[self.pairs.others]
        return self.pairs.rows[kept], self.pairs.others[kept]

    @cached_property
    def residuals(self):
        """Measured against true values of what was found, in bins: `~museml.catalogs.residuals.residual_table`."""
        rows, others = self.compared
        return residual_table(self.detections[rows], self.truth[others], self.snr[others], self.bins)

    @cached_property
    def bright_residuals(self):
        """The same for everything with a true signal-to-noise ratio above 10, or for all if the truth tells none."""
        rows, others = self.compared
        kept = ~(self.snr[others] <= BRIGHT)
        rows, others = rows[kept], others[kept]
        return residual_table(self.detections[rows], self.truth[others], self.snr[others], ())

    @cached_property
    def calibration(self):
        """In bins of ``p_real``: its mean, and the part that is real; empty if there is no such column."""
        p, real = self._probabilities()
        rows = []
        for low, high in pairwise(P_BINS):
            part = (p >= low) & ((p < high) | (high == 1))
            mean = float(p[part].mean()) if part.any() else np.nan
            rows.append((low, high, mean, *rate(int(real[part].sum()), int(part.sum()))))
        return Table(rows=rows if len(p) else None, names=("p_low", "p_high", "p", "real", "low", "high", "found", "n"),
                     dtype=["f8"] * 6 + ["i8"] * 2)  # fmt: skip

    @cached_property
    def curve(self):
        """Completeness and reliability of the list cut at each score; empty if there is no column ``score``."""
        score, counted = column_or_nan(self.detections, "score"), np.isin(self.verdict, ("real", "false"))
        rows = np.flatnonzero(counted & np.isfinite(score))
        rows = rows[np.argsort(-score[rows], kind="stable")]
        real = np.cumsum(self.verdict[rows] == "real")
        last = np.diff(score[rows], append=-np.inf) != 0  # of several with one score, all or none are kept
        columns = score[rows], real / max(self.wanted.sum(), 1), real / np.arange(1, len(rows) + 1)
        return Table([column[last] for column in columns], names=("score", "completeness", "reliability"))

    @cached_property
    def summary(self):
        """All main figures: a table of name, data, value, low, high and n."""
        rows = list(self._rows())
        return Table(rows=rows, names=("name", "data", "value", "low", "high", "n"),
                     dtype=[str, str, float, float, float, int], meta=self._meta())  # fmt: skip

    def _rows(self):
        limit = self.settings["limit"]
        data = "all" if limit is None else f"S/N from {limit:g}"
        for name in ("completeness", "reliability", "f1"):
            yield _row(name, data, getattr(self, name))
        if self.source_completeness is not None:
            yield _row("completeness of sources", data, self.source_completeness)
        for verdict in VERDICTS:
            count = self._count(verdict)
            yield f"detections: {verdict}", "all", float(count), np.nan, np.nan, len(self.verdict)
        lost = int(np.sum(~finite_positions(self.truth["ra"], self.truth["dec"])))
        yield "truth: no position", "all", float(lost), np.nan, np.nan, len(self.truth)
        for row in self.bright_residuals:
            sample = f"S/N above {BRIGHT:g}" if np.isfinite(self.snr).any() else "all"
            yield f"median {row['name']}", sample, row["median"], row["low"], row["high"], row["n"]
            yield f"scatter of {row['name']}", sample, row["scatter"], np.nan, np.nan, row["n"]
        yield from self._calibration_rows()

    def _calibration_rows(self):
        p, real = self._probabilities()
        if len(p):
            bins = self.calibration[self.calibration["n"] > 0]
            error = float(np.sum(bins["n"] * np.abs(bins["p"] - bins["real"])) / len(p))
            yield "calibration error (ECE) of p_real", "all", error, np.nan, np.nan, len(p)
            yield "Brier score of p_real", "all", float(np.mean((p - real) ** 2)), np.nan, np.nan, len(p)

    def _probabilities(self):
        """Return p_real of what counts, and whether it is real; a match with something faint is real, too."""
        p, counted = column_or_nan(self.detections, "p_real"), np.isin(self.verdict, ("real", "faint", "false"))
        counted &= np.isfinite(p)
        return np.clip(p[counted], 0, 1), (self.verdict != "false")[counted]

    def _count(self, verdict):
        return int(np.sum(self.verdict == verdict))

    def _meta(self):
        known = {key: self.detections.meta[key] for key in ("PLUGIN", "PLUGIN_V") if key in self.detections.meta}
        return {**known, **{key.upper(): value for key, value in self.settings.items() if value is not None}}


def _binned(snr, hit, edges, name):
    """Count hits in bins of S/N."""
    rows = []
    for low, high in pairwise(edges):
        part = (snr >= low) & (snr < high)
        middle = float(np.median(snr[part])) if part.any() else np.nan
        rows.append((low, high, middle, *rate(int(hit[part].sum()), int(part.sum()))))
    names = ("snr_low", "snr_high", "snr", name, "low", "high", "found", "n")
    return Table(rows=rows, names=names, dtype=["f8"] * 6 + ["i8"] * 2)


def column_or_nan(table, name):
    """Return a column as floats; NaN if it is not there."""
    return filled(table[name]) if name in table.colnames else np.full(len(table), np.nan)


def _row(name, data, value):
    return name, data, value.value, value.low, value.high, value.number
