"""Model and ModelCard: a network with all that is needed to use and to judge it, in one file."""

import hashlib
import json
import os
import threading
import warnings
from dataclasses import asdict, dataclass, field
from functools import cached_property
from importlib.resources import files
from pathlib import Path

import numpy as np
from astropy import units as u

from museml.config import conf
from museml.data.axis import describe_axis, same_axis
from museml.data.preparation import check_steps, prepare_input
from museml.data.probabilities import check_calibration
from museml.data.readings import get_reading
from museml.errors import InputError, ModelError, PluginError, SettingError
from museml.networks.architecture import build_network, check_architecture, check_outputs
from museml.networks.backend import compile_network, device, load_keras, run_padded, to_array
from museml.networks.weights import check_shapes, digest_weights
from museml.output import whole_file

__all__ = ["Model", "ModelCard", "load_model"]

#: rows that the compiled function takes at once; what is left over goes into the smallest that holds it
ROWS = (4, 32, 128)
#: a network is built once, also when several threads ask for it
BUILDING = threading.Lock()


@dataclass(frozen=True)
class ModelCard:
    """What a model is for, what it saw, how well it does and where it fails.

    Attributes
    ----------
    name, version : str
        Under which it is registered; the version of the model, not of museml.
    summary : str
        One line.
    task : str
        The question that it answers.
    accepts : tuple of str
        Kinds of data, see `museml.data.KINDS`.
    classes : tuple of str
        Names of the answers, in the order of the network's outputs.
    training_data, failures, recipe, licence, created, author : str
        In words: what it was trained on, where it fails, how it is made again, terms of use, date, maker.
    scores : tuple of dict
        Each has ``name``, ``value``, ``low``, ``high`` (95 % interval), ``n`` (how many cases) and ``data``.
    """

    name: str
    version: str
    summary: str
    task: str
    accepts: tuple
    classes: tuple
    training_data: str
    failures: str
    recipe: str
    licence: str = "BSD-3-Clause"
    created: str = ""
    author: str = "The museml developers"
    scores: tuple = ()


@dataclass(frozen=True, eq=False)
class Model:
    """A network with its card, input preparation and calibration.

    Attributes
    ----------
    card : ModelCard
        Readable without Keras.
    config : dict
        Architecture, as Keras serialises it; only plain layers are allowed.
    weights : dict of ndarray
        By variable path.
    preparation : tuple of dict
        Steps from a Batch to the network's input, see `museml.data.preparation`.
    axis : `~astropy.units.Quantity`, or None
        Axis that the data must have.
    calibration : dict
        ``scale`` (number) and ``offset`` (one per class): probabilities are
        softmax(scale * output + offset), which covers temperature and Platt scaling.
    reading : str
        What the outputs are: 'classes', one each, 'redshift', see `museml.data.redshift_bins`, or 'boxes', see
        `museml.data.patches`.
    history : dict of list
        Losses and scores by epoch of training.

    Raises
    ------
    ModelError
        If any part is not allowed.
    """

    card: ModelCard
    config: dict
    weights: dict
    preparation: tuple = ()
    axis: u.Quantity = None
    calibration: dict = field(default_factory=lambda: {"scale": 1.0, "offset": [0.0]})
    history: dict = field(default_factory=dict)
    reading: str = "classes"

    def __post_init__(self):
        check_architecture(self.config)
        check_steps(self.preparation)
        check_shapes(self.weights)
        check_calibration(self.calibration, self.card.classes)
        get_reading(self.reading)
        if self.axis is not None and not isinstance(self.axis, u.Quantity):
            raise ModelError(f"the axis of a model must be a Quantity, not {type(self.axis).__name__}; give its unit")

    def __getstate__(self):
        names = self.__dataclass_fields__
        return {name: value for name, value in self.__dict__.items() if name in names}

    @classmethod
    def from_network(cls, network, card, **parts):
        """Make a Model from a functional Keras model; ``parts`` are the other attributes."""
        config = load_keras().saving.serialize_keras_object(network)
        config.pop("compile_config", None)  # how it was trained is no part of it
        weights = {variable.path: to_array(variable.value) for variable in network.weights}
        return cls(card, json.loads(json.dumps(config)), weights, **parts)

    @property
    def checksums(self):
        """SHA-256 of ``weights`` (names, shapes, types, bytes) and of ``description`` (all else but the history)."""
        axis = None if self.axis is None else [str(self.axis.unit), np.asarray(self.axis.value, float).tolist()]
        parts = [asdict(self.card), self.config, self.preparation, axis, self.calibration]
        parts += [self.reading] * (self.reading != "classes")  # older files have no other
        text = json.dumps(parts, sort_keys=True, default=float)
        return {"weights": digest_weights(self.weights), "description": hashlib.sha256(text.encode()).hexdigest()}

    def verify(self, checksums):
        """Raise `ModelError` unless the checksums are those of this model."""
        for part, found in self.checksums.items():
            if checksums.get(part) != found:
                raise ModelError(
                    f"the {part} of model {self.card.name!r} must have the SHA-256 {checksums.get(part)}, but have "
                    f"{found}: the file is damaged or was tampered with; get it anew from its origin"
                )

    @cached_property
    def sha256(self):
        """One checksum of everything that can change an answer, and of the card."""
        return hashlib.sha256("".join(self.checksums.values()).encode()).hexdigest()

    @cached_property
    def network(self):
        """The Keras network, built at first use."""
        with device():
            network = build_network(self.config, {path: w.shape for path, w in self.weights.items()})
            check_outputs(network, get_reading(self.reading).count(self.card.classes), self.card.classes)
            network.set_weights([self.weights[v.path] for v in network.weights])
        return network

    def predict(self, batch):
        """Return the calibrated probability of each class.

        Parameters
        ----------
        batch : `~museml.Batch`
            Of a kind that the card accepts.

        Returns
        -------
        ndarray, shape (n, classes), float64
            NaN for a row without a single valid value.

        Raises
        ------
        InputError
            If shape or axis are not those of the model.
        """
        if not len(batch):
            self._check_input(batch)
            return np.empty((0, len(self.card.classes)))
        reading = get_reading(self.reading)
        batch = reading.place(batch)
        probabilities = reading.classes(self.outputs(batch), batch, self.calibration)
        probabilities[batch.mask.reshape(len(batch), -1).all(axis=1)] = np.nan
        return probabilities

    def outputs(self, batch, rows=ROWS):
        """Return what the network says, before calibration.

        Parameters
        ----------
        batch : `~museml.Batch`
            On the axis that the network takes.
        rows : sequence of int
            How many rows the network may take at once, the most last.

        Returns
        -------
        ndarray, shape (n, ..., outputs), float32
        """
        self._check_input(batch)
        whole = len(batch) // rows[-1] * rows[-1]
        rest = next(some for some in rows if some >= len(batch) - whole)
        parts = [(batch.rows(0, whole), rows[-1]), (batch.rows(whole, len(batch)), rest)]
        with device():
            parts = [(prepare_input(part, self.preparation), some) for part, some in parts if len(part)]
            return np.concatenate([run_padded(self._compiled, values, some) for values, some in parts])

    def save(self, path):
        """Write the model as one ASDF file, whole or not at all.

        Raises
        ------
        OutputError
            If the file cannot be written.
        """
        import asdf

        with whole_file(path) as part:
            asdf.AsdfFile({"model": self}).write_to(part)

    @property
    def _compiled(self):
        with BUILDING:
            return self._function

    @cached_property
    def _function(self):
        return compile_network(self.network)

    def _check_input(self, batch):
        wanted = tuple(self.config["config"]["layers"][0]["config"]["batch_shape"][1:-1])
        given = batch.values.shape[1 : 1 + len(wanted)]
        if len(given) != len(wanted) or any(w not in (None, g) for g, w in zip(given, wanted, strict=True)):
            raise InputError(
                f"model {self.card.name!r} takes data of shape {wanted}, the batch has {given}; "
                f"prepare them as kind {self.card.accepts[0]!r}"
            )
        if self.axis is not None and not same_axis(batch.axis, self.axis):
            raise InputError(
                f"model {self.card.name!r} takes data on the axis {describe_axis(self.axis)}, "
                f"not {describe_axis(batch.axis)}; resample them"
            )


