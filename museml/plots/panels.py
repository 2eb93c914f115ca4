"""Parts of figures: a spectrum, a zoom on a line, redshift ticks, p(z), an image of a source."""

import numpy as np
from matplotlib.patches import Circle
from scipy.ndimage import gaussian_filter1d

from museml.data.linelist import LINES
from museml.data.spectral import to_air
from museml.plots.figures import COLOURS, HALO, show_image

__all__ = ["draw_density", "draw_image", "draw_spectrum", "draw_ticks", "draw_zoom", "observed"]

LABEL = 0.03  # room that a label needs, in units of the axis
SMOOTHING = 2.5  # channels, standard deviation
LEAST = 1e-5  # probability at the foot of the p(z) panel
ZOOM = 60.0  # Angstrom to each side
RANKS = ("best", "second", "third")
#: lines that are marked at each of the redshifts
MARKED = (
    *("LYALPHA", "NV1243", "CIV1548", "HEII1640", "CIII1907", "MGII2796", "NEV3427", "OII3727", "NEIII3870"),
    *("CAK", "HDELTA", "CAG", "HGAMMA", "HBETA", "OIII5008", "MGB", "NAD", "OI6302", "HALPHA", "SII6718"),
    *("ARIII7138", "SIII9071"),
)


def observed(name, z, medium):
    """Return the wavelength at which a line is observed, in the medium given."""
    vacuum = LINES[name].wave * (1 + z)
    return float(to_air(vacuum, "vacuum")) if medium == "air" else vacuum


def draw_spectrum(axes, wave, flux, error):
    """Draw a spectrum: raw and smoothed by the inverse variance, above the band of its noise."""
    smooth, smooth_error = smoothed(flux, error)
    axes.fill_between(wave, -smooth_error, smooth_error, color=COLOURS["noise"], alpha=0.35, lw=0)
    axes.plot(wave, flux.filled(np.nan), color=COLOURS["raw"], lw=0.35, alpha=0.6, drawstyle="steps-mid")
    axes.plot(wave, smooth, color="black", lw=0.8)
    axes.axhline(0, color="black", lw=0.4, ls=":")
    axes.set(xlim=(wave[0], wave[-1]), ylim=_limits(flux.filled(0), smooth, smooth_error))
    axes.set_ylabel("flux density\n(10⁻²⁰ erg s⁻¹ cm⁻² Å⁻¹)")


def smoothed(flux, error):
    """Return the mean over neighbouring channels, weighted by the inverse variance, and its error."""
    weight = np.where(flux.mask | ~(error > 0), 0.0, 1 / np.maximum(error, 1e-30) ** 2)
    total = gaussian_filter1d(weight, SMOOTHING, mode="constant")
    mean = gaussian_filter1d(weight * flux.filled(0), SMOOTHING, mode="constant")
    kept = total > 0
    width = 2 * np.sqrt(np.pi) * SMOOTHING  # channels that a Gaussian mean is worth
    values = np.divide(mean, total, out=np.full(len(total), np.nan), where=kept)
    return values, np.divide(1, np.sqrt(total * width), out=np.full(len(total), np.nan), where=kept)


def _limits(flux, values, errors):
    """Return limits that show every line, but neither spikes of one channel nor the noisiest channels."""
    if not np.isfinite(errors).any():
        return -1, 1
    trusted = np.isfinite(values) & (errors < 4 * np.nanmedian(errors))
    lines = trusted & (flux > 12 * errors) & (values > 0.3 * flux)  # a smoothed spike keeps a sixth of its height
    low, high = np.percentile(values[trusted], 0.3), max(values[trusted].max(), flux[lines].max(initial=0))
    low, high = min(low, -np.nanmedian(errors)), max(high, np.nanmedian(errors))
    return low - 0.06 * (high - low), high + 0.08 * (high - low)


