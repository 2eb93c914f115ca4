"""Real and others' simulated images for bench_radio.py, found in the folder that MUSEML_DATA names."""

import os
from pathlib import Path

import numpy as np
from astropy.table import Table
from radio_fields import Field

from museml.catalogs.footprint import common_footprint, image_footprint
from museml.catalogs.outline import catalog_footprint
from museml.catalogs.reference import open_catalog
from museml.catalogs.score import score_detections
from museml.data.images import open_image

__all__ = ["data_folder", "real_fields", "real_scores"]

CUTOUTS = ("P205+55_test_cutout-mosaic.fits", "P218+55-mosaic.fits")
CATALOG = "catalog_shimwell_reduced.srl.fits"  # the official one, Shimwell et al. 2019: the rows of the two mosaics
COVERED = "LoTSS, covered"  # the part of the cut-outs within the outline of the catalogue's rows of their mosaic
MARGIN = 20.0  # arcsec, of that outline
MEERKAT = ("image1", "image2", "image3")  # of DeepSource, Vafaei Sadr et al. 2019
RADIUS = {"LoTSS": 6.0, COVERED: 6.0, "DeepSource": 11.0}  # arcsec: a beam, and half a beam
BRIGHT = 10.0


def data_folder():
    """Return the folder of radio data, or None."""
    folder = os.environ.get("MUSEML_DATA")
    return Path(folder) / "radio" if folder and (Path(folder) / "radio").is_dir() else None


def real_fields(folder):
    """Yield the images with what is known of them; the S/N of LoTSS is the catalogue's own, so all of it is wanted."""
    official = Table.read(folder / "lotss" / CATALOG)
    catalog = open_catalog(official)
    catalog["mosaic"] = np.char.strip(official["Mosaic_ID"].astype(str))
    for name in CUTOUTS:
        for part in ("LoTSS", COVERED):
            yield Field(part, name[:7], folder / "lotss" / name, catalog)
    for name in MEERKAT:
        path = folder / "deepsource" / f"{name}.fits"
        yield Field("DeepSource", name, path, _truth(path))


def real_scores(field, answer):
    """Return how many rows of the truth and of the answer belong together, and the flux ratio of the bright ones."""
    footprint = _footprint(field)
    truth = field.truth[footprint.contains(field.truth["ra"], field.truth["dec"])]
    limit = 5.0 if field.name == "DeepSource" else None
    result = score_detections(answer, truth, RADIUS[field.name], limit=limit, footprint=footprint)
    rows, others = result.pairs.rows, result.pairs.others
    bright = truth["snr"][others] > BRIGHT
    ratio = np.ma.filled(np.ma.asarray(result.detections["flux"][rows] / truth["flux"][others], float), np.nan)
    row = {name: int(np.sum(result.verdict == name)) for name in ("real", "false", "faint")}
    return row | {"found": row["real"], "wanted": int(result.wanted.sum()), "ratios": list(ratio[np.array(bright)])}


def _footprint(field):
    """Return where both the image and, if asked for, the catalogue have looked."""
    image = image_footprint(field.path)
    if field.name != COVERED:
        return image
    rows = field.truth[field.truth["mosaic"] == field.seed]
    return common_footprint(image, catalog_footprint(rows["ra"], rows["dec"], MARGIN))


def _truth(path):
    """Return positions, fluxes and S/N of the point sources of a DeepSource image."""
    rows = Table.read(path.with_suffix(".txt"), format="ascii.no_header", comment="#")
    image = open_image(path)
    noise = image.block(slice(0, image.shape[0]), slice(0, image.shape[1]))
    noise = 1.4826 * np.nanmedian(abs(noise - np.nanmedian(noise)))
    truth = Table({"ra": rows["col2"], "dec": rows["col3"], "flux": rows["col4"]}, units=("deg", "deg", "Jy"))
    truth["snr"] = truth["flux"] / noise
    return truth
