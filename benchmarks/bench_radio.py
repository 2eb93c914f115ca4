"""Detection in radio images: museml's detectors and others on the same simulated fields, and on real images.

Run from anywhere: ``OMP_NUM_THREADS=1 python benchmarks/bench_radio.py [fields tree mosaics real figure]``.

The others (PyBDSF, Aegean, sep, photutils, astrodendro) run in the Python that RADIO_RIVALS_PYTHON names, for example
of an environment made by ``pip install bdsf AegeanTools sep photutils scikit-image astrodendro``; what is not there is
left out, and said. The real images are looked for in the folder that MUSEML_DATA names. Fields and the answers of the
others are kept in the folder ``--work``; remove them when the simulator has changed. Each answer comes from a process
of its own, whose time and memory are told with it. The tables are written into ``results/`` beside this file;
README.md tells what is in them.
"""

import argparse
import json
import subprocess
from pathlib import Path

import numpy as np
import radio_scores as scores
from astropy.table import Table
from radio_cost import OWN, ask, ask_all, rivals_python
from radio_fields import FIELDS, SEEDS, make_field, make_mosaic
from radio_figure import draw
from radio_readable import READABLE
from radio_real import data_folder, real_fields, real_scores
from radio_rivals import PACKAGES, RIVALS
from radio_trees import compare
from result_rows import merged, write

from museml.data.images import open_image
from museml.detectors.rms_map import noise_maps

GAUSSIANS = "PyBDSF, Gaussians"  # a second list of the same run


class Bench:
    """The answers of finders to fields, asked when they are needed.

    Parameters
    ----------
    options : `argparse.Namespace`
        See the command line.
    """

    def __init__(self, options):
        self.work, self.results, self.seeds = options.work, options.results, options.seeds
        self.keep, self.names, self.sides = options.keep, options.fields, options.sides
        self.finders, self.no_more = options.finders or [*OWN, *_installed()], options.no_more

    def answer(self, finder, field):
        """Return a finder's answer to a field; those of the others, and all with --keep, are asked for once."""
        path = self._path(finder, field)
        if path.exists() and (self.keep or finder not in OWN):
            return _read(path)
        table = ask(finder, field.path, path)
        cost = f"{table.meta['cpu_s']:.1f} CPU-s, {table.meta['peak_mib']:.0f} MiB" if "cpu_s" in table.meta else ""
        print(f"{finder} on {field.path.stem}: {len(table)} rows, {cost}{table.meta['failed']}", flush=True)
        return table

    def kept(self, name, finder):
        """Yield fields with the answers that a finder has given already."""
        for seed in self.seeds:
            path = self.work / f"{name}-{seed}-{finder}.ecsv"
            if path.exists():
                answer = _read(path)
                rows = _part(answer, "sources") if "list" in answer.colnames else answer
                yield make_field(name, seed, self.work), rows

    def lists(self, finder, field):
        """Yield names and rows of the lists that a finder gives."""
        answer = self.answer(finder, field)
        if "list" in answer.colnames:
            yield finder, _part(answer, "sources")
            yield GAUSSIANS, _part(answer, "Gaussians")
        else:
            yield finder, answer

    def fields(self):
        """Compare on fields without artefacts, with mild and strong ones, and with steeper counts."""
        for finder in [] if self.no_more else self._own():
            pairs = [(field.path, self._path(finder, field)) for field in self._all_fields()]
            pairs = [pair for pair in pairs if not (self.keep and pair[1].exists())]
            if pairs:
                ask_all(finder, pairs)
                print(f"{finder}: {len(pairs)} fields", flush=True)
        self.keep = True
        self.write("radio_fields", self._field_rows())

    def _all_fields(self):
        return [make_field(name, seed, self.work) for seed in self.seeds for name in self.names]

    def _field_rows(self):
        for field in self._all_fields():
            for finder in (name for name in self.finders if not self.no_more or self._path(name, field).exists()):
                for label, rows in self.lists(finder, field):
                    result = {} if rows.meta["failed"] else scores.field_scores(field, rows)
                    yield {"field": field.name, "finder": label, "seed": field.seed, **result, **rows.meta}

    def tree(self):
        """Compare the tree alone with that of astrodendro."""
        if "astrodendro" not in _installed():
            print("tree: left out, since RADIO_RIVALS_PYTHON names no Python with astrodendro")
            return
        image = open_image(make_field("mild", self.seeds[0], self.work).path)
        whole = tuple(slice(0, size) for size in image.shape)
        background, rms = noise_maps(image).block(*whole)
        snr = np.ascontiguousarray((image.block(*whole) - background) / rms, np.float32)
        self.write("radio_tree", compare(snr, rivals_python(), self.work.resolve()))

    def mosaics(self):
        """Measure time and memory for large mosaics."""
        self.write("radio_mosaics", (self._cost(finder, side) for side in self.sides for finder in self._plain(OWN)))

    def _own(self):
        return [finder for finder in self.finders if finder in OWN]

    def _plain(self, finders):
        return [finder for finder in finders if finder in self.finders and "deeper" not in finder]

    def _cost(self, finder, side):
        cost = ask(finder, make_mosaic(self.work, side), self.work / "cost.ecsv", None).meta
        print(finder, side, cost, flush=True)
        return {"finder": finder, "side": side, **cost}

    def real(self):
        """Compare cut-outs of LoTSS with the official catalogue, and images of DeepSource with their truth."""
        if data_folder() is None:
            print("real: left out, since MUSEML_DATA names no folder with radio data")
            return
        self.write("radio_real", self._real_rows())

    def _real_rows(self):
        rows = {}
        for field in real_fields(data_folder()):
            for finder in self.finders:
                for label, answer in self.lists(finder, field):
                    if not answer.meta["failed"]:
                        rows.setdefault((field.name, label), []).append(real_scores(field, answer))
        for (images, finder), part in rows.items():
            ratios = np.concatenate([row.pop("ratios") for row in part])
            total = {name: sum(row[name] for row in part) for name in part[0]}
            total |= {"detections": total["real"] + total["false"], "bright": len(ratios)}
            ratio = float(np.nanmedian(ratios)) if len(ratios) else np.nan
            yield {"field": images, "finder": finder, "images": len(part), **total, "flux_ratio": ratio}

    def figure(self):
        """Draw completeness and reliability against S/N, for the documentation."""
        draw(self, self._plain(self.finders))

    def write(self, name, rows):
        """Write a table into the folder of the results, beside what is there, and the readable ones; print these."""
        path = self.results / f"{name}.csv"
        rows = merged(list(rows), path, FIELDS, scores.ORDER)
        write(rows, path)
        for ending, readable in READABLE[name].items():
            write(list(readable(rows)), self.results / f"{name}_{ending}.csv")
            Table.read(self.results / f"{name}_{ending}.csv", format="ascii.csv").pprint_all()

    def _path(self, finder, field):
        return self.work / f"{field.path.stem}-{finder}.ecsv"


