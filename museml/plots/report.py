"""The report of an evaluation: one HTML file with its figures inside."""

import base64
from html import escape
from io import BytesIO
from pathlib import Path
from string import Template

import numpy as np
from matplotlib import style

from museml.errors import PredictionFlag
from museml.output import whole_file, write_table
from museml.plots import evaluation as figures
from museml.training.evaluation import TOLERANCE, UNTOLD, is_right
from museml.training.scores import score_answers, warnings_of

__all__ = ["make_report", "write_evaluation"]

#: most wrong answers that are listed
LISTED = 30
#: columns of that list -> how they are written
COLUMNS = {
    "id": "{}", "type": "{}", "snr_line": "{:.1f}", "snr_cont": "{:.2f}", "z_true": "{:.4f}", "z": "{:.4f}",
    "p": "{:.3f}", "z_2": "{:.4f}", "p_2": "{:.3f}", "class": "{}", "flags": "{}",
}  # fmt: skip
HEADLINES = ("success", "success within", "right among", "purity", "completeness", "calibration error", "median offset")

PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>$title</title>
<style>
body { font: 15px/1.45 sans-serif; color: #222; max-width: 62em; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin-top: 2em; border-bottom: 1px solid #ccc; }
table { border-collapse: collapse; font-size: 0.87em; } th { text-align: left; }
td, th { padding: 0.15em 0.9em 0.15em 0; border-bottom: 1px solid #eee; vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
img { max-width: 100%; } .warning { background: #fff3d6; padding: 0.5em 0.8em; }
</style>
</head>
<body>
<h1>$title</h1>
$body
</body>
</html>
""")


def write_evaluation(path, answers, labelled, title, facts=None, **kwargs):
    """Write the report of an evaluation, and its tables beside it.

    Parameters
    ----------
    path : path
        The HTML file. A file ``report.html`` gets ``scores.ecsv`` and ``answers.fits`` beside it; one of another name
        gets its stem before these names.
    answers : `~museml.training.evaluation.Answers`
        Of one or more depths.
    labelled : `~museml.training.labels.LabelledSpectra`
        What was classified.
    title : str
        Of the page.
    facts : dict, optional
        More facts, in words.
    **kwargs
        Further arguments of `make_report`.
    """
    path = Path(path)
    page = make_report(answers, title, {**_facts(answers, labelled), **(facts or {})}, **kwargs)
    with whole_file(path) as part:
        part.write_text(page, encoding="utf-8")
    start = "" if path.stem == "report" else f"{path.stem}-"
    write_table(score_answers(answers), path.with_name(f"{start}scores.ecsv"))
    write_table(answers, path.with_name(f"{start}answers.fits"))


def _facts(answers, labelled):
    meta = answers.meta
    names = [meta.get(key, "") for key in ("PLUGIN", "PLUGIN_V", "MODEL")]
    return {
        "classifier": f"{' '.join(names).strip()}; settings {meta.get('SETTINGS', '')}",
        "museml": meta.get("MUSEML_V", ""),
        "spectra": labelled.summary(),
        "objects tested": len(np.unique(answers["object"])),
    }


def make_report(answers, title, facts, notes=(), history=None, compared=None):
    """Make the report of an evaluation.

    Parameters
    ----------
    answers : `~museml.training.evaluation.Answers`
        Of one or more depths.
    title : str
        Of the page.
    facts : dict
        What was evaluated on what, in words.
    notes : sequence of str
        What the reader should be warned of; what looks wrong in the labels is added.
    history : dict of list, optional
        Losses by epoch, if the classifier was trained here.
    compared : dict, optional
        More `~museml.training.evaluation.Answers` by name, to be compared in a table.

    Returns
    -------
    str
        The page in HTML; the figures are in it.
    """
    deepest = answers[answers["depth"] == answers["depth"].min()]
    sections = [
        *(f'<p class="warning">{escape(text)}</p>' for text in (*notes, *warnings_of(answers))),
        _table([(name, str(value)) for name, value in facts.items()]),
        *_summary(answers),
        *(_comparison(compared) if compared else ()),
        *_pictures(answers, deepest, history),
        *_wrong(deepest),
    ]
    return PAGE.substitute(title=escape(title), body="\n".join(sections))


def _summary(answers):
    """Tell the scores that matter most, a column for each depth."""
    scores = score_answers(answers)
    depths = [float(depth) for depth in np.unique(answers["depth"])]
    rows = {}
    for score in scores:
        if score["name"].startswith(HEADLINES) and (score["name"] != "success" or " " not in score["data"]):
            rows.setdefault((score["name"], score["data"]), {})[score["depth"]] = score
    head = ("score", "of", *(f"exposure / {depth:g}" if len(depths) > 1 else "value" for depth in depths))
    table = [(*key, *(_value(cells.get(depth)) for depth in depths)) for key, cells in rows.items()]
    yield "<h2>Summary</h2>"
    yield (
        f"<p>A redshift is right within {TOLERANCE:g}(1+z). Intervals are those of 95 %. Purity is the part of the "
        "redshifts above the probability that are right, completeness the part of all spectra with a redshift that "
        "are right and above it.</p>"
    )
    yield _table(table, head)


def _comparison(compared):
    """Tell the main scores of several evaluations at their first depth, a row each."""
    names = ("success", "purity at p > 0.9", "completeness at p > 0.9", "calibration error (ECE)")
    rows = []
    for name, answers in compared.items():
        scores = score_answers(answers[answers["depth"] == answers["depth"].min()])
        scores = {score["name"]: score for score in scores if score["data"] == "all"}
        rows.append((name, *(_value(scores.get(key)) for key in names)))
    yield "<h2>Before and after the training</h2>"
    yield _table(rows, ("", *names))


def _value(score):
    if score is None or not np.isfinite(score["value"]):
        return "-"
    form = "{:+.1e}" if score["name"] == "median offset" else "{:.3f}"
    text = form.format(score["value"])
    if np.isfinite(score["low"]):
        text += f" ({form.format(score['low'])} to {form.format(score['high'])})"
    return f"{text}, n = {score['n']}"


def _pictures(answers, deepest, history):
    yield _section("Redshifts found against labels", figures.plot_confusion(deepest), CONFUSION)
    yield _section("Success", figures.plot_success(answers), SUCCESS)
    if len(np.unique(answers["depth"])) > 1:
        yield _section("Depth", figures.plot_depths(answers), DEPTH)
    yield _section("Probabilities", figures.plot_reliability(deepest), RELIABILITY)
    yield _section("Offsets", figures.plot_offsets(deepest), OFFSETS)
    if np.any(deepest["class_true"] != UNTOLD):
        yield _section("Classes", figures.plot_classes(deepest), CLASSES)
    if history and history.get("loss"):
        yield _section("Learning curves", figures.plot_learning(history), LEARNING)


CONFUSION = (
    "Each point is a spectrum, its colour the probability. Dotted lines show where one line is taken for another."
)
SUCCESS = (
    "Rate of right redshifts, with intervals of 95 %. The line S/N is that of the brightest emission line at the "
    "label's redshift, the continuum S/N the median per pixel."
)
DEPTH = "The same spectra with noise added, as if the exposure had been shorter."
RELIABILITY = (
    "Left: of the answers with a probability p the part p should be right, so points should lie on the line. Right: "
    "what is gained and lost by keeping only answers above a probability."
)
OFFSETS = "Signed differences of right redshifts from the labels. Lines are medians."
CLASSES = "Number of spectra of each class that were given each name."
LEARNING = "The loss on the training spectra and on those that decide when to stop."


def _section(title, figure, text):
    return f'<h2>{escape(title)}</h2>\n<p>{escape(text)}</p>\n<img alt="{escape(title)}" src="{_embedded(figure)}">'


def _embedded(figure):
    """Return a figure as a PNG inside the address."""
    buffer = BytesIO()
    with style.context("default"):
        figure.savefig(buffer, format="png", dpi=110, metadata={"Software": "museml"})
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _wrong(answers):
    """List wrong answers, the most confident first."""
    wrong = answers[~is_right(answers)]
    wrong = wrong[np.argsort(-np.ma.filled(wrong["p"], 0.0), kind="stable")]
    yield "<h2>Wrong answers</h2>"
    if not len(wrong):
        yield "<p>None.</p>"
        return
    shown = f", the {LISTED} most confident are shown" if len(wrong) > LISTED else ""
    yield f"<p>{len(wrong)} of {len(answers)}{shown}. All answers are in the table beside this page.</p>"
    yield _table([[_cell(row, name) for name in COLUMNS] for row in wrong[:LISTED]], list(COLUMNS))


def _cell(row, name):
    value = row[name]
    if name == "flags":
        return ", ".join(flag.name.lower().replace("_", " ") for flag in PredictionFlag if flag and value & flag)
    return "-" if np.ma.is_masked(value) else COLUMNS[name].format(value)


def _table(rows, head=None):
    lines = ["<table>"]
    if head:
        lines.append("<tr>" + "".join(f"<th>{escape(str(cell))}</th>" for cell in head) + "</tr>")
    lines += ["<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows]
    return "\n".join([*lines, "</table>"])
