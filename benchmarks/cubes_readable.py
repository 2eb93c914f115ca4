"""The tables of bench_cubes.py as the documentation shows them: over all seeds, rounded."""

import numpy as np
from scipy.stats import chi2

__all__ = ["READABLE"]

FALSE = (1, 10, 30)  # false detections claimed in a cube


def _lines(rows):
    """Completeness over the seeds beside the limit, false detections where some are claimed, fluxes, cost."""
    for (field, finder), part in _groups(rows, "field", "finder"):
        yield {
            "noise": field, "finder": finder, "seeds": len(part),
            "found at 1 / 10 / 30 false": " / ".join(_mean(part, f"complete_{n}", 3) for n in (1, 10, 30)),
            "spread at 10": f"{np.std(_values(part, 'complete_10')):.3f}",
            "limit": " / ".join(_mean(part, f"limit_{n}", 3) for n in (1, 10, 30)),
            "false where 1 / 10 / 30 are claimed": _claimed(part),
            "pull": _pull(part),
            "offset (pixels)": _mean(part, "offset_pixels", 2), **_cost(part),
        }  # fmt: skip


def _pull(part):
    known = np.isfinite(_values(part, "pull_median")).any()
    return f"{_mean(part, 'pull_median', 2)} ± {_mean(part, 'pull_scatter', 2)}" if known else ""


def _claimed(part):
    claims = any(_values(part, f"true_at_{n}_claimed").sum() for n in (1, 10, 30))
    return " / ".join(_mean(part, f"true_at_{n}_claimed", 1) for n in (1, 10, 30)) if claims else ""


def _false(rows):
    """Yield false detections in all cubes, those claimed, and their ratio with its 95 % interval (Poisson)."""
    for row in rows:
        for n in FALSE:
            found, claimed = int(row[f"false_{n}"]), n * int(row["cubes"])
            low, high = (chi2.ppf(p, 2 * found + more) / 2 / claimed for p, more in ((0.025, 0), (0.975, 2)))
            yield {
                "field": row["field"], "cubes": row["cubes"], "claimed in a cube": n, "claimed in all": claimed,
                "false": found, "ratio": f"{found / claimed:.2f} ({np.nan_to_num(low):.2f}-{high:.2f})",
            }  # fmt: skip


def _continuum(rows):
    """Continuum sources found and false detections, over the seeds."""
    for (field, finder), part in _groups(rows, "field", "finder"):
        found, sources, false = (int(_values(part, name).sum()) for name in ("found", "sources", "false"))
        yield {"field": field, "finder": finder, "seeds": len(part), "found": f"{found} of {sources}", "false": false,
               **_cost(part)}  # fmt: skip


def _redshifts(rows):
    """Right redshifts, over the seeds."""
    for (finder,), part in _groups(rows, "finder"):
        before, sure = _values(part, "right_before_wrong"), _values(part, "sure")
        yield {
            "list": finder, "seeds": len(part), "galaxies": _mean(part, "galaxies", 0),
            "right before the first wrong": f"{before.mean():.1f} ({before.min():.0f}-{before.max():.0f})",
            "right in all": _mean(part, "right", 1), "redshifts given": _mean(part, "redshifts", 1),
            "right of those with p > 0.9": f"{_values(part, 'sure_right').sum():.0f} of {sure.sum():.0f}",
            **_cost(part),
        }  # fmt: skip


def _growth(rows):
    """Time and memory by size."""
    for row in rows:
        yield {
            "finder": row["finder"], "spaxels": f"{row['side']} x {row['side']}",
            "Mvoxel": f"{float(row['megavoxels']):.0f}",
            "CPU-s": f"{float(row['cpu_s']):.1f}", "wall s": f"{float(row['wall_s']):.1f}",
            "CPU-s per 100 Mvoxel": f"{100 * float(row['cpu_s']) / float(row['megavoxels']):.1f}",
            "peak MiB": f"{float(row['peak_mib']):.0f}", "at the start": f"{float(row['start_mib']):.0f}",
        }  # fmt: skip


#: name of a table -> what makes the readable one of its rows
READABLE = {"cubes_lines": _lines, "cubes_false": _false, "cubes_continuum": _continuum,
            "cubes_redshifts": _redshifts, "cubes_cost": _growth, "cubes_full": _growth}  # fmt: skip


def _groups(rows, *names):
    keys = list(dict.fromkeys(tuple(row[name] for name in names) for row in rows))
    for key in keys:
        yield key, [row for row in rows if tuple(row[name] for name in names) == key]


def _values(part, name):
    return np.array([float(row.get(name) or np.nan) for row in part])


def _mean(part, name, digits):
    known = _values(part, name)
    known = known[np.isfinite(known)]
    return f"{known.mean():.{digits}f}" if len(known) else ""


def _cost(part):
    peaks = np.concatenate([_values(part, name) for name in ("peak_mib", "children_mib")])
    peak = peaks[np.isfinite(peaks)]
    return {"CPU-s": _mean(part, "cpu_s", 1), "peak MiB": f"{peak.max():.0f}" if len(peak) else ""}
