"""How well a classifier does on labelled spectra: the answers beside the labels, made shallower too."""

import numpy as np
from astropy.table import vstack
from tqdm import tqdm

from museml.classification import Redshifts
from museml.classifiers.line_fit import identify_lines
from museml.columns import Field, FixedTable
from museml.component import PROVENANCE
from museml.errors import SettingError
from museml.simulation.spectra import degrade
from museml.training.labels import check_enough

__all__ = ["TOLERANCE", "UNTOLD", "Answers", "answer_labelled", "is_right"]

#: a redshift is right within this times 1+z
TOLERANCE = 0.005
#: class of a label that tells none
UNTOLD = "unknown"
#: signal-to-noise ratio from which a line makes the type of a spectrum: at least, and per that of the continuum, whose
#: features are not all known
TYPICAL, ABOVE = 5.0, 0.3
NUMBERS = ("z", "z_err", "p", "z_2", "p_2", "z_3", "p_3")


class Answers(FixedTable):
    """Answers of a classifier of redshifts beside the labels: one row per spectrum and depth."""

    fields = (
        Field("id", "str", "name of the spectrum", ucd="meta.id;meta.main"),
        Field("object", "str", "object that it shows"),
        Field("depth", "f8", "the exposure was made this many times shorter, by adding noise"),
        Field("type", "str", "'QSO', 'star', 'Lya', 'emission' or 'absorption': class, or by the brightest line"),
        Field("snr_cont", "f8", "signal-to-noise ratio per pixel, median", ucd="stat.snr"),
        Field("snr_line", "f8", "signal-to-noise ratio of the brightest line; 0 below 3", ucd="stat.snr;em.line"),
        Field("class_true", "str", "class of the label; 'unknown' where not told"),
        Field("z_true", "f8", "redshift of the label (vacuum)", None, "src.redshift", True),
        Field("class", "str", "class of the answer", ucd="src.class"),
        Field("z", "f8", "best redshift (vacuum)", None, "src.redshift", True),
        Field("z_err", "f8", "standard error of z", None, "stat.error;src.redshift", True),
        Field("p", "f8", "probability that z is right", None, "stat.probability", True),
        Field("z_2", "f8", "second redshift", None, "src.redshift", True),
        Field("p_2", "f8", "its probability", None, "stat.probability", True),
        Field("z_3", "f8", "third redshift", None, "src.redshift", True),
        Field("p_3", "f8", "its probability", None, "stat.probability", True),
        Field("flags", "i4", "bits of museml.errors.PredictionFlag", None, "meta.code"),
        Field("offset", "f8", "(z - z_true) / (1 + z_true)", None, None, True),
        Field("rank", "i4", "which of the three redshifts is right: 1, 2 or 3; 0 for none"),
    )


def answer_labelled(classifier, labelled, depths=(1.0,), seed=0, progress=True):
    """Classify labelled spectra, also made shallower, and put the answers beside the labels.

    Parameters
    ----------
    classifier : `~museml.Classifier`
        Gives redshifts.
    labelled : `~museml.training.labels.LabelledSpectra`
        They are read in batches, so that any number will do; rows that cannot be used are left out.
    depths : sequence of float
        Factors, from 1, by which the exposure is made shorter.
    seed : int
        Of the noise that is added for it.
    progress : bool
        Whether to show a bar on stderr, if that is a terminal.

    Returns
    -------
    Answers

    Raises
    ------
    InputError
        If no spectrum can be used.
    SettingError
        If the classifier gives no redshifts.
    """
    if not issubclass(classifier.predictions, Redshifts):
        raise SettingError(f"classifier {classifier.name!r} gives no redshifts; choose another, such as 'lines'")
    rng, tables, meta = np.random.default_rng(seed), [], {}
    with tqdm(total=labelled.usable * len(depths), unit="spectra", disable=None if progress else True) as bar:
        for batch, labels in labelled.batches():
            known = _known(batch, labels)
            for depth in depths:
                answers = classifier.classify(batch if depth == 1 else degrade(batch, depth, rng))
                meta = {key: answers.meta[key] for key in PROVENANCE if key in answers.meta}
                tables.append(_side_by_side(answers, labels, known, depth))
                bar.update(len(batch))
    check_enough(labelled, 1, "an evaluation")
    table = vstack(tables, metadata_conflicts="silent")
    table.meta = meta
    return table


def is_right(table, tolerance=TOLERANCE):
    """Return whether each answer is right: the redshift within the tolerance, or no redshift where there is none."""
    offset = np.abs(np.ma.filled(table["offset"], np.inf))
    empty = np.ma.getmaskarray(table["z_true"])
    return np.where(empty, ~np.isin(table["class"], ("galaxy", "QSO", "star")), offset < tolerance)


def _known(batch, labels):
    """Return what is measured in the spectra at the redshifts of their labels."""
    snr = np.divide(batch.values, batch.errors, out=np.zeros(batch.values.shape, float), where=~batch.mask)
    continuum = np.ma.filled(np.ma.median(np.ma.array(snr, mask=batch.mask), axis=1), 0.0)
    lines = [_brightest(batch.rows(i, i + 1), row["z"]) for i, row in enumerate(labels)]
    types = [_type(*row) for row in zip(labels["class"], *zip(*lines, strict=True), continuum, strict=True)]
    return {"type": types, "snr_line": np.array([value for _, value in lines]), "snr_cont": continuum}


def _brightest(row, z):
    """Return the name of the brightest line at a redshift and its signal-to-noise ratio; '' and 0 without one."""
    if np.ma.is_masked(z):
        return None, 0.0
    lines = identify_lines(row, float(z))
    if not len(lines):
        return "", 0.0
    snr = np.asarray(lines["FLUX"] / lines["FLUX_ERR"], float)
    best = int(np.argmax(snr))
    return str(lines["LINE"][best]), float(snr[best])


def _type(told, line, snr, continuum):
    """Return the type of a spectrum; 'nothing' without a redshift."""
    if line is None:
        return "nothing"
    if told in ("QSO", "star"):
        return str(told)
    if snr < max(TYPICAL, ABOVE * continuum):
        return "absorption"
    return "Lya" if line == "LYALPHA" else "emission"


def _side_by_side(answers, labels, known, depth):
    truth = np.ma.asarray(labels["z"])
    columns = {"id": labels["id"], "object": labels["object"], "depth": np.full(len(labels), float(depth))}
    columns |= {"type": known["type"], "z_true": truth}
    columns["class_true"] = np.where(labels["class"] == "", UNTOLD, labels["class"])
    columns |= {name: known[name] / np.sqrt(depth) for name in ("snr_line", "snr_cont")}
    columns |= {name: np.ma.asarray(answers[name]) for name in NUMBERS}
    columns |= {"class": answers["class"], "flags": np.asarray(answers["flags"])}
    columns["offset"] = (columns["z"] - truth) / (1 + truth)
    columns["rank"] = _rank(answers, truth)
    return Answers.from_columns(columns)


def _rank(answers, truth):
    """Return which of the three redshifts is within the tolerance of the truth, 0 if none."""
    rank = np.zeros(len(answers), int)
    for place, name in ((3, "z_3"), (2, "z_2"), (1, "z")):
        offset = np.ma.filled(np.ma.abs((np.ma.asarray(answers[name]) - truth) / (1 + truth)), np.inf)
        rank[offset < TOLERANCE] = place
    return rank
