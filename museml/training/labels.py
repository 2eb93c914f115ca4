"""Labelled spectra: what a person says of each, and which of them can be used."""

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
from astropy.table import MaskedColumn, Table

from museml.data.spectra import open_spectra
from museml.data.spectral import to_vacuum
from museml.errors import InputError, PredictionFlag

__all__ = [
    "CLASSES",
    "Z_RANGE",
    "LabelledSpectra",
    "check_enough",
    "make_labels",
    "training_classes",
    "vacuum_redshifts",
]

#: words for the classes, in lower case -> class
CLASSES = {
    "galaxy": "galaxy", "gal": "galaxy", "star": "star", "qso": "QSO", "quasar": "QSO",
    "nothing": "nothing", "none": "nothing", "sky": "nothing",
}  # fmt: skip
#: redshifts that a label may have
Z_RANGE = (-0.004, 6.75)
#: what MPDAF writes for an unknown redshift is below this
UNKNOWN = -1000.0
#: redshifts of one object that differ by more, relative to 1+z, contradict each other
CONFLICT = 0.005
#: an object without a class that is no further away is a star: 600 km/s
STELLAR = 0.002
_UNUSABLE = {
    PredictionFlag.UNREADABLE: "cannot be read",
    PredictionFlag.NO_DATA: "no valid pixel",
    PredictionFlag.CONSTANT: "constant",
}


@dataclass(frozen=True)
class LabelledSpectra:
    """Spectra and their labels.

    Attributes
    ----------
    spectra : object
        Anything that `~museml.data.spectra.open_spectra` takes.
    labels : `~astropy.table.Table`
        One row per spectrum, in the same order; made by `make_labels`. Why a row is not used is in its
        column ``problem``, which is empty where it is; rows that turn out to be unusable when they are
        read are marked there, too.
    """

    spectra: object
    labels: Table

    def batches(self):
        """Yield the spectra that can be used: `~museml.Batch` and the rows of `labels` that belong to it."""
        start = 0
        for batch in open_spectra(self.spectra):
            rows = np.arange(start, start + len(batch))
            start += len(batch)
            self._check(start)
            self._mark(batch, rows)
            usable = np.array([not problem for problem in self.labels["problem"][rows]], bool)
            if usable.any():
                yield _pick(batch, np.flatnonzero(usable)), self.labels[rows[usable]]

    @property
    def usable(self):
        """Number of spectra that can be used, as far as is known."""
        return int(np.sum(self.labels["problem"] == ""))

    def left_out(self):
        """Return how many spectra are left out for which reason, the most frequent first."""
        return Counter(str(problem) for problem in self.labels["problem"] if problem)

    def summary(self):
        """Say in one line what is left out."""
        reasons = ", ".join(f"{number} {reason}" for reason, number in self.left_out().most_common())
        return f"{self.usable} of {len(self.labels)} spectra can be used" + (
            f"; left out: {reasons}" if reasons else ""
        )

    def _check(self, number):
        if number > len(self.labels):
            raise InputError(
                f"each spectrum must have a row of labels; there are {len(self.labels)} rows and more spectra; "
                "give as many of each, in the same order"
            )

    def _mark(self, batch, rows):
        for row, flags in zip(rows, batch.flags, strict=True):
            reasons = [text for bit, text in _UNUSABLE.items() if flags & bit]
            if reasons:
                self.labels["problem"][row] = reasons[0]


def make_labels(ids, z, classes=None, objects=None):
    """Make the table of labels, and find those that cannot be used.

    Parameters
    ----------
    ids : sequence of str
        Names of the spectra.
    z : sequence of float
        Redshifts (vacuum); masked, NaN or -9999 where unknown.
    classes : sequence of str, optional
        Words of `CLASSES`; empty where unknown. 'nothing' needs no redshift.
    objects : sequence of str, optional
        Which object each spectrum shows; by default each shows its own.

    Returns
    -------
    `~astropy.table.Table`
        Columns id, object, class, z (masked where unknown) and problem.

    Raises
    ------
    InputError
        If no redshift is a number.
    """
    count = len(ids)
    numbers = np.ma.filled(np.ma.masked_invalid(_numbers(z)), UNKNOWN - 1)
    known = [_word(word) for word in (classes if classes is not None else [""] * count)]
    table = Table({"id": np.array(ids, str), "object": np.array(ids if objects is None else objects, str)})
    table["class"] = np.array([CLASSES.get(word, word) for word in known], str)
    table["z"] = MaskedColumn(numbers, mask=numbers < UNKNOWN, dtype=float, description="redshift (vacuum)")
    table["problem"] = np.array([_problem(*row) for row in zip(numbers, known, strict=True)], "U40")
    _mark_repeated(table)
    _mark_conflicts(table)
    return table


