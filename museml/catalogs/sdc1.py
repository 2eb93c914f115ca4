"""The score of the SKA's first Science Data Challenge, so that results can be compared with published ones."""

from dataclasses import dataclass

import numpy as np
from astropy.table import Table
from scipy.spatial import cKDTree

from museml.catalogs.match import check_columns
from museml.catalogs.sdc1_table import SDC1_COLUMNS, sdc1_table
from museml.catalogs.sphere import ARCSEC, separations, unit_vectors
from museml.errors import InputError, SettingError

__all__ = ["FREQUENCIES", "Sdc1Score", "score_sdc1"]

#: MHz -> west, east, south and north end of the area whose truth was published for training, degrees
FREQUENCIES = {
    560: (-0.6723, 0.0, -29.9400, -29.4061),
    1400: (-0.2688, 0.0, -29.9400, -29.7265),
    9200: (-0.04092, 0.0, -29.9400, -29.9074),
}
#: what a source's three kinds of size (largest extent, Gaussian FWHM, exponential) are in Gaussian FWHM
TO_GAUSSIAN = {1: 2.355 / 5, 2: 1.0, 3: np.sqrt(2)}
#: relative errors of one sigma, for position, flux and size, times 3: Bonaldi et al. 2021, MNRAS 500, 3821
ONE_SIGMA = (0.31 * 3, 0.12 * 3, 1.46 * 3)
FARTHEST = 5.0  # sigmas at which a candidate still is a match
#: errors up to which a part of the score is 1
ENOUGH = {"position": 0.3, "flux": 0.1, "b_maj": 0.3, "b_min": 0.3, "pa": 10.0, "core_frac": 0.05}
PARTS = (*ENOUGH, "class")
MEAN_CORE_FRACTION = 0.75
AREAS = ("all", "training", "test")


@dataclass(frozen=True)
class Sdc1Score:
    """Score of a catalogue.

    Attributes
    ----------
    value : float
        The score: the sum over the matches less the number of false detections.
    n_det, n_match, n_bad, n_false : int
        Detections, matches, candidates that were refused because they differ too much, and detections without match.
    matches : `~astropy.table.Table`
        For each match ``row`` and ``row_t``, the rows in the tables that were given, and the parts of its score, each
        from 0 to 1: position, flux, b_maj, b_min, pa, core_frac, class.
    """

    value: float
    n_det: int
    n_match: int
    n_bad: int
    n_false: int
    matches: Table

    @property
    def accuracy(self):
        """The mean score of the matches, from 0 to 1."""
        return (self.value + self.n_false) / self.n_match if self.n_match else 0.0


