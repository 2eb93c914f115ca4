"""Data with a known truth: noise, spectra, cubes and radio fields."""
