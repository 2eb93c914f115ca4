"""Labelled spectra on which classifiers of redshifts are compared: simulated ones and real ones.

Real spectra are looked for where the environment variable MUSEML_DATA says; a set whose files are not there is None.
"""

import csv
import os
from dataclasses import dataclass, replace
from pathlib import Path

import mpdaf
import numpy as np
from astropy import units as u
from astropy.table import MaskedColumn, Table

from museml.data import prepare
from museml.data.batch import Batch
from museml.data.cubes import open_cube
from museml.simulation.spectra import degrade, simulate_spectra

__all__ = ["SETS", "LabelledSet", "a478", "muse", "sdss", "shallow", "simulations"]

#: seed, shares and limits of the held-out simulations; no recipe uses the seed
SEED, BLENDS, SNR = 730_000, 0.1, (3.0, 200.0)
NUMBER = 3000
#: range of the significance without hopeless cases
CLEAR = (5.0, 200.0)
FACTORS, DRAWS = (2, 3, 5, 10), 5
#: redshift of the brightest galaxy of Abell 478, and how far its gas may be from it
A478, WITHIN = 0.0858, 0.0015
#: continuum signal-to-noise ratios per channel that spaxels must have
SPAXELS = (1.0, 30.0)
#: the neighbour of a blend in the development spectra, as its brightest line tells
NEIGHBOURS = {"udf10_00011": 0.765}
CLASSES = {"GALAXY": "galaxy", "QSO": "QSO", "STAR": "star"}


@dataclass(frozen=True)
class LabelledSet:
    """Spectra and what they are.

    Attributes
    ----------
    name : str
        Name of the set.
    batches : list of Batch
        The spectra.
    truth : `~astropy.table.Table`
        A row per spectrum: id, class, kind, z and z_2 (masked where there is none), snr_line, snr_cont, depth.
    """

    name: str
    batches: list
    truth: Table

    def first(self, number):
        """Return the first spectra only."""
        kept, left = [], number
        for batch in self.batches:
            kept.append(batch.rows(0, left))
            left -= len(kept[-1])
        return replace(self, batches=[batch for batch in kept if len(batch)], truth=self.truth[:number])


def simulations(number=NUMBER):
    """Return simulated spectra of all kinds, one in ten a blend."""
    batch, truth = simulate_spectra(number, SEED, snr=SNR, blends=BLENDS)
    truth["depth"] = 1.0
    return LabelledSet("simulations", [batch], truth)


def clear_simulations(number=NUMBER):
    """Return simulated spectra in which a line or the continuum is not hopelessly faint."""
    batch, truth = simulate_spectra(number, SEED + 1, snr=CLEAR, blends=BLENDS)
    truth["depth"] = 1.0
    return LabelledSet("clear", [batch], truth)


def muse():
    """Return the development spectra of MUSE, or None."""
    folder = _folder("muse/spectra")
    if folder is None:
        return None
    with open(folder / "labels.csv", newline="") as file:
        labels = list(csv.DictReader(file))
    batches = [batch for label in labels for batch in prepare(folder / label["file"], "spectrum")]
    truth = _truth(batches, [float(label["z"]) for label in labels], [label["type"] for label in labels])
    truth["class"] = "galaxy"
    truth["confidence"] = [int(label["confid"]) for label in labels]
    truth["z_2"] = _masked([NEIGHBOURS.get(name, np.nan) for name in truth["id"]])
    return LabelledSet("muse", batches, truth)


def shallow():
    """Return the confident development spectra of MUSE with noise added, several draws of each depth, or None."""
    deep = muse()
    if deep is None:
        return None
    kept = [(b, row) for b, row in zip(deep.batches, deep.truth, strict=True) if row["confidence"] > 1]
    rng, batches, rows = np.random.default_rng(SEED), [], []
    for factor in FACTORS:
        for draw in range(DRAWS):
            for batch, row in kept:
                name = f"{row['id']}-{factor}-{draw}"
                batches.append(replace(degrade(batch, factor, rng), ids=(name,)))
                rows.append({**dict(row), "id": name, "depth": float(factor)})
    return LabelledSet("shallow", batches, Table(rows=rows))


def a478():
    """Return the spaxels of the brightest galaxy of Abell 478 in the cube that comes with MPDAF."""
    cube = open_cube(os.path.join(os.path.dirname(mpdaf.__file__), "data/sdetect/minicube.fits"))
    values, variances = (part.reshape(len(part), -1).T for part in cube.block(0, cube.shape[0]))
    snr = np.nanmedian(values / np.sqrt(variances), axis=1)
    kept = np.random.default_rng(SEED).permutation(np.flatnonzero((snr > SPAXELS[0]) & (snr < SPAXELS[1])))
    ids = [f"{i // cube.shape[2]},{i % cube.shape[2]}" for i in kept]
    batch = _batch(ids, values[kept], variances[kept], cube.wave, cube.medium)
    truth = _truth([batch], np.full(len(kept), A478), ["spaxel"] * len(kept))
    truth["class"], truth["snr_cont"] = "galaxy", snr[kept]
    return LabelledSet("a478", [batch], truth)


def sdss():
    """Return the development spectra of SDSS, or None."""
    folder = _folder("sdss")
    if folder is None:
        return None
    table, wave = (Table.read(folder / "sdss_dev.fits", hdu=hdu) for hdu in (1, 2))
    with np.errstate(divide="ignore"):
        variances = 1 / np.asarray(table["ivar"], float)
    ids = [f"{row['PLATE']}-{row['MJD']}-{row['FIBERID']}" for row in table]
    batch = _batch(ids, np.asarray(table["flux"], float), variances, np.asarray(wave["wave_vacuum"]), "vacuum")
    classes = [CLASSES[name.strip()] for name in table["CLASS"]]
    truth = _truth([batch], np.asarray(table["Z"], float), classes)
    truth["class"] = classes
    truth["snr_cont"] = np.asarray(table["SN_MEDIAN_ALL"], float)
    return LabelledSet("sdss", [batch], truth)


def _folder(name):
    folder = Path(os.environ.get("MUSEML_DATA", "")) / name
    return folder if "MUSEML_DATA" in os.environ and folder.is_dir() else None


def _batch(ids, values, variances, wave, medium):
    mask = ~(np.isfinite(values) & np.isfinite(variances) & (variances > 0))
    errors = np.sqrt(np.where(mask, 0, variances)).astype(np.float32)
    return Batch(tuple(ids), np.where(mask, 0, values).astype(np.float32), errors, mask, wave * u.Angstrom, medium)


def _truth(batches, z, kind):
    ids = [name for batch in batches for name in batch.ids]
    snr = np.concatenate([_continuum_snr(batch) for batch in batches])
    truth = Table({"id": ids, "class": np.full(len(ids), "galaxy"), "kind": kind, "z": z, "snr_cont": snr})
    truth["z_2"] = _masked(np.full(len(ids), np.nan))
    truth["snr_line"], truth["depth"] = 0.0, 1.0
    return truth


def _masked(values):
    return MaskedColumn(values, mask=np.isnan(values))


def _continuum_snr(batch):
    snr = np.divide(batch.values, batch.errors, out=np.full(batch.values.shape, np.nan), where=~batch.mask)
    return np.nanmedian(snr, axis=1)


#: name -> function that makes the set, or None where its files are not there
SETS = {
    "simulations": simulations,
    "clear": clear_simulations,
    "muse": muse,
    "shallow": shallow,
    "a478": a478,
    "sdss": sdss,
}
