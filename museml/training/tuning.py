"""Train the network for redshifts on a person's own labelled spectra, and test it on those it did not see."""

import json
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import numpy as np
from astropy.table import vstack

from museml.classifiers.redshift import RedshiftClassifier
from museml.data.channels import CHANNELS
from museml.data.log_grid import PIXELS
from museml.data.redshift_bins import CLASSES, N_BINS
from museml.model import Model, ModelCard, load_model
from museml.networks.backend import load_keras, to_array
from museml.networks.redshift import build_redshift_network
from museml.output import make_folder
from museml.simulation.spectra import simulate_spectra
from museml.training.draws import Draws
from museml.training.evaluation import answer_labelled
from museml.training.labels import LabelledSpectra, check_enough, make_labels
from museml.training.redshift import PREPARATION, redshift_loss
from museml.training.redshift_fit import fit_redshift, validation_loss
from museml.training.samples import make_sample
from museml.training.scores import score_answers
from museml.training.split import split_objects, train_rows
from museml.training.tuning_settings import TuningSettings

__all__ = ["FEWEST", "Tuned", "tune_redshift"]

#: fewest spectra to train on
FEWEST = 50
#: parts of which one is held out when there is no cross-validation
PARTS = 5
#: at most so many simulated spectra on which is tested what was forgotten
UNFORGOTTEN = 200


@dataclass(frozen=True)
class Tuned:
    """What a training gives.

    Attributes
    ----------
    model : `~museml.Model`
        The network, with its card.
    answers : `~museml.training.evaluation.Answers`
        Of spectra that were held out, by the models that did not see them.
    before : `~museml.training.evaluation.Answers` or None
        Of the same spectra by the model that the training began with.
    simulated : list of `~museml.training.evaluation.Answers`
        Of simulated spectra, by the model that the training began with, if there is one, and by the new one.
    """

    model: Model
    answers: object
    before: object
    simulated: list


def tune_redshift(labelled, folder, settings=None, *, depths=(1.0,), name="own", resume=False, progress=True):
    """Train a network for redshifts on labelled spectra.

    Parameters
    ----------
    labelled : `~museml.training.labels.LabelledSpectra`
        The spectra; what cannot be used is marked there.
    folder : path
        For what is needed to go on after a stop; files of an older training are used if ``resume``.
    settings : TuningSettings
        How it is trained.
    depths : sequence of float
        The spectra that are held out are tested with exposures that are shorter by these factors.
    name : str
        Of the model.
    resume : bool
        Whether to go on with a training that was stopped.
    progress : bool
        Whether to show bars on stderr, if that is a terminal.

    Returns
    -------
    Tuned

    Raises
    ------
    InputError
        If fewer than 50 spectra can be used, or their objects cannot be split.
    """
    job = _Job(labelled, Path(folder), settings or TuningSettings(), tuple(depths), name, resume, progress)
    return job.run()


