"""``museml plugins``: what is registered, whose it is, and what failed."""

import json

import click

from museml.plugins import load_plugins

__all__ = ["plugins"]

COLUMNS = ("name", "kind", "accepts", "package", "version", "state", "reason")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON for other programs.")
def plugins(as_json):
    """List detectors, classifiers, models and commands, and the plugins that failed."""
    rows = _rows(load_plugins())
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for line in _lines(rows):
        click.echo(line)


def _rows(loaded):
    """Return one dictionary per registered thing, then one per plugin that failed."""
    rows = [
        _row(entry.spec.name, entry.kind, entry.spec.accepts, entry.package, entry.version, "ok", "")
        for entry in loaded.registry.entries()
    ]
    failed = [plugin for plugin in loaded.found if plugin.reason]
    return rows + [_row(p.name, "plugin", (), p.package, p.version, p.state, p.reason) for p in failed]


def _row(*values):
    return dict(zip(COLUMNS, values, strict=True))


def _lines(rows):
    """Lay the rows out in columns; reasons of failures, which are long, get their own line."""
    columns = COLUMNS[:-1]
    rows = [{**row, "accepts": ", ".join(row["accepts"])} for row in rows]
    widths = {name: max(len(name), *(len(row[name]) for row in rows)) for name in columns}
    yield "  ".join(name.ljust(widths[name]) for name in columns).rstrip()
    for row in rows:
        yield "  ".join(row[name].ljust(widths[name]) for name in columns).rstrip()
        if row["reason"]:
            yield f"    {row['reason']}"
