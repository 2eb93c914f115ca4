"""Lists of things: merged into sources, summed up, matched, scored, cleaned; catalogues of others."""
