"""The contract of classifiers."""

from dataclasses import replace

import numpy as np

from museml.classification import Classifier, Redshifts
from museml.data import prepare
from museml.errors import PredictionFlag
from museml.testing.examples import example_data
from museml.testing.rules import check_table, difference, make, require

__all__ = ["check_classifier"]


def check_classifier(classifier, data=None):
    """Check that a classifier keeps the contract.

    Settings are keyword-only and stored as given; ``__init__`` does no work; the data stay as they
    were; there is one row per input, in input order, whatever the batch size; the table has its
    columns and provenance and physically possible values; the same data give the same answer; a row
    without data is flagged and changes no other row; no data make an empty table.

    Parameters
    ----------
    classifier : subclass or instance of `~museml.Classifier`
        The classifier.
    data : anything that it accepts
        At least two things; by default a few simulated ones.

    Raises
    ------
    ContractError
        At the first rule broken; the message names the classifier, the rule, and what to do.
    """
    classifier = make(classifier, Classifier)
    who = f"classifier {classifier.name!r}"
    kind = classifier.accepts[0]
    batch = max(prepare(example_data(kind) if data is None else data, kind), key=len)
    require(len(batch) > 1, who, "it is checked on two things or more", f"there are {len(batch)}", "give more data")
    before = _contents(batch)
    first = classifier.classify(batch)
    require(_contents(batch) == before, who, "the data stay as they were", "the batch was changed", "work on a copy")
    _check_answer(first, classifier, batch, who)
    for rule in (_check_repeat, _check_batch_size, _check_order, _check_bad_row, _check_constant_row, _check_empty):
        rule(first, classifier, batch, who)


def _contents(batch):
    """Return all that a classifier could change, as bytes and text."""
    arrays = (batch.values, batch.errors, batch.mask, batch.flags, np.asarray(batch.axis))
    lines = [table if table is None else table.as_array().tobytes() for table in batch.lines]
    return [array.tobytes() for array in arrays], lines, batch.ids, batch.medium


def _check_answer(table, classifier, batch, who):
    check_table(table, classifier.predictions, classifier, who)
    require(list(table["id"]) == list(batch.ids), who, "rows come in input order", f"ids are {list(table['id'])}",
            f"return {list(batch.ids)}")  # fmt: skip
    kept = (table["flags"] & batch.flags) == batch.flags
    require(np.all(kept), who, "flags of the data are kept", f"{list(table['flags'])} for {list(batch.flags)}",
            "start from batch.flags")  # fmt: skip
    rules = {**_possible(table), **(_possible_redshifts(table) if isinstance(table, Redshifts) else {})}
    for name, (possible, meaning) in rules.items():
        bad = table[~np.ma.filled(possible, True)]
        require(not len(bad), who, f"{name} is {meaning}", f"{name} is {bad[name][0] if len(bad) else ''}",
                "correct the column")  # fmt: skip


def _possible(table):
    """Return, by column, which rows hold possible values, and what possible is."""
    unsaid = np.ma.getmaskarray(table["p"]) & (table["flags"] == 0) & (table["class"] != "unknown")
    return {
        "class": (np.char.str_len(np.asarray(table["class"])) > 0, "a word"),
        "p": ((table["p"] >= 0) & (table["p"] <= 1), "between 0 and 1"),
        "flags": ((table["flags"] >= 0) & ~unsaid, "not negative, nor zero where p is masked but a class is named"),
    }


def _possible_redshifts(table):
    first, second, third = (np.ma.filled(table[name], 0) for name in ("p", "p_2", "p_3"))
    blend = (table["flags"] & PredictionFlag.BLEND) > 0  # there p_2 is of another object
    most, rest = np.where(blend, 1, first), np.where(blend, first, second)
    total = first + np.where(blend, 0, second) + third
    rules = {
        "z": (np.isfinite(table["z"]) & (table["z"] > -0.1), "finite and above -0.1"),
        "z_err": (np.isfinite(table["z_err"]) & (table["z_err"] > 0), "finite and positive"),
        "p_2": ((second >= 0) & (second <= most), "between 0 and p"),
        "p_3": ((third >= 0) & (third <= rest) & (total < 1 + 1e-6),
                "between 0 and p_2, and p, p_2, p_3 together at most 1"),
    }  # fmt: skip
    if "pz" in table.colnames:
        pz = np.asarray(table["pz"])
        known = {"LNZ0", "DLNZ"} <= set(table.meta)
        rules["pz"] = ((pz.min(axis=1) >= 0) & (pz.sum(axis=1) < 1 + 1e-3) & known,
                       "not negative, adds up to at most 1, and LNZ0 and DLNZ are in meta")  # fmt: skip
    return rules


def _check_repeat(first, classifier, batch, who):
    again = type(classifier)(**classifier.settings()).classify(batch)
    seen = difference(first, again, rtol=0)
    require(not seen, who, "the same data give the same answer", seen, "fix the seed of what is random; keep no state")


def _check_batch_size(first, classifier, batch, who):
    seen = difference(first, classifier.classify(batch, batch_size=1))
    require(not seen, who, "the answer does not depend on the batch size", seen, "treat each row by itself")


def _check_order(first, classifier, batch, who):
    seen = difference(first[::-1], classifier.classify(_take(batch, range(len(batch))[::-1])))
    require(not seen, who, "the answer does not depend on the order of the rows", seen, "treat each row by itself")


def _check_bad_row(first, classifier, batch, who):
    """Leave the first row without data, and some pixels of the last."""
    values, errors, mask = batch.values.copy(), batch.errors.copy(), batch.mask.copy()
    mask[0], mask[-1, ..., :3] = True, True
    values[mask] = errors[mask] = 0
    flags = batch.flags.copy()
    flags[0] |= PredictionFlag.NO_DATA
    bad = replace(batch, values=values, errors=errors, mask=mask, flags=flags)
    table = _survive("rows without data survive", classifier, bad, who)
    seen = difference(first[1:-1], table[1:-1])
    require(not seen, who, "a bad row changes no other row", seen, "treat each row by itself")


def _check_constant_row(first, classifier, batch, who):
    values = batch.values.copy()
    values[0] = 1.0
    table = _survive("a constant row survives", classifier, replace(batch, values=values), who)
    if "z" in table.colnames:
        p = np.ma.filled(table["p"][:1], 0.0)[0]
        require(p < 0.5, who, "a constant spectrum gets no sure redshift", f"p = {p}", "mask z and p, or lower p")


def _survive(rule, classifier, batch, who):
    try:
        table = classifier.classify(batch)
    except Exception as error:
        require(False, who, rule, f"it raised {error!r}", "flag the row and go on")
    _check_answer(table, classifier, batch, who)
    return table


def _check_empty(first, classifier, batch, who):
    table = classifier.classify(batch.rows(0, 0))
    check_table(table, classifier.predictions, classifier, who)
    require(
        not len(table), who, "no data make an empty table", f"there are {len(table)} rows", "return a row per input"
    )


def _take(batch, order):
    """Return the rows of a batch in another order."""
    order = list(order)
    arrays = {name: getattr(batch, name)[order] for name in ("values", "errors", "mask", "flags")}
    tuples = {name: tuple(getattr(batch, name)[i] for i in order) for name in ("ids", "lines")}
    return replace(batch, **arrays, **tuples)
