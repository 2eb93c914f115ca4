"""Simulated spectra with a known truth: galaxies, Lya emitters, stars and nothing."""

from museml.simulation.spectra.simulate import KINDS, simulate_spectra

__all__ = ["KINDS", "simulate_spectra"]
