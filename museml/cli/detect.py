"""``museml detect``: find what is in cubes."""

import warnings
from pathlib import Path

import click

from museml.cli.options import config_option, detector_option, read_config, set_option, settings
from museml.errors import MusemlError, MusemlWarning, SettingError

__all__ = ["detect"]

COLUMNS = ("id", "source", "kind", "ra", "dec", "wave", "fwhm", "snr", "flux", "n_false", "p_real", "flags")


@click.command()
@click.argument("cubes", nargs=-1, required=True, metavar="CUBE...")
@click.option(
    "--output", "-o", "out", required=True, metavar="OUT",
    help="Table (.fits, .ecsv, .vot); for several cubes a folder.",
)  # fmt: skip
@detector_option
@set_option
@config_option
@click.pass_context
def detect(context, cubes, out, detector, assignments, config):
    """Find emission lines and continuum sources in CUBEs, and write them into a table."""
    from museml.api import DEFAULT_DETECTOR, get_detector
    from museml.output import check_target, write_table

    name, chosen = settings("detector", detector, DEFAULT_DETECTOR, read_config(config), assignments, alone=True)
    finder = get_detector(name, **chosen)
    finder.check_accepts("cube", "'museml detect'")
    targets = _targets(cubes, out)
    check_target(targets[0])
    failed = []
    for cube, target in zip(cubes, targets, strict=True):
        try:
            detections = finder.detect(cube)
        except MusemlError as error:
            if len(cubes) == 1:
                raise
            failed.append(cube)
            warnings.warn(f"{cube!r} failed, the others go on: {error}", MusemlWarning, stacklevel=1)
            continue
        write_table(detections, target)
        _report(detections, target)
    if failed:
        context.exit(1)


def _targets(cubes, out):
    """Return the file for each cube, and refuse bad names before the work starts."""
    from museml.data.cubes import cube_name
    from museml.output import SUFFIXES, format_of, make_folder

    if len(cubes) == 1:
        format_of(out)
        return [Path(out)]
    if Path(out).suffix.lower() in SUFFIXES:
        raise SettingError(
            f"the output of several cubes must be a folder; {out!r} has the suffix of a table; rename it"
        )
    stems = [cube_name(cube) for cube in cubes]
    if len(set(stems)) < len(stems):
        raise SettingError("cubes of the same name would overwrite each other's tables; detect them one by one")
    make_folder(out)
    return [Path(out) / f"{stem}-detections.fits" for stem in stems]


def _report(detections, target):
    from museml.cli.tables import text_of
    from museml.errors import DetectionFlag

    if len(detections):
        click.echo(text_of(detections, COLUMNS, DetectionFlag))
    click.echo(f"{len(detections)} detections in {target}")
