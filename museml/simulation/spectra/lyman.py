"""Hydrogen in the ultraviolet: the Lya line of galaxies, and absorption between them and us."""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from museml.data.line_profiles import C_KMS
from museml.simulation.spectra.intervening import metal_transmission

__all__ = ["damped_depth", "effective_depth", "igm_transmission", "lya_profile"]

LYALPHA, LIMIT = 1215.67, 911.75  # Angstrom
STEP = 1.5e-4  # of the axis of the forest in ln(wavelength), 45 km/s
#: wavelengths of the Lyman series from Lyb on, and optical depth relative to Lya (f times wavelength; Morton 2003)
SERIES = (
    (1025.72, 0.1603), (972.54, 0.0557), (949.74, 0.0261), (937.80, 0.0144), (930.75, 0.0088), (926.23, 0.0058),
    (923.15, 0.0040), (920.96, 0.0029), (919.35, 0.0022),
)  # fmt: skip
CONTRAST = 1.9  # scatter of ln(optical depth) from pixel to pixel
FIELD = ((1.0, 0.85), (8.0, 0.53))  # its correlation lengths in pixels, and their weights (squares add up to 1)
RED = 8  # components of the red peak
# of a Gaussian folded with an exponential: scale of the exponential, full width at half maximum and mode, in units of
# the Gaussian's standard deviation
_MEASURED = np.array([
    (0, 0.5, 1, 1.5, 2, 3, 4, 5, 6), (2.355, 2.55, 2.9, 3.2, 3.5, 4.25, 5.0, 5.8, 6.6),
    (0, 0.43, 0.69, 0.87, 1.01, 1.22, 1.37, 1.48, 1.58),
])  # fmt: skip


def lya_profile(rng, table):
    """Draw profiles of Lya.

    Parameters
    ----------
    rng : `~numpy.random.Generator`
        Source of randomness.
    table : `~astropy.table.Table`
        Physical parameters, see `~museml.simulation.spectra.population.draw`.

    Returns
    -------
    velocity, sigma, weight : ndarray, shape (n, components)
        Gaussian components relative to the systemic velocity, km/s; the weights of a row add up to 1.

    Notes
    -----
    The red peak has a sharp blue edge and a tail: a Gaussian folded with an exponential. Its width is that of MUSE's
    emitters (Leclercq et al. 2017, A&A 608, A8), its offset goes with the width (Verhamme et al. 2018, MNRAS 478, L60).
    A part has a blue peak or a wide, faint component; the lines of active galaxies are symmetric.
    """
    n = len(table)
    active = np.asarray(table["agn"], float) > 0.3
    broken = np.asarray(table["kind"]) == "lbg"
    fwhm = np.where(active, 700, np.where(broken, 320, 235)) * np.exp(rng.normal(0, 0.33, n))
    offset = np.where(active, rng.normal(0, 80, n), np.clip((0.9 * fwhm - 34) * np.exp(rng.normal(0, 0.3, n)), 0, 800))
    skewness = np.where(active, 0.3, rng.uniform(0.5, 6, n))
    peak = _red_peak(fwhm, offset, skewness)
    blue = _blue_peak(rng, np.asarray(table["z"], float), fwhm, offset, active)
    wide = _component(offset + 0.2 * fwhm, fwhm, np.where(rng.random(n) < 0.3, rng.uniform(0.05, 0.3, n), 0))
    velocity, sigma, weight = (np.concatenate(parts, axis=1) for parts in zip(peak, blue, wide, strict=True))
    return velocity, sigma, weight / weight.sum(axis=1, keepdims=True)


def _red_peak(fwhm, offset, skewness):
    """Return a Gaussian folded with an exponential, as components at its quantiles; its mode is at the offset.

    ``skewness`` is the scale of the exponential over the Gaussian's standard deviation.
    """
    sigma = fwhm / np.interp(skewness, *_MEASURED[:2])
    quantile = -np.log1p(-(np.arange(RED) + 0.5) / RED)
    start = offset - np.interp(skewness, *_MEASURED[::2]) * sigma
    scale = (skewness * sigma)[:, None]
    width = np.hypot(sigma[:, None], scale * np.gradient(quantile) / 2)
    return start[:, None] + quantile * scale, width, np.full(width.shape, 1 / RED)


