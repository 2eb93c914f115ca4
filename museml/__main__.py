"""``python -m museml``: the same as the command ``museml``."""

from museml.cli import main

main(prog_name="museml")
