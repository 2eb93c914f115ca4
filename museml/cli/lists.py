"""Lists of detections on their way out: the files asked for, and what the terminal shows."""

import os
from pathlib import Path

import click

from museml.errors import SettingError

__all__ = ["LIST_FORMATS", "check_lists", "list_files", "report_list", "write_list"]

#: format -> suffix of the file
LIST_FORMATS = {"fits": ".fits", "ecsv": ".ecsv", "votable": ".vot", "ds9": ".reg", "casa": ".crtf"}
COLUMNS = ("id", "source", "kind", "ra", "dec", "wave", "fwhm", "snr", "flux", "n_false", "p_real", "flags")
IMAGE_COLUMNS = ("id", "source", "ra", "dec", "peak", "flux", "flux_err", "major", "minor", "pa", "snr", "p_real",
                 "flags")  # fmt: skip
UNITS = "peak in Jy/beam, flux in Jy, major and minor (FWHM) in arcsec"
LISTED = 40  # rows that are shown of an image


def check_lists(paths):
    """Check that each file can be written in the format of its suffix, before the work that it shall hold.

    Raises
    ------
    SettingError
        If a suffix is not known.
    OutputError
        If a folder is missing or may not be written to.
    MissingPackageError
        If a region file is asked for and the package regions is not installed.
    """
    from museml.catalogs.regions import REGION_SUFFIXES, load_regions
    from museml.output import SUFFIXES, check_target

    for path in map(Path, paths):
        suffix = path.suffix.lower()
        if suffix not in {**SUFFIXES, **REGION_SUFFIXES}:
            raise SettingError(
                f"the suffix of a list must be one of {', '.join({**SUFFIXES, **REGION_SUFFIXES})}; {str(path)!r} "
                f"has {suffix!r}; rename the output"
            )
        if suffix in REGION_SUFFIXES:
            load_regions()
        check_target(path)


def list_files(names, outs, formats):
    """Return the files of each list by its name: those given, or those in the folder given, as for several lists.

    Raises
    ------
    SettingError
        If several lists have one name, or their output is not one folder.
    """
    from museml.output import make_folder

    if len(set(names)) < len(names):
        raise SettingError("data of the same name would overwrite each other's lists; detect in them one by one")
    if not outs:
        return {name: [] for name in names}
    if len(names) == 1 and not any(_is_folder(out) for out in outs):
        if formats:
            raise SettingError(f"--format is for a folder; {outs[0]!r} has its format from its suffix; leave it out")
        return {names[0]: [Path(out) for out in outs]}
    if len(outs) > 1 or Path(outs[0]).suffix.lower() in (*LIST_FORMATS.values(), ".fit", ".xml"):
        raise SettingError(
            f"the output of several cubes or images must be a folder, one for all; {outs[-1]!r} has the suffix of a "
            "list, or is a second one; name one folder, and choose formats with --format"
        )
    make_folder(outs[0])
    suffixes = [LIST_FORMATS[format] for format in formats or ("fits",)]
    return {name: [Path(outs[0]) / f"{name}-detections{suffix}" for suffix in suffixes] for name in names}


def _is_folder(out):
    return out.endswith(("/", os.sep)) or Path(out).is_dir()


def write_list(table, path, as_catalog=False):
    """Write a list in the format of the file's suffix; a FITS table may be one for MPDAF's Catalog."""
    from museml.catalogs.image_catalog import write_image_catalog
    from museml.catalogs.regions import REGION_SUFFIXES, write_regions
    from museml.output import SUFFIXES, write_table

    suffix = path.suffix.lower()
    if suffix in REGION_SUFFIXES:
        write_regions(table, path)
    elif as_catalog and SUFFIXES[suffix] == "fits":
        write_image_catalog(table, path)
    else:
        write_table(table, path)


def report_list(table, paths):
    """Show a list, the first rows of one of an image, and tell where it is."""
    from museml.cli.tables import IMAGE_FORMATS, text_of
    from museml.errors import DetectionFlag

    of_image = "peak" in table.colnames
    shown = table[:LISTED] if of_image else table
    if len(table):
        columns, formats = (IMAGE_COLUMNS, IMAGE_FORMATS) if of_image else (COLUMNS, None)
        click.echo(text_of(shown, columns, DetectionFlag, formats))
    if len(shown) < len(table):
        click.echo(f"... and {len(table) - len(shown)} more")
    units = f" ({UNITS})" if of_image and len(table) else ""
    click.echo(f"{len(table)} detections in {', '.join(map(str, paths))}{units}")