def load_model(name):
    """Read a model.

    Parameters
    ----------
    name : str or path
        A registered name (``museml models`` lists them), the stem of a file in ``museml.conf.model_folder``,
        or the path of an ASDF file.

    Returns
    -------
    Model
        Keras is imported only when it predicts.

    Raises
    ------
    UnknownNameError
        If no model has the name.
    ModelError
        If the file is damaged, tampered with, foreign, or holds what is not allowed.
    """
    path = find_model(name)
    model = _read(path)
    if not isinstance(model, Model):
        raise ModelError(f"'{path}' is an ASDF file without a museml model; write one with museml.Model.save")
    return model


def find_model(name):
    """Return the path of a model by its name, or the path given."""
    if isinstance(name, os.PathLike) or str(name).endswith(".asdf"):
        return Path(name)
    if name in own_models():
        return own_models()[name]
    from museml.plugins import load_plugins

    return model_file(load_plugins().registry.get("model", name))


def model_file(entry):
    """Return the path of the file that a registered model is in."""
    package, _, file = entry.spec.target.partition(":")
    try:
        return Path(str(files(package).joinpath(file)))
    except ImportError as error:
        raise PluginError(
            f"the model {entry.spec.name!r} is in the package {package!r}, which cannot be imported: {error}; "
            "repair or uninstall that package"
        ) from error


def _read(path):
    """Return what is under the key ``model`` of an ASDF file."""
    import asdf

    if not path.is_file():
        raise ModelError(f"a model must be an ASDF file; there is none at '{path}'; check the path")
    try:
        with warnings.catch_warnings(), asdf.config_context() as config:
            warnings.simplefilter("ignore", asdf.exceptions.AsdfWarning)
            config.validate_on_read, config.warn_on_failed_conversion = True, False
            _check_sources(asdf.util.load_yaml(path))
            with asdf.open(path, memmap=False) as file:
                return file.tree.get("model")
    except ModelError:
        raise
    except Exception as error:  # asdf raises nearly anything on a broken file
        reason = " ".join(str(error).split())[:300]
        raise ModelError(
            f"'{path}' cannot be read as a model: {reason}; get it anew from its origin or write it with Model.save"
        ) from error


def _check_sources(node):
    """Refuse arrays that are not in the file itself; asdf would fetch them from anywhere."""
    source = node.get("source", 0) if isinstance(node, dict) and "datatype" in node else 0
    if type(source) is not int or source < 0:
        raise ModelError(f"an array must be a block of the file, not {source!r}; save the model in one file")
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _check_sources(child)


def own_models():
    """Return the files in ``museml.conf.model_folder`` by name, none if it is not set."""
    folder = Path(conf.model_folder)
    if conf.model_folder and not folder.is_dir():
        raise SettingError(f"conf.model_folder must be a folder, not '{folder}'; correct the setting")
    return {path.stem: path for path in sorted(folder.glob("*.asdf"))} if conf.model_folder else {}
