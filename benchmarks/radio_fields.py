"""Simulated radio fields for bench_radio.py: written once into the work folder, each with its truth."""

from dataclasses import dataclass
from pathlib import Path

from astropy.table import Table
from radio_errors import add_phase_errors

from museml.simulation.fields import PRESETS, simulate_field, write_field

__all__ = ["FIELDS", "SEEDS", "Field", "make_field", "make_mosaic"]

#: name -> settings of the simulator; 'steep' has the counts of the LoTSS Deep Fields, 'phases' gets other artefacts
FIELDS = {
    "clean": {"artefacts": "clean"},
    "mild": {"artefacts": "mild"},
    "strong": {"artefacts": "strong"},
    "steep": {"artefacts": "mild", "counts": "measured"},
    "phases": {"artefacts": "clean"},
}
SEEDS = tuple(range(1000, 1012))  # on which no setting and no network was chosen
STRETCH = (0.7, 1.4)  # radii of artefacts relative to those that settings were chosen on: even and odd seeds


@dataclass(frozen=True)
class Field:
    """An image and what is in it."""

    name: str
    seed: int
    path: Path
    truth: Table


def make_field(name, seed, work):
    """Return the field of a name in `FIELDS`; it is simulated unless it is in the work folder."""
    path = work / f"{name}-{seed}.fits"
    if not path.exists():
        settings = FIELDS[name]
        radius = PRESETS[settings["artefacts"]].radius * STRETCH[seed % 2]
        field = simulate_field(seed=seed, artefact_radius=radius, **settings)
        if name == "phases":
            add_phase_errors(field, seed)
        field.write(path)
    return Field(name, seed, path, Table.read(path.with_name(f"{path.stem}_components.fits")))


def make_mosaic(work, side):
    """Return the path of a large mosaic with mild artefacts; it is simulated unless it is in the work folder."""
    path = work / f"mosaic-{side}.fits"
    if not path.exists():
        write_field(path, (side, side), seed=SEEDS[0])
    return path