def _blue_peak(rng, z, fwhm, offset, active):
    """Return a peak on the blue side; the forest lets fewer through at high redshift."""
    n = len(fwhm)
    has = (rng.random(n) < 0.45 * np.exp(-effective_depth(z))) & ~active
    separation = offset + rng.uniform(0.6, 1.6, n) * np.maximum(fwhm, 150)
    return _component(offset - separation, 0.4 * fwhm, np.where(has, rng.uniform(0.05, 0.6, n), 0))


def _component(velocity, sigma, weight):
    return velocity[:, None], sigma[:, None], weight[:, None]


def effective_depth(z):
    """Return the mean effective optical depth of the Lya forest.

    Kim et al. (2007, MNRAS 382, 1657) below redshift 2.2, Becker et al. (2013, MNRAS 430, 2067) to 5, Fan et al. (2006,
    AJ 132, 117) above.

    Parameters
    ----------
    z : array_like
        Redshift of the absorbing gas.
    """
    z = np.maximum(np.asarray(z, float), 0)
    low = 0.0023 * (1 + z) ** 3.65
    middle = 0.751 * ((1 + z) / 4.5) ** 2.90 - 0.132
    high = 0.85 * ((1 + z) / 5) ** 4.3
    steep = 2.63 * ((1 + z) / 6.5) ** 10.9
    return np.select([z < 2.2, z < 4.6, z < 5.5], [low, middle, np.maximum(middle, high)], np.maximum(high, steep))


def damped_depth(wave, wave_line, column):
    """Return the optical depth of Lya in the damping wings of a cloud.

    Parameters
    ----------
    wave, wave_line : array_like
        Wavelength, and that of Lya at the cloud; same unit.
    column : array_like
        Column density of neutral hydrogen, 1 / cm2.

    Notes
    -----
    Lorentz profile with f = 0.4164 and the damping constant 6.265e8 / s (Morton 2003, ApJS 149, 205).
    """
    frequency = C_KMS * 1e13 / LYALPHA  # Hz: km/s -> Angstrom/s
    damping = 6.265e8 / (4 * np.pi)
    offset = frequency * (np.asarray(wave_line) / np.asarray(wave) - 1)
    return np.asarray(column) * 0.02654 * 0.4164 * damping / np.pi / (offset**2 + damping**2)


