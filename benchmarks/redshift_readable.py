"""The tables of redshift_scores.py as people read them, for the documentation."""

__all__ = ["readable"]

#: names of the sets in words
SETS = {
    "simulations": "simulations",
    "clear": "simulations, significance above 5",
    "muse": "MUSE, real",
    "shallow": "MUSE, 2 to 10 times shallower",
    "a478": "spaxels of Abell 478",
    "sdss": "SDSS",
}
#: classifiers whose offsets are told
OWN = ("redshift", "nmf")


def readable(tables):
    """Return tables with few columns and rounded numbers, by name, from those of `bench_redshift.tables`."""
    made = {"rivals_table": [_rival(row) for row in tables["rivals"]]}
    made["offsets_table"] = [_offset(row) for row in tables["offsets"] if row["classifier"] in OWN]
    bright = [row for row in tables.get("by_signal", ()) if not row["bin"]]
    pivots = {
        "bright_table": (bright, _redshifts, "redshift range"),
        "a478_table": (tables.get("a478", ()), lambda row: row["snr"], "continuum S/N per channel"),
        "shallow_table": (tables.get("shallow", ()), lambda row: f"{row['times_shallower']:g}", "times shallower"),
    }
    return made | {name: list(_pivot(*pivot)) for name, pivot in pivots.items() if pivot[0]}


def _rival(row):
    spread = f"{_percent(row['low'])}-{_percent(row['high'])}"
    return {
        "spectra": SETS[row["set"]],
        "classifier": row["classifier"],
        "n": row["n"],
        "right, %": f"{_percent(row['right'])} ({spread})",
        "right among three, %": _percent(row["among_three"]),
        "within 0.002 (1+z), %": _percent(row["within_0.002"]),
        "p > 0.9: pure, %": _percent(row["purity"]),
        "complete, %": _percent(row["completeness"]),
        "sure and wrong": row["sure_and_wrong"],
        "calibration error": f"{row['ece']:.3f}",
        "ms of a core per spectrum": f"{1e3 * row['core_s_per_spectrum']:.3g}",
    }


def _offset(row):
    return {
        "spectra": SETS[row["set"]],
        "classifier": row["classifier"],
        "kind": row["kind"],
        "n": row["n"],
        "median, 1e-4 (1+z)": f"{row['median_1e-4']:+.2f}",
        "its error": f"{row['error_1e-4']:.2f}",
        "scatter": f"{row['scatter_1e-4']:.2f}",
    }


def _pivot(rows, key, title):
    """Yield one row per key, with the success of each classifier in a column of its own."""
    names = dict.fromkeys((row["classifier"] for row in rows), "")
    for value in dict.fromkeys(map(key, rows)):
        same = [row for row in rows if key(row) == value]
        cells = {row["classifier"]: f"{_percent(row['right'])} % of {row['n']}" for row in same}
        yield {title: value, **names, **cells}


def _redshifts(row):
    return f"{row['z_min']:g} to {row['z_max']:g}"


def _percent(value):
    return "" if value != value else f"{100 * value:.1f}"
