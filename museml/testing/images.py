"""Images for the contract of detectors: what could be changed, variants, and what values are possible."""

import numpy as np
from astropy.io import fits

from museml.data.images import open_image
from museml.detection import ImageDetections

__all__ = [
    "answers", "contents", "dark", "holed", "in_hole", "mirrored", "misplaced", "opened", "possible", "ready", "write",
]  # fmt: skip

answers = ImageDetections
BRIGHT, LONG = 20.0, 1.2  # S/N and ratio of axes from which on positions and position angles must be right
TURN = 20.0  # degrees by which two position angles may differ
HOLE = 6  # the side of the corner without data is so many times shorter than the image's
opened = open_image
#: columns that are finite and not negative wherever they have a value
LENGTHS = ("ra_err", "dec_err", "peak_err", "flux_err", "major_err", "minor_err", "pa_err", "dc_major", "dc_minor",
           "n_false")  # fmt: skip


def ready(image):
    """Return the HDU that the rules work on."""
    return image if isinstance(image, fits.PrimaryHDU) else open_image(image).to_hdu()


def contents(hdu):
    """Return all that a detector could change, as bytes and text."""
    return hdu.data.tobytes(), hdu.header.tostring()


def write(hdu, path):
    """Write the image into a file."""
    hdu.writeto(path)


def holed(hdu):
    """Return a copy without data in a corner and in two columns."""
    values = hdu.data.astype(np.float32)
    rows, columns = (length // HOLE for length in values.shape)
    values[:rows, :columns] = np.nan
    values[:, values.shape[1] // 2 :][:, :2] = np.nan
    return fits.PrimaryHDU(values, hdu.header)


def in_hole(table, hdu):
    """Tell which detections are well within the corner without data."""
    rows, columns = hdu.shape
    return (table["x"] < columns / HOLE / 2) & (table["y"] < rows / HOLE / 2)


def dark(hdu):
    """Return a copy of zeros."""
    return fits.PrimaryHDU(np.zeros(hdu.shape, np.float32), hdu.header)


def mirrored(hdu):
    """Return the image of the same sky with its first axis reversed."""
    header = hdu.header.copy()
    header["CRPIX1"] = hdu.shape[1] + 1 - header["CRPIX1"]
    for key in {"CDELT1", "CD1_1", "CD2_1"} & set(header):
        header[key] = -header[key]
    return fits.PrimaryHDU(hdu.data[:, ::-1].copy(), header)


def misplaced(first, second, hdu):
    """Return the bright rows of a list of which another has none within a beam that has their position angle."""
    image = open_image(hdu)
    rows = first[first["snr"] > BRIGHT]
    east = (rows["ra"][:, None] - second["ra"]) * np.cos(np.radians(rows["dec"][:, None]))
    near = np.hypot(east, rows["dec"][:, None] - second["dec"]) < image.beam.major / 3600
    turn = np.abs((rows["pa"][:, None] - second["pa"] + 90) % 180 - 90)
    round_ = (rows["major"] < LONG * rows["minor"])[:, None] | (second["major"] < LONG * second["minor"])
    return rows[~np.any(near & (round_ | (turn < TURN)), axis=1)]


def possible(table, image):
    """Return, by column, which rows hold possible values, and what possible is."""
    x, y = image.sky_to_pixel(table["ra"], table["dec"])
    off = np.hypot(x - table["x"], y - table["y"])
    ordered = table["minor"] <= table["major"] * (1 + 1e-6)
    finite = {name: (np.isfinite(table[name]), "finite") for name in ("peak", "flux", "snr", "score")}
    lengths = {name: (np.isfinite(table[name]) & (table[name] >= 0), "finite and not negative") for name in LENGTHS}
    angles = {name: ((table[name] >= 0) & (table[name] <= 180), "between 0 and 180") for name in ("pa", "dc_pa")}
    return finite | lengths | angles | {
        "x": ((table["x"] >= -0.5) & (table["x"] <= image.shape[1] - 0.5), "inside the field"),
        "y": ((table["y"] >= -0.5) & (table["y"] <= image.shape[0] - 0.5), "inside the field"),
        "ra": (off < 0.05, "the sky position of x and y, counted from 0"),
        "major": (np.isfinite(table["major"]), "finite"),
        "minor": ((table["minor"] > 0) & ordered, "positive and not above major"),
        "rms": (np.isfinite(table["rms"]) & (table["rms"] > 0), "finite and positive"),
        "p_real": ((table["p_real"] >= 0) & (table["p_real"] <= 1), "between 0 and 1"),
        "source": (table["source"] >= 1, "counted from 1"),
        "flags": (table["flags"] >= 0, "bits of museml.errors.DetectionFlag"),
    }  # fmt: skip
