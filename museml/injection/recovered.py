"""Which of the objects put in are found, and how well they are measured."""

import numpy as np

from museml.columns import Field, FixedTable

__all__ = ["RIGHT", "Recovered", "compare"]

RIGHT = 0.005  # of a redshift that is right, times 1 + z
LEAST = 4.0  # Angstrom within which a detection is that of a line, or its FWHM if that is more
FLUX = "1e-20 erg / (s cm2)"


class Recovered(FixedTable):
    """One row for each object that was put into a cube."""

    fields = (
        Field("id", "i8", "number of the object, from 1"),
        Field("round", "i8", "round in which it was put in, from 1"),
        Field("kind", "str", "'line', 'galaxy', 'emitter' or 'continuum'"),
        Field("ra", "f8", "right ascension (ICRS)", "deg"),
        Field("dec", "f8", "declination (ICRS)", "deg"),
        Field("x", "f8", "position along the first image axis, from 0", "pix"),
        Field("y", "f8", "position along the second image axis, from 0", "pix"),
        Field("size", "f8", "FWHM of the object before the PSF", "arcsec"),
        Field("z", "f8", "redshift", maskable=True),
        Field("n_lines", "i8", "lines in the cube"),
        Field("wave", "f8", "wavelength of the line of the highest S/N, in the cube's medium", "Angstrom", None, True),
        Field("fwhm", "f8", "observed width of that line", "Angstrom", None, True),
        Field("flux", "f8", "flux of that line, or of the continuum over the cube's range", FLUX),
        Field("snr", "f8", "its S/N in a filter that matches it, by the cube's variances"),
        Field("recovered", "i8", "1 if the object was found"),
        Field("confused", "i8", "1 if the cube itself has a detection there, so that nobody can tell"),
        Field("n_found", "i8", "its lines that were found"),
        Field("found_snr", "f8", "S/N of the detection", None, None, True),
        Field("found_flux", "f8", "flux of the detection", FLUX, None, True),
        Field("found_flux_err", "f8", "its standard error", FLUX, None, True),
        Field("found_wave", "f8", "wavelength of the detection", "Angstrom", None, True),
        Field("offset", "f8", "distance of the detection from the object", "arcsec", None, True),
        Field("n_false", "f8", "expected number of false detections as sure as the object's surest", None, None, True),
        Field("p_real", "f8", "greatest probability of the object's detections to be real", None, None, True),
        Field("found_source", "i8", "the detector's number of the source", None, None, True),
        Field("found_z", "f8", "redshift that the classifier gives; in a blend the nearer of two", None, None, True),
        Field("found_p", "f8", "probability of that redshift", None, None, True),
        Field("right", "i8", "1 if it is right, 0 if it is wrong", None, None, True),
    )  # fmt: skip


def compare(truth, kind, detections, before, cube, psf):
    """Compare what was put in with what was found.

    Parameters
    ----------
    truth : `~astropy.table.Table`
        What was put in; one row per line and per continuum.
    kind : str
        What it is.
    detections, before : `~museml.Detections`
        In the cube with the objects, and in the cube as it is.
    cube : `~museml.data.cubes.CubeData`
        Gives the size of the pixels.
    psf : `~museml.data.psf.PSF`
        A detection is that of an object within the PSF's FWHM.

    Returns
    -------
    Recovered
        One row per object, in the order of the truth.
    """
    radius = float(psf.fwhm_at(cube.wave.mean())) / cube.pixel_scale
    match, confused = _nearest(truth, detections, radius), _nearest(truth, before, radius) >= 0
    numbers = np.asarray(truth["source"])
    rows = [_object(truth, np.flatnonzero(numbers == n), match, confused, detections) for n in np.unique(numbers)]
    columns = {name: _column([row[name] for row in rows]) for name in rows[0]}
    columns["offset"] = columns["offset"] * cube.pixel_scale
    count = len(rows)
    return Recovered.from_columns(
        {"id": np.arange(1, count + 1), "round": np.ones(count, int), "kind": np.full(count, kind), **columns}
    )


def _nearest(truth, detections, radius):
    """Return the detection nearest to each row of the truth, or -1 if there is none within reach."""
    nearest = np.full(len(truth), -1)
    if not len(detections):
        return nearest
    x, y, wave = (np.ma.filled(np.ma.asarray(detections[name], float), np.nan) for name in ("x", "y", "wave"))
    continuum = np.asarray(detections["kind"]) == "continuum"
    for number, row in enumerate(truth):
        distance = np.hypot(x - row["x"], y - row["y"]) / radius
        if row["kind"] == "continuum":
            distance[~continuum] = np.inf
        else:
            apart = np.abs(wave - row["wave"]) / max(LEAST, row["fwhm"])
            distance = np.where(continuum, np.inf, np.maximum(distance, apart))
        if np.nanmin(distance) < 1:
            nearest[number] = np.nanargmin(distance)
    return nearest


def _object(truth, rows, match, confused, detections):
    """Return the columns of one object from its rows of the truth."""
    lines = rows[np.asarray(truth["kind"][rows]) != "continuum"]
    main = max(lines if len(lines) else rows, key=lambda row: truth["snr"][row])
    clear = rows[~confused[rows]]
    hits = clear[match[clear] >= 0]
    columns = {name: truth[name][main] for name in ("ra", "dec", "x", "y", "size", "z", "wave", "fwhm", "flux", "snr")}
    columns |= {"n_lines": len(lines), "recovered": int(len(hits) > 0), "confused": int(len(clear) == 0)}
    columns["n_found"] = int(np.isin(lines, hits).sum())
    return columns | _detection(truth[main], detections, match[hits], match[main] if main in hits else -1)


def _detection(row, detections, all_of_it, main):
    """Return what the detections tell of an object, and that of its main line or continuum of flux and place."""
    names = {"found_snr": "snr", "found_flux": "flux", "found_flux_err": "flux_err", "found_wave": "wave"}
    columns = dict.fromkeys([*names, "offset", "n_false", "p_real", "found_source"], np.ma.masked)
    if len(all_of_it):
        surest = detections[all_of_it]
        columns |= {"n_false": surest["n_false"].min(), "p_real": np.ma.max(np.ma.asarray(surest["p_real"]))}
        columns["found_source"] = surest["source"][np.argmin(surest["n_false"])]
    if main >= 0:
        found = detections[main]
        columns |= {name: found[column] for name, column in names.items()}
        columns["offset"] = np.hypot(found["x"] - row["x"], found["y"] - row["y"])
    return columns


def _column(values):
    """Return values, some of which may be masked, as an array."""
    missing = np.array([np.ma.is_masked(value) for value in values])
    known = np.array([0 if lost else value for value, lost in zip(values, missing, strict=True)])
    return np.ma.array(known, mask=missing) if missing.any() else known
