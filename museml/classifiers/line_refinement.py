"""Redshifts made exact on the emission lines, many spectra at once."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from museml.data.linelist import LINES, emission_lines

__all__ = ["LINE_NAMES", "LineView", "refine"]

#: widths of lines tried, in pixels
WIDTHS = (1.1, 1.7, 2.5, 3.5, 5.0)
#: redshifts tried around the first, in pixels of ln(wave)
TRIALS = np.arange(-8, 9)
#: pixels around a line where its signal-to-noise ratio is read
NEAREST = np.array([-1, 0, 1])
#: lines that show the redshift of the galaxy: neither scattered nor blown away, and never alone when they are faint
TELLING = (
    *("HEII1640", "OIII1666", "CIII1907", "CIII1909", "CII2326", "OII3727", "OII3729", "NEIII3870", "NEIII3967"),
    *("HEPSILON", "H8", "HDELTA", "HGAMMA", "HBETA", "OIII4960", "OIII5008", "NII6550", "HALPHA", "NII6585"),
    *("SII6718", "SII6733", "ARIII7138", "SIII9071"),
)
#: of these, the bright ones, which must make at least this part of the likelihood: a fainter one alone is a residual
LEADING = ("CIII1907", "CIII1909", "OII3727", "OII3729", "HBETA", "OIII4960", "OIII5008", "HALPHA", "NII6585")
LEAD = 0.5
#: lines that overlap, and flux ratios of the second to the first that are tried
DOUBLETS = {
    ("CIII1907", "CIII1909"): (0.65, 0.9, 1.3),
    ("OII3727", "OII3729"): (0.7, 1.05, 1.4),
    ("NEIII3967", "HEPSILON"): (0.4, 1.0, 2.5),
}
#: lines so close to a brighter one that they are taken for it
HIDDEN = ("CII2324", "CII2328", "CII2329", "HEI3890")
#: names of the lines, in the order of the columns of signal-to-noise ratios
LINE_NAMES = tuple(line.name for line in emission_lines() if line.name not in HIDDEN)
#: lines, all together, below this signal-to-noise ratio say nothing
FAINTEST = 6.0
#: the centre of a line is known to no better than this part of its width: profiles are not quite Gaussian; and that
#: of a doublet alone, whose flux ratio is not known
TRUST, TRUST_DOUBLET = 0.08, 0.2
#: a line must be covered to this part
COVERED = 0.2
#: pixels in a block of which the median is the continuum
CONTINUUM = 64
#: pixels in which the scatter of the signal-to-noise ratio is taken, and its least value
BLOCK, LEAST_SCATTER = 512, 0.6

_LN_REST = np.log([LINES[name].wave for name in LINE_NAMES])
_TELLING = np.array([name in TELLING for name in LINE_NAMES])
_LEADING = np.array([name in LEADING for name in LINE_NAMES])
_DOUBLET = np.array([any(name in pair for pair in DOUBLETS) for name in LINE_NAMES])
_PAIRS = np.array([[LINE_NAMES.index(name) for name in pair] for pair in DOUBLETS])
_RATIOS = np.array(list(DOUBLETS.values())).T[:, None, None, :, None]


@dataclass(frozen=True)
class LineView:
    """Spectra seen through matched filters of emission lines.

    Attributes
    ----------
    start, step : float
        First pixel and step of the axis, in ln(vacuum wavelength).
    snr : ndarray, shape (widths, n, pixels)
        Signal-to-noise ratio of a line at each pixel, by width, renormalised by its own scatter.
    seen : ndarray of bool, shape (n, pixels)
        Where there are data.
    gaps : ndarray, shape (n,)
        Part of the pixels between the ends of the data that are masked.
    """

    start: float
    step: float
    snr: np.ndarray
    seen: np.ndarray
    gaps: np.ndarray

    @classmethod
    def of(cls, values, errors, mask, start, step):
        """Filter spectra, after a running median is taken off.

        Parameters
        ----------
        values, errors : ndarray, shape (n, pixels)
            Flux and its error.
        mask : ndarray of bool, shape (n, pixels)
            Where there are no data.
        start, step : float
            As in the attributes.
        """
        weight = np.where(mask | (errors <= 0), 0, 1 / np.square(np.where(errors > 0, errors, 1)))
        weight = (weight / np.maximum(weight.max(axis=1, keepdims=True), 1e-30)).astype(np.float32)
        signal = (values - _medians(values, weight > 0)) * weight
        maps = [_filtered(signal, weight, width) for width in WIDTHS]
        seen = gaussian_filter1d((weight > 0).astype(np.float32), WIDTHS[1], axis=1, mode="constant") > COVERED
        scatter = _scatter(maps[1], seen)
        return cls(start, step, np.array([values / scatter for values in maps]), seen, _gaps(mask))

    def at(self, lnz, offsets):
        """Return the signal-to-noise ratio of each line where it would be.

        Parameters
        ----------
        lnz : ndarray, shape (n,)
            ln(1+z) of each spectrum.
        offsets : ndarray of int, shape (k,)
            Pixels beside it.

        Returns
        -------
        ndarray, shape (widths, n, lines, k)
            0 where a line is not covered.
        """
        place = (_LN_REST + lnz[:, None] - self.start) / self.step
        first = np.floor(place).astype(int)
        taps = np.arange(offsets[0] - 1, offsets[-1] + 3)
        near = first[..., None] + taps
        inside = (near >= 0) & (near < self.seen.shape[1])
        rows = np.arange(len(lnz))[:, None, None]
        near = np.clip(near, 0, self.seen.shape[1] - 1)
        values = np.where(inside & self.seen[rows, near], self.snr[:, rows, near], 0)
        weights = _cubic(place - first)
        return sum(weights[m][..., None] * values[..., m : m + len(offsets)] for m in range(4))


def refine(view, lnz, spread):
    """Move redshifts to where the emission lines are.

    The likelihood is that of lines of one width whose fluxes are free but not negative; Ly alpha, CIV, NV and
    MgII, which are shifted against their galaxies, take no part.

    Parameters
    ----------
    view : LineView
        The spectra.
    lnz, spread : ndarray, shape (n,)
        First redshifts and their errors, in ln(1+z).

    Returns
    -------
    lnz, error : ndarray, shape (n,)
        In ln(1+z); the first ones where lines say less.
    snr : ndarray, shape (n, lines)
        Signal-to-noise ratio of each line at the new redshift, see `LINE_NAMES`.
    """
    step = view.step / 2
    gains = [_gain(view.at(lnz + shift, TRIALS), view.step) for shift in (0, step)]
    gain = np.stack(gains, axis=-1).reshape(len(WIDTHS), len(lnz), -1)  # steps of half a pixel
    trials = step * np.arange(gain.shape[-1]) + view.step * TRIALS[0]
    width = np.argmax(np.max(gain - 0.5 * (trials / np.hypot(spread, view.step)[:, None]) ** 2, axis=-1), axis=0)
    rows = np.arange(len(lnz))
    shift, error = _peak(gain[width, rows], trials, np.hypot(spread, view.step))
    best, found = gain[width, rows].max(axis=1), lnz + shift
    lead, doublet = _shares(view.at(found, NEAREST).max(axis=-1)[width, rows])
    trust = np.where(doublet > LEAD, TRUST_DOUBLET, TRUST) * np.array(WIDTHS)[width]
    better = (best > 0.5 * FAINTEST**2) & (lead > LEAD) & (error < spread) & (np.abs(shift) < TRIALS[-1] * view.step)
    found = np.where(better, found, lnz)
    error = np.where(better, np.hypot(error, view.step * np.hypot(trust, view.gaps)), spread)
    return found, error, view.at(found, NEAREST).max(axis=-1)[width, rows]


def _shares(snr):
    """Return which part of the power of telling lines is in the leading ones, and which in doublets."""
    power = np.where(_TELLING, np.maximum(snr, 0) ** 2, 0)
    total = np.maximum(power.sum(axis=1), 1e-9)
    return power[:, _LEADING].sum(axis=1) / total, power[:, _DOUBLET].sum(axis=1) / total


def _gain(snr, step):
    """Return ln of the likelihood ratio against no lines, shape (widths, n, k)."""
    power = np.maximum(snr, 0) ** 2
    distance = np.diff(_LN_REST[_PAIRS], axis=1)[:, 0] / step
    overlap = np.exp(-((distance / (2 * np.array(WIDTHS)[:, None])) ** 2))[:, None, :, None]
    blue, red = snr[:, :, _PAIRS[:, 0]], snr[:, :, _PAIRS[:, 1]]
    together = (blue + _RATIOS * red) / np.sqrt(1 + _RATIOS**2 + 2 * overlap * _RATIOS)
    power[:, :, _PAIRS[:, 0]] = np.maximum(together.max(axis=0), 0) ** 2
    power[:, :, _PAIRS[:, 1]] = 0
    return 0.5 * np.sum(power[:, :, _TELLING], axis=2)


def _peak(gain, trials, reach):
    """Return place and error of the maximum within reach, by a Gaussian through the three highest points.

    Where other maxima are nearly as high the error covers them.
    """
    total = gain - 0.5 * (trials / reach[:, None]) ** 2
    top = np.clip(np.argmax(total, axis=1), 1, len(trials) - 2)
    three = np.take_along_axis(gain, top[:, None] + np.array([-1, 0, 1]), axis=1)
    left, middle, right = np.log(np.maximum(three, 1e-6)).T
    curvature = np.maximum(2 * middle - left - right, 1e-6)
    step = trials[1] - trials[0]
    shift = trials[top] + np.clip(0.5 * (right - left) / curvature, -1, 1) * step
    weight = np.exp(total - total.max(axis=1, keepdims=True))
    scatter = np.sqrt(np.sum(weight * (trials - shift[:, None]) ** 2, axis=1) / weight.sum(axis=1))
    return shift, np.maximum(step / np.sqrt(curvature * np.maximum(three[:, 1], 1e-6)), scatter)


def _filtered(signal, weight, width):
    """Return the signal-to-noise ratio of Gaussian lines of a width in pixels."""
    num = gaussian_filter1d(signal, width, axis=1, mode="constant", truncate=3)
    den = gaussian_filter1d(weight, width / np.sqrt(2), axis=1, mode="constant", truncate=3)
    den /= 2 * np.sqrt(np.pi) * width
    return num / np.sqrt(np.where(den > 0, den, np.inf))


def _gaps(mask):
    """Return the part of the pixels between the ends of the data that are masked."""
    inside = np.maximum.accumulate(~mask, axis=1) & np.maximum.accumulate(~mask[:, ::-1], axis=1)[:, ::-1]
    return np.sum(inside & mask, axis=1) / np.maximum(inside.sum(axis=1), 1)


def _scatter(snr, seen):
    """Return the robust scatter of each spectrum, shape (n, pixels), in blocks joined by steps."""
    middle, count = _block_medians(np.abs(snr), seen, BLOCK)
    scatter = np.where(count > 20, np.maximum(1.4826 * middle, LEAST_SCATTER), 1.0)
    return np.repeat(scatter, BLOCK, axis=1)[:, : snr.shape[1]].astype(np.float32)


def _medians(values, seen):
    """Return the medians of blocks of each spectrum, joined by straight lines."""
    middle, count = _block_medians(values, seen, CONTINUUM)
    out, pixels = np.empty(values.shape, np.float32), np.arange(values.shape[1])
    places = CONTINUUM * (np.arange(middle.shape[1]) + 0.5) - 0.5
    for row, level, known in zip(out, middle, count > CONTINUUM // 4, strict=True):
        row[:] = np.interp(pixels, places[known], level[known]) if known.any() else 0
    return out


def _block_medians(values, seen, size):
    """Return the median of the seen pixels in each block, and how many there are."""
    blocks = -(-values.shape[1] // size)
    short = blocks * size - values.shape[1]
    known = np.pad(np.where(seen, values, np.inf), ((0, 0), (0, short)), constant_values=np.inf)
    known = np.sort(known.reshape(len(values), blocks, size), axis=2)
    count = np.sum(np.isfinite(known), axis=2)
    middle = np.take_along_axis(known, (count // 2 * (count > 0))[..., None], axis=2)[..., 0]
    return np.where(count > 0, np.where(np.isfinite(middle), middle, 0), 0), count


def _cubic(part):
    """Return the four weights of cubic interpolation at a fraction of a pixel (Catmull and Rom)."""
    p2, p3 = part**2, part**3
    return (
        0.5 * (-p3 + 2 * p2 - part),
        0.5 * (3 * p3 - 5 * p2 + 2),
        0.5 * (-3 * p3 + 4 * p2 + part),
        0.5 * (p3 - p2),
    )
