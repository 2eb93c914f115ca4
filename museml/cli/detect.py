"""``museml detect``: find what is in cubes and images."""

import warnings
from pathlib import Path

import click

from museml.cli.lists import LIST_FORMATS, check_lists, list_files, report_list, write_list
from museml.cli.options import config_option, detector_option, read_config, set_option, settings
from museml.errors import InputError, MusemlError, MusemlWarning, SettingError

__all__ = ["detect"]

DEGREES = 6 / 3600  # beam of a list that does not tell it


@click.command()
@click.argument("data", nargs=-1, required=True, metavar="DATA...")
@click.option(
    "--output", "-o", "outs", multiple=True, metavar="OUT",
    help="Table (.fits, .ecsv, .vot) or regions (.reg: DS9, .crtf: CASA); repeatable. Or a folder, as for many DATA.",
)  # fmt: skip
@click.option(
    "--format", "formats", multiple=True, type=click.Choice(list(LIST_FORMATS)),
    help="Of the files in the folder; repeatable; default fits.",
)  # fmt: skip
@click.option("--mpdaf", "as_catalog", is_flag=True, help="Make FITS tables Catalogs of MPDAF: columns ID, RA, DEC.")
@click.option("--merge", metavar="FILE", help="One list of several overlapping images, with nothing twice.")
@click.option("--plots", is_flag=True, help="Draw each image with what was found in it, beside its list.")
@click.option("--beam", metavar="'MAJ MIN PA'", help="Beam of images in arcsec and deg; default: of the header.")
@click.option("--unit", metavar="UNIT", help="Unit of images, such as Jy/beam; default: BUNIT.")
@detector_option
@set_option
@config_option
@click.pass_context
def detect(context, data, outs, formats, as_catalog, merge, plots, beam, unit, detector, assignments, config):
    """Find sources in DATA, cubes or images, and write them into a table.

    In cubes these are emission lines and continuum sources, in images the components of sources.
    """
    from museml.api import DEFAULT_DETECTOR

    if not outs and (plots or not merge):
        raise SettingError("a list must go somewhere, and its picture beside it; name a file or a folder with --output")
    chosen = settings("detector", detector, DEFAULT_DETECTOR, read_config(config), assignments, alone=True)
    finders = _finders(data, *chosen, given={"--beam": beam, "--unit": unit, "--merge": merge, "--plots": plots})
    files = list_files([_name(path) for path in data], outs, formats)
    check_lists([path for paths in (*files.values(), [merge] if merge else []) for path in paths])
    lists = _detect_all(finders, files, {"beam": beam, "unit": unit}, as_catalog, plots)
    if merge and lists:
        _merge(lists, Path(merge), as_catalog)
    if len(lists) < len(data):
        context.exit(1)


def _finders(data, name, chosen, given):
    """Return the detector for each of the data, refusing before the work what no detector or option is for."""
    from museml.api import get_detector
    from museml.data.kind import kind_of

    kinds = [kind_of(path) for path in data]
    known = next(filter(None, kinds), "image" if any(given.values()) else None)
    kinds = [kind or known for kind in kinds]
    made = {kind: get_detector(name, kind, **chosen) for kind in dict.fromkeys(kinds)}
    for kind, finder in made.items():
        if kind:
            finder.check_accepts(kind, "'museml detect' of this file")
    for option, value in given.items():
        if value and "cube" in kinds:
            raise SettingError(f"{option} is for images; {data[kinds.index('cube')]!r} is a cube; leave it out")
    return [(path, made[kind]) for path, kind in zip(data, kinds, strict=True)]


def _detect_all(finders, files, given, as_catalog, plots):
    """Detect in all data, and return the lists by name; where there are several, one that fails is passed over."""
    lists = {}
    for path, finder in finders:
        targets = files[_name(path)]
        try:
            data = _opened(path, finder, given)
            found = finder.detect(data)
        except MusemlError as error:
            if len(finders) == 1:
                raise
            warnings.warn(f"{path!r} failed, the others go on: {error}", MusemlWarning, stacklevel=2)
            continue
        lists[_name(path)] = found
        for target in targets:
            write_list(found, target, as_catalog)
        if plots:
            _draw(data, found, targets[0].with_suffix(".png"))
        report_list(found, targets or [path])
    return lists


def _opened(path, finder, given):
    from museml.data.images import open_image

    if not Path(path).exists():
        raise InputError(f"a cube or an image must be an existing file; there is none at {path!r}; check the path")
    return open_image(path, **given) if "image" in finder.accepts else path


def _draw(image, found, path):
    from museml.plots import plot_image, save_figure

    save_figure(plot_image(image, found, title=f"{image.name}: {len(found)} components"), path)


def _merge(lists, path, as_catalog):
    """Write one list of all; what is no farther apart than the widest beam is one."""
    from museml.catalogs.mosaics import merge_mosaics

    beam = max(found.meta.get("BMAJ", DEGREES) for found in lists.values())
    merged = merge_mosaics(lists, radius=3600 * beam)
    write_list(merged, path, as_catalog)
    report_list(merged, [path])


def _name(path):
    from museml.data.image_files import image_name

    return image_name(path)