def score_sdc1(detections, truth, frequency=560, *, area="all", position="core", as_published=False):
    """Score a catalogue as in the SKA's Science Data Challenge 1 (Bonaldi et al. 2021, MNRAS 500, 3821).

    A detection may match what lies within its own size, convolved with the beam; of several the one with the least
    error of position, flux and size together, at most 5 sigma. A match scores up to 1: a seventh each for position,
    flux, both axes, position angle, core fraction and class. Each detection without a match costs 1.

    ``as_published=True`` gives, number by number, what the challenge's own scorer (``ska-sdc`` 2.0.0) gives. It differs
    from the default, which is right on the sphere, in this:

    * it takes differences of right ascension for angles on the sky, without the cosine of the declination, so that
      matches at the eastern and western rim of the search radius are lost (at -30 degrees beyond 0.87 of it);
    * it folds position angles at 45 and 90 degrees, so that angles on the two sides of a fold (44 and 46 degrees) count
      as far apart, some that differ by 45 or 90 degrees as equal, and the same direction written in another way, 180
      degrees more or less, loses score;
    * one negative value of flux, size or core fraction removes also the rows where it is 0;
    * of rows with equal ``id`` only one can match, and the others are false;
    * a catalogue without any match scores 0, however many false detections it has.

    Parameters
    ----------
    detections, truth : `~astropy.table.Table`
        With the columns of the challenge (`~museml.catalogs.sdc1_table.SDC1_COLUMNS`), or museml's own, see
        `~museml.catalogs.sdc1_table.sdc1_table`.
    frequency : int
        560, 1400 or 9200 MHz: it tells the beam, 350 arcsec / MHz, and the training area.
    area : {'all', 'training', 'test'}
        Which part of the field counts: all of it, the training area, or what is outside of it.
    position : {'core', 'centroid'}
        Which positions are matched; the better of both is scored.
    as_published : bool
        Whether to do as the challenge's scorer did.

    Returns
    -------
    Sdc1Score

    Raises
    ------
    SettingError
        If a setting is none of those allowed.
    InputError
        If a table lacks a column.
    """
    _check(frequency, area, position)
    beam = 350.0 / frequency
    ours, theirs = (_prepared(table, frequency, area, as_published) for table in (detections, truth))
    rows, others = _candidates(ours, theirs, beam, position, as_published)
    error = _error(ours[rows], theirs[others], beam, position)
    kept = _best(*_keys(ours, theirs, rows, others, as_published), error)
    rows, others, error = rows[kept], others[kept], error[kept]
    near = error < FARTHEST
    matches = _parts(ours[rows[near]], theirs[others[near]], beam, as_published)
    n_false = len(ours) - len(matches)
    value = float(sum(np.nansum(matches[name]) for name in PARTS)) / len(PARTS) - n_false
    if as_published and not len(matches):
        value = 0.0
    return Sdc1Score(value, len(ours), len(matches), int(np.sum(~near)), n_false, matches)


def _check(frequency, area, position):
    for name, value, known in (("frequency", frequency, tuple(FREQUENCIES)), ("area", area, AREAS),
                               ("position", position, ("core", "centroid"))):  # fmt: skip
        if value not in known:
            raise SettingError(
                f"{name} must be one of {', '.join(map(repr, known))}, not {value!r}; choose one of them"
            )


def _prepared(table, frequency, area, as_published):
    """Return the rows that count, with right ascensions from -180 to 180 and the number of their row."""
    table = sdc1_table(table)
    check_columns(table, SDC1_COLUMNS, "table of the challenge")
    table["row"] = np.arange(len(table))
    kept = np.all([np.isfinite(table[name]) for name in SDC1_COLUMNS if table[name].dtype.kind == "f"], axis=0)
    if not np.all(np.isin(table["size"], list(TO_GAUSSIAN))):
        raise InputError("the column 'size' of a table of the challenge must be 1, 2 or 3; it is not; correct it")
    for name in ("flux", "core_frac", "b_min", "b_maj"):
        negative = table[name] < 0
        kept &= (table[name] > 0) if as_published and np.any(negative & kept) else ~negative
    for name in ("ra_core", "ra_cent"):
        table[name] = np.where(table[name] > 180, table[name] - 360, table[name])
    west, east, south, north = FREQUENCIES[frequency]
    ra, dec = table["ra_core"], table["dec_core"]
    if area == "training":
        kept &= (ra > west) & (ra < east) & (dec > south) & (dec < north)
    elif area == "test":
        kept &= (ra < west) | (ra > east) | (dec < south) | (dec > north)
    return table[kept]


def _places(table, position):
    end = "core" if position == "core" else "cent"
    return np.asarray(table[f"ra_{end}"]), np.asarray(table[f"dec_{end}"])


def _convolved(table, beam):
    """Return the sizes that are seen, arcsec."""
    largest = np.maximum(table["b_maj"], table["b_min"]) * _gaussian(table)
    return np.asarray(np.hypot(largest, beam))


def _gaussian(table):
    return np.array(list(TO_GAUSSIAN.values()))[np.asarray(table["size"], int) - 1]


