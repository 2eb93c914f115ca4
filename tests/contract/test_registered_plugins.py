"""Everything that is registered keeps the contract: museml's own and whatever else is installed."""

import pytest

from museml.plugins import load_plugins
from museml.testing.plugins import check_entry


def entries():
    return load_plugins().registry.entries()


def label(entry):
    return f"{entry.kind}-{entry.spec.name}"


@pytest.mark.parametrize("entry", entries(), ids=label)
def test_what_is_registered_keeps_the_contract(entry):
    check_entry(entry)
