"""Redshift and class of spectra by a network that sees all redshifts at once."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache, partial

import numpy as np
from astropy.table import vstack

from museml.classification import Classifier, Redshifts
from museml.classifiers.line_refinement import LINE_NAMES, LineView, refine
from museml.classifiers.modes import RIGHT, Mode, clear, find_mode, ranked
from museml.classifiers.redshift_blends import second_objects
from museml.classifiers.redshift_flags import deciding_flags
from museml.classifiers.redshift_network import CLASSES, GRID, look
from museml.classifiers.redshift_prior import prior_weights
from museml.errors import MissingPackageError, ModelError, PredictionFlag, SettingError
from museml.model import find_model, load_model
from museml.settings import check_flag

__all__ = ["RedshiftClassifier"]

#: a class must be more probable than all others together
SURE = 0.5
UNKNOWN = "unknown"
#: fewest pixels of the even axis that can say anything; a line and its surroundings
FEWEST = 150
#: networks learn from p(z) that is smoothed by this, in cells; the least standard deviation of a mode without it
BLUR, SHARPEST = 0.7, 0.25
#: spectra that a thread works on at once, and threads: while one waits for the network, the other does the rest
CHUNK, THREADS = 128, 2
#: redshifts less probable than this are not told
LEAST = 1e-4


class RedshiftClassifier(Classifier):
    """Redshifts and classes by a network that compares a spectrum with learned patterns at all redshifts at once.

    Parameters
    ----------
    model : str or path
        Name or file of a model with the classes galaxy, QSO, star and nothing; ``museml models`` lists those
        installed.
    prior : table or path
        Columns z and weight: how much more or less frequent galaxies and quasars are at each redshift than those that
        the model was trained on; straight lines in between, nothing beyond the ends.
    cross_check : bool
        Whether the classifier 'nmf' is asked, too; where it finds another redshift, with more than even odds, the row
        has the flag DISAGREES.

    Notes
    -----
    The network answers with the probability of a galaxy, a quasar and a star at each redshift, of nothing at
    all, and of the redshift of a second object. Where emission lines say more, a fit of these makes the
    redshift exact.
    """

    name = "redshift"
    accepts = ("spectrum",)

    def __init__(self, *, model="redshift-muse", prior=None, cross_check=False):
        self.model = model
        self.prior = prior
        self.cross_check = cross_check

    def check_settings(self):
        """Raise `SettingError` where a setting breaks a rule, `UnknownNameError` for a model that is not there."""
        if not isinstance(self.model, (str, os.PathLike)):
            raise SettingError(
                f"model must be the name or the file of a model, not {self.model!r}; give 'redshift-muse'"
            )
        check_flag("cross_check", self.cross_check)
        prior_weights(self.prior, GRID.lnz)
        find_model(self.model)

    def predict(self, batch):
        """Return the `~museml.Redshifts` of a batch of spectra."""
        self.check_settings()
        model = _model(self.model)
        chunks = [batch.rows(i, i + CHUNK) for i in range(0, len(batch), CHUNK)] or [batch]
        with ThreadPoolExecutor(THREADS) as pool:
            return vstack(list(pool.map(partial(self._predict_chunk, model), chunks)))

    def _predict_chunk(self, model, batch):
        evidence, strip = _look(model, batch)
        evidence = evidence.weighted(prior_weights(self.prior, GRID.lnz).astype(np.float32))
        known = np.count_nonzero(~strip.mask, axis=1) >= FEWEST
        known &= (batch.flags & (PredictionFlag.CONSTANT | PredictionFlag.NO_DATA)) == 0
        columns, flags = _answer(model, batch, evidence, strip)
        flags = batch.flags | np.where(known, flags, PredictionFlag.NO_DATA.value)
        if self.cross_check:
            flags |= np.where(known, _disagreement(batch, columns), 0)
        return self._table(batch, columns, evidence, known, flags)

    def provenance(self):
        """Return the metadata of a result, with name and checksum of the model."""
        model = _model(self.model)
        return {**super().provenance(), "MODEL": model.card.name, "MODEL_ID": model.sha256}

    def _table(self, batch, columns, evidence, known, flags):
        table = {"id": np.array(batch.ids, dtype=str), "class": np.where(known, columns.pop("class"), UNKNOWN)}
        table |= {name: np.ma.masked_array(values, ~known | ~np.isfinite(values)) for name, values in columns.items()}
        table["flags"] = flags.astype(np.int32)
        for name, values in zip(CLASSES, evidence.classes.T, strict=True):
            table[f"p_{name}"] = np.ma.masked_array(values.astype(float), ~known)
        table["pz"] = np.where(known[:, None], evidence.redshift, 0).astype(np.float32)
        meta = {"LNZ0": GRID.start, "DLNZ": GRID.step}
        return Redshifts.from_columns(table, meta={**self.provenance(), **meta})


def _look(model, batch):
    try:
        return look(model, batch)
    except MissingPackageError as error:
        raise MissingPackageError(
            f"{error}, or choose the classifier 'nmf' or 'lines', which need no network"
        ) from error


def _answer(model, batch, evidence, strip):
    """Return the columns of the table by name, and the flags."""
    modes = _modes(evidence.redshift)
    kind, extended = _kinds(evidence, modes[0])
    best, snr = _refined(strip, modes[0], extended)
    second, p = second_objects(model, batch, evidence, best, snr)
    best = replace(best, p=p)
    flags = _blend(second, best, modes)
    rival = np.where(second.p > 0, modes[2].p, modes[1].p)  # another redshift of the same object
    flags |= deciding_flags(strip, best.lnz, snr, best.p, rival, extended)
    columns = {"class": kind, "z": np.expm1(best.lnz), "z_err": best.spread * np.exp(best.lnz), "p": best.p}
    for rank, mode in enumerate(modes[1:], 2):
        told = mode.p > LEAST
        columns |= {
            f"z_{rank}": np.where(told, np.expm1(mode.lnz), np.nan),
            f"p_{rank}": np.where(told, mode.p, np.nan),
        }
    return columns, flags


def _refined(strip, mode, extended):
    """Return the best redshifts, those of galaxies made exact on their lines, and the S/N of the lines."""
    lnz, spread, snr = mode.lnz.copy(), mode.spread.copy(), np.zeros((len(mode.lnz), len(LINE_NAMES)))
    rows = np.flatnonzero(extended)
    if len(rows):
        view = LineView.of(strip.values[rows], strip.errors[rows], strip.mask[rows], strip.start, strip.step)
        lnz[rows], spread[rows], snr[rows] = refine(view, lnz[rows], spread[rows])
    return Mode(lnz, spread, mode.p), snr


def _modes(pz):
    """Return the three best modes, the most probable first."""
    modes = [find_mode(pz, GRID)]
    for _ in range(2):
        pz = clear(pz, GRID, modes[-1])
        modes.append(find_mode(pz, GRID))
    return [replace(mode, spread=_sharp(mode.spread)) for mode in ranked(modes)]


def _sharp(spread):
    """Return the standard deviation of a mode without the smoothing of p(z)."""
    return GRID.step * np.sqrt(np.maximum((spread / GRID.step) ** 2 - BLUR**2, SHARPEST**2))


def _kinds(evidence, mode):
    """Return the class, and whether the best redshift is that of a galaxy, whose lines are narrow."""
    classes = evidence.classes
    best = classes.argmax(axis=1)
    kind = np.where(classes[np.arange(len(best)), best] > SURE, np.array(CLASSES)[best], UNKNOWN)
    near = np.abs(GRID.lnz - mode.lnz[:, None]) <= RIGHT
    shares = [np.sum(part * near, axis=1) for part in (evidence.galaxy, evidence.qso, evidence.star)]
    return kind, np.argmax(shares, axis=0) == 0


def _blend(second, first, modes):
    """Put a second object in the second place, where there is one; return the flags."""
    blend = second.p > 0
    other = np.abs(second.lnz - modes[1].lnz) > RIGHT  # than the runner-up of the first object
    modes[1], modes[2] = second.where(blend, modes[1]), modes[1].where(blend & other, modes[2])
    modes[2] = replace(modes[2], p=np.where(blend, np.minimum(modes[2].p, 1 - first.p), modes[2].p))
    return np.where(blend, PredictionFlag.BLEND, PredictionFlag.NONE).astype(np.int32)


def _disagreement(batch, columns):
    """Return the flag of rows to which the classifier 'nmf' gives another redshift with more than even odds."""
    from museml.classifiers.nmf import NMFClassifier

    other = NMFClassifier().predict(batch)
    apart = np.abs(np.log1p(np.ma.filled(other["z"], np.nan)) - np.log1p(columns["z"])) > RIGHT
    apart &= np.ma.filled(other["p"], 0) > SURE
    return np.where(apart, PredictionFlag.DISAGREES, PredictionFlag.NONE).astype(np.int32)


def _model(name):
    return _read_once(find_model(name))


@cache
def _read_once(path):
    model = load_model(path)
    if tuple(model.card.classes) != CLASSES:
        raise ModelError(
            f"the model of 'redshift' must have the classes {', '.join(CLASSES)}; {model.card.name!r} has "
            f"{', '.join(model.card.classes)}; choose another"
        )
    return model
