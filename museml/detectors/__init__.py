"""Ways of finding, one per file."""
