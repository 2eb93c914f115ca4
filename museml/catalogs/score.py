"""How good a list of detections is against a truth."""

import numpy as np

from museml.catalogs.match import check_columns, inside_footprint, match_positions
from museml.catalogs.scorecard import SNR_BINS, VERDICTS, Score, column_or_nan
from museml.catalogs.sphere import finite_positions
from museml.errors import InputError
from museml.settings import check_number

__all__ = ["LIMIT", "SNR_BINS", "VERDICTS", "Score", "score_detections"]

#: true signal-to-noise ratio from which something should be found
LIMIT = 5.0
IMAGE_RADIUS, CUBE_RADIUS = 6.0, 1.0  # arcsec
TOLERANCE = 5.0  # Angstrom: two resolution elements of MUSE


def score_detections(detections, truth, radius=None, *, limit=LIMIT, footprint=None, tolerance=None, bins=SNR_BINS):
    """Compare detections with a truth.

    They are matched one to one, the closest first, with all of the truth. What should be found is the truth from the
    limit on; a detection whose match is fainter is neither right nor false. A row is a component: two components of
    one source need two detections.

    Parameters
    ----------
    detections : `~museml.ImageDetections`, `~museml.Detections` or `~astropy.table.Table`
        With ``ra`` and ``dec``; what other columns there are is compared, too.
    truth : `~astropy.table.Table`
        The same, such as the tables of simulated fields and cubes, or a reference catalogue.
    radius : float
        Greatest distance of a match, in arcsec; by default 6, or 1 if both tables have wavelengths.
    limit : float or None
        Least true signal-to-noise ratio (column ``snr``) of what should be found; all of the truth if this is None, or
        if it has no such column.
    footprint : footprint of `museml.catalogs.footprint`
        Only what lies inside counts; by default everything does.
    tolerance : float
        Greatest difference of wavelengths (column ``wave``) in Angstrom; by default 5 if both tables have them.
    bins : sequence of float
        Edges of the bins of signal-to-noise ratio.

    Returns
    -------
    Score

    Raises
    ------
    InputError
        If a table lacks positions, or if nothing of the truth, or no detection, is in the footprint.
    SettingError
        If a setting is not above 0.
    """
    for table, what in ((detections, "table of detections"), (truth, "truth")):
        check_columns(table, ("ra", "dec"), what)
    settings = _settings(detections, truth, radius, tolerance, limit)
    pairs = _match(detections, truth, settings)
    inside, counted = inside_footprint(truth, footprint), inside_footprint(detections, footprint)
    _check_overlap(detections, truth, counted, inside)
    snr, found = column_or_nan(truth, "snr"), np.zeros(len(truth), bool)
    found[pairs.others] = True
    wanted = inside if settings["limit"] is None else inside & (snr >= settings["limit"])
    counted[pairs.rows] = inside[pairs.others]
    verdict = _verdicts(detections, pairs, counted, wanted)
    return Score(detections, truth, pairs, verdict, wanted, inside, found, snr, settings, tuple(bins))


def _settings(detections, truth, radius, tolerance, limit):
    lines = "wave" in detections.colnames and "wave" in truth.colnames
    radius = (CUBE_RADIUS if lines else IMAGE_RADIUS) if radius is None else radius
    tolerance = TOLERANCE if lines and tolerance is None else tolerance
    if tolerance is not None and not lines:
        raise InputError("a tolerance of wavelengths needs the column 'wave' in both tables; leave it out")
    if "snr" not in truth.colnames:
        limit = None
    if limit is not None:
        check_number("limit", limit, 0, example=LIMIT)
    return {"radius": radius, "tolerance": tolerance, "limit": limit}


def _match(detections, truth, settings):
    waves = {}
    if settings["tolerance"] is not None:
        waves = {"wave": detections["wave"], "other_wave": truth["wave"], "tolerance": settings["tolerance"]}
    places = (table[name] for table in (detections, truth) for name in ("ra", "dec"))
    return match_positions(*places, settings["radius"], **waves)


def _check_overlap(detections, truth, counted, inside):
    for table, part, what in ((truth, inside, "row of the truth"), (detections, counted, "detection")):
        if not part.any() and np.any(finite_positions(table["ra"], table["dec"])):
            raise InputError(
                f"the truth and the detections must overlap; no {what} of {len(table)} lies in the footprint; "
                "check the two files and the footprint"
            )


def _verdicts(detections, pairs, counted, wanted):
    verdict = np.full(len(detections), "false", "U11")
    verdict[pairs.rows] = np.where(wanted[pairs.others], "real", "faint")
    verdict[~counted] = "outside"
    verdict[~finite_positions(detections["ra"], detections["dec"])] = "no position"
    return verdict