def _candidates(ours, theirs, beam, position, as_published):
    """Return pairs of a detection and what lies within its size."""
    if not len(ours) or not len(theirs):
        return np.zeros(0, int), np.zeros(0, int)
    radius = _convolved(ours, beam)
    if as_published:
        points, others, radius = (*(np.transpose(_places(table, position)) for table in (ours, theirs)), radius / 3600)
    else:
        points, others = (unit_vectors(*_places(table, position)) for table in (ours, theirs))
        radius = 2 * np.sin(radius * ARCSEC / 2)
    near = cKDTree(others).query_ball_point(points, np.nan_to_num(radius), return_sorted=True)
    counts = np.array([len(rows) for rows in near])
    return np.repeat(np.arange(len(ours)), counts), np.concatenate([np.zeros(0, int), *near]).astype(int)


def _error(ours, theirs, beam, position):
    """Return the error of position, flux and size together, in sigmas."""
    size = _convolved(theirs, beam)
    apart = separations(*_places(ours, position), *_places(theirs, position)) / size
    flux = np.abs(ours["flux"] - theirs["flux"]) / theirs["flux"]
    means = [(table["b_maj"] + table["b_min"]) / 2 * _gaussian(table) for table in (ours, theirs)]
    parts = apart, np.asarray(flux), np.asarray(np.abs(means[0] - means[1])) / size
    return np.sqrt(sum((part / sigma) ** 2 for part, sigma in zip(parts, ONE_SIGMA, strict=True)))


def _keys(ours, theirs, rows, others, as_published):
    """Return what tells detections, and what tells true sources, apart."""
    name = "id" if as_published else "row"
    return np.asarray(ours[name])[rows], np.asarray(theirs[name])[others]


def _best(detection, source, error):
    """Return for each detection its best candidate, and of those with the same one the best."""
    kept = np.lexsort((error, detection))
    kept = kept[_first(detection[kept])]
    kept = kept[np.lexsort((error[kept], source[kept]))]
    kept = kept[_first(source[kept])]
    return kept[np.argsort(detection[kept], kind="stable")]


def _first(keys):
    return np.concatenate([np.ones(min(len(keys), 1), bool), keys[1:] != keys[:-1]])


def _parts(ours, theirs, beam, as_published):
    """Return the parts of the score of each match."""
    scale = np.sqrt(4 * beam**2 + ((theirs["b_maj"] + theirs["b_min"]) / 2) ** 2)
    apart = [separations(*_places(ours, place), *_places(theirs, place)) for place in ("core", "centroid")]
    kinds = _gaussian(ours) / _gaussian(theirs)
    errors = {
        "position": np.minimum(*apart) / scale,
        "flux": np.abs(ours["flux"] - theirs["flux"]) / theirs["flux"],
        "b_maj": _relative(ours["b_maj"] * kinds, theirs["b_maj"]),
        "b_min": _relative(ours["b_min"] * kinds, theirs["b_min"]),
        "pa": _turn(np.asarray(ours["pa"]), np.asarray(theirs["pa"]), as_published),
        "core_frac": np.abs(ours["core_frac"] - theirs["core_frac"]) / MEAN_CORE_FRACTION,
    }
    least = np.minimum if as_published else np.fmin  # 0 of 0 is right
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = {name: least(1, ENOUGH[name] / np.asarray(error, float)) for name, error in errors.items()}
    for name in ("b_min", "pa"):  # not defined for the jets of active galaxies
        parts[name] = np.where(theirs["size"] == 1, 1.0, parts[name])
    parts["class"] = np.asarray(ours["class"] == theirs["class"], float)
    return Table({"row": ours["row"], "row_t": theirs["row"], **parts})


def _relative(size, true):
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.abs(size - true) / true


def _turn(pa, true, as_published):
    """Return by how much position angles differ, in degrees."""
    if as_published:
        return np.abs(_folded(pa) - _folded(true))
    return np.abs((pa - true + 90) % 180 - 90)


def _folded(pa):
    """Fold angles as the challenge's scorer does."""
    for limit, step in ((180, -180), (90, -90), (45, -45)):
        pa = np.where(pa > limit, pa + step, pa)
    return np.where(pa < -45, pa + 45, pa)
