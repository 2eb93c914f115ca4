"""Redrock (DESI) on spectra in a file: run by bench_redshift.py in the Python where redrock is installed.

``python redrock_rival.py spectra.npz templates/ answers.csv``: ``spectra.npz`` holds wave (vacuum, Angstrom; one for
all), flux and ivar (n, channels), and templates of galaxies (galaxy_wave, galaxy_flux), since redrock's own are not in
its package. The templates of quasars and stars are its own, in the folder.
"""

import csv
import sys
import time
from pathlib import Path

import numpy as np
from redrock.targets import DistTargetsCopy, Spectrum, Target
from redrock.templates import DistTemplate, Template
from redrock.zfind import zfind
from scipy.sparse import identity

STEP = 3e-4  # of the galaxies' trial redshifts in log10(1+z), as redrock has it
Z_MAX = 6.7


def targets(data):
    """Return the spectra as redrock's targets."""
    one = identity(len(data["wave"]), format="csr")
    rows = zip(data["flux"].astype(float), data["ivar"].astype(float), strict=True)
    return [Target(i, [Spectrum(data["wave"], flux, ivar, one.todia(), one)]) for i, (flux, ivar) in enumerate(rows)]


def templates(data, folder, waves):
    """Return galaxies, quasars and stars as redrock's templates for an axis."""
    redshifts = 10 ** np.arange(0, np.log10(1 + Z_MAX), STEP) - 1
    galaxy = Template(spectype="GALAXY", subtype="", redshifts=redshifts, wave=data["galaxy_wave"],
                      flux=data["galaxy_flux"], method="NMF", igm_model="Inoue14", version="museml")  # fmt: skip
    others = [Template(str(path)) for path in sorted(Path(folder).glob("rrtemplate-*.fits"))]
    return [DistTemplate(template, waves) for template in (galaxy, *others)]


def main(spectra, folder, out):
    """Fit all spectra and write the three best redshifts of each, with the seconds of one core spent on all."""
    data = np.load(spectra)
    spread = DistTargetsCopy(targets(data))
    made = templates(data, folder, spread.wavegrids())
    start = time.process_time()
    _, fits = zfind(spread, made, mp_procs=1, nminima=3)
    seconds = time.process_time() - start
    with open(out, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["row", "rank", "class", "z", "z_err", "deltachi2", "zwarn", "seconds"])
        for fit in fits:
            values = (
                fit["targetid"],
                fit["znum"],
                fit["spectype"],
                fit["z"],
                fit["zerr"],
                fit["deltachi2"],
                fit["zwarn"],
            )
            writer.writerow([*values, seconds])


if __name__ == "__main__":
    main(*sys.argv[1:])
