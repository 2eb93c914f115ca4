"""The page of a source: spectrum, lines, redshifts, p(z) and images."""

import numpy as np

from museml.data.linelist import LINES
from museml.data.spectral import medium_of
from museml.errors import DetectionFlag, PredictionFlag
from museml.extraction.narrowband import band_name
from museml.plots import panels
from museml.plots.figures import COLOURS, new_figure, styled

__all__ = ["plot_source"]

N_ZOOMS = 2


@styled
def plot_source(source):
    """Draw the page of an MPDAF Source that museml has extracted and classified.

    Parameters
    ----------
    source : `~mpdaf.sdetect.Source`
        With the spectrum that REFSPEC names; everything else is drawn if it is there.

    Returns
    -------
    `~matplotlib.figure.Figure`
    """
    figure = new_figure(12, 6.3)
    grid = figure.add_gridspec(
        3, 5, height_ratios=[3, 0.55, 2.1], left=0.065, right=0.905, top=0.885, bottom=0.075, hspace=0.0
    )
    bottom = grid[2, :].subgridspec(
        2, 5, height_ratios=[0.32, 1], width_ratios=[1, 1, 1, 1, 1.35], wspace=0.28, hspace=0
    )
    spectrum = source.spectra[source.header["REFSPEC"]]
    medium = medium_of(spectrum.wave.get_ctype())
    data = spectrum.wave.coord(), np.ma.masked_invalid(spectrum.data), _errors(spectrum)
    redshifts = _redshifts(source)
    top = figure.add_subplot(grid[0, :])
    _draw_top(top, figure.add_subplot(grid[1, :], sharex=top), data, redshifts, medium, source)
    cells = [bottom[1, column] for column in range(5)]
    _draw_images(figure, cells[:2], source)
    _draw_zooms(figure, cells[2 : 2 + N_ZOOMS], data, source)
    _draw_density(figure.add_subplot(cells[4]), source, redshifts)
    _write_titles(figure, source, redshifts)
    return figure


def _errors(spectrum):
    return np.sqrt(np.ma.filled(spectrum.var, np.nan))


def _redshifts(source):
    """Return z and p of the best redshifts, the best first."""
    if "ML_Z" in source.tables:
        return [(float(row["Z"]), row["P"]) for row in source.tables["ML_Z"]]
    return []


def _draw_top(axes, strip, data, redshifts, medium, source):
    panels.draw_spectrum(axes, *data)
    axes.tick_params(labelbottom=False)
    limits = axes.get_xlim()
    _mark_lines(axes, source)
    panels.draw_ticks(strip, redshifts[:3], medium, limits)
    strip.set_xlabel(rf"observed wavelength ($\mathrm{{\AA}}$, {medium})", labelpad=2)


def _mark_lines(axes, source):
    """Mark each detected line and write what it is, at the top of the spectrum."""
    last = -np.inf
    span = np.diff(axes.get_xlim())[0]
    for wave, name, _ in sorted(_lines(source)):
        axes.axvline(wave, ymax=0.88, color=COLOURS["best"], lw=0.7, alpha=0.55)
        place = max(wave, last + 0.012 * span)
        label = LINES[name].label if name in LINES else "?"
        axes.annotate(
            label, (wave, 0.88), (place, 0.905), xycoords=axes.get_xaxis_transform(), rotation=90, fontsize=7,
            textcoords=axes.get_xaxis_transform(), ha="center", va="bottom", color=COLOURS["best"],
        )  # fmt: skip
        last = place


def _lines(source):
    """Return wavelength, name ('' if unknown) and S/N of the detected lines."""
    if source.lines is None:
        return []
    table = source.lines
    names = table["LINE"] if "LINE" in table.colnames else [""] * len(table)
    return [
        (float(wave), "" if np.ma.is_masked(name) else str(name), float(snr))
        for wave, name, snr in zip(table["LBDA_OBS"], names, table["SNR"], strict=True)
    ]


def _draw_images(figure, cells, source):
    """Draw the white-light image and the narrow-band image of the strongest line."""
    names = [("MUSE_WHITE", "white light")]
    strongest = sorted(_lines(source), key=lambda line: -line[2])[:1]
    names += [(band_name(line[0]), rf"narrow band {line[0]:.0f} $\mathrm{{\AA}}$") for line in strongest]
    for cell, (name, title) in zip(cells, names, strict=False):
        if name in source.images:
            image = source.images[name]
            y, x = image.wcs.sky2pix((source.DEC, source.RA))[0]
            scale = float(np.mean(np.abs(image.wcs.get_step(unit="arcsec"))))
            radius = source.header.get("PSF_FWHM", 0.8) / scale
            panels.draw_image(figure.add_subplot(cell), image, (x, y), radius, title, scale)


def _draw_zooms(figure, cells, data, source):
    """Draw the strongest lines that do not lie in one another's panel."""
    chosen = []
    for line in sorted(_lines(source), key=lambda line: -line[2]):
        if all(abs(line[0] - other[0]) > panels.ZOOM for other in chosen):
            chosen.append(line)
    for cell, (wave, name, _) in zip(cells, sorted(chosen[: len(cells)]), strict=False):
        label = f"{LINES[name].label} {wave:.1f}" if name in LINES else f"{wave:.1f}"
        panels.draw_zoom(figure.add_subplot(cell), *data, wave, rf"{label} $\mathrm{{\AA}}$")


def _draw_density(axes, source, redshifts):
    table = source.tables.get("ML_PZ", {"Z": [], "P": []})
    panels.draw_density(axes, np.asarray(table["Z"], float), np.asarray(table["P"], float), redshifts[:3])


def _write_titles(figure, source, redshifts):
    head = f"Source {source.ID}"
    figure.text(0.065, 0.955, head, fontsize=14, fontweight="bold", color=COLOURS["text"])
    figure.text(0.20, 0.957, _answer(source, redshifts), fontsize=12, color=COLOURS["best"])
    figure.text(0.065, 0.915, _circumstances(source), fontsize=8.5, color="#444444")


def _answer(source, redshifts):
    """Say class, redshift and probability."""
    kind = source.header.get("ML_CLASS", "not classified")
    if not redshifts:
        return f"{kind}, no redshift"
    error = source.tables["ML_Z"]["Z_ERR"][0]
    p = source.header.get("ML_P")
    text = f"{kind}   z = {redshifts[0][0]:.5f} ± {error:.5f}"
    return text if p is None else f"{text}   p = {p:.3f}"


def _circumstances(source):
    """Say where it is, how it was found, and the flags in words."""
    header = source.header
    parts = [
        f"RA {source.RA:.6f}°  Dec {source.DEC:+.6f}°",
        f"{header['CUBE']}  x {header['X']:.1f}  y {header['Y']:.1f}",
    ]
    found = f"{header.get('DET_KIND', '')}: best S/N {header['DET_SNR']:.1f}" if "DET_SNR" in header else ""
    flags = [*_words(PredictionFlag, header.get("ML_FLAG", 0)), *_words(DetectionFlag, header.get("DET_FLAG", 0))]
    parts += [found, f"spectrum {header['REFSPEC']}", f"flags: {', '.join(flags)}" if flags else ""]
    return "    ".join(part for part in parts if part)


def _words(flags, bits):
    return [flag.name.lower().replace("_", " ") for flag in flags if flag and bits & flag]
