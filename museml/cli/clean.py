"""``museml clean``: a catalogue without what bright sources leave around them."""

import click

from museml.cli.catalog_options import column_options, open_any

__all__ = ["clean"]

SHOWN = ("near bright", "duplicate", "no position")


@click.command()
@click.argument("catalog")
@click.option("--output", "-o", "out", required=True, metavar="FILE", help="The cleaned table (.fits, .ecsv, .vot).")
@click.option(
    "--law", metavar="LAW",
    help="Exclusion radius in arcsec by the flux S in mJy, such as '4 * exp(log10(S)) + 2' (the default), 30, or none.",
)  # fmt: skip
@click.option(
    "--bright", default=10.0, show_default=True, metavar="MJY", help="Sources from this flux on have a radius."
)
@click.option("--faint", default=10.0, show_default=True, metavar="MJY", help="Fainter sources inside it go.")
@click.option(
    "--duplicates", default=2.0, show_default=True, metavar="ARCSEC",
    help="Of sources closer than this the brightest stays.",
)  # fmt: skip
@click.option(
    "--flag", is_flag=True, help="Keep all rows, and say in columns which should go, why, and because of which."
)
@click.option("--removed", metavar="FILE", help="A table of what was removed, and why.")
@column_options
def clean(catalog, out, law, removed, told, **options):
    """Remove from CATALOG what lies around bright sources, what is listed twice, and what has no position."""
    from museml.catalogs.clean import clean_catalog
    from museml.catalogs.laws import LAW
    from museml.output import check_target, format_of, write_table

    for path in filter(None, (out, removed)):
        format_of(path)
        check_target(path)
    flag = options.pop("flag")
    raw, table = open_any(catalog, told, ("ra", "dec", "flux", "snr", "score", "id"))
    law = None if law == "none" else law or LAW
    judged = clean_catalog(table, law=law, **options, flag=True)
    flagged = raw.copy()
    for name in ("removed", "removed_by", "removed_distance"):
        flagged[name] = judged[name]
    flagged.meta |= {key: judged.meta[key] for key in ("CLEANLAW", "N_CLEAN")}
    goes = judged["removed"] != ""
    cleaned = flagged if flag else flagged[~goes][raw.colnames]
    write_table(cleaned, out)
    if removed:
        write_table(flagged[goes], removed)
    _report(judged["removed"], out, flag)


def _report(reasons, out, flag):
    counts = [f"{(reasons == reason).sum()} {reason}" for reason in SHOWN if (reasons == reason).any()]
    goes = int((reasons != "").sum())
    click.echo(
        f"{goes} of {len(reasons)} rows {'flagged' if flag else 'removed'}{': ' if counts else ''}{', '.join(counts)}"
    )
    click.echo(f"{len(reasons) if flag else len(reasons) - goes} rows in {out}")
