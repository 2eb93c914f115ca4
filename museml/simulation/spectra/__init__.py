"""Simulated spectra with a known truth: galaxies, quasars, stars, blends and nothing, on any wavelength axis."""

from museml.simulation.spectra.blends import blend
from museml.simulation.spectra.instrument import BLUEMUSE, INSTRUMENTS, MUSE, MUSE_EXTENDED, SDSS, Instrument
from museml.simulation.spectra.objects import Objects, draw_objects
from museml.simulation.spectra.observation import IDEAL, Conditions, Observation, observe
from museml.simulation.spectra.population import KINDS, SURVEY, TRAINING
from museml.simulation.spectra.simulate import degrade, simulate_spectra

__all__ = [
    "BLUEMUSE",
    "IDEAL",
    "INSTRUMENTS",
    "KINDS",
    "MUSE",
    "MUSE_EXTENDED",
    "SDSS",
    "SURVEY",
    "TRAINING",
    "Conditions",
    "Instrument",
    "Objects",
    "Observation",
    "blend",
    "degrade",
    "draw_objects",
    "observe",
    "simulate_spectra",
]
