"""Tables as people read them in a terminal."""

import numpy as np

__all__ = ["IMAGE_FORMATS", "text_of"]

FORMATS = {
    "ra": "{:.5f}", "dec": "{:+.5f}", "x": "{:.1f}", "y": "{:.1f}", "wave": "{:.1f}", "fwhm": "{:.1f}",
    "snr": "{:.1f}", "flux": "{:.0f}", "flux_err": "{:.0f}", "line_flux": "{:.0f}", "line_wave": "{:.1f}",
    "cont_flux": "{:.3g}", "score": "{:.1f}", "n_false": "{:.2g}", "p_real": "{:.2f}",
    "snr_low": "{:.1f}", "snr_high": "{:.1f}", "completeness": "{:.2f}", "low": "{:.2f}", "high": "{:.2f}",
    "flux_ratio": "{:.2f}", "offset": "{:.2f}", "right": "{:.2f}",
    "z": "{:.4f}", "z_err": "{:.1g}", "p": "{:.2f}", "z_2": "{:.4f}", "p_2": "{:.2f}", "z_3": "{:.4f}", "p_3": "{:.2f}",
    "seconds": "{:.0f}", "major": "{:.1f}", "minor": "{:.1f}", "pa": "{:.0f}",
}  # fmt: skip


#: of flux densities, in the units of images
IMAGE_FORMATS = dict.fromkeys(("peak", "flux", "flux_err", "rms"), "{:.3g}")


def text_of(table, columns, flags=None, formats=None):
    """Lay columns of a table out as lines of text; what has no value is a dash.

    Parameters
    ----------
    table : `~astropy.table.Table`
        The table.
    columns : sequence of str
        Which columns; those that the table lacks are left out.
    flags : `enum.IntFlag`
        What the bits of the column ``flags`` mean; they are written in words.
    formats : dict
        Formats by column, other than the usual ones.
    """
    formats = FORMATS | (formats or {})
    kept = [name for name in columns if name in table.colnames]
    cells = [[_cell(name, value, flags, formats) for value in table[name]] for name in kept]
    widths = [max(len(name), *(len(cell) for cell in column), 0) for name, column in zip(kept, cells, strict=True)]
    rows = [kept, *zip(*cells, strict=True)]
    lines = ["  ".join(_aligned(row, widths, kept, table)).rstrip() for row in rows]
    return "\n".join(lines)


def _cell(name, value, flags, formats):
    if np.ma.is_masked(value):
        return "-"
    if name == "flags" and flags is not None:
        return ", ".join(flag.name.lower().replace("_", " ") for flag in flags if flag and int(value) & flag) or "-"
    form = formats.get(name.lower())
    return form.format(value) if form else str(value)


def _aligned(row, widths, names, table):
    for cell, width, name in zip(row, widths, names, strict=True):
        yield cell.ljust(width) if name == "flags" or table[name].dtype.kind in "SU" else cell.rjust(width)