def check_enough(labelled, fewest, purpose):
    """Raise `~museml.errors.InputError` if fewer spectra can be used than are needed."""
    if labelled.usable < fewest:
        raise InputError(
            f"{purpose} needs at least {fewest} labelled spectra; {labelled.summary()}; "
            "give more spectra or correct the labels"
        )


def training_classes(labels):
    """Return the class of each row; where none is told a redshift near 0 means a star, any other a galaxy."""
    stellar = np.abs(np.ma.filled(labels["z"], 1.0)) < STELLAR
    return np.where(labels["class"] == "", np.where(stellar, "star", "galaxy"), labels["class"])


def vacuum_redshifts(z):
    """Correct redshifts for which wavelengths in air were taken for wavelengths in vacuum.

    The ratio of the two is that at 7000 Angstrom (Morton 2000, ApJS 130, 403); it varies by 1e-5 over MUSE's range.
    """
    factor = float(to_vacuum(np.array([7000.0]), "air")[0]) / 7000.0
    return (1 + np.ma.asarray(z)) * factor - 1


def _numbers(z):
    """Return redshifts as numbers; what is none is masked."""
    column = np.ma.asarray(z)
    if column.dtype.kind in "fiu":
        return column.astype(float)
    known = column.compressed()
    numbers = np.full(len(column), np.nan)
    numbers[~np.ma.getmaskarray(column)] = [_number(value) for value in known]
    if len(known) and np.isnan(numbers).all():
        raise InputError(f"redshifts must be numbers, not {str(known[0])!r}; name another column")
    return numbers


def _number(value):
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.nan


def _word(word):
    return "" if np.ma.is_masked(word) else str(word).strip().lower()


def _problem(z, word):
    if word and word not in CLASSES:
        return f"class {word[:20]!r} is not known"
    if CLASSES.get(word) == "nothing":
        return ""
    if z < UNKNOWN:
        return "no redshift"
    return "" if Z_RANGE[0] <= z <= Z_RANGE[1] else f"redshift beyond {Z_RANGE[0]:g} to {Z_RANGE[1]:g}"


def _mark_repeated(table):
    """Mark what is listed again with the same name and redshift."""
    seen = {}
    for row in np.flatnonzero(table["problem"] == ""):
        first = seen.setdefault(table["id"][row], row)
        if first != row and not _disagree(table["z"][[first, row]]):
            table["problem"][row] = "listed again"


def _mark_conflicts(table):
    """Mark all spectra of an object whose redshifts contradict each other."""
    good = np.flatnonzero((table["problem"] == "") & ~np.ma.getmaskarray(table["z"]))
    for column in ("id", "object"):
        order = good[np.argsort(table[column][good], kind="stable")]
        names = np.asarray(table[column][order])
        for rows in np.split(order, np.flatnonzero(names[1:] != names[:-1]) + 1):
            if len(rows) > 1 and _disagree(table["z"][rows]):
                table["problem"][rows] = "redshifts of one object disagree"


def _disagree(z):
    """Whether redshifts of one object contradict each other."""
    z = np.ma.filled(z, 0.0)
    return np.ptp(z) > CONFLICT * (1 + z.min())


def _pick(batch, rows):
    """Return some rows of a Batch."""
    if len(rows) == len(batch):
        return batch
    arrays = {name: getattr(batch, name)[rows] for name in ("values", "errors", "mask", "flags")}
    ids, lines = (tuple(getattr(batch, name)[i] for i in rows) for name in ("ids", "lines"))
    return replace(batch, ids=ids, lines=lines, **arrays)
