"""Images with known components, simulated or real, as a network for patches sees them."""

from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from museml.data.images import open_image
from museml.data.patches import CELL, components_of
from museml.detectors.patch_windows import patch_windows
from museml.detectors.rms_map import noise_maps
from museml.simulation.fields import Artefacts, simulate_field

__all__ = ["PatchField", "labelled_fields", "simulated_field", "simulated_fields"]

SIDE = 1000  # of simulated fields in pixels
SIZE = 1024  # of the parts of an image
AROUND = 2 * CELL  # pixels
#: ranges from which simulated fields are drawn: median noise (Jy/beam), its variation, slope of the counts, density
#: and part of resolved sources; strength, radius (arcsec), least peak (Jy/beam), spokes, rings and bowls of artefacts,
#: which a part lacks
NOISE, VARIATION, COUNTS = (60e-6, 115e-6), (0.05, 0.25), (1.9, 2.3)
DENSITY, RESOLVED = (0.7, 1.6), (0.04, 0.14)
STRENGTH, RADIUS, FAINTEST = (0.004, 0.12), (18.0, 90.0), (0.004, 0.04)
SPOKES, RINGS, BOWL, CLEAN = (5.0, 22.0), (0.1, 0.6), (0.02, 0.4), 0.25
LEAST = 2.0  # S/N from which a component is one that should be found; of fainter ones nothing is asked


@dataclass(frozen=True)
class PatchField:
    """An image and what is in it.

    Attributes
    ----------
    values : ndarray, shape (y, x), float16
        In units of the noise; NaN where there are no data.
    components : ndarray, shape (n, 7)
        See `museml.data.patches.components_of`. The S/N is -1 where nothing is to be asked.
    """

    values: np.ndarray
    components: np.ndarray

    @property
    def number(self):
        """How many components are to be found in it."""
        x, y, snr = self.components[:, [0, 1, -1]].T
        ny, nx = self.values.shape
        return int(np.sum((snr > 0) & (x >= -0.5) & (x < nx - 0.5) & (y >= -0.5) & (y < ny - 0.5)))


def labelled_fields(image, components, *, least=LEAST, size=SIZE):
    """Return an image and its components, in parts.

    Parameters
    ----------
    image : `~museml.data.images.ImageData`
        The image.
    components : `~astropy.table.Table`
        With the columns of `museml.ImageDetections` from ``x`` and ``y`` to ``pa``, and ``snr``.
    least : float
        S/N of the faintest components that the network is to find.
    size : int or (int, int)
        Of the parts, in pixels that the network expects.

    Returns
    -------
    list of PatchField
    """
    maps, known = noise_maps(image), _known(image, components)
    known["snr"] = np.where(known["snr"] >= least, known["snr"], -1.0)
    known["flux"] = known["flux"] / maps.at(known["x"], known["y"])[1]
    return [_part(window, known) for window in patch_windows(image, maps, size, margin=0)]


def _known(image, components):
    """Return what is known of the components, sizes in pixels of the image, those without numbers left out."""
    names = ("x", "y", "flux", "major", "minor", "pa", "snr")
    known = {name: np.ma.filled(np.ma.asarray(components[name], float), np.nan) for name in names}
    right = np.all([np.isfinite(values) for values in known.values()], axis=0) & (known["flux"] > 0)
    known = {name: values[right & (known["minor"] > 0)] for name, values in known.items()}
    known["angle"] = image.pixel_angle(known["x"], known["y"], known.pop("pa"))
    for name in ("major", "minor"):
        known[name] = known[name] / image.pixel_scale
    return known


def _part(window, known):
    """Return the window of an image as a field; components outside stay where cells may answer for them."""
    x, y, *ellipse = window.frame.into(*(known[name] for name in ("x", "y", "major", "minor", "angle")))
    ny, nx = window.values.shape
    near = (x > -AROUND) & (x < nx - 1 + AROUND) & (y > -AROUND) & (y < ny - 1 + AROUND)
    rows = components_of(x, y, known["flux"], *ellipse, known["snr"])
    return PatchField(window.values.astype(np.float16), rows[near & np.isfinite(known["flux"])])


def simulated_fields(number, seed, side=SIDE, progress=True):
    """Return `PatchField` of so many simulated fields with a common seed."""
    seeds = tqdm(range(number), desc="fields", unit="field", disable=None if progress else True)
    return [simulated_field((*np.atleast_1d(seed), i), side) for i in seeds]


def simulated_field(seed, side=SIDE):
    """Return the `PatchField` of a simulated field whose noise, sources and artefacts are drawn, too."""
    rng = np.random.default_rng(seed)
    settings = {"rms": _even(rng, NOISE), "density": _even(rng, DENSITY)}
    settings |= {"rms_variation": rng.uniform(*VARIATION), "counts": rng.uniform(*COUNTS)}
    settings["resolved"] = rng.uniform(*RESOLVED)
    strength = 0.0 if rng.random() < CLEAN else _even(rng, STRENGTH)
    ranges = {"radius": RADIUS, "faintest": FAINTEST, "n_spokes": SPOKES, "rings": RINGS, "bowl": BOWL}
    artefacts = Artefacts(strength, **{name: _even(rng, limits) for name, limits in ranges.items()})
    field = simulate_field((side, side), int(rng.integers(2**60)), artefacts=artefacts, **settings)
    (part,) = labelled_fields(open_image(field.hdu), field.components, size=side + 1)
    return part


def _even(rng, limits):
    """Draw a number evenly in its logarithm."""
    return float(np.exp(rng.uniform(*np.log(limits))))
