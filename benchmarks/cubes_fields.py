"""Simulated cubes for bench_cubes.py: written once into the work folder, each with its truth."""

from dataclasses import dataclass
from pathlib import Path

from astropy.table import Table

from museml.simulation.cubes import write_cube

__all__ = ["FIELDS", "FULL", "Field", "make_field"]

NOTHING = {"n_lines": 0, "n_galaxies": 0, "n_emitters": 0, "n_continuum": 0}
#: point sources as bright as this in white light, at least 1.9 FWHM from each other
CONTINUA = {"continuum_snr": (5.0, 60.0), "apart": 6.5}
LINES = {"n_lines": 240, "n_continuum": 24}
#: name -> what is in a field of 60 x 60 spaxels
FIELDS = {
    "white": LINES,
    "correlated": LINES | {"correlated": True},
    "galaxies": {"n_galaxies": 24, "n_continuum": 12},
    "crowded": {"n_continuum": 36},
    "empty": {},
    "noise": {"correlated": True},
}
#: what is in a field of 320 x 320 spaxels: about as much as in a deep field; in smaller ones as much per area
FULL = {"n_lines": 400, "n_galaxies": 200, "n_emitters": 100, "n_continuum": 330}


@dataclass(frozen=True)
class Field:
    """A cube and what is in it."""

    name: str
    seed: int
    path: Path
    truth: Table


def make_field(name, seed, work, side=60):
    """Return a field of the name in `FIELDS`, or 'full'; it is written unless it is in the work folder."""
    path = work / f"{name}-{side}-{seed}.fits"
    if not path.exists():
        write_cube(path, (3681, side, side), seed, **_objects(name, side))
    return Field(name, seed, path, Table.read(path.with_name(f"{path.stem}_truth.ecsv")))


def _objects(name, side):
    if name != "full":
        return NOTHING | CONTINUA | FIELDS[name]
    share = (side / 320) ** 2
    numbers = {key: round(share * number) for key, number in FULL.items()}
    return numbers | {"galaxy_continuum": True, "exposure_hours": 10.0}
