"""Data with a known truth: noise, spectra and cubes."""
