"""Real line or residual: a small network looks at the cut-out around each detected line."""

import os
import warnings
from functools import cache

import numpy as np

from museml.classification import Classifier, Predictions
from museml.data.axis import same_axis
from museml.data.cubes import open_cube
from museml.data.cutouts import cut_parts
from museml.errors import ModelError, MusemlWarning, PredictionFlag, SettingError
from museml.model import find_model, load_model

__all__ = ["RealityClassifier", "p_real"]

LINE = "line"
UNKNOWN = "unknown"


class RealityClassifier(Classifier):
    """Tells real line detections from residuals of sky, continuum and noise.

    Parameters
    ----------
    model : str or path
        Name or file of a model with the class 'line'; ``museml models`` lists those installed.
    """

    name = "reality"
    accepts = ("cutout",)
    predictions = Predictions

    def __init__(self, *, model="reality"):
        self.model = model

    def check_settings(self):
        """Raise `SettingError` for what is no name or file, and `UnknownNameError` for a model that is not there."""
        if not isinstance(self.model, (str, os.PathLike)):
            raise SettingError(f"model must be the name or the file of a model, not {self.model!r}; give 'reality'")
        find_model(self.model)

    def predict(self, batch):
        """Return `Predictions`: the class 'line' or 'residual', and the probability of that class."""
        model = _model(self.model)
        probabilities = model.predict(batch)
        known = np.isfinite(probabilities).all(axis=1)
        best = np.where(known, np.nan_to_num(probabilities).argmax(axis=1), 0)
        columns = {
            "id": np.array(batch.ids, dtype=str),
            "class": np.where(known, np.array(model.card.classes)[best], UNKNOWN),
            "p": np.ma.masked_array(probabilities[np.arange(len(batch)), best], ~known),
            "flags": batch.flags | np.where(known, 0, PredictionFlag.NO_DATA.value).astype(np.int32),
        }
        return Predictions.from_columns(columns, self.provenance())

    def provenance(self):
        """Return the metadata of a result, with name and checksum of the model."""
        model = _model(self.model)
        return {**super().provenance(), "MODEL": model.card.name, "MODEL_ID": model.sha256}


def p_real(cube, detections, model="reality"):
    """Return the probability that each detected line is real.

    Parameters
    ----------
    cube : CubeData, `~mpdaf.obj.Cube` or path
        What the lines were found in.
    detections : `~museml.Detections`
        Lines, and perhaps continuum sources.
    model : str or path
        As for `RealityClassifier`.

    Returns
    -------
    masked array, shape (n,)
        Masked for continuum sources, for lines without valid data, and, with a warning, when the
        model does not know the cube's sampling.
    """
    probabilities = np.ma.masked_all(len(detections))
    known = np.isfinite(np.ma.filled(np.ma.asarray(detections["wave"], float), np.nan))
    lines = np.flatnonzero((np.asarray(detections["kind"]) == "line") & known)
    for rows, batch in cut_parts(open_cube(cube), detections[lines]):
        if not _fits(batch, _model(model)):
            break
        probabilities[lines[rows]] = np.ma.masked_invalid(_model(model).predict(batch)[:, _line_index(_model(model))])
    return probabilities


def _fits(batch, model):
    fits = model.axis is None or same_axis(batch.axis, model.axis)
    if not fits:
        warnings.warn(
            f"model {model.card.name!r} knows channels of {np.diff(model.axis)[0]:.3g}, the cube has "
            f"{np.diff(batch.axis)[0]:.3g}; its lines get no probability of being real",
            MusemlWarning,
            stacklevel=3,
        )
    return fits


def _line_index(model):
    if LINE not in model.card.classes:
        raise ModelError(
            f"the model of 'reality' must have a class {LINE!r}; {model.card.name!r} has "
            f"{', '.join(model.card.classes)}; choose another"
        )
    return model.card.classes.index(LINE)


def _model(name):
    return _read_once(find_model(name))


@cache
def _read_once(path):
    model = load_model(path)
    _line_index(model)
    return model
