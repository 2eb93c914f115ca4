"""A tiny cube, a run of it that nothing stopped, and how runs are compared."""

import os

import numpy as np
import pytest
from astropy.table import Table
from mpdaf.sdetect import Source

import museml
from museml.simulation.cubes import simulate_cube

SETTINGS = {"detector": "lines", "classifier": "lines", "progress": False, "plots": False}


@pytest.fixture
def settings():
    return dict(SETTINGS)


@pytest.fixture
def same():
    """Return a function that asserts that two folders hold the same results."""
    return assert_same


@pytest.fixture(scope="session")
def cube_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("cubes") / "field.fits"
    simulate_cube((300, 24, 24), seed=1, n_lines=3, n_galaxies=0, n_continuum=0, snr=(12, 30))[0].write(str(path))
    return path


@pytest.fixture(scope="session")
def truth():
    return simulate_cube((300, 24, 24), seed=1, n_lines=3, n_galaxies=0, n_continuum=0, snr=(12, 30))[1]


@pytest.fixture(scope="session")
def finished(cube_file, tmp_path_factory):
    """Return the folder of a run that nothing has stopped."""
    out = tmp_path_factory.mktemp("finished") / "out"
    museml.run(cube_file, out, **SETTINGS)
    return out


#: probabilities far from 0 and 1 may change by more than the spectrum does; relative to the largest
LOOSE = dict.fromkeys(("p", "p_2", "p_3", "pz"), 2e-3)


def assert_same(one, other):
    """Two folders hold the same results, up to the rounding that differs with the threads of the process."""
    for name in ("catalog.fits", "detections.fits", "redshifts.fits"):
        assert_same_table(*(Table.read(folder / name) for folder in (one, other)))
    names = sorted(os.listdir(one / "sources"))
    assert names == sorted(os.listdir(other / "sources"))
    for name in names:
        first, second = (Source.from_file(str(folder / "sources" / name)) for folder in (one, other))
        assert set(first.header) == set(second.header)
        for key in first.spectra:
            noise = np.sqrt(first.spectra[key].var.mean())
            fluxes = [source.spectra[key].data.filled(-1) for source in (first, second)]
            assert np.allclose(*fluxes, atol=1e-4 * noise)
        for key in ("lines", "z"):
            assert_same_table(getattr(first, key), getattr(second, key))
    assert not list(one.rglob(".*.museml-part")) + list(other.rglob(".*.museml-part"))
    assert not (one / "extracted").exists()


def assert_same_table(one, other):
    assert one.colnames == other.colnames
    for name in one.colnames:
        values = [
            np.ma.filled(table[name], -1) if table[name].dtype.kind == "f" else table[name] for table in (one, other)
        ]
        if values[0].dtype.kind == "f":
            largest = np.max(np.abs(values), initial=0.0)
            assert np.allclose(*values, rtol=3e-5, atol=LOOSE.get(name, 1e-12) * max(largest, 1.0)), name
        else:
            assert list(values[0]) == list(values[1]), name


@pytest.fixture
def failing(monkeypatch):
    """Make the n-th call of a function fail."""

    def fail(module, name, error, at):
        function, calls = getattr(module, name), []

        def counted(*args, **kwargs):
            calls.append(1)
            if len(calls) == at:
                raise error
            return function(*args, **kwargs)

        monkeypatch.setattr(module, name, counted)

    return fail
