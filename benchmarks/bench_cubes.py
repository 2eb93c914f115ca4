"""Detection in cubes: museml's detectors and others on the same simulated cubes, beside what theory allows.

Run from anywhere:
``OMP_NUM_THREADS=1 python benchmarks/bench_cubes.py [lines false continuum redshifts cost full figure]``.

MUSELET takes part where SExtractor is installed (Debian: ``apt-get install source-extractor``), SEP where it is
(``pip install sep``). Cubes and the answers of the others are kept in the folder ``--work``; remove them when the
simulator has changed. Each answer comes from a process of its own, whose time and memory are told with it.
The tables are written into ``results/`` beside this file; README.md tells what is in them.
"""

import argparse
from pathlib import Path

import cubes_scores as scores
from astropy.table import Table
from cubes_cost import ask
from cubes_fields import FIELDS, make_field
from cubes_figure import draw
from cubes_finders import OWN, answer_once
from cubes_readable import READABLE
from cubes_rivals import available
from result_rows import merged, write

SLOW = ("MUSELET", "MUSELET, low threshold", "photutils, narrow bands")
LINES = (
    "lines",
    "joint",
    "matched filter",
    "SEP, narrow bands",
    "photutils, narrow bands",
    "MUSELET",
    "MUSELET, low threshold",
)
SIDES = (60, 120, 240)  # of the cubes whose cost is compared
MANY, FIRST = {"noise": 130, "correlated": 40}, 5000  # cubes in which false detections are counted, and the first seed
SCALED = ("lines", "line_sets", "continuum", "joint")


class Bench:
    """The answers of finders to fields, asked when they are needed.

    Parameters
    ----------
    options : `argparse.Namespace`
        See the command line.
    """

    def __init__(self, options):
        self.work, self.results, self.seeds = options.work, options.results, options.seeds
        self.keep, self.slow_seeds = options.keep, options.seeds[: options.slow]
        self.finders, self.names, self.sides = options.finders or [*OWN, *available()], options.fields, options.sides

    def fields(self, name, seeds=None):
        """Yield the fields of a name, one for each seed."""
        for seed in seeds or self.seeds:
            yield make_field(name, seed, self.work)

    def answer(self, finder, field):
        """Return a finder's answer to a field; those of the others, and all with --keep, are asked for once."""
        path = self._path(finder, field)
        if path.exists() and (self.keep or finder not in OWN):
            return Table.read(path, format="ascii.ecsv")
        table = ask(finder, field.path, path)
        print(
            f"{finder} on {field.path.stem}: {table.meta['cpu_s']:.1f} CPU-s, {table.meta['peak_mib']:.0f} MiB",
            flush=True,
        )
        return table

    def kept(self, name, finder):
        """Yield fields with the answers that a finder has given already."""
        for field in self.fields(name):
            if self._path(finder, field).exists():
                yield field, Table.read(self._path(finder, field), format="ascii.ecsv")

    def compared(self, names, finders, score):
        """Yield a row of scores for each field and finder."""
        for name in (name for name in names if name in self.names):
            for finder in (finder for finder in finders if finder in self.finders):
                for field in self.fields(name, self.slow_seeds if finder in SLOW else None):
                    answer = self.answer(finder, field)
                    yield {"field": name, "finder": finder, "seed": field.seed, **score(field, answer), **answer.meta}

    def lines(self):
        """Isolated lines in white and in correlated noise."""
        self.write("cubes_lines", self.compared(("white", "correlated"), LINES, scores.line_scores))

    def false(self):
        """Count false detections of ``lines`` where some are claimed, in many cubes of correlated noise."""
        seeds = {name: range(FIRST, FIRST + number) for name, number in MANY.items() if name in self.names}
        found = {name: (answer_once("lines", field) for field in self.fields(name, seeds[name])) for name in seeds}
        self.write("cubes_false", (scores.claims(name, answers) for name, answers in found.items()))

    def continuum(self):
        """Continuum sources in crowded, less crowded and empty fields."""
        finders = [
            name for name in self.finders if "continuum" in name or "white" in name or name in ("joint", "MUSELET")
        ]
        self.write("cubes_continuum", self.compared(("empty", "white", "crowded"), finders, scores.continuum_scores))

    def redshifts(self):
        """Redshifts of galaxies with several lines, from line sets and from the whole job."""
        finders = ("line_sets", "joint, redshifts", "run")
        self.write("cubes_redshifts", self.compared(("galaxies",), finders, scores.redshift_scores))

    def cost(self):
        """Time and memory for growing cubes."""
        self.write("cubes_cost", (self._cost(finder, side) for side in self.sides for finder in self._own(SCALED)))

    def full(self):
        """Time and memory for a cube of MUSE's whole field, with the whole job."""
        self.write("cubes_full", (self._cost(finder, 320) for finder in self._own((*SCALED, "run"))))

    def _own(self, finders):
        return [finder for finder in finders if finder in self.finders]

    def _path(self, finder, field):
        return self.work / f"{field.path.stem}-{finder.replace(' ', '_').replace(',', '')}.ecsv"

    def _cost(self, finder, side):
        field = make_field("full", 1, self.work, side)
        table = ask(finder, field.path, self.work / "cost.ecsv")
        row = {"finder": finder, "side": side, "megavoxels": 3681 * side**2 / 1e6, "rows": len(table), **table.meta}
        print(row, flush=True)
        return row

    def figure(self):
        """Completeness against S/N, for the documentation."""
        draw(self, LINES)

    def write(self, name, rows):
        """Write a table into the folder of the results, beside what is there, and the readable one; print that."""
        path = self.results / f"{name}.csv"
        rows = merged(list(rows), path, FIELDS, scores.ORDER)
        write(rows, path)
        write(list(READABLE[name](rows)), self.results / f"{name}_table.csv")
        Table.read(self.results / f"{name}_table.csv", format="ascii.csv").pprint_all()


PARTS = ("lines", "false", "continuum", "redshifts", "cost", "full", "figure")


def main():
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; by default all but full")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5, 6])
    parser.add_argument("--slow", type=int, default=1, help="number of seeds for the slow ones of the others")
    parser.add_argument("--finders", nargs="+", help="by default all that are installed")
    parser.add_argument("--fields", nargs="+", choices=list(FIELDS), default=list(FIELDS))
    parser.add_argument("--sides", nargs="+", type=int, default=SIDES, help="of the cubes whose cost is compared")
    parser.add_argument("--keep", action="store_true", help="keep museml's own answers too")
    parser.add_argument("--work", type=Path, default=Path("cubes_work"), help="folder for cubes and answers")
    parser.add_argument("--results", type=Path, default=scores.RESULTS, help="folder for tables")
    options = parser.parse_args()
    for folder in (options.work, options.results):
        folder.mkdir(parents=True, exist_ok=True)
    bench = Bench(options)
    for part in options.parts or PARTS[:5] + PARTS[6:]:
        getattr(bench, part)()


if __name__ == "__main__":
    main()
