"""Predictions written into MPDAF Sources, and read back."""

import numpy as np
from astropy.table import Table

from museml.classification import Redshifts
from museml.component import PROVENANCE
from museml.errors import PredictionFlag

__all__ = ["NOT_KNOWN", "line_redshift", "redshift_grid", "second_redshift", "write_prediction"]

#: what MPDAF takes for "no redshift" in `Source.add_z`
NOT_KNOWN = -9999
#: classes in which no emission lines are named
LINELESS = ("star", "nothing")
RANKS = ("", "_2", "_3")


def write_prediction(source, predictions, row=0):
    """Write one row of predictions into an MPDAF Source; an older one of museml is replaced.

    The header gets the class (ML_CLASS), its probability (ML_P), the flags (ML_FLAG) and the
    classifier's name and version (ML_NAME, ML_NAMEV, ML_V of museml, ML_MODEL). Redshifts go into the table
    Z as MUSEML, MUSEML_2 and MUSEML_3, the first with z - z_err and z + z_err as limits, into the table ML_Z
    with their probabilities, and the probability density into ML_PZ.

    Parameters
    ----------
    source : `~mpdaf.sdetect.Source`
        The source; it is changed.
    predictions : Predictions
        The answer of a classifier.
    row : int
        The row that belongs to the source.
    """
    values = predictions[row]
    for key, value, text in _cards(values, predictions.meta):
        if np.ma.is_masked(value):
            source.header.remove(key, ignore_missing=True)
        else:
            source.header[key] = (value.item() if isinstance(value, np.generic) else value, text)
    if isinstance(predictions, Redshifts):
        _write_redshifts(source, values, predictions)


def line_redshift(predictions, row=0):
    """Return the redshift at which emission lines may be named; None if there is none, for a star and for nothing."""
    values = predictions[row]
    if "z" not in predictions.colnames or values["class"] in LINELESS or np.ma.is_masked(values["z"]):
        return None
    return float(values["z"])


def second_redshift(predictions, row=0):
    """Return the redshift of the second object in a blend; None if there is none."""
    values = predictions[row]
    if "z_2" not in predictions.colnames or not values["flags"] & PredictionFlag.BLEND:
        return None
    return None if np.ma.is_masked(values["z_2"]) else float(values["z_2"])


def redshift_grid(meta, cells):
    """Return the redshifts at the centres of the cells of the column ``pz``."""
    return np.expm1(meta["LNZ0"] + meta["DLNZ"] * np.arange(cells))


def _cards(values, meta):
    return [
        ("ML_CLASS", str(values["class"]), "class"),
        ("ML_P", values["p"], "probability that the answer is right"),
        ("ML_FLAG", int(values["flags"]), "bits of PredictionFlag"),
        ("ML_NAME", str(meta.get("PLUGIN", "")), "classifier"),
        ("ML_NAMEV", str(meta.get("PLUGIN_V", "")), "version of the classifier"),
        ("ML_V", str(meta.get("MUSEML_V", "")), "version of museml"),
        ("ML_MODEL", str(meta.get("MODEL", "")), "model of the classifier"),
    ]


def _write_redshifts(source, values, predictions):
    rows = []
    for rank, suffix in enumerate(RANKS, 1):
        z, p = values[f"z{suffix}"], values[f"p{suffix}"]
        known = not np.ma.is_masked(z) and np.isfinite(z)
        error = float(np.ma.filled(values["z_err"], np.nan)) if rank == 1 else np.nan
        limits = (float(z - error), float(z + error)) if known and np.isfinite(error) else NOT_KNOWN
        source.add_z(f"MUSEML{suffix}", float(z) if known else NOT_KNOWN, limits)
        if known:
            rows.append((rank, float(z), error, np.nan if np.ma.is_masked(p) else p))
    meta = {key: str(predictions.meta[key]) for key in PROVENANCE if key in predictions.meta}
    source.tables["ML_Z"] = _solutions(rows, meta)
    if "pz" in predictions.colnames:
        source.tables["ML_PZ"] = _density(values["pz"], {**predictions.meta, **meta})


def _solutions(rows, meta):
    table = Table(rows=rows or None, names=("RANK", "Z", "Z_ERR", "P"), dtype=("i4", "f8", "f8", "f8"), meta=meta)
    texts = ("1 is the best", "redshift (vacuum)", "standard error of Z", "probability that Z is right")
    for name, text in zip(table.colnames, texts, strict=True):
        table[name].description = text
    return table


def _density(pz, meta):
    kept = {key: meta[key] for key in (*PROVENANCE, "LNZ0", "DLNZ") if key in meta}
    columns = [redshift_grid(meta, len(pz)), np.asarray(pz, "f8")]
    table = Table(columns, names=("Z", "P"), meta=kept)
    table["Z"].description = "centre of the cell, redshift (vacuum)"
    table["P"].description = "probability of the cell"
    return table
