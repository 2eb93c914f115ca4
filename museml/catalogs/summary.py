"""The catalogue of a run: one row per source."""

import numpy as np

from museml.catalogs.probability import source_probability
from museml.classification import Redshifts
from museml.columns import Field, FixedTable
from museml.detection import Detections

__all__ = ["SourceTable", "summarise"]

MAGNITUDES = ("mag", "mag_err", "color", "color_err")
_OF_DETECTION = {field.name: field for field in Detections.fields}


class SourceTable(FixedTable):
    """Table of sources with their redshifts, in the order of their numbers."""

    fields = (
        Field("ID", "i8", "number of the source", ucd="meta.id;meta.main"),
        Field("RA", "f8", "right ascension (ICRS)", "deg", "pos.eq.ra;meta.main"),
        Field("DEC", "f8", "declination (ICRS)", "deg", "pos.eq.dec;meta.main"),
        _OF_DETECTION["x"],
        _OF_DETECTION["y"],
        *Redshifts.fields[1:],
        Field("n_lines", "i4", "number of lines detected", None, "meta.number"),
        Field("continuum", "i4", "1 if its continuum was detected, else 0", None, "meta.code"),
        Field("snr", "f8", "signal-to-noise ratio of the best detection", None, "stat.snr"),
        Field("line_flux", "f8", "flux of the strongest line", "1e-20 erg / (s cm2)", "phot.flux;em.line", True),
        Field("line_flux_err", "f8", "its standard error", "1e-20 erg / (s cm2)", "stat.error;phot.flux;em.line", True),
        Field(
            "line_wave", "f8", "wavelength of the strongest line, in the cube's own medium", "Angstrom", "em.wl", True
        ),
        Field("cont_flux", "f8", "continuum flux over the cube's range", "1e-20 erg / (s cm2)", "phot.flux", True),
        Field("cont_flux_err", "f8", "its standard error", "1e-20 erg / (s cm2)", "stat.error;phot.flux", True),
        *(_OF_DETECTION[name] for name in MAGNITUDES),
        _OF_DETECTION["n_false"],
        _OF_DETECTION["p_real"],
        Field("det_flags", "i4", "bits of museml.errors.DetectionFlag", None, "meta.code"),
    )


def summarise(detections, predictions, positions):
    """Make the table of sources.

    Parameters
    ----------
    detections : Detections
        All detections of a cube.
    predictions : Predictions
        One row per source, in the order of the sources' numbers. Columns beyond the fixed ones, such
        as ``pz``, are left out.
    positions : sequence of (ra, dec, x, y)
        One per source.

    Returns
    -------
    SourceTable
        ``meta`` has the provenance of the detector (DETECTOR, DET_V, DET_SET and, if it asks a model,
        DET_MODL and DET_MID, its checksum) and of the classifier (CLASSIFI, CLAS_V, CLAS_SET, CLAS_MOD,
        CLAS_MID), MUSEML_V, and MEDIUM of the wavelengths.
    """
    numbers = sorted(set(np.asarray(detections["source"]).tolist()))
    meta = _meta(detections.meta, predictions.meta)
    if not numbers:
        return SourceTable.empty(meta)
    rows = [_summary(detections[detections["source"] == number]) for number in numbers]
    columns = {name: np.ma.masked_invalid([row[name] for row in rows]) for name in rows[0]}
    columns |= dict(zip(("RA", "DEC", "x", "y"), np.transpose(positions), strict=True))
    known = [field.name for field in Redshifts.fields[1:] if field.name in predictions.colnames]
    columns |= {name: predictions[name] for name in known}
    return SourceTable.from_columns({"ID": numbers, **columns}, meta)


def _summary(rows):
    """Return the columns that come from the detections of one source, the best of which is first."""
    lines, continua = (rows[rows["kind"] == kind] for kind in ("line", "continuum"))
    strongest = lines[np.argsort(-lines["flux"])][:1]
    return {
        "n_lines": len(lines),
        "continuum": int(len(continua) > 0),
        "snr": np.max(rows["snr"]),
        "line_flux": _first(strongest["flux"]),
        "line_flux_err": _first(strongest["flux_err"]),
        "line_wave": _first(strongest["wave"]),
        "cont_flux": _first(continua["flux"]),
        "cont_flux_err": _first(continua["flux_err"]),
        **{name: _first(continua[name]) for name in MAGNITUDES},
        "n_false": np.min(rows["n_false"]),
        "p_real": np.ma.filled(source_probability(*(rows[name] for name in ("source", "kind", "p_real"))), np.nan)[0],
        "det_flags": int(np.bitwise_or.reduce(rows["flags"])),
    }


def _first(column):
    return np.ma.filled(column[0], np.nan) if len(column) else np.nan


def _meta(detector, classifier):
    return {
        "DETECTOR": detector.get("PLUGIN", ""),
        "DET_V": detector.get("PLUGIN_V", ""),
        "DET_SET": detector.get("SETTINGS", ""),
        "DET_MODL": detector.get("MODEL", ""),
        "DET_MID": detector.get("MODEL_ID", ""),
        "CLASSIFI": classifier.get("PLUGIN", ""),
        "CLAS_V": classifier.get("PLUGIN_V", ""),
        "CLAS_SET": classifier.get("SETTINGS", ""),
        "CLAS_MOD": classifier.get("MODEL", ""),
        "CLAS_MID": classifier.get("MODEL_ID", ""),
        "MUSEML_V": classifier.get("MUSEML_V", ""),
        "MEDIUM": detector.get("MEDIUM", ""),
    }
