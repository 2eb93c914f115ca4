"""``python -m museml``."""

from museml.cli import main

if __name__ == "__main__":
    main(prog_name="museml")
