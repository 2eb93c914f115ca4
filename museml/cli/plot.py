"""``museml plot``: a picture of an image, with catalogues on it."""

from pathlib import Path

import click

from museml.errors import SettingError

__all__ = ["plot"]

COLUMNS = ("id", "source", "ra", "dec", "major", "minor", "pa", "flags")


@click.command()
@click.argument("image")
@click.argument("catalog", required=False)
@click.option("--output", "-o", "out", required=True, metavar="FILE", help="The picture (.png).")
@click.option("--reference", metavar="FILE", help="A second catalogue: colours tell what is in both and in one only.")
@click.option("--at", type=(float, float), metavar="RA DEC", help="Show the surroundings of a position, degrees.")
@click.option("--source", type=int, metavar="N", help="Show the surroundings of this source of the catalogue.")
@click.option("--size", type=float, metavar="ARCSEC", help="Side of what is shown; by default 25 beams.")
@click.option("--contours", metavar="LEVELS", help="In units of the local noise, such as 3,5,10; 'none' for none.")
@click.option("--radius", type=float, metavar="ARCSEC", help="Of a match with the reference; by default the beam.")
@click.option("--beam", metavar="SIZE", help="FWHM in arcsec, or 'MAJ MIN PA', if the header has none.")
@click.option("--unit", metavar="UNIT", help="Of the pixels, such as 'mJy/beam', if the header has none.")
def plot(image, catalog, out, reference, contours, beam, unit, **options):
    """Draw IMAGE with its beam, and the sources of CATALOG (as museml, PyBDSF, Aegean and others write them)."""
    from museml.data.images import open_image
    from museml.output import check_target
    from museml.plots.figures import save_figure
    from museml.plots.image import plot_image

    levels = _levels(contours)
    _check_suffix(out)
    check_target(out)
    opened = open_image(image, beam=beam, unit=unit)
    tables = [None if path is None else _open_catalog(path) for path in (catalog, reference)]
    names = [Path(path).stem if path else "" for path in (catalog, reference)]
    save_figure(plot_image(opened, *tables, contours=levels, names=names, **options), out)
    click.echo(f"the picture is {out}")


def _open_catalog(path):
    """Open a catalogue for its positions and sizes; flags are museml's own only."""
    from museml.cli.catalog_options import open_any

    raw, table = open_any(path, only=COLUMNS)
    if "flags" in table.colnames and "PLUGIN" not in raw.meta:
        table.remove_column("flags")
    return table


def _check_suffix(out):
    if not out.lower().endswith(".png"):
        raise SettingError(f"the picture is a PNG file; {out!r} has another suffix; rename the output")


def _levels(text):
    """Read the levels of contours; None is for the usual ones."""
    if text is None or text.strip().lower() == "none":
        return None if text is None else ()
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise SettingError(f"--contours needs numbers with commas, such as 3,5,10, not {text!r}") from error
