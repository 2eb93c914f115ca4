"""``museml match``: two catalogues side by side."""

from dataclasses import replace
from pathlib import Path

import click

from museml.cli.catalog_options import column_options, footprint_option, open_any, read_footprint

__all__ = ["match"]


@click.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option("--output", "-o", "out", metavar="FILE", help="The joined table (.fits, .ecsv, .vot).")
@click.option("--radius", default=6.0, show_default=True, metavar="ARCSEC", help="Greatest distance of a match.")
@click.option("--tolerance", type=float, metavar="ANGSTROM", help="Greatest difference of wavelengths.")
@click.option(
    "--keep", type=click.Choice(["both", "first", "all"]), default="both", show_default=True,
    help="Rows of the table: matched ones, all of A, or all of both.",
)  # fmt: skip
@click.option(
    "--random", "number", default=20000, show_default=True, metavar="N", help="Positions for the chance rate."
)
@click.option("--seed", default=0, show_default=True, help="Of these positions.")
@footprint_option
@column_options
def match(first, second, out, radius, tolerance, keep, number, seed, footprints, told):
    """Match catalogues A and B one to one, the closest first, where both have looked.

    B is a file, or a catalogue to be fetched: lotss-dr2, first, nvss, tgss, sumss, gleam, allwise, a table of VizieR
    or the address of a cone search. Where both have looked is told by --footprint, or else by their outlines.
    """
    from museml.catalogs.match import match_catalogs
    from museml.output import check_target, format_of, write_table

    if out:
        format_of(out)
        check_target(out)
    only = ("ra", "dec") if tolerance is None else ("ra", "dec", "wave")
    ours = open_any(first, only=only)
    theirs = _second(second, ours[1], radius, told, only)
    footprint = _where(ours[1], theirs[1], radius, footprints)
    matching = match_catalogs(ours[1], theirs[1], radius, footprint=footprint, tolerance=tolerance)
    _report(matching, (first, second))
    if footprint is not None:
        _report_chance(matching, radius, footprint, tolerance=tolerance, number=number, seed=seed)
    if out:
        joined = replace(matching, first=ours[0], second=theirs[0]).joined(keep)
        write_table(joined, out)
        click.echo(f"{len(joined)} rows in {out}")


def _second(name, ours, radius, told, only):
    """Open a catalogue, or fetch the part of it that is around the first."""
    from museml.catalogs.outline import catalog_footprint
    from museml.catalogs.reference import query_reference

    if "://" not in name and (Path(name).exists() or Path(name).suffix):
        return open_any(name, told, only)
    around = catalog_footprint(ours["ra"], ours["dec"], radius)
    fetched = query_reference(name, *around.centre, around.reach + radius / 3600)
    return fetched, fetched


def _where(ours, theirs, radius, footprints):
    """Return the footprint: what is told, else where the outlines overlap; nothing for catalogues without positions."""
    from museml.catalogs.outline import common_outline
    from museml.catalogs.sphere import finite_positions

    if footprints:
        return read_footprint(footprints)
    if not all(finite_positions(table["ra"], table["dec"]).any() for table in (ours, theirs)):
        return None
    return common_outline(ours, theirs, radius)


def _report(matching, names):
    import numpy as np

    from museml.catalogs.sphere import finite_positions, offsets

    *totals, found, others = matching.counts
    tables = matching.first, matching.second
    for name, table, total, count in zip(names, tables, totals, (found, others), strict=True):
        lost = int(np.sum(~finite_positions(table["ra"], table["dec"])))
        more = f"; {lost} have no position" if lost else ""
        part = f" ({count / total:.1%})" if total else ""
        click.echo(
            f"{name}: {count} of {total} rows in the common footprint have a match{part}; {len(table)} in all{more}"
        )
    if len(matching.rows):
        ours, theirs = matching.first[matching.rows], matching.second[matching.others]
        east, north = offsets(ours["ra"], ours["dec"], theirs["ra"], theirs["dec"])
        distance = np.median(matching.separation)
        click.echo(
            f"A less B: median {np.median(east):+.3f} east, {np.median(north):+.3f} north, {distance:.3f} arcsec apart"
        )


def _report_chance(matching, radius, footprint, **settings):
    """Print how many matches chance makes: a row of A without a counterpart is matched with this probability."""
    from museml.catalogs.chance import chance_rate

    chance = chance_rate(matching.second, radius, footprint, **settings)
    total = matching.counts[0]
    click.echo(
        f"common footprint: {footprint.area:.4g} square degrees with {chance.density:.4g} rows of B in each; by chance "
        f"{chance.value:.2%} of random positions have one within {radius:g} arcsec (95 %: {chance.low:.2%} to "
        f"{chance.high:.2%}; {chance.expected:.2%} by the density): at most {chance.value * total:.1f} of the rows of A"
    )
