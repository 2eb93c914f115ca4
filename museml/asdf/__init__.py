"""How museml's models are written in ASDF: extension, converters, schemas and manifest."""
