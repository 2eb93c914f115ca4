"""One question per file: what is it, at which redshift, is it real."""
