"""Which line sets are real: prior, unrelated lines, and solutions that explain the same lines."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter, uniform_filter1d
from scipy.special import logsumexp

from museml.data.linelist import LINES as KNOWN
from museml.detectors.line_grid import STEP
from museml.detectors.set_evidence import LINE, line_gains, set_evidence
from museml.detectors.set_members import LINES, SETS

__all__ = ["Solution", "choose"]

RARE = 5e-6  # probability, at least, that an unrelated line is at a given place
FEW, MANY = 5.0, 30.0  # sources expected, at first, and where none is to be lost
TYPICAL = 5.0  # sources whose kinds are known beforehand, beside those of the field itself
PRIOR = np.array([one.prior for one in SETS])
PASSES = 4  # in which the numbers of sources and of unrelated lines are estimated
HOPELESS = -6.0  # ln(odds) below which a candidate is dropped
EXPLAINED = 0.5  # probability from which a source explains its lines
SPREAD = 8  # steps to each side, and pixels, over which a line is seen
REACH = 6.0
SIDE = 5  # pixels of the squares in which residuals are counted
RUNNERS_UP = 3  # other solutions that are kept
SAME_PLACE = 2.5  # pixels within which two solutions may be the same source's
SAME_Z = 1e-3  # difference in ln(1 + z) of one solution seen twice
FAINTER = 1.0  # unrelated lines of any S/N, for each above `STRONG`
ALONE = 3.0  # sources of which one line is seen, at most, for each with several
NOISE = 1.9e-6  # peaks of noise above `STRONG` per pixel and step
SEEN = 1.0  # ln(likelihood ratio) from which a line counts as seen
USED = 0.5  # ln(likelihood ratio) from which a line supports a solution
SAME_SOURCE = 3e-3  # difference in ln(1 + z) of parts of an extended source, or of a cluster
SAME_LINE = 1e-3  # difference in ln(wavelength) of one line
WINGS = 4e-3  # the same for what may be the wing of a bright line
FAINT = 0.2  # S/N relative to a source's brightest line below which any line at its redshift may be its own
EMISSION = np.log([line.wave for line in KNOWN.values() if line.kind != "absorption"])


@dataclass(frozen=True)
class Solution:
    """A source with several lines.

    Attributes
    ----------
    row : int
        Number of the candidate.
    kind : int
        Number of the set.
    odds : float
        ln(odds) that it is real.
    p : float
        Probability that there is a source of this redshift.
    doubt : float
        1 - p, also where this is too small a number to be told from p.
    p_real : float
        Probability that there is a source, of whatever redshift.
    rivals : tuple of (float, float)
        ln(1 + z) and probability of other solutions, the best first.
    lines : tuple of int
        Numbers of the lines of its set that are covered.
    """

    row: int
    kind: int
    odds: float
    p: float
    doubt: float
    p_real: float
    rivals: tuple
    lines: tuple


class _Places:
    """Lines that support each candidate."""

    def __init__(self, candidates, gains):
        self.candidates, self.gains = candidates, gains
        waves = np.log([wave for wave, _ in LINES])
        self.places = candidates.lnz[:, None] + waves

    def shared(self, row, others, here):
        """Return what lines that also support ``row``, or are its own, contribute to other candidates.

        Its own are lines at its redshift that are fainter than its brightest, where the others are ``here``, at its
        place; further away only much fainter ones, and there what may be the wing of a bright line, too.
        """
        gains, places = np.maximum(self.gains[others], 0), self.places[others]
        brightness = self.candidates.snr[others] / self.candidates.snr[row].max()
        mine = self.places[row, self.gains[row] > USED]
        known, wings = (_near(places, mine, tolerance) for tolerance in (SAME_LINE, WINGS))
        own = _near(places, self.candidates.lnz[row] + EMISSION, SAME_LINE)
        fainter = brightness < np.where(here, 1, FAINT)[:, None]
        return np.sum(gains * (known | (wings & (brightness < FAINT)) | (own & fainter)), axis=1)


def _near(places, others, tolerance):
    """Return which places in ln(wavelength) are near one of others."""
    if not len(others):
        return np.zeros(places.shape, bool)
    return np.abs(places[:, :, None] - others).min(axis=2) < tolerance


def choose(candidates, strong, negative, grid, shape):
    """Choose the sources.

    Returns
    -------
    candidates : Candidates
        Those that were not hopeless.
    solutions : list of Solution
        The most probable first.
    """
    voxels, cells = len(grid) * shape[0] * shape[1], shape[0] * shape[1] / STEP
    residuals = _residuals(candidates, negative, grid, shape)
    odds, _, _ = _weighed(candidates, np.maximum(residuals, RARE), MANY / cells * PRIOR)
    candidates, residuals = candidates[odds > HOPELESS], residuals[odds > HOPELESS]
    number, lines, expected = FEW, float(len(strong)), PRIOR
    for _ in range(PASSES):
        density = np.maximum(residuals, max(lines * LINE / voxels, RARE))
        odds, kind, best = _weighed(candidates, density, number / cells * expected)
        gains = _gains(candidates, kind, best, density)
        solutions = _solutions(candidates, odds, kind, gains)
        number = max(1.0, _count(candidates, solutions))
        expected = shares(solutions)
        several = [one for one in solutions if np.count_nonzero(gains[one.row] > SEEN) > 1]
        explained = _explained(candidates, gains, several, strong, grid)
        alone = len(strong) - np.count_nonzero(explained) - NOISE * voxels - ALONE * _count(candidates, several)
        lines = FAINTER * max(alone, 0.0)
    return candidates, solutions


def shares(solutions):
    """Return the share of each set among the sources: of `TYPICAL` ones as in the sky, and of those found."""
    found = TYPICAL * PRIOR
    for one in solutions:
        found[one.kind] += one.p
    return found / found.sum()


def _weighed(candidates, density, prior):
    """Return ln(odds) of each candidate, and the number of its best set and of that one's best amplitude."""
    evidence, best = set_evidence(candidates, density)
    evidence += np.log(prior)
    kind = evidence.argmax(axis=1)
    return logsumexp(evidence, axis=1), kind, np.take_along_axis(best, kind[:, None], axis=1)[:, 0]


