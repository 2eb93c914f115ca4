"""Evidence over redshift for sets of emission lines."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import logsumexp

from museml.classifiers.line_filter import Maps, filter_lines, kernel, local_scatter
from museml.classifiers.redshift_grid import FINE, LNZ, START, shifted
from museml.data.line_profiles import PROFILES
from museml.data.line_sets import LINE_SETS
from museml.data.spectral import to_vacuum

__all__ = ["WIDTHS", "LineAxis", "feature_maps", "line_axis", "line_evidence", "set_evidence", "unexplained_evidence"]

#: velocity widths tried (standard deviation, km/s) and their prior
WIDTHS = ((40.0, 0.3), (110.0, 0.4), (250.0, 0.3))
#: fainter lines than this signal-to-noise ratio, all lines of a set together, are no detection
FAINTEST, BRIGHTEST = 4.0, 4000.0
#: amplitudes tried, relative to the best one
AMPLITUDES = np.array([0.5, 1.0, 2.0])
#: where the scatter of flux ratios is sampled, in its standard deviations
NODE_STEP = 0.75
NODES = NODE_STEP * np.arange(-2, 3)
#: ln of the likelihood ratio that lines could at most reach where sets are looked at closely
TRACE = 6.0
#: absorption is not held against a set beyond this
DEEPEST = -3.0
#: beyond this signal-to-noise ratio the evidence grows with the logarithm of the flux only, as for a Student
#: distribution: no model of a profile is better than a few per cent
LOUDEST = 25.0
#: a line brighter than `BRIGHT` where a set has a fainter one costs no more than this: it may be a neighbour's
BRIGHT, STRANGE = 5.0, 8.0


def line_axis(wave, medium):
    """Return the `LineAxis` of wavelengths in Angstrom; the last few are kept."""
    return _kept(np.ascontiguousarray(wave, float).tobytes(), medium)


@lru_cache(maxsize=4)
def _kept(wave, medium):
    return LineAxis.of(np.frombuffer(wave), medium)


@dataclass(frozen=True)
class LineAxis:
    """What depends on the wavelength axis alone.

    Attributes
    ----------
    wave : ndarray, shape (n,)
        Wavelengths of the data, Angstrom.
    vacuum : ndarray, shape (n,)
        The same in vacuum.
    kernels : dict
        Kernel by profile and width.
    first, grid : int and ndarray
        The axis even in ln(vacuum wavelength): number of its first step, and its wavelengths.
    """

    wave: np.ndarray
    vacuum: np.ndarray
    kernels: dict
    first: int
    grid: np.ndarray

    @classmethod
    def of(cls, wave, medium):
        """Make it for wavelengths in Angstrom."""
        vacuum = to_vacuum(wave, medium)
        first, last = (round(np.log(end) / FINE) for end in (vacuum[0], vacuum[-1]))
        kernels = {(name, width): kernel(wave, name, width) for name in PROFILES for width, _ in WIDTHS}
        return cls(wave, vacuum, kernels, first, np.exp(FINE * np.arange(first, last + 1)))

    def maps(self, residual, weight):
        """Return `Maps` by profile and width, of a spectrum without continuum and its inverse variance.

        All errors are renormalised alike, so that profiles can be compared.
        """
        weight = weight / self.scatter(residual, weight) ** 2
        return {key: self._map(residual, weight, taps) for key, taps in self.kernels.items()}

    def scatter(self, residual, weight):
        """Return the robust scatter, at each pixel, of the signal-to-noise ratio of lines of middling width."""
        num, den = filter_lines(residual, weight, self.kernels["line", WIDTHS[len(WIDTHS) // 2][0]])
        return local_scatter(num / np.sqrt(np.where(den > 0, den, np.inf)), den > 0)

    def _map(self, residual, weight, taps):
        num, den = filter_lines(residual, weight, taps)
        return Maps(np.interp(self.grid, self.vacuum, num), np.interp(self.grid, self.vacuum, den))

    def offset(self, wave):
        """Return the place of a rest wavelength on the even axis at the first trial redshift."""
        return round((np.log(wave) + START) / FINE) - self.first


def feature_maps(feature, maps, width, axis):
    """Return numerator and denominator of a feature's flux at each trial redshift."""
    source = maps[feature.profile, width]
    parts = [(weight, axis.offset(wave)) for wave, weight in feature.members]
    num = sum(weight * shifted(source.num, offset) for weight, offset in parts)
    den = sum(weight**2 * shifted(source.den, offset) for weight, offset in parts)
    return num, den


