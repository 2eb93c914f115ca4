"""Tables of results, kept as CSV: new rows replace those of the same field, finder, size and seed."""

import csv

__all__ = ["merged", "write"]


def merged(rows, path, fields, finders):
    """Return the rows of a table and new ones that replace them, in the order of fields and finders."""
    new = [{k: f"{v:.5g}" if isinstance(v, float) else str(v) for k, v in row.items()} for row in rows]
    old = []
    if path.exists():
        with open(path, newline="", encoding="utf-8") as file:
            old = list(csv.DictReader(file))
    known = {_key(row) for row in new}
    kept = [row for row in old if _key(row) not in known]
    return sorted(kept + new, key=lambda row: _place(row, fields, finders))


def write(rows, path):
    """Write rows as CSV."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, names, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def _key(row):
    return tuple(row.get(name, "") for name in ("field", "finder", "side", "seed"))


def _place(row, fields, finders):
    field, finder, side, seed = _key(row)
    order = [*fields, field].index(field), [*finders, finder].index(finder)
    return (*order, int(side or 0), int(seed or 0))
