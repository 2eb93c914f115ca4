"""Options that several commands share."""

import ast
import os
import tomllib
from pathlib import Path

import click

from museml.api import DEFAULT_CLASSIFIER, DEFAULT_DETECTOR
from museml.errors import SettingError

__all__ = [
    "assignment",
    "chosen_jobs",
    "classifier_option",
    "config_option",
    "detector_option",
    "jobs_option",
    "read_config",
    "read_toml",
    "scheduler_option",
    "set_option",
    "settings",
]

SECTIONS = ("detector", "classifier")
MOST_JOBS = 8  # that nobody asked for: each may need 2 GB of memory

detector_option = click.option(
    "--detector", default=None, metavar="NAME", help=f"Detector; default {DEFAULT_DETECTOR}."
)
classifier_option = click.option(
    "--classifier", default=None, metavar="NAME", help=f"Classifier; default {DEFAULT_CLASSIFIER}."
)
jobs_option = click.option(
    "--jobs",
    "-j",
    type=int,
    default=None,
    metavar="N",
    help=f"Number of processes; default: one per core, at most {MOST_JOBS}.",
)
scheduler_option = click.option(
    "--scheduler", metavar="ADDRESS", help="Dask cluster to work on: tcp://HOST:PORT, or a scheduler file."
)
set_option = click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="KEY=VALUE",
    help="A setting, such as detector.threshold=6; repeatable.",
)
config_option = click.option(
    "--config",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="TOML file with sections [detector] and [classifier]: a name and settings.",
)


def chosen_jobs(jobs, scheduler=None):
    """Return the number of processes: that of --jobs, or else one per core that this process may use.

    Raises
    ------
    SettingError
        If there are both --jobs and --scheduler.
    """
    if jobs is not None and scheduler is not None:
        raise SettingError("--jobs is for this computer, --scheduler for a cluster; choose one of them")
    if jobs is not None:
        return jobs
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_JOBS)


def read_config(path):
    """Return the sections of a TOML file.

    Raises
    ------
    SettingError
        If it cannot be read, or has sections of other names.
    """
    if path is None:
        return {}
    sections = read_toml(path)
    for name, section in sections.items():
        if name not in SECTIONS or not isinstance(section, dict):
            raise SettingError(f"a configuration has the sections [detector] and [classifier]; {path!r} has {name!r}")
    return sections


def read_toml(path):
    """Return what is in the TOML file that --config names, or raise `SettingError` if it cannot be read."""
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingError(f"--config must name a TOML file; {path!r} cannot be read: {error}; correct it") from error


def settings(kind, name, default, sections, assignments, *, alone=False):
    """Return name and settings of a plugin; the command line goes before the file.

    Parameters
    ----------
    kind : {'detector', 'classifier'}
        What it is.
    name : str or None
        The name on the command line.
    default : str
        The name if neither gives one.
    sections : dict
        Of `read_config`.
    assignments : sequence of str
        ``KEY=VALUE``; KEY starts with the kind and a point.
    alone : bool
        Whether the command has no other kind of plugin, so that KEY may go without it.
    """
    section = dict(sections.get(kind, {}))
    from_file = section.pop("name", None)
    for text in assignments:
        key, value = assignment(text)
        owner, point, setting = key.partition(".")
        if not point and alone:
            owner, setting = kind, key
        if owner not in SECTIONS or not setting:
            raise SettingError(f"--set needs detector.KEY=VALUE or classifier.KEY=VALUE, not {text!r}")
        if owner == kind:
            section[setting] = value
    return name or from_file or default, section


def assignment(text):
    """Split KEY=VALUE; numbers, lists and the like are Python's, anything else is text."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise SettingError(f"--set needs KEY=VALUE, not {text!r}")
    try:
        return key.strip(), ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return key.strip(), {"true": True, "false": False}.get(value.lower(), value)