def igm_transmission(rng, z, instrument):
    """Draw the transmission of the intergalactic medium along random lines of sight.

    Parameters
    ----------
    rng : `~numpy.random.Generator`
        Source of randomness.
    z : array_like, shape (n,)
        Redshifts of the sources; NaN for none.
    instrument : Instrument
        The spectrograph.

    Returns
    -------
    ndarray, shape (n, channels), float32
        Transmission, blurred by the line-spread function; 1 where nothing absorbs.

    Notes
    -----
    The optical depth of the forest is lognormal, as in the fluctuating Gunn-Peterson approximation (Bi and Davidsen
    1997, ApJ 479, 523), with the mean of `effective_depth`; the series follows with its strengths. Damped and
    Lyman-limit systems come at random (Noterdaeme et al. 2012, A&A 547, L1; Songaila and Cowie 2010, ApJ 721, 1448),
    and beyond redshift 5.7 the damping wing of neutral gas; metals of galaxies in between, see
    `~museml.simulation.spectra.intervening.metal_transmission`.
    """
    z = np.asarray(z, float)
    result = metal_transmission(rng, z, instrument)
    reached = np.flatnonzero(np.nan_to_num(z) > instrument.edges[0] / LYALPHA - 1.01)
    for part in np.array_split(reached, -(-len(reached) // 256)) if len(reached) else ():
        result[part] *= _sight_lines(rng, z[part], instrument)
    return result


def _sight_lines(rng, z, instrument):
    start = np.log(instrument.edges[0]) - 20 * STEP
    stop = max(np.log(LYALPHA * (1 + z.max())) + 0.05, np.log(instrument.edges[-1]) + 20 * STEP)
    ln_wave = np.arange(start, stop, STEP)
    depth = _lya_depth(rng, z, ln_wave)
    total = depth.copy()
    for wave, strength in SERIES:
        shift = round(np.log(LYALPHA / wave) / STEP)
        total[:, : max(len(ln_wave) - shift, 0)] += strength * depth[:, shift:]
    total += _clouds(rng, z, ln_wave)
    total += _limit_systems(rng, z, ln_wave)
    blur = np.median(instrument.lsf(instrument.wave) / instrument.wave) / 2.355 / STEP
    seen = gaussian_filter1d(np.exp(-total), blur, axis=1, mode="nearest", truncate=3)
    place = (np.log(instrument.vacuum) - start) / STEP
    below = place.astype(int)
    share = (place - below).astype(np.float32)
    return seen[:, below] * (1 - share) + seen[:, below + 1] * share


def _lya_depth(rng, z, ln_wave):
    """Return the optical depth of Lya in the forest, 0 redward of the source."""
    absorber = np.exp(ln_wave) / LYALPHA - 1
    field = sum(weight * _smooth_noise(rng, (len(z), len(ln_wave)), width) for width, weight in FIELD)
    opacity = np.interp(effective_depth(absorber), *_lognormal_means())
    line_of_sight = np.exp(rng.normal(0, 0.08, len(z)))
    depth = np.exp(CONTRAST * field) * (opacity * line_of_sight[:, None])
    return np.where(ln_wave < np.log(LYALPHA * (1 + z))[:, None], depth, 0).astype(np.float32)


def _smooth_noise(rng, shape, width):
    """Return Gaussian noise of unit variance with a correlation length, along the second axis."""
    noise = gaussian_filter1d(rng.standard_normal(shape, dtype=np.float32), width, axis=1)
    return noise * np.float32(np.sqrt(2 * width * np.sqrt(np.pi)))


def _lognormal_means():
    """Return effective optical depths, and the scale of the lognormal optical depths that gives them."""
    node, weight = np.polynomial.hermite_e.hermegauss(60)
    scale = np.geomspace(1e-4, 1e4, 200)
    mean = np.exp(-scale[:, None] * np.exp(CONTRAST * node)) @ (weight / weight.sum())
    return -np.log(np.maximum(mean, 1e-30)), scale


def _clouds(rng, z, ln_wave):
    """Return the optical depth of damped systems, and of neutral gas about sources beyond redshift 5.7."""
    nearest = np.where(z > 5.7, -rng.uniform(200, 2500, len(z)) / C_KMS, np.nan)
    column = 10 ** (rng.uniform(19.0, 20.5, len(z)) + 0.6 * np.clip(z - 6, 0, 1))
    path = rng.uniform(0, 1, len(z))  # one system at most: there are about .25 per unit of redshift
    damped = np.where(path < 0.25 * np.maximum(z - 2, 0), rng.uniform(-0.2, -0.002, len(z)), np.nan)
    depth = np.zeros((len(z), len(ln_wave)), np.float32)
    for place, columns in ((nearest, column), (damped, 10 ** (20.3 + rng.exponential(0.4, len(z))))):
        has = np.flatnonzero(np.isfinite(place))
        centre = LYALPHA * (1 + z[has]) * np.exp(place[has])
        depth[has] += damped_depth(np.exp(ln_wave), centre[:, None], columns[has, None]).astype(np.float32)
    return depth


def _limit_systems(rng, z, ln_wave):
    """Return the optical depth of the Lyman continuum of one system, the first with more than .3."""
    rate = 2.8 * ((1 + z) / 4.5) ** 1.94 * 1.6  # per unit of redshift; the factor is for those of .3 to 1
    distance = rng.exponential(1 / rate)
    edge = np.log(LIMIT * (1 + np.maximum(z - distance, 0)))
    depth = 0.3 * (1 - rng.random(len(z))) ** -1.5  # column densities to the power -1.67
    below = ln_wave < edge[:, None]
    smooth = 0.3 * (1 + z[:, None]) / 4 * (ln_wave < np.log(LIMIT * (1 + z))[:, None])
    return np.where(below, depth[:, None] * np.exp(3 * (ln_wave - edge[:, None])), 0) + smooth
