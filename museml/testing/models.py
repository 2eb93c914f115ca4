"""The contract of models."""

import tempfile
from dataclasses import fields
from pathlib import Path

import numpy as np

from museml.data import prepare
from museml.errors import ModelError
from museml.model import Model, load_model
from museml.testing.examples import example_data
from museml.testing.rules import require

__all__ = ["check_model"]

OPTIONAL = ("created", "scores")  # fields of a card that may be empty


def check_model(model, data=None):
    """Check that a model keeps the contract.

    Its card is filled in; its answers are probabilities, the same each time, for any batch size and
    after saving and reading; the data stay as they were; a file in which one weight was changed is
    refused.

    Parameters
    ----------
    model : `~museml.Model`, name or path
        The model.
    data : anything that the model's kind of data is opened from
        By default a few simulated things.

    Raises
    ------
    ContractError
        At the first rule broken; the message names the model, the rule, and what to do.
    """
    model = model if isinstance(model, Model) else load_model(model)
    who = f"model {model.card.name!r}"
    _check_card(model.card, who)
    kind = model.card.accepts[0]
    batch = max(prepare(example_data(kind) if data is None else data, kind), key=len)
    before = batch.values.tobytes(), batch.errors.tobytes(), batch.mask.tobytes()
    first = model.predict(batch)
    after = batch.values.tobytes(), batch.errors.tobytes(), batch.mask.tobytes()
    require(
        before == after, who, "the data stay as they were", "the batch was changed", "let preparation work on copies"
    )
    _check_answer(first, model, batch, who)
    _check_rows(first, model, batch, who)
    with tempfile.TemporaryDirectory() as folder:
        _check_saved(first, model, batch, Path(folder), who)
        _check_tampered(model, Path(folder), who)


def _check_card(card, who):
    bare = [f.name for f in fields(card) if f.name not in OPTIONAL and not getattr(card, f.name)]
    require(not bare, who, "the card is filled in", f"{bare} are empty", "say it in the card")


def _check_answer(answer, model, batch, who):
    shape = (len(batch), len(model.card.classes))
    require(answer.shape == shape, who, "it answers with a probability per row and class",
            f"shape {answer.shape} for {shape}", "make classes agree with the outputs")  # fmt: skip
    known = answer[~np.isnan(answer).all(axis=1)]
    sane = np.all(known >= 0) and np.allclose(known.sum(axis=1), 1)
    require(len(known) and sane, who, "probabilities are not negative and add up to 1", f"they are {answer[:3]}",
            "correct the calibration")  # fmt: skip


def _check_rows(first, model, batch, who):
    single = np.concatenate([model.predict(batch.rows(i, i + 1)) for i in range(len(batch))])
    close = np.allclose(first, single, rtol=1e-4, atol=1e-6, equal_nan=True)
    require(close, who, "the answer does not depend on the batch size", f"{first[0]}, then {single[0]}",
            "use no layer that mixes rows")  # fmt: skip


def _check_saved(first, model, batch, folder, who):
    model.save(folder / "model.asdf")
    again = load_model(folder / "model.asdf")
    require(again.sha256 == model.sha256, who, "a saved and re-read model has the same checksum",
            f"{model.sha256}, then {again.sha256}", "keep only what ASDF can keep")  # fmt: skip
    same = np.array_equal(first, again.predict(batch), equal_nan=True)
    require(same, who, "a saved and re-read model answers the same", "it does not", "keep all of it in the Model")


def _check_tampered(model, folder, who):
    """Change one bit of the longest weight in the file."""
    path = folder / "model.asdf"
    content = bytearray(path.read_bytes())
    weight = max(model.weights.values(), key=lambda w: w.nbytes).tobytes()
    place = content.find(weight)
    require(place > 0, who, "weights are stored as they are", "they are not found in the file", "save by Model.save")
    content[place] ^= 1
    path.write_bytes(content)
    try:
        load_model(path).checksums  # noqa: B018 - a lazy loader finds out here
    except ModelError:
        return
    require(False, who, "a changed weight is refused", "the file was read", "keep the checksums of Model.save")
