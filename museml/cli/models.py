"""``museml models``: the models that are installed, and the card of one."""

import json
import textwrap
from dataclasses import asdict

import click

from museml.errors import MusemlError
from museml.model import load_model, own_models
from museml.plugins import load_plugins

__all__ = ["models"]

WIDTH = 100
COLUMNS = ("name", "version", "accepts", "package", "summary")


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for other programs.")
@click.pass_context
def models(context, as_json):
    """List the models, or show the card of one."""
    if context.invoked_subcommand:
        return
    rows = list(_rows())
    click.echo(json.dumps(rows, indent=2) if as_json else "\n".join(_lines(rows)))


@models.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for other programs.")
def show(name, as_json):
    """Show the card of a model, by its name or the path of its file."""
    model = load_model(name)
    card = asdict(model.card) | {"sha256": model.sha256}
    click.echo(json.dumps(card, indent=2) if as_json else "\n".join(_card_lines(card)))


def _rows():
    """Return one dictionary per model, the user's own first, as they are looked for."""
    yield from (_row(name, "(own)") for name in own_models())
    for entry in load_plugins().registry.entries("model"):
        yield _row(entry.spec.name, entry.package)


def _row(name, package):
    try:
        card = load_model(name).card
        values = name, card.version, ", ".join(card.accepts), package, card.summary
    except MusemlError as error:
        values = name, "", "", package, f"cannot be read: {error}"
    return dict(zip(COLUMNS, values, strict=True))


def _lines(rows):
    """Lay the rows out in columns."""
    widths = {name: max(len(name), *(len(row[name]) for row in rows), 0) for name in COLUMNS} if rows else {}
    table = [dict(zip(COLUMNS, COLUMNS, strict=True)), *rows] if rows else []
    for row in table:
        yield "  ".join(row[name].ljust(widths[name]) for name in COLUMNS).rstrip()
    if not rows:
        yield "no models are installed"


def _card_lines(card):
    """Lay a card out for people: one heading per field, wrapped text, and the scores as a list."""
    for name, value in card.items():
        if name == "scores":
            yield "scores"
            yield from (f"  {_score(score)}" for score in value)
        else:
            yield name.replace("_", " ")
            text = ", ".join(value) if isinstance(value, (list, tuple)) else str(value)
            yield textwrap.fill(text, WIDTH, initial_indent="  ", subsequent_indent="  ")


def _score(score):
    text = f"{score['name']}: {score['value']:.3f}"
    if "low" in score:
        text += f" ({score['low']:.3f} to {score['high']:.3f})"
    if "n" in score:
        text += f", n = {score['n']}"
    return f"{text}, {score['data']}" if score.get("data") else text
