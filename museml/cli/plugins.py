"""``museml plugins``: what is registered, whose it is, and what failed."""

import json

import click

from museml.errors import MusemlError
from museml.plugins import load_plugins

__all__ = ["plugins"]

COLUMNS = ("name", "kind", "accepts", "package", "version", "state", "reason")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON for other programs.")
@click.option("--check", is_flag=True, help="Import each thing, to see that it is there; takes some seconds.")
def plugins(as_json, check):
    """List detectors, classifiers, models and commands, and the plugins that failed."""
    rows = _rows(load_plugins(), check)
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for line in _lines(rows):
        click.echo(line)


def _rows(loaded, check):
    """Return one dictionary per registered thing, then one per plugin that failed."""
    rows = [_entry_row(entry, _problem(entry) if check else "") for entry in loaded.registry.entries()]
    failed = [plugin for plugin in loaded.found if plugin.reason]
    return rows + [_row(p.name, "plugin", (), p.package, p.version, p.state, p.reason) for p in failed]


def _entry_row(entry, problem):
    spec, state = entry.spec, "failed" if problem else "ok"
    return _row(spec.name, entry.kind, spec.accepts, entry.package, entry.version, state, problem)


def _problem(entry):
    """Return why a registered thing cannot be loaded, or nothing."""
    try:
        if entry.kind == "model":
            from museml.model import load_model

            load_model(entry.spec.name)
        else:
            entry.load()
    except MusemlError as error:
        return str(error)
    return ""


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
