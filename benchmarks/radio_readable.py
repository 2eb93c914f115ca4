"""The tables of bench_radio.py as the documentation shows them: over all seeds, rounded."""

import numpy as np

from museml.catalogs.rates import f1_rate, rate

__all__ = ["READABLE"]


def _fields(rows):
    """Reliability, completeness and F1 over all seeds with intervals of 95 %, cost."""
    for (field, finder), part in _groups(rows, "field", "finder"):
        done = [row for row in part if not row.get("failed")]
        real, false, found, wanted = (_sum(done, name) for name in ("real", "false", "found", "wanted"))
        yield {
            "field": field, "finder": finder, "fields": _count(part, done),
            "reliability": _rate(rate(real, real + false)), "completeness": _rate(rate(found, wanted)),
            "F1": _rate(f1_rate(real, false, wanted - found)), "real / false / missed": f"{real} / {false} / "
            f"{wanted - found}", "CPU-s": _median(done, "cpu_s", 1), "peak MiB": _median(done, "peak_mib", 0),
        }  # fmt: skip


def _faint(rows):
    """Completeness at low S/N, of the whole list and at reliability .95; fluxes, positions and sizes."""
    for (field, finder), part in _groups(rows, "field", "finder"):
        done = [row for row in part if not row.get("failed")]
        shares = {
            f"S/N {low}-{high}{where}": _rate(rate(_sum(done, f"{name}_{low}{high}"), _sum(done, f"n_{low}{high}")))
            for name, where in (("found", ""), ("at95", ", at reliability .95"))
            for low, high in ((4, 5), (5, 6))
        }
        yield {
            "field": field, "finder": finder, **shares,
            "flux ratio": f"{_mean(done, 'flux_ratio', 3)} ± {_mean(done, 'flux_scatter', 3)}",
            "size ratio": f"{_mean(done, 'size_ratio', 3)} ± {_mean(done, 'size_scatter', 3)}",
            "offset (arcsec)": _mean(done, "offset_arcsec", 2), "bright": _sum(done, "bright"),
        }  # fmt: skip


def _cost(rows):
    """Time and memory of large mosaics."""
    for row in rows:
        if row.get("failed"):
            yield {"finder": row["finder"], "pixels": f"{row['side']} x {row['side']}", "rows": row["failed"]}
            continue
        speed = float(row["side"]) ** 2 / 1e6 / float(row["cpu_s"])
        yield {
            "finder": row["finder"], "pixels": f"{row['side']} x {row['side']}", "rows": row["rows"],
            "CPU-s": f"{float(row['cpu_s']):.0f}", "Mpix per CPU-s": f"{speed:.2f}",
            "wall s": f"{float(row['wall_s']):.0f}", "peak MiB": f"{float(row['peak_mib']):.0f}",
            "at the start": f"{float(row['start_mib']):.0f}",
        }  # fmt: skip


def _tree(rows):
    for row in rows:
        ratio = float(row["astrodendro_cpu_s"]) / float(row["museml_cpu_s"])
        yield {
            "pixels above threshold": row["pixels"], "leaves": row["leaves"], "identical": row["identical"],
            "astrodendro CPU-s": f"{float(row['astrodendro_cpu_s']):.2f}",
            "museml CPU-s": f"{float(row['museml_cpu_s']):.3f}", "ratio": f"{ratio:.0f}",
        }  # fmt: skip


def _real(rows):
    """Agreement with catalogues of real and of others' simulated images, over the images of a set."""
    for row in rows:
        found, wanted, detections = (int(row[name]) for name in ("found", "wanted", "detections"))
        yield {
            "images": f"{row['field']}, {row['images']}", "finder": row["finder"],
            "recall": f"{_rate(rate(found, wanted))}, {found} of {wanted}",
            "precision": f"{_rate(rate(found, detections))}, {found} of {detections}",
            "flux ratio": f"{float(row['flux_ratio']):.3f}", "bright": row["bright"],
        }  # fmt: skip


#: name of a table -> functions that make readable ones of its rows, by the end of their names
READABLE = {
    "radio_fields": {"table": _fields, "faint_table": _faint},
    "radio_mosaics": {"table": _cost},
    "radio_tree": {"table": _tree},
    "radio_real": {"table": _real},
}


def _groups(rows, *names):
    for key in dict.fromkeys(tuple(row[name] for name in names) for row in rows):
        yield key, [row for row in rows if tuple(row[name] for name in names) == key]


def _sum(part, name):
    return sum(int(float(row[name])) for row in part)


def _mean(part, name, digits):
    values = [float(row[name]) for row in part if row.get(name)]
    return f"{np.nanmean(values):.{digits}f}" if values else ""


def _median(part, name, digits):
    values = [float(row[name]) for row in part if row.get(name)]
    return f"{np.median(values):.{digits}f}" if values else ""


def _rate(value):
    return f"{value.value:.3f} ({value.low:.3f}-{value.high:.3f})"


def _count(part, done):
    return str(len(part)) if len(done) == len(part) else f"{len(part)}, failed in {len(part) - len(done)}"
