"""Many spectra to one table on disk, part by part: the memory is bounded, and a stopped run can be resumed."""

import json
from collections import Counter
from itertools import islice
from pathlib import Path

from astropy.table import vstack

from museml.data.unread import Unread, count_spectra, unread
from museml.errors import InputError, OutputError, SettingError
from museml.output import check_target, format_of, make_folder, read_table, remove_parts, write_json, write_table
from museml.pipeline.joining import join_fits, part_column
from museml.pipeline.progress import bar

__all__ = ["classify_to_file"]

#: rows of a part: what is lost at most when the run is stopped
ROWS = 1024
RECORD = "provenance.json"


def classify_to_file(data, out, classifier, *, pz=False, resume=False, overwrite=False, progress=True, report=None):
    """Classify spectra and write the answers into one table, however many there are.

    The answers are collected in files in the folder ``<out>.parts``; at the end they are joined in ``out`` and the
    folder is removed. Neither spectra nor answers are ever in memory all at once.

    Parameters
    ----------
    data : anything that `~museml.data.spectra.open_spectra` takes
        The spectra.
    out : path
        The table: .fits, .ecsv or .vot; one that exists is replaced.
    classifier : `~museml.Classifier`
        It takes spectra.
    pz : bool
        Whether to keep the probability density over redshift, about 50 kB a row; in FITS only.
    resume : bool
        Go on with a run that was stopped; its spectra and settings must be the same.
    overwrite : bool
        Begin anew, even if there are parts of a run that was stopped.
    progress : bool
        Whether to show a progress bar, if stderr is a terminal.
    report : callable
        Called with each part of the answers, a `~museml.Predictions`.

    Returns
    -------
    `collections.Counter`
        Number of spectra by class.

    Raises
    ------
    InputError
        If no spectrum can be read, or those of a run that is resumed were others.
    OutputError
        If the table cannot be written, or there are parts of another run.
    SettingError
        If the format is not known or cannot keep ``pz``.
    """
    _check(out, pz)
    classifier.check_accepts("spectrum", "a table of redshifts")
    parts = _Parts(out, {**classifier.provenance(), "pz": pz})
    done = parts.open(resume, overwrite)
    with parts, bar(count_spectra(data), "spectra", progress, done) as shown:
        for table in _filled(classifier.stream(_remaining(data, parts)), pz, shown):
            parts.write(table)
            if report:
                report(table)
        return parts.join(classifier.predictions)


def _check(out, pz):
    if format_of(out) != "fits" and pz:
        raise SettingError(f"p(z) is written into FITS only; {str(out)!r} is none; rename the output or leave pz out")
    check_target(out)


def _filled(tables, pz, shown):
    """Yield tables with as many rows as a part has."""
    waiting = []
    for table in tables:
        if not pz and "pz" in table.colnames:
            table.remove_column("pz")
        waiting.append(table)
        shown.update(len(table))
        if sum(map(len, waiting)) >= ROWS:
            yield _stacked(waiting)
            waiting = []
    if waiting:
        yield _stacked(waiting)


def _stacked(tables):
    table = vstack(tables, metadata_conflicts="silent")
    table.meta = tables[0].meta
    return table


def _remaining(data, parts):
    """Yield the spectra that are not in the parts yet, named by their place where they have no name."""
    items = (Unread(item.name or str(place), item.load) for place, item in enumerate(unread(data), 1))
    for file in parts.files():
        ids = part_column(file, "id")
        if [item.name for item in islice(items, len(ids))] != ids:
            raise InputError(
                f"a run is resumed with the same spectra in the same order; {str(file)!r} has others; "
                "give the same input, or begin anew (--overwrite)"
            )
    yield from items


class _Parts:
    """The folder with the parts of a table."""

    def __init__(self, out, recipe):
        self._out = Path(out)
        self._folder = self._out.with_name(f"{self._out.name}.parts")
        self._recipe = json.loads(json.dumps(recipe, default=str))

    def open(self, resume, overwrite):
        """Make the folder ready and return how many spectra are done."""
        there = self.files()
        if there and overwrite:
            self.remove()
        elif there and not resume:
            raise OutputError(
                f"{str(self._folder)!r} holds parts of a run that was stopped; resume it (--resume) or begin anew "
                "(--overwrite)"
            )
        elif there:
            self._compare()
            there[-1].unlink()  # done again, so that what is left holds spectra that can be read
        make_folder(self._folder)
        remove_parts(self._folder)
        write_json(self._recipe, self._folder / RECORD)
        return sum(len(part_column(file, "flags")) for file in self.files())

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if not self.files():
            self.remove()

    def files(self):
        """Return the files of the parts in order."""
        return sorted(self._folder.glob("part-*.fits"))

    def write(self, table):
        """Write the next part."""
        write_table(table, self._folder / f"part-{len(self.files()) + 1:06d}.fits")

    def join(self, predictions):
        """Write the whole table, remove the parts, and return the number of rows by class."""
        files = self.files()
        counts = sum((Counter(part_column(file, "class")) for file in files), Counter())
        if format_of(self._out) == "fits":
            join_fits(files, self._out)
        else:
            write_table(_stacked([read_table(predictions, file) for file in files]), self._out)
        self.remove()
        return counts

    def remove(self):
        """Remove the folder and the parts in it."""
        for path in (*self.files(), self._folder / RECORD):
            path.unlink(missing_ok=True)
        remove_parts(self._folder)
        if self._folder.is_dir() and not any(self._folder.iterdir()):
            self._folder.rmdir()

    def _compare(self):
        old = json.loads((self._folder / RECORD).read_text())
        for key in sorted(set(old) | set(self._recipe)):
            if old.get(key) != self._recipe.get(key):
                raise OutputError(
                    f"the run in {str(self._folder)!r} differs from this one: {key} was {old.get(key)!r}, now "
                    f"{self._recipe.get(key)!r}; repeat its settings, or begin anew (--overwrite)"
                )