def _residuals(candidates, negative, grid, shape):
    """Return the probability, by negative peaks, that a residual is at each line of each candidate.

    One negative peak may be noise; more at one wavelength, or around one pixel, are residuals.
    """
    wave, _ = np.histogram(negative[:, 0], np.arange(len(grid) + 1))
    wave = uniform_filter1d(wave.astype(float), 2 * SPREAD + 1, mode="constant") * (2 * SPREAD + 1)
    by_wave = np.maximum(wave - 1, 0) * LINE / ((2 * SPREAD + 1) * shape[0] * shape[1])
    place, _, _ = np.histogram2d(negative[:, 1], negative[:, 2], [np.arange(n + 1) for n in shape])
    place = uniform_filter(place, SIDE, mode="constant") * SIDE**2
    by_place = np.maximum(place - 1, 0) * LINE / (SIDE**2 * len(grid))
    steps = np.rint(candidates.lnz[:, None] / STEP + [grid.place(wave) for wave, _ in LINES]).astype(int)
    return np.maximum(by_wave[np.clip(steps, 0, len(grid) - 1)], by_place[candidates.y, candidates.x][:, None])


def _gains(candidates, kind, best, density):
    """Return what each line contributes to the best set of each candidate, shape (n, lines)."""
    gains = np.zeros(candidates.snr.shape)
    for number in np.unique(kind):
        rows = np.flatnonzero(kind == number)
        found = line_gains(SETS[number], best[rows], candidates[rows], density[rows])
        for (lines, _, _), gain in zip(SETS[number].features, found, strict=True):
            numbers = [line for line, _ in lines]
            power = np.maximum(candidates.snr[np.ix_(rows, numbers)], 0) ** 2
            gains[np.ix_(rows, numbers)] += gain[:, None] * power / np.maximum(power.sum(axis=1, keepdims=True), 1)
    return gains


