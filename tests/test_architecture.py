"""Files import only from their own room or an earlier one, in the order of docs/development/rooms.csv."""

import ast
import csv
from pathlib import Path

import pytest

import museml

PACKAGE = Path(museml.__file__).parent
TABLE = Path(__file__).parent.parent / "docs" / "development" / "rooms.csv"
TOP = {"__init__", "__main__"}  # the public names and the entry, above all rooms
HEAVY = {"keras", "tensorflow", "jax", "torch"}


def read_ranks():
    with TABLE.open() as file:
        rows = [row["Room"].split(", ") for row in csv.DictReader(file)]
    return {room: rank for rank, rooms in enumerate(rows) for room in rooms}


RANKS = read_ranks()
FILES = sorted(path for path in PACKAGE.rglob("*.py"))


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def rooms_imported(node):
    """Return the rooms that an import statement takes something from."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif node.level:
        return ["relative"]
    elif node.module == "museml":
        names = [museml._PUBLIC.get(a.name, f"museml.{a.name.strip('_')}") for a in node.names]
    else:
        names = [node.module]
    parts = [name.split(".") for name in names]
    return [p[1] for p in parts if p[0] == "museml" and len(p) > 1]


def imports(path):
    """Yield (line, node) of every import statement, those inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node


def is_lazy(path, node):
    return node.col_offset > 0


def test_every_room_is_in_the_table():
    assert {room_of(path) for path in FILES} - TOP - {"__pycache__"} <= set(RANKS)


def test_the_table_names_no_room_that_is_not_there():
    assert set(RANKS) <= {room_of(path) for path in FILES}


@pytest.mark.parametrize("lazy", [False, True], ids=["at import", "inside functions"])
def test_files_import_only_from_earlier_rooms(lazy):
    wrong = [
        f"{path.relative_to(PACKAGE)}:{node.lineno} imports {room}"
        for path in FILES
        if room_of(path) not in TOP
        for node in imports(path)
        if is_lazy(path, node) == lazy
        for room in rooms_imported(node)
        if RANKS.get(room, len(RANKS)) > RANKS[room_of(path)]
    ]
    assert wrong == []


def test_networks_are_imported_only_when_used():
    wrong = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in FILES
        for node in imports(path)
        if not is_lazy(path, node)
        for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""])
        if name.split(".")[0] in HEAVY
    ]
    assert wrong == []


def test_every_folder_is_a_package():
    folders = {path.parent for path in FILES}
    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_no_file_is_an_attic():
    long = {str(path.relative_to(PACKAGE)): len(path.read_text().splitlines()) for path in FILES}
    assert {name: lines for name, lines in long.items() if lines > 400} == {}


def test_every_test_has_a_name_of_its_own():
    names = [path.name for path in Path(__file__).parent.rglob("test_*.py") if "example_plugin" not in path.parts]
    assert sorted(set(names)) == sorted(names)


def test_every_module_says_what_it_is_for():
    silent = [path for path in FILES if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))]
    assert silent == []
