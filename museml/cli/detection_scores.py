"""What ``museml score DETECTIONS TRUTH`` does: compare, print and write."""

import warnings
from pathlib import Path

import click
import numpy as np

from museml.cli.catalog_options import open_any, read_footprint
from museml.errors import InputError, MusemlWarning

__all__ = ["score_tables"]

PRINTED = ("completeness", "reliability", "f1", "completeness of sources", "median flux ratio", "scatter of flux ratio",
           "median separation", "calibration error (ECE) of p_real")  # fmt: skip
OUTSIDE = 0.2  # part of a table beyond the outline of the other from which it is told


def score_tables(detections, truth, out, sdc1, sdc1_area, footprints, told, **settings):
    """Compare two files; see the command."""
    from museml.catalogs.score import score_detections
    from museml.output import make_folder

    if out:
        make_folder(out)
    (raw, found), (raw_truth, true) = open_any(detections), open_any(truth, told)
    footprint = read_footprint(footprints)
    score = score_detections(found, true, footprint=footprint, **settings)
    if footprint is None:
        _check_outlines(score)
    _print(score)
    challenge = _sdc1(score, raw, raw_truth, int(sdc1), sdc1_area) if sdc1 else None
    if out:
        _write(score, raw, raw_truth, Path(out), f"{Path(detections).name} against {Path(truth).name}", challenge)
        click.echo(f"tables and picture are in {out}")


def _check_outlines(score):
    """Warn if one table reaches far beyond the other, and refuse tables of different parts of the sky."""
    tables = {"the truth": score.truth[score.wanted], "the detections": score.detections}
    parts = {}
    for (name, table), (other_name, other) in zip(tables.items(), reversed(tables.items()), strict=True):
        parts[name, other_name] = _part_outside(table, other, 10 * score.settings["radius"])
    if min(parts.values()) == 1:
        raise InputError(
            "detections and truth must cover the same part of the sky; no row of one lies in the outline of the other; "
            "check the files, or give the image with --footprint"
        )
    for (name, other_name), part in parts.items():
        if part > OUTSIDE:
            warnings.warn(
                f"{part:.0%} of {name} lies outside the outline of {other_name}; if both have not looked at the same "
                "part of the sky, give the image with --footprint",
                MusemlWarning, stacklevel=2,
            )  # fmt: skip


def _part_outside(table, other, margin):
    """Return what part of a table lies beyond the outline of another; 0 where one has no position or no outline."""
    from museml.catalogs.match import inside_footprint
    from museml.catalogs.outline import catalog_footprint

    try:
        outline = catalog_footprint(other["ra"], other["dec"], margin)
    except InputError:
        return 0.0
    known = inside_footprint(table)
    return 1 - inside_footprint(table[known], outline).mean() if known.any() else 0.0


def _print(score):
    summary = {row["name"]: row for row in score.summary}
    counts = ", ".join(f"{int(summary[f'detections: {verdict}']['value'])} {verdict}" for verdict in (
        "real", "false", "faint", "outside", "no position"))  # fmt: skip
    wanted, rows = int(score.wanted.sum()), len(score.truth)
    lost = int(summary["truth: no position"]["value"])
    click.echo(f"{len(score.detections)} detections: {counts}")
    click.echo(f"truth: {wanted} of {rows} rows should be found{f'; {lost} have no position' if lost else ''}")
    for name in PRINTED:
        if name in summary:
            row = summary[name]
            interval = f" ({row['low']:.3f} to {row['high']:.3f})" if np.isfinite(row["low"]) else ""
            click.echo(f"{name} [{row['data']}]: {row['value']:.3f}{interval}")


def _sdc1(score, raw, raw_truth, frequency, area):
    """Print the score of the challenge inside the footprint, right and as its own scorer has it, and return both."""
    from museml.catalogs.sdc1 import score_sdc1
    from museml.catalogs.sdc1_table import SDC1_COLUMNS

    found, true = (own if set(SDC1_COLUMNS) - set(table.colnames) else table for table, own in (
        (raw, score.detections), (raw_truth, score.truth)))  # fmt: skip
    found, true = found[np.isin(score.verdict, ("real", "faint", "false"))], true[score.inside]
    scores = {kind: score_sdc1(found, true, frequency, area=area, as_published=kind != "right") for kind in (
        "right", "as published")}  # fmt: skip
    for kind, result in scores.items():
        click.echo(
            f"SDC1 score at {frequency} MHz, {kind}: {result.value:.2f} from {result.n_det} detections, "
            f"{result.n_match} matched with mean accuracy {result.accuracy:.3f}, {result.n_false} false"
        )
    return scores


def _write(score, raw, raw_truth, folder, title, challenge):
    from museml.output import write_table
    from museml.plots.catalog_score import plot_catalog_score
    from museml.plots.figures import save_figure

    summary = score.summary
    for kind, result in (challenge or {}).items():
        summary.add_row((f"SDC1 score, {kind}", "all", result.value, np.nan, np.nan, result.n_det))
    tables = {"scores": summary, "completeness": score.by_truth, "reliability": score.by_detection}
    tables |= {"residuals": score.residuals, "calibration": score.calibration}
    for name, table in tables.items():
        write_table(table, folder / f"{name}.ecsv")
    write_table(_judged(score, raw), folder / "detections.fits")
    write_table(raw_truth[score.wanted & ~score.found], folder / "missed.fits")
    save_figure(plot_catalog_score(score, title), folder / "score.png")


def _judged(score, raw):
    """Return the detections with what became of each: verdict, row of its match in the truth, and distance."""
    row, distance = np.full(len(raw), -1), np.full(len(raw), np.nan)
    row[score.pairs.rows], distance[score.pairs.rows] = score.pairs.others, score.pairs.separation
    judged = raw.copy()
    judged["verdict"], judged["truth_row"], judged["separation"] = score.verdict, row, distance
    judged["truth_row"].description = "row of its match in the truth, from 0; -1 without"
    judged["separation"].unit, judged["separation"].description = "arcsec", "distance from its match"
    return judged