def _solutions(candidates, odds, kind, gains):
    """Accept candidates, the best first; each takes its lines away from the others."""
    places, odds = _Places(candidates, gains), odds.copy()
    open_, solutions = np.ones(len(odds), bool), []
    while open_.any():
        row = np.flatnonzero(open_)[odds[open_].argmax()]
        if odds[row] < HOPELESS:
            break
        open_[row], place = False, _peak(candidates, gains[row], row)
        if place != row and not open_[place]:  # a part of a source that is known
            continue
        distance = np.minimum(_distance(candidates, row), _distance(candidates, place))
        near = np.flatnonzero((distance < REACH) & (np.arange(len(odds)) != row))
        same = np.abs(candidates.lnz[near] - candidates.lnz[row]) < SAME_Z
        shared = places.shared(row, near, distance[near] < SAME_PLACE)
        rival = (distance[near] < SAME_PLACE) & ~same & (shared > USED)
        solutions.append(_solution(candidates, place, kind[row], odds[row], near[rival], odds))
        open_[near[same]] = open_[place] = False
        odds[near] -= shared
    return sorted(solutions, key=lambda one: (-one.p, -one.odds))


def _count(candidates, solutions):
    """Return the expected number of sources; an extended one, seen at many places, counts once."""
    best = {}
    for one in solutions:
        key = round(candidates.lnz[one.row] / SAME_SOURCE)
        best[key] = max(best.get(key, 0.0), one.p)
    return sum(best.values())


def _distance(candidates, row):
    """Return the distance of all candidates from one, in pixels."""
    return np.hypot(candidates.y - candidates.y[row], candidates.x - candidates.x[row])


def _peak(candidates, gains, row):
    """Return the peak of a candidate's source: uphill in the S/N of the lines that support it, at its redshift.

    Where that leads far away, through an extended object, it is the highest of the candidates around.
    """
    same = np.abs(candidates.lnz - candidates.lnz[row]) < SAME_Z
    path = [row]
    while len(path) < 2 or path[-1] != path[-2]:
        near = np.flatnonzero(same & (_distance(candidates, path[-1]) < SAME_PLACE))
        power = np.sum(np.maximum(candidates.snr[near][:, gains > USED], 0) ** 2, axis=1)
        higher = power.max() > power[near == path[-1]].max()
        path.append(near[power.argmax()] if higher else path[-1])
    return int(path[-1] if _distance(candidates, row)[path[-1]] < REACH else path[1])


def _solution(candidates, row, kind, odds, rivals, every):
    """Weigh a solution against its rivals; of one redshift at several pixels the best counts."""
    rivals = rivals[np.argsort(-every[rivals])]
    kept = []
    for other in rivals:
        if all(abs(candidates.lnz[other] - candidates.lnz[known]) > SAME_Z for known in kept):
            kept.append(other)
    total = logsumexp([0.0, odds, *every[kept]])
    doubt, p_real = np.exp(logsumexp([0.0, *every[kept]]) - total), -np.expm1(-total)
    others = tuple((float(candidates.lnz[k]), float(np.exp(every[k] - total))) for k in kept[:RUNNERS_UP])
    members = [line for lines, _, _ in SETS[kind].features for line, _ in lines]
    lines = tuple(line for line in members if candidates.scale[row, line] > 0)
    numbers = (float(value) for value in (odds, np.exp(odds - total), doubt, p_real))
    return Solution(int(row), int(kind), *numbers, others, lines)


def _explained(candidates, gains, solutions, strong, grid):
    """Return which of the strong voxels belong to lines of probable sources."""
    explained = np.zeros(len(strong), bool)
    for one in solutions:
        if one.p < EXPLAINED:
            continue
        near = np.hypot(strong[:, 1] - candidates.y[one.row], strong[:, 2] - candidates.x[one.row]) < REACH
        for line in np.flatnonzero(gains[one.row] > USED):
            place = candidates.lnz[one.row] / STEP + grid.place(LINES[line][0])
            explained |= near & (np.abs(strong[:, 0] - place) <= SPREAD)
    return explained
