"""Simulated radio fields, in memory or written to a file of any size, with the truth."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from museml.data.beam import as_beam, read_beam
from museml.errors import SettingError
from museml.output import whole_file, write_table
from museml.simulation.fields.artefacts import choose_artefacts, draw_artefacts
from museml.simulation.fields.components import FLUXES, draw_components
from museml.simulation.fields.counts import SLOPE
from museml.simulation.fields.ellipses import add_gaussian, reach
from museml.simulation.fields.noise import RmsField, noise_blocks
from museml.simulation.fields.truth import component_table, observed, source_table

__all__ = ["Field", "simulate_field", "write_field"]

ROWS = 256  # in memory at once


@dataclass(frozen=True)
class Field:
    """A simulated image and what is in it.

    Attributes
    ----------
    hdu : `~astropy.io.fits.PrimaryHDU`
        The image in Jy/beam, with beam and WCS in the header.
    components, sources : `~astropy.table.Table`
        The truth; see `museml.simulation.fields.truth.TRUTH`.
    rms : ndarray, float32
        Standard deviation of the noise in each pixel, Jy/beam, artefacts not counted.
    """

    hdu: fits.PrimaryHDU
    components: Table
    sources: Table
    rms: np.ndarray

    @property
    def data(self):
        """The image in Jy/beam."""
        return self.hdu.data

    @property
    def beam(self):
        """The `~museml.data.beam.Beam`."""
        return read_beam(self.hdu.header)

    @property
    def pixel_scale(self):
        """Size of a pixel in arcsec."""
        return self.hdu.header["CDELT2"] * 3600

    def write(self, path):
        """Write the image; the truth gets its name with ``_components.fits`` and ``_sources.fits`` at the end."""
        with whole_file(path) as part:
            self.hdu.writeto(part, overwrite=True)
        _write_truth(path, self.components, self.sources)


def simulate_field(shape=(2000, 2000), seed=0, **settings):
    """Simulate a field of radio sources like those of LoTSS.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns.
    seed : int
        The same seed makes the same field. Sources, noise and artefacts are drawn independently: with other artefacts
        sources and noise stay the same.
    artefacts : {'mild', 'clean', 'strong'} or Artefacts
        What is around bright sources.
    artefact_radius : float
        Distance in arcsec in which artefacts fall by a factor of e; by default that of ``artefacts``.
    beam : `~museml.data.beam.Beam`, float or (float, float, float)
        FWHM in arcsec, or FWHM of major and minor axis and position angle in degrees at the field's centre; 6 by
        default.
    pixel_scale : float
        In arcsec; 1.5 by default.
    rms : float
        Median of the noise in Jy/beam; 83e-6 by default.
    rms_variation : float
        Standard deviation of the logarithm of the noise over the field; 0.15 by default.
    density : float
        Number of sources relative to that of the sky; LoTSS finds 1150 per square degree above 0.415 mJy.
    counts : float or 'measured'
        Slope of a power law, dN/dS ~ S^-2.1 by default, or the counts of the LoTSS Deep Fields, which are steeper.
    flux_range : (float, float)
        Flux densities of sources in Jy; (1e-4, 1) by default.
    resolved : float
        Part of the sources that are clearly larger than 6 arcsec; 0.08 by default.
    center : (float, float)
        Right ascension and declination in degrees; (205, 55) by default.

    Returns
    -------
    Field
        Image and truth.

    Raises
    ------
    SettingError
        For a setting that there is not, or one that breaks a rule.
    """
    plan = _planned(shape, seed, settings)
    data, rms = np.empty(shape, np.float32), np.empty(shape, np.float32)
    for first, block, sigma in plan.blocks():
        data[first : first + len(block)], rms[first : first + len(block)] = block, sigma
    return Field(fits.PrimaryHDU(data, plan.header()), *plan.truth(), rms)


def write_field(path, shape=(20000, 20000), seed=0, **settings):
    """Simulate a field of any size into a FITS file, block by block.

    Parameters
    ----------
    path : path
        The file; the truth gets its name with ``_components.fits`` and ``_sources.fits`` at the end.
    shape, seed, **settings
        As for `simulate_field`; the same seed makes the same field.

    Returns
    -------
    components, sources : `~astropy.table.Table`
        The truth.
    """
    plan = _planned(shape, seed, settings)
    with whole_file(path) as part:
        image = fits.StreamingHDU(str(part), plan.header())
        for _, block, _ in plan.blocks():
            image.write(block)
        image.close()
    components, sources = plan.truth()
    _write_truth(path, components, sources)
    return components, sources


def _planned(shape, seed, settings):
    known = _Plan.__init__.__kwdefaults__
    unknown = [name for name in settings if name not in known]
    if unknown:
        raise SettingError(f"a simulated field has no setting {unknown[0]!r}; known: {', '.join(known)}")
    return _Plan(shape, seed, **settings)


class _Plan:
    """All that is drawn of a field but the noise, from which its blocks are computed."""

    def __init__(
        self,
        shape,
        seed,
        *,
        artefacts="mild",
        artefact_radius=None,
        beam=6.0,
        pixel_scale=1.5,
        rms=83e-6,
        rms_variation=0.15,
        density=1.0,
        counts=SLOPE,
        flux_range=FLUXES,
        resolved=0.08,
        center=(205.0, 55.0),
    ):
        self.shape, self.pixel_scale, self.center = tuple(shape), pixel_scale, center
        self.sky_beam = _checked(as_beam(beam), pixel_scale)
        self.beam = (self.sky_beam.major / pixel_scale, self.sky_beam.minor / pixel_scale, self.sky_beam.pa)
        sources, noise, level, bright = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(4))
        self.noise_rng, self.rms = noise, RmsField(rms, rms_variation, level)
        drawn = {"density": density, "counts": counts, "flux_range": flux_range, "resolved": resolved}
        self.components = draw_components(self.shape, pixel_scale, sources, **drawn)
        self.matrices, self.peaks = observed(self.components, self.beam, pixel_scale)
        x, y, size = self.components["x"], self.components["y"], float(np.sqrt(self.beam[0] * self.beam[1]))
        chosen = choose_artefacts(artefacts, artefact_radius)
        self.artefacts = draw_artefacts(x, y, self.peaks, chosen, size, pixel_scale, bright)

    def blocks(self):
        """Yield first row, image and standard deviation of the noise of blocks of rows."""
        y, half = self.components["y"], reach(self.matrices)
        for first, block in noise_blocks(self.shape, self.beam, self.noise_rng, ROWS):
            sigma = self.rms.block(first, block.shape)
            block *= sigma
            for row in np.flatnonzero((y + half >= first) & (y - half < first + len(block))):
                place = self.components["x"][row], y[row]
                add_gaussian(block, first, *place, self.peaks[row], self.matrices[row])
            for artefact in self.artefacts:
                artefact.add_to(block, first)
            yield first, block.astype(np.float32), sigma

    def truth(self):
        """Return the tables of components and sources."""
        known = self.components, self.beam, self.pixel_scale, self.rms, self._wcs()
        return component_table(*known), source_table(*known)

    def header(self):
        """Return the header of the image."""
        header = fits.Header({"SIMPLE": True, "BITPIX": -32, "NAXIS": 2})
        header["NAXIS1"], header["NAXIS2"] = self.shape[::-1]
        header.update(self._wcs().to_header())
        header["BUNIT"] = "JY/BEAM"
        beam = self.sky_beam
        header["BMAJ"], header["BMIN"], header["BPA"] = beam.major / 3600, beam.minor / 3600, beam.pa
        return header

    def _wcs(self):
        wcs = WCS(naxis=2)
        wcs.wcs.ctype, wcs.wcs.cunit, wcs.wcs.crval = ["RA---SIN", "DEC--SIN"], ["deg", "deg"], self.center
        wcs.wcs.crpix = [(self.shape[1] + 1) / 2, (self.shape[0] + 1) / 2]
        wcs.wcs.cdelt = [-self.pixel_scale / 3600, self.pixel_scale / 3600]
        wcs.wcs.radesys, wcs.wcs.equinox = "ICRS", 2000.0
        wcs.pixel_shape = self.shape[::-1]
        return wcs


def _checked(beam, pixel_scale):
    if beam.minor < 2 * pixel_scale:
        raise SettingError(f"a beam must be at least two pixels of {pixel_scale} arcsec wide; this is {beam}")
    return beam


def _write_truth(path, components, sources):
    path = Path(path)
    for name, table in (("components", components), ("sources", sources)):
        write_table(table, path.with_name(f"{path.stem}_{name}.fits"))
