"""Redshifts: museml's classifiers, a plain template fit and redrock on the same simulated and real spectra.

Run from anywhere: ``python benchmarks/bench_redshift.py [--sets simulations muse ...] [--rivals redshift nmf ...]``.

MUSEML_DATA names the folder of the development data (muse/, sdss/, templates/); without it only simulations and the
cube that comes with MPDAF are used. REDROCK_PYTHON names a Python in which ``pip install redrock`` was done; without
it redrock is left out. Answers are kept in the folder ``--work`` and used again for the same labels and the same
model; remove it when the simulator has changed. The tables are written into ``results/`` beside this file; README.md
tells what is in them.
"""

import argparse
import hashlib
import json
from itertools import combinations
from pathlib import Path

import numpy as np
import redshift_scores as scores
from astropy.table import Table
from redshift_neutrality import neutrality
from redshift_readable import readable
from redshift_rivals import ASKED, RIVALS, answers_of, available, make_rival
from redshift_sets import SETS
from redshift_speed import speed

from museml import Redshifts


def ask(name, labelled, work, model=None):
    """Return the answers of a rival to the first spectra of a set, from the work folder if they are there."""
    part = labelled if len(labelled.truth) <= RIVALS[name] else labelled.first(RIVALS[name])
    key = hashlib.sha256(_labels(part.truth) + _provenance(name, work, model).encode()).hexdigest()[:12]
    path = work / f"{labelled.name}-{name}-{key}.ecsv"
    if not path.exists():
        answers, seconds = answers_of(name, part, work, model)
        answers.meta = {"seconds": seconds}
        Table(answers).write(path, format="ascii.ecsv")
        print(f"{name} on {len(part.truth)} {labelled.name}: {seconds:.1f} s", flush=True)
    return Redshifts(Table.read(path, format="ascii.ecsv")), part.truth


def _labels(truth):
    """Return the labels as bytes; fluxes may differ in the last digit with the number of threads."""
    return "".join(map(str, truth["id"])).encode() + np.ma.filled(np.ma.asarray(truth["z"], float), -1).tobytes()


def _provenance(name, work, model):
    return json.dumps({} if name == "redrock" else make_rival(name, work, model).provenance(), sort_keys=True)


def tables(asked):
    """Return all tables, by the names of their files, from answers and truths by set and rival."""
    pairs = [(s, one, two) for (s, one), (t, two) in combinations(asked, 2) if s == t]
    made = {
        "rivals": [_summary(*key, *value) for key, value in asked.items()],
        "paired": [_paired(*pair, asked) for pair in pairs],
        "classes": [row for key, value in asked.items() for row in scores.by_class(*key, *value)],
        "offsets": [row for key, value in asked.items() for row in scores.offsets(*key, *value)],
    }
    for (name, rival), value in asked.items():
        for table, function in PER_SET.get(name, {}).items():
            made.setdefault(table, []).extend(function(rival, *value))
    return made


def _summary(name, rival, answers, truth):
    return {
        **scores.summary(name, rival, answers, truth),
        "core_s_per_spectrum": answers.meta["seconds"] / len(answers),
    }


def _paired(name, one, two, asked):
    (first, truth), (second, other) = asked[name, one], asked[name, two]
    n = min(len(truth), len(other))
    return scores.paired(name, one, two, first[:n], second[:n], truth[:n])


def _neutrality(options, found):
    name = options.rivals[0]
    return neutrality(name, make_rival(name, options.work, options.model), found)


def by_depth(rival, answers, truth):
    """Yield the success at each depth of the spectra made shallower."""
    for depth in sorted(set(truth["depth"])):
        rows = truth["depth"] == depth
        row = scores.summary("shallow", rival, answers[rows], truth[rows])
        yield {"classifier": rival, "times_shallower": depth, **{key: row[key] for key in DEPTH}}


DEPTH = ("n", "right", "low", "high", "among_three", "sure_and_wrong")
#: set -> name of a table -> function that yields its rows for a rival
PER_SET = {
    "simulations": {"by_signal": scores.by_signal, "calibration": scores.calibration},
    "muse": {"muse": scores.by_spectrum},
    "shallow": {"shallow": by_depth},
    "a478": {"a478": scores.of_spaxels},
    "sdss": {"sdss": scores.by_spectrum},
}


def main():
    """Ask, score and write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--rivals", nargs="+", choices=list(RIVALS), default=available())
    parser.add_argument("--work", type=Path, default=Path("redshift_answers"), help="folder for answers")
    parser.add_argument("--results", type=Path, default=scores.RESULTS, help="folder for tables")
    parser.add_argument("--model", type=Path, help="model of the classifier redshift; by default the one shipped")
    parser.add_argument("--quick", action="store_true", help="leave speed and neutrality out")
    options = parser.parse_args()
    for folder in (options.work, options.results):
        folder.mkdir(parents=True, exist_ok=True)
    found = {name: SETS[name]() for name in options.sets}
    asked = {
        (name, rival): ask(rival, labelled, options.work, options.model)
        for name, labelled in found.items()
        if labelled is not None
        for rival in options.rivals
        if name in ASKED.get(rival, SETS)
    }
    made = tables(asked)
    made |= readable(made)
    if not options.quick:
        own = [name for name in options.rivals if name != "redrock"]
        made |= {"speed": speed(own, options.work, options.model), "neutrality": _neutrality(options, found)}
    for name, rows in made.items():
        scores.write(rows, options.results / f"{name}.csv")
    print(Table.read(options.results / "rivals.csv"))


if __name__ == "__main__":
    main()
