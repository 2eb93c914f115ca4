"""How the shipped models were made: one file per model, which can be run again."""