def _installed():
    """Return the names of the others that can be run; say which are left out."""
    python = rivals_python()
    if python is None:
        print("PyBDSF, Aegean, sep, photutils, astrodendro: left out, since RADIO_RIVALS_PYTHON names no Python")
        return []
    script = Path(__file__).with_name("radio_rivals.py")
    versions = json.loads(subprocess.run([python, str(script)], capture_output=True, check=True).stdout)
    missing = [name for name in RIVALS if PACKAGES[name] not in versions]
    print(f"{python}: {versions}", f"left out: {', '.join(missing)}" if missing else "")
    return [name for name in RIVALS if name not in missing]


def _read(path):
    table = Table.read(path, format="ascii.ecsv")
    table.meta.setdefault("failed", "")
    return table


def _part(answer, name):
    return answer[answer["list"] == name]


PARTS = ("fields", "tree", "mosaics", "real", "figure")


def main():
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; by default all")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--finders", nargs="+", help="by default all that are installed")
    parser.add_argument("--fields", nargs="+", choices=list(FIELDS), default=list(FIELDS))
    parser.add_argument("--sides", nargs="+", type=int, default=[10000, 20000], help="of the mosaics")
    parser.add_argument("--keep", action="store_true", help="keep museml's own answers too")
    parser.add_argument("--no-more", action="store_true", help="ask for no answers to fields, score those there are")
    parser.add_argument("--work", type=Path, default=Path("radio_work"), help="folder for fields and answers")
    parser.add_argument("--results", type=Path, default=scores.RESULTS, help="folder for tables")
    options = parser.parse_args()
    for folder in (options.work, options.results):
        folder.mkdir(parents=True, exist_ok=True)
    bench = Bench(options)
    for part in options.parts or PARTS:
        getattr(bench, part)()


if __name__ == "__main__":
    main()
