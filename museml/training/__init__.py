"""Training and what it takes: labelled spectra, fitting, splitting, evaluating and calibrating."""
