"""The page of a source: spectrum, lines, redshifts, p(z) and images."""

import numpy as np

from museml.data.linelist import LINES
from museml.data.spectral import medium_of
from museml.errors import DetectionFlag, PredictionFlag
from museml.extraction.narrowband import band_name
from museml.plots import panels
from museml.plots.figures import COLOURS, new_figure, styled

__all__ = ["plot_source"]

LEAST_P = 0.001  # a runner-up less probable than this is not drawn
#: lines to look at where fewer lines were detected than there is room for, the most telling first
TELLING = ("HALPHA", "OIII5008", "OII3727", "LYALPHA", "HBETA", "MGII2796", "CAK", "CIII1909", "CIV1548")


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
    upper = figure.add_gridspec(2, 1, height_ratios=[6, 1], left=0.07, right=0.9, top=0.84, bottom=0.43, hspace=0)
    lower = figure.add_gridspec(
        1, 5, width_ratios=[1, 1, 1.05, 1.05, 1.5], left=0.07, right=0.985, top=0.325, bottom=0.075, wspace=0.27
    )
    spectrum = source.spectra[source.header["REFSPEC"]]
    medium = medium_of(spectrum.wave.get_ctype())
    data = spectrum.wave.coord(), np.ma.masked_invalid(spectrum.data), _errors(spectrum)
    redshifts = _redshifts(source)
    top = figure.add_subplot(upper[0])
    _draw_top(top, figure.add_subplot(upper[1], sharex=top), data, redshifts, medium, source)
    _draw_images(figure, [lower[0], lower[1]], source)
    _draw_zooms(figure, [lower[2], lower[3]], data, _worth_a_look(source, redshifts, medium, data))
    _draw_density(figure.add_subplot(lower[4]), source, redshifts)
    _write_titles(figure, source, redshifts)
    return figure


def _errors(spectrum):
    return np.sqrt(np.ma.filled(spectrum.var, np.nan))


def _redshifts(source):
    """Return z and p of the best redshifts, the best first."""
    if "ML_Z" not in source.tables:
        return []
    rows = [(float(row["Z"]), float(np.ma.filled(row["P"], np.nan))) for row in source.tables["ML_Z"]]
    return [row for rank, row in enumerate(rows) if rank == 0 or row[1] >= LEAST_P]


def _draw_top(axes, strip, data, redshifts, medium, source):
    panels.draw_spectrum(axes, *data)
    axes.tick_params(labelbottom=False)
    limits = axes.get_xlim()
    _mark_lines(axes, source)
    panels.draw_ticks(strip, redshifts[:3], medium, limits)
    strip.set_xlabel(f"observed wavelength (Å, {medium})", labelpad=2)


def _mark_lines(axes, source):
    """Mark each line, absorption in another colour, and write what it is above the spectrum's frame."""
    last, gap = -np.inf, 0.011 * np.diff(axes.get_xlim())[0]
    frame = axes.get_xaxis_transform()
    for wave, name, snr in sorted(_lines(source)):
        colour, style = (COLOURS["best"], "-") if snr > 0 else (COLOURS["absorption"], "--")
        axes.axvline(wave, color=colour, lw=0.7, ls=style, alpha=0.5, zorder=1)
        last = max(wave, last + gap)
        label = LINES[name].label if name in LINES else "?"
        axes.annotate(
            label, (wave, 1), (last, 1.02), xycoords=frame, textcoords=frame, rotation=90, fontsize=7, ha="center",
            va="bottom", color=colour, annotation_clip=False,
        )  # fmt: skip


def _lines(source):
    """Return wavelength, name ('' if unknown) and S/N of the lines; it is negative in absorption."""
    if source.lines is None:
        return []
    table = source.lines
    names = table["LINE"] if "LINE" in table.colnames else [""] * len(table)
    return [
        (float(wave), "" if np.ma.is_masked(name) else str(name), float(flux / error))
        for wave, name, flux, error in zip(table["LBDA_OBS"], names, table["FLUX"], table["FLUX_ERR"], strict=True)
    ]


def _draw_images(figure, cells, source):
    """Draw the white-light image and the narrow-band image of the strongest line."""
    names = [("MUSE_WHITE", "white light")]
    imaged = [line for line in _lines(source) if band_name(line[0]) in source.images]
    strongest = sorted(imaged, key=lambda line: -line[2])[:1]
    names += [(band_name(line[0]), f"narrow band {line[0]:.0f} Å") for line in strongest]
    for cell, (name, title) in zip(cells, names, strict=False):
        if name in source.images:
            image = source.images[name]
            y, x = image.wcs.sky2pix((source.DEC, source.RA))[0]
            scale = float(np.mean(np.abs(image.wcs.get_step(unit="arcsec"))))
            radius = source.header.get("PSF_FWHM", 0.8) / scale
            panels.draw_image(figure.add_subplot(cell), image, (x, y), radius, title, scale)


def _worth_a_look(source, redshifts, medium, data):
    """Return wavelength and name of lines, the strongest in the source first, none in another's panel."""
    candidates = [line[:2] for line in sorted(_lines(source), key=lambda line: -abs(line[2]))]
    if redshifts:
        candidates += [(panels.observed(name, redshifts[0][0], medium), name) for name in TELLING]
    chosen, (wave, flux, _) = [], data
    for line in candidates:
        seen = wave[0] < line[0] < wave[-1] and flux[np.abs(wave - line[0]) < panels.ZOOM].count() > 1
        if seen and all(abs(line[0] - other[0]) > panels.ZOOM for other in chosen):
            chosen.append(line)
    return chosen


def _draw_zooms(figure, cells, data, lines):
    for cell, (wave, name) in zip(cells, sorted(lines[: len(cells)]), strict=False):
        label = f"{LINES[name].label} {wave:.0f}" if name in LINES else f"{wave:.0f}"
        panels.draw_zoom(figure.add_subplot(cell), *data, wave, f"{label} Å")


def _draw_density(axes, source, redshifts):
    table = source.tables.get("ML_PZ", {"Z": [], "P": []})
    panels.draw_density(axes, np.asarray(table["Z"], float), np.asarray(table["P"], float), redshifts[:3])


def _write_titles(figure, source, redshifts):
    head = f"Source {source.ID}"
    figure.text(0.07, 0.953, head, fontsize=14, fontweight="bold", color=COLOURS["text"])
    figure.text(0.07, 0.912, _answer(source, redshifts), fontsize=12, color=COLOURS["best"])
    figure.text(
        0.985, 0.982, _circumstances(source), fontsize=8, color="#444444", ha="right", va="top", linespacing=1.4
    )


def _answer(source, redshifts):
    """Say class, redshift and probability."""
    kind = source.header.get("ML_CLASS", "not classified")
    if not redshifts:
        return f"{kind}, no redshift"
    p = source.header.get("ML_P")
    text = f"{kind}    z = {_with_error(redshifts[0][0], source.tables['ML_Z']['Z_ERR'][0])}"
    if p is None:
        return text
    return f"{text}    p > 0.999" if p > 0.999 else f"{text}    p = {p:.3f}"


def _with_error(value, error):
    """Write a redshift with as many decimals as its error deserves, 4 to 6."""
    if np.ma.is_masked(error) or not error > 0:
        return f"{value:.4f}"
    decimals = int(np.clip(1 - np.floor(np.log10(error)), 4, 6))
    return f"{value:.{decimals}f} ± {error:.{decimals}f}"


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
    return "\n".join(part for part in parts if part)


def _words(flags, bits):
    return [flag.name.lower().replace("_", " ") for flag in flags if flag and bits & flag]
