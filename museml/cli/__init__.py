"""The command ``museml``: one command per file, found through the registry when it is needed."""

import click

from museml._version import __version__
from museml.cli.errors import reported, short_warnings
from museml.cli.signals import stoppable
from museml.plugins import load_plugins

__all__ = ["main"]


class Commands(click.Group):
    """The commands that plugins registered; a command's module is imported only when it is used."""

    def list_commands(self, context):
        """Return the names of the commands."""
        return [entry.spec.name for entry in load_plugins().registry.entries("command")]

    def get_command(self, context, name):
        """Import and return a command, or None if no plugin has it."""
        entries = {entry.spec.name: entry for entry in load_plugins().registry.entries("command")}
        return entries[name].load() if name in entries else None

    def format_commands(self, context, formatter):
        """List the commands with their summaries, without importing them."""
        entries = load_plugins().registry.entries("command")
        with formatter.section("Commands"):
            formatter.write_dl([(entry.spec.name, entry.spec.summary) for entry in entries])

    def main(self, *args, **kwargs):
        """Parse the command line and run the command."""
        with short_warnings():
            return super().main(*args, **kwargs)

    def invoke(self, context):
        """Run a command; what goes wrong ends in one line and an exit code."""
        with reported(context, debug=context.params["debug"]), stoppable():
            return super().invoke(context)


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(__version__, prog_name="museml")
def main(debug):
    """Find and classify sources in MUSE data cubes.

    Try: museml demo
    """
