"""``museml demo``: the whole job on a real cube that comes with MPDAF."""

import os
from pathlib import Path

import click

__all__ = ["demo"]


@click.command()
@click.option("--output", "-o", "out", default="museml-demo", show_default=True, metavar="OUT", help="Folder.")
@click.option("--jobs", "-j", default=min(2, os.cpu_count() or 1), show_default=True, help="Number of processes.")
@click.option("--overwrite", is_flag=True, help="Replace the run that is in OUT.")
def demo(out, jobs, overwrite):
    """Run the whole job on a part of the MUSE cube of Abell 478 that MPDAF ships.

    A second run finds its work done, and one that was stopped goes on.
    """
    import mpdaf

    import museml
    from museml.cli.run import report

    cube = Path(mpdaf.__file__).parent / "data" / "sdetect" / "minicube.fits"
    click.echo(f"cluster Abell 478, 900 s with MUSE (3681 x 40 x 40): {cube}", err=True)
    catalog = museml.run(cube, out, jobs=jobs, resume=not overwrite, overwrite=overwrite)
    report(catalog, out)