@dataclass
class _Job:
    """One training: the models of the folds, their answers, the final model."""

    labelled: LabelledSpectra
    folder: Path
    settings: TuningSettings
    depths: tuple
    name: str
    resume: bool
    progress: bool

    def run(self):
        parts = self.settings.folds if self.settings.folds > 1 else PARTS
        part = split_objects(self.sample.objects, parts, self.settings.seed)
        answers, before = [], []
        for fold in range(self.settings.folds):
            rows = train_rows(part, fold, parts)
            model = self._model(f"fold-{fold + 1}", rows["training"], rows["validation"])
            answers.append(self._answers(self._file(f"fold-{fold + 1}"), rows["test"]))
            if self.first:
                before.append(self._answers(self.settings.init, rows["test"]))
        if self.settings.folds > 1:
            model = self._model("final", np.flatnonzero(part), np.flatnonzero(part == 0))
        answers = _stacked(answers)
        card = replace(model.card, scores=_card_scores(answers))
        simulated = [self._of_simulated(m) for m in (self.settings.init, self._last()) if m and m != "none"]
        return Tuned(replace(model, card=card), answers, _stacked(before) if before else None, simulated)

    @cached_property
    def sample(self):
        sample = make_sample(self.labelled)
        check_enough(self.labelled, FEWEST, "training")
        return sample

    @cached_property
    def first(self):
        """The model to begin with, or None."""
        return None if self.settings.init == "none" else load_model(self.settings.init)

    @cached_property
    def draws(self):
        return Draws.of(self.sample, self.settings)

    def _file(self, stage):
        return self.folder / f"{stage}.asdf"

    def _last(self):
        return self._file("final" if self.settings.folds > 1 else "fold-1")

    def _model(self, stage, training, validation):
        """Return the model of a stage: trained, or read if that was done before the training was stopped."""
        path = self._file(stage)
        if self.resume and path.is_file():
            return load_model(path)
        make_folder(self.folder)
        network = self._network()
        history = self._fit(network, stage, training, self.draws.validation(validation))
        parts = {"preparation": PREPARATION, "reading": "redshift", "history": history}
        model = Model.from_network(network, self._card(len(training)), **parts)
        model = replace(model, calibration=self.draws.calibration(model, validation) or self._calibration())
        model.save(path)
        return model

    def _fit(self, network, stage, training, validation):
        """Fit a network, and return its history; where nothing was gained it is as it was."""
        settings, start = self.settings, [to_array(weight.value) for weight in network.weights]
        before = validation_loss(network, validation, settings.batch_size, redshift_loss)
        history = fit_redshift(
            network,
            self.draws.of_rows(training),
            validation,
            loss=redshift_loss,
            seed=settings.seed,
            epochs=settings.epochs,
            steps=settings.steps_for(len(training)),
            batch_size=settings.batch_size,
            rate=settings.rate_used,
            patience=settings.patience,
            checkpoint=self.folder / f"{stage}.npz",
            resume=self.resume,
            progress=self.progress and sys.stderr.isatty(),
        )
        if before <= min(history["val_loss"]):
            network.set_weights(start)
        return {**history, "val_loss_before": [before]}

    def _calibration(self):
        """Return the calibration of the model to begin with, or none."""
        return self.first.calibration if self.first else {"scale": 1.0, "offset": [0.0]}

    def _network(self):
        """Return the network to begin with; each stage gets its own."""
        load_keras().utils.set_random_seed(self.settings.seed)
        if self.first is None:
            return build_redshift_network((PIXELS, len(CHANNELS)), N_BINS // 2)
        return load_model(self.settings.init).network

    def _answers(self, model, rows):
        """Return the answers of a model, by name or file, to some rows at all depths."""
        classifier = RedshiftClassifier(model=str(model))
        sample, told = self.sample.rows(rows), self.labels[rows]
        tables = []
        for start in np.unique(sample.starts):
            group = np.flatnonzero(sample.starts == start)
            labelled = LabelledSpectra(sample.rows(group).batch(), told[group])
            tables.append(answer_labelled(classifier, labelled, self.depths, self.settings.seed, self.progress))
        return _stacked(tables)

    @cached_property
    def labels(self):
        """The labels of the sample, row by row."""
        self.sample  # noqa: B018  reading the spectra marks those that cannot be used
        return self.labelled.labels[self.labelled.labels["problem"] == ""]

    def _of_simulated(self, model):
        number, seed = min(UNFORGOTTEN, self.settings.pool), (self.settings.seed, 7)
        spectra, truth = simulate_spectra(number, seed, instrument=self.draws.instrument, snr=(5.0, 100.0))
        labels = make_labels(spectra.ids, truth["z"], truth["class"])
        classifier = RedshiftClassifier(model=str(model))
        return answer_labelled(classifier, LabelledSpectra(spectra, labels), progress=self.progress)

    def _card(self, count):
        z = self.sample.z[np.isfinite(self.sample.z)]
        kinds = ", ".join(f"{np.sum(self.sample.classes == kind)} {kind}" for kind in CLASSES)
        origin = f"It began as {self.first.card.name} {self.first.card.version}." if self.first else "It began anew."
        mixed = f"{self.settings.simulated:.0%} of the spectra it saw were simulated."
        return ModelCard(
            name=self.name,
            version="1.0",
            summary=f"redshifts and classes, trained on {len(self.sample)} labelled spectra",
            task="What is the class and the redshift of this spectrum?",
            accepts=("spectrum",),
            classes=CLASSES,
            training_data=f"{len(self.sample)} labelled spectra of {len(np.unique(self.sample.objects))} objects "
            f"({kinds}; z from {z.min():.3f} to {z.max():.3f}), {count} of them for the weights, made shallower by up "
            f"to {self.settings.shallower:g} times. {mixed} {origin}",
            failures="Not known beyond the scores: redshifts, classes and instruments that the labelled spectra lack "
            "are as good as the simulated spectra and the model it began with make them.",
            recipe=f"museml train redshift ({json.dumps(self.settings.as_dict())})",
            licence="",
            created=datetime.now(UTC).date().isoformat(),
            author="",
        )


def _stacked(tables):
    table = vstack(tables, metadata_conflicts="silent")
    table.meta = dict(tables[-1].meta)
    return table


def _card_scores(answers):
    """Return the scores that go on the card: those over all the spectra, at the first depth."""
    scores = score_answers(answers[answers["depth"] == answers["depth"].min()])
    rows = [row for row in scores if row["data"] in ("all", "with a redshift") and np.isfinite(row["value"])]
    return tuple({name: _plain(row[name]) for name in _told(row)} for row in rows)


def _told(row):
    """Return the entries of a score that are known; some have no interval."""
    return [name for name in row.colnames if name != "depth" and (isinstance(row[name], str) or np.isfinite(row[name]))]


def _plain(value):
    return value.item() if isinstance(value, np.generic) else value
