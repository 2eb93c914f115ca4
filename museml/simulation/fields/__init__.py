"""Simulated radio images like those of LoTSS, with the truth: measured counts, correlated noise, artefacts."""

from museml.simulation.fields.artefacts import PRESETS, Artefacts
from museml.simulation.fields.counts import sources_per_deg2
from museml.simulation.fields.field import Field, simulate_field, write_field

__all__ = ["PRESETS", "Artefacts", "Field", "simulate_field", "sources_per_deg2", "write_field"]
