"""Data and options shared by all tests."""

from contextlib import suppress

import matplotlib as mpl
import pytest

mpl.use("Agg")

collect_ignore = ["example_plugin"]  # a package of its own; test_plugins.py installs it and runs its tests


def pytest_addoption(parser):
    with suppress(ValueError):  # pytest-astropy has the same option
        parser.addoption("--run-slow", action="store_true", help="run the tests marked slow, too")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--run-slow"):
        return
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="slow; run with --run-slow"))


@pytest.fixture(scope="session")
def simulated_cube():
    """Return a small cube and its truth; use the fixture cube for a copy to work on."""
    from museml.simulation.cubes import simulate_cube

    return simulate_cube((600, 30, 30), seed=1, n_lines=6, n_galaxies=0, n_continuum=4)


@pytest.fixture
def cube(simulated_cube):
    return simulated_cube[0].copy()


@pytest.fixture
def truth(simulated_cube):
    return simulated_cube[1].copy()


@pytest.fixture(scope="session")
def simulated_spectra():
    """Return a few spectra in a Batch and their truth."""
    from museml.simulation.spectra import simulate_spectra

    return simulate_spectra(6, seed=1)


@pytest.fixture
def spectra(simulated_spectra):
    return simulated_spectra[0]