def set_evidence(snr, scale, ratios, scatters):
    """Return ln of the evidence of a set against no line at all.

    The flux of a feature is S r, with r scattering about its mean ratio; S is marginalised over a prior
    even in ln S.

    Parameters
    ----------
    snr : ndarray, shape (features, n)
        Signal-to-noise ratio of each feature.
    scale : ndarray, shape (features, n)
        Square root of the inverse variance of its flux.
    ratios, scatters : ndarray, shape (features,)
        Mean ratio and the standard deviation of its logarithm.

    Returns
    -------
    ndarray, shape (n,)
        -inf where there is no trace of the set.
    """
    out = np.full(snr.shape[1], -np.inf)
    expected = scale * ratios[:, None]
    total = np.sum(expected**2, axis=0)
    trace = (total > 0) & (0.5 * np.sum(np.maximum(snr, 0) ** 2, axis=0) > TRACE)
    snr, expected, total = snr[:, trace], expected[:, trace], total[trace]
    best = np.sum(snr * expected, axis=0) / total
    best = np.clip(best, FAINTEST / np.sqrt(total), BRIGHTEST / np.sqrt(total))
    terms = [_gain(snr, best * amplitude * expected, scatters) for amplitude in AMPLITUDES]
    step = np.log(AMPLITUDES[1] / AMPLITUDES[0]) / np.log(BRIGHTEST / FAINTEST)
    out[trace] = logsumexp(terms, axis=0) + np.log(step)
    return out


def _gain(snr, mean, scatters):
    """Return ln of the likelihood ratio of features of expected signal-to-noise ratio, against none.

    The ratio's lognormal scatter is a sum of Gaussians, one around each of `NODES`.
    """
    terms = np.empty((len(NODES), *snr.shape))
    for term, node in zip(terms, NODES, strict=True):
        at = mean * np.exp(node * scatters)[:, None]
        var = 1 + (at * (0.4 * NODE_STEP * scatters)[:, None]) ** 2
        term[:] = -0.5 * ((snr - at) ** 2 / var + np.log(var)) + _node_prior(node)
    top = terms.max(axis=0)
    gain = top + np.log(np.exp(terms - top).sum(axis=0)) + 0.5 * LOUDEST**2 * np.log1p((snr / LOUDEST) ** 2)
    return np.sum(np.where(snr > BRIGHT, np.maximum(gain, -STRANGE), gain), axis=0)


def _node_prior(node):
    return -0.5 * node**2 - np.log(np.sum(np.exp(-0.5 * NODES**2)))


def line_evidence(maps, axis):
    """Return ln of the evidence at each trial redshift for each set, over widths.

    Returns
    -------
    ndarray, shape (sets, trials)
        Against a spectrum without lines; -inf where none of a set's lines is covered.
    """
    return np.array([_over_widths(line_set, maps, axis) for line_set in LINE_SETS])


def _over_widths(line_set, maps, axis):
    covered = _covered(line_set, axis)
    out = np.full(len(LNZ), -np.inf)
    ratios = np.array([member.ratio for member in line_set.members])
    scatters = np.array([member.scatter for member in line_set.members])
    terms = []
    for width, prior in WIDTHS:
        parts = [feature_maps(member.feature, maps, width, axis) for member in line_set.members]
        num, den = (np.array(part)[:, covered] for part in zip(*parts, strict=True))
        scale = np.sqrt(den)
        snr = np.maximum(num / np.where(den > 0, scale, np.inf), DEEPEST)
        terms.append(set_evidence(snr, scale, ratios, scatters) + np.log(prior))
    out[covered] = logsumexp(terms, axis=0)
    return out


def unexplained_evidence(maps):
    """Return ln of the evidence, at each place of the axis, for a line that belongs to no set.

    Residuals of the sky, cosmic rays and neighbours become rarer with the cube of their
    signal-to-noise ratio.

    Returns
    -------
    ndarray, shape (n,)
    """
    terms = []
    for width, prior in WIDTHS:
        found = maps["line", width]
        scale = np.sqrt(found.den)
        snr = found.num / np.where(scale > 0, scale, np.inf)
        one = set_evidence(snr[None], scale[None], np.ones(1), np.zeros(1))
        terms.append(one + np.log(prior) - 3 * np.log(np.maximum(snr, FAINTEST) / FAINTEST))
    return logsumexp(terms, axis=0)


def _covered(line_set, axis):
    """Return the slice of trials at which a line of ratio 0.2 or more is covered."""
    top = max(member.ratio for member in line_set.members)
    strong = [m.feature.members[0][0] for m in line_set.members if m.ratio >= 0.2 * top]
    first = np.searchsorted(LNZ, np.log(axis.grid[0] / max(strong)))
    last = np.searchsorted(LNZ, np.log(axis.grid[-1] / min(strong)))
    return slice(max(0, first), max(0, last))
