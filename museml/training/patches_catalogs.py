"""Images and catalogues of one's own as fields to train a network for patches on."""

import numpy as np
from astropy.table import Table
from scipy.ndimage import maximum_filter
from scipy.spatial import cKDTree

from museml.data.patches import BEAM, components_of
from museml.detectors.rms_map import beam_pixels, noise_maps
from museml.errors import InputError
from museml.training.patches_fields import PatchField, labelled_fields

__all__ = ["catalog_fields", "placed_in"]

SIZE = 512  # greatest side of the parts of an image, of which some are held out
DEEP = 3.0  # S/N from which peaks below the catalogue's limit may be components that it lacks
LIMIT = 5  # percentile of the S/N in a catalogue that is taken for its limit


def catalog_fields(image, catalog):
    """Return an image and a catalogue of it as fields.

    What is in the catalogue is to be found. Nothing is asked of peaks that are fainter than the catalogue's limit (the
    5th percentile of its S/N) and are not in it; brighter ones that are not in it are taken for false.

    Parameters
    ----------
    image : `~museml.data.images.ImageData`
    catalog : `~astropy.table.Table`
        With ``ra``, ``dec`` (deg) and ``flux`` (Jy), and, if it has them, ``peak`` (Jy/beam), the observed ``major``
        and ``minor`` (arcsec, FWHM) and ``pa`` (deg); components without these are taken for points.

    Returns
    -------
    list of `~museml.training.patches_fields.PatchField`

    Raises
    ------
    InputError
        If no row of the catalogue is in the image.
    """
    components = placed_in(image, catalog)
    limit = np.percentile(components["snr"], LIMIT)
    return [_unasked(field, limit) for field in labelled_fields(image, components, least=0.0, size=_even(image))]


def _even(image):
    """Return the sides of parts that are all alike, in pixels that the network expects."""
    scale = beam_pixels(image) / BEAM
    return [np.ceil(side / np.ceil(side / (SIZE * scale))) / scale for side in image.shape]


def placed_in(image, catalog):
    """Return the rows of a catalogue that are in an image, with places and S/N measured there."""
    if "flux" not in catalog.colnames:
        raise InputError(f"a catalogue to train on must have the column 'flux'; it has {', '.join(catalog.colnames)}")
    known = {name: _numbers(catalog, name) for name in ("ra", "dec", "flux", "peak", "major", "minor", "pa")}
    usable = np.isfinite(known["ra"]) & np.isfinite(known["dec"]) & (known["flux"] > 0)
    known = {name: values[usable] for name, values in known.items()}
    x, y = image.sky_to_pixel(known["ra"], known["dec"])
    inside = (x > -0.5) & (y > -0.5) & (x < image.shape[1] - 0.5) & (y < image.shape[0] - 0.5)
    known = {name: values[inside] for name, values in {**known, "x": x, "y": y}.items()}
    if not inside.any():
        raise InputError(
            f"a catalogue must overlap its image; no row with a flux lies in {image.name!r}; give them in one order"
        )
    return Table(_completed(image, known))


def _completed(image, known):
    """Fill in the beam's shape where there is none, and measure the S/N."""
    for name in ("major", "minor", "pa"):
        known[name] = np.where(np.isfinite(known[name]), known[name], getattr(image.beam, name))
    for name in ("major", "minor"):
        known[name] = np.maximum(known[name], image.beam.minor)
    area = known["major"] * known["minor"] / (image.beam.major * image.beam.minor)
    peak = np.where(np.isfinite(known["peak"]), known["peak"], known["flux"] / area)
    return {**known, "snr": peak / noise_maps(image).at(known["x"], known["y"])[1]}


def _unasked(field, limit):
    """Add the peaks of which it is not known whether they are components; see `PatchField`."""
    values = np.nan_to_num(field.values.astype(np.float32), nan=-np.inf)
    peaks = (values == maximum_filter(values, int(BEAM) + 1)) & (values >= DEEP) & (values < limit)
    y, x = np.nonzero(peaks)
    far = cKDTree(field.components[:, :2]).query(np.column_stack([x, y]))[0] > BEAM if len(field.components) else x >= 0
    one = np.ones(np.count_nonzero(far))
    more = components_of(x[far], y[far], one, BEAM * one, BEAM * one, 0 * one, -one)
    return PatchField(field.values, np.concatenate([field.components, more]))


def _numbers(catalog, name):
    if name not in catalog.colnames:
        return np.full(len(catalog), np.nan)
    return np.ma.filled(np.ma.asarray(catalog[name], float), np.nan)
