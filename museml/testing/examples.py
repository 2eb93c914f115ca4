"""The data on which the contract is checked when none are given."""

from functools import cache

import numpy as np

from museml.detection import Detections
from museml.errors import ContractError

__all__ = ["example_data"]


def example_data(kind):
    """Return small simulated data of a kind: a Cube with lines, a galaxy and continuum sources, an HDU, or a Batch."""
    if kind not in MAKERS:
        raise ContractError(f"there are no example data of kind {kind!r}; give data=; known: {', '.join(MAKERS)}")
    return MAKERS[kind]()


def _cube():
    return _simulated()[0].copy()


@cache
def _simulated():
    from museml.simulation.cubes import simulate_cube

    return simulate_cube((600, 26, 34), seed=3, n_lines=6, n_galaxies=1, n_continuum=4)


def _image():
    """Return the HDU of a radio field with some ten bright components, and with a beam that is not round."""
    from museml.simulation.fields import simulate_field

    return simulate_field((192, 224), seed=3, density=4.0, beam=(9.0, 6.0, 30.0)).hdu


def _spectra():
    from museml.simulation.spectra import simulate_spectra

    return simulate_spectra(6, seed=1, snr=(20.0, 60.0))[0]


def _cutouts():
    """Cut out some places that hold a line and some that do not."""
    from museml.data.cubes import open_cube
    from museml.data.cutouts import cut

    cube = open_cube(_cube())
    return cut(cube, _places(cube))


def _places(cube):
    """Return Detections on a diagonal through the cube."""
    x = y = np.linspace(4, cube.shape[1] - 5, 8)
    ra, dec = cube.pixel_to_sky(x, y)
    number, zero = np.arange(1, len(x) + 1), np.zeros(len(x))
    columns = dict.fromkeys(("snr", "flux", "flux_err", "score", "n_false"), zero)
    columns |= {"id": number, "source": number, "kind": ["line"] * len(x), "ra": ra, "dec": dec, "x": x, "y": y}
    columns |= {"wave": np.linspace(*cube.wave[[40, -40]], len(x)), "fwhm": zero + 4.0}
    return Detections.from_columns(columns, {"MEDIUM": cube.medium})


def _patches():
    """Cut a simulated field into six patches, in units of its noise."""
    from museml.data.patches import patch_batch
    from museml.simulation.fields import simulate_field

    field = simulate_field((128, 192), 3, density=5.0)
    values = field.data / field.rms
    return patch_batch([values[y : y + 64, x : x + 64] for y in (0, 64) for x in (0, 64, 128)])


MAKERS = {"cube": _cube, "image": _image, "spectrum": _spectra, "cutout": _cutouts, "patch": _patches}