def draw_ticks(axes, redshifts, medium, limits):
    """Draw, in a strip below the spectrum, where the main lines would be at each of the redshifts."""
    for row, (z, p) in enumerate(redshifts[: len(RANKS)]):
        colour = COLOURS[RANKS[row]]
        places = sorted((observed(name, z, medium), LINES[name].label) for name in MARKED)
        places = [place for place in places if limits[0] < place[0] < limits[1]]
        following = [place[0] for place in places[1:]] + [limits[1]]
        axes.vlines([wave for wave, _ in places], -row - 0.4, -row + 0.4, color=colour, lw=1.1)
        for (wave, label), after in zip(places, following, strict=False):
            if after - wave > LABEL * (limits[1] - limits[0]):
                axes.text(wave, -row, f" {label}", color=colour, fontsize=6.5, va="center", ha="left")
        beside = axes.get_yaxis_transform()
        axes.text(1.006, -row, f"z {z:.4f}   p {p:.3f}", color=colour, fontsize=7.5, va="center", transform=beside)
    if not redshifts:
        axes.text(0.5, 0.5, "no redshift", color="#777777", ha="center", va="center", transform=axes.transAxes)
    axes.set(ylim=(-max(len(redshifts), 1) + 0.4, 0.6), yticks=[], xlim=limits)


def draw_zoom(axes, wave, flux, error, centre, label):
    """Draw the raw spectrum around a line, with its errors."""
    near = np.abs(wave - centre) <= ZOOM
    values, sigma = flux[near].filled(np.nan), error[near]
    axes.fill_between(wave[near], values - sigma, values + sigma, step="mid", color=COLOURS["noise"], alpha=0.35, lw=0)
    axes.plot(wave[near], values, color="black", lw=0.8, drawstyle="steps-mid")
    axes.axvline(centre, color=COLOURS["best"], lw=0.8, ls="--")
    axes.axhline(0, color="black", lw=0.4, ls=":")
    axes.set(xlim=(centre - ZOOM, centre + ZOOM))
    axes.set_title(label, color=COLOURS["best"])
    axes.locator_params(axis="x", nbins=4)
    axes.locator_params(axis="y", nbins=5)


def draw_density(axes, z, density, redshifts):
    """Draw p(z) on a logarithmic scale, over ln(1+z), and mark the redshifts."""
    axes.set_yscale("log")
    top = np.log1p(z[-1]) if len(z) else np.log1p(7)
    if len(z):
        x, p = np.log1p(z), np.maximum(density, LEAST / 10)
        axes.fill_between(x, LEAST / 10, p, step="mid", color="#BBBBBB", lw=0)
        axes.plot(x, p, color="black", lw=0.6, drawstyle="steps-mid")
    for row, (value, p) in enumerate(redshifts):
        height = 1e-4 if np.ma.is_masked(p) or not np.isfinite(p) else max(float(p), 1e-4)
        axes.plot(
            np.log1p(value), height, marker="v", ms=5, color=COLOURS[RANKS[row]], mec="white", mew=0.5, clip_on=False
        )
    ticks = [tick for tick in (0, 0.5, 1, 2, 3, 4, 6) if np.log1p(tick) <= top]
    axes.set(xlim=(min(np.log1p(z[0]), 0) if len(z) else 0, top), ylim=(LEAST, 2))
    axes.set_xticks(np.log1p(ticks), [f"{tick:g}" for tick in ticks])
    axes.set_yticks([1e-4, 1e-3, 0.01, 0.1, 1], ["10⁻⁴", "10⁻³", "0.01", "0.1", "1"])
    axes.minorticks_off()
    axes.set(xlabel="redshift", title="p(z)")


def draw_image(axes, image, position, radius, title, scale):
    """Draw an image with the source marked and a scale bar of 1 arcsec.

    Parameters
    ----------
    axes : `~matplotlib.axes.Axes`
        Where to draw.
    image : `~mpdaf.obj.Image`
        The image.
    position : (float, float)
        x and y of the source, in pixels of the image.
    radius : float
        Radius of the circle around it, in pixels.
    title : str
        What the image shows.
    scale : float
        Pixel size in arcsec.
    """
    show_image(axes, image.data)
    axes.add_patch(Circle(position, radius, fill=False, color=COLOURS["mark"], lw=1.1))
    width = image.shape[1]
    bar = 1 / scale
    axes.plot([0.06 * width, 0.06 * width + bar], [0.07 * width] * 2, color="black", lw=1.6, path_effects=HALO)
    axes.text(0.06 * width + bar / 2, 0.09 * width, "1″", ha="center", va="bottom", fontsize=7.5, path_effects=HALO)
    axes.set_title(title)
