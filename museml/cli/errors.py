"""How errors and warnings reach the user of the shell: one line each, on stderr."""

import warnings
from contextlib import contextmanager

import click

from museml.errors import MusemlError

__all__ = ["reported", "short_warnings"]

INTERRUPTED = 130  # 128 + SIGINT, as shells have it


@contextmanager
def reported(context, debug=False):
    """Turn errors into one line on stderr and an exit code.

    Parameters
    ----------
    context : `click.Context`
        Its ``exit`` is called with 1, or with 130 after Ctrl-C and 143 after SIGTERM.
    debug : bool
        Let errors through, so that Python shows the traceback.
    """
    try:
        yield
    except KeyboardInterrupt as stop:
        click.echo("\nmuseml: stopped; files written so far are whole", err=True)
        context.exit(getattr(stop, "exit_code", INTERRUPTED))
    except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
        raise
    except Exception as error:
        if debug:
            raise
        click.echo(f"museml: error: {_line(error)}", err=True)
        context.exit(1)


@contextmanager
def short_warnings():
    """Show each warning as one line on stderr, without file and line number."""
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        yield


def _line(error):
    text = " ".join(str(error).split())
    if isinstance(error, MusemlError):
        return text
    name = type(error).__name__
    return f"{name}: {text}; this is a bug of museml or of a plugin: run 'museml --debug ...' and report what it shows"


def _show_warning(message, category, filename, lineno, file=None, line=None):
    click.echo(f"museml: warning: {' '.join(str(message).split())}", err=True)
