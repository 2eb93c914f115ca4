"""MPDAF Sources from detections."""

import numpy as np
from astropy import units as u
from astropy.stats import gaussian_fwhm_to_sigma
from astropy.table import Table
from mpdaf.obj import Spectrum
from mpdaf.sdetect import Source

from museml._version import __version__
from museml.errors import ContractError, DetectionFlag
from museml.extraction.narrowband import NarrowBand, band_name
from museml.extraction.scene import Scene
from museml.extraction.spectra import SourceSpectra
from museml.extraction.windows import BLOCK

__all__ = ["extract_source", "extract_sources"]

#: error of a Gaussian line's centre = 0.60 FWHM / S/N (Cramer-Rao bound in constant noise)
CENTRE_ERROR = np.sqrt(2) * gaussian_fwhm_to_sigma


def extract_source(cube, detections, identifier, white=None, psf=None, noise=None):
    """Make the MPDAF Source of the detections that belong to one source.

    Parameters and result are those of `extract_sources`, for one identifier.
    """
    rows = detections.copy()
    rows["source"] = identifier
    return next(extract_sources(cube, rows, [identifier], white, psf, noise))


def extract_sources(cube, detections, identifiers, white=None, psf=None, noise=None):
    """Make the MPDAF Sources of detections, in one pass through the cube.

    Each Source has the spectra of `~museml.extraction.spectra.SourceSpectra`, the images MUSE_WHITE
    and NB_<wavelength> of each line, the table LINES, and a header that names the detector, the
    source's best detection and, in REFSPEC, the spectrum to be classified: the one without its neighbours'
    light if the source has neighbours, or else the optimal one with the local sky subtracted, but the one without
    subtraction for an extended source that fills its own sky ring.

    Parameters
    ----------
    cube : `~museml.data.cubes.CubeData`
        The cube; it is read in blocks.
    detections : `~museml.Detections`
        All detections in the cube, so that neighbours are known.
    identifiers : sequence of int
        The values of the column ``source`` that are wanted. A source's result does not depend on the others wanted.
    white : ndarray, shape (y, x)
        The white-light image, if it is known already.
    psf : `~museml.data.psf.PSF` or float
        The PSF, or its FWHM in arcsec; by default that of the cube, see `~museml.data.psf.cube_psf`.
    noise : `~museml.extraction.noise.Noise`
        What `~museml.extraction.measure_noise` returns, if it is known already.

    Yields
    ------
    `~mpdaf.sdetect.Source`
        In the order of the identifiers.

    Raises
    ------
    ContractError
        If a detection lies outside the field.
    """
    scene = Scene(cube, detections, white, psf, noise)
    parts = [_Part(scene, number) for number in identifiers]
    for start in range(0, cube.shape[0], BLOCK):
        data, var = cube.block(start, min(start + BLOCK, cube.shape[0]))
        var = var * np.float32(scene.noise.scatter(data, var) ** 2)[:, None, None]
        for part in parts:
            part.add(start, data, var)
    while parts:
        yield parts.pop(0).source()


class _Part:
    """One source while the cube goes by."""

    def __init__(self, scene, number):
        row = scene.sources.row(number)
        self._cube, self._scene, self._number = scene.cube, scene, number
        self._rows = scene.sources.detections(row)
        _check_inside(*scene.sources.places[row], self._cube.shape, self._rows.meta.get("PLUGIN", ""))
        self._window = scene.window(row)
        self._spectra = SourceSpectra(scene, row, self._window)
        self._lines = self._rows[self._rows["kind"] == "line"]
        self._bands = {
            band_name(line["wave"]): NarrowBand(self._cube, line["wave"], line["fwhm"], self._window)
            for line in self._lines
        }

    def add(self, start, data, var):
        self._spectra.add(start, data, var)
        data, var = data[:, *self._window.inside], var[:, *self._window.inside]
        for band in self._bands.values():
            band.add(start, data, var)

    def source(self):
        ra, dec = self._cube.pixel_to_sky(self._window.x, self._window.y)
        name = self._cube.path.name if self._cube.path else self._cube.name
        version = str(self._cube.to_mpdaf().primary_header.get("CUBE_V", ""))
        source = Source.from_data(
            self._number, float(ra), float(dec), ("museml", __version__, name, version), extras=self._header()
        )
        source.images["MUSE_WHITE"] = self._window.image(
            self._cube.wcs, self._scene.white[self._window.inside], unit=self._cube.unit
        )
        for name, band in self._bands.items():
            source.images[name] = band.image()
        for name in self._spectra.values:
            source.spectra[name] = self._spectrum(name)
        source.lines = _lines_table(self._lines) if len(self._lines) else None
        return source

    def _spectrum(self, name):
        values = np.ma.masked_invalid(self._spectra.values[name])
        var = np.ma.array(np.nan_to_num(self._spectra.variances[name]), mask=values.mask)
        return Spectrum(wave=self._cube.to_mpdaf().wave, data=values, var=var, unit=self._cube.unit, copy=False)

    def _header(self):
        """Return the header keywords; those with no value are left out."""
        best, meta = self._rows[0], self._rows.meta
        cards = {
            "REFSPEC": (self._reference(), "spectrum to be classified"),
            "X": (round(self._window.x, 3), "position in the cube, from 0 u.pix"),
            "Y": (round(self._window.y, 3), "position in the cube, from 0 u.pix"),
            "DETECTOR": (meta.get("PLUGIN", ""), "detector"),
            "DET_V": (meta.get("PLUGIN_V", ""), "version of the detector"),
            "DET_KIND": ("+".join(sorted(set(self._rows["kind"]))), "kinds of detections"),
            "DET_N": (len(self._rows), "number of detections"),
            "DET_SNR": (best["snr"], "signal-to-noise of the best detection"),
            "DET_NF": (best["n_false"], "expected false detections as high"),
            "DET_P": (best["p_real"], "probability that it is real"),
            "DET_FLAG": (self._flags(), "bits of DetectionFlag"),
            "DEBL_N": (self._spectra.place.neighbours, "neighbours fitted together with the source"),
            "DEBL_CL": (self._spectra.place.merged, "neighbours too close to be told apart"),
            "PSF_FWHM": (self._scene.fwhm * self._cube.pixel_scale, "PSF of the extraction u.arcsec"),
        }
        return {key: (_plain(value), text) for key, (value, text) in cards.items() if not np.ma.is_masked(value)}

    def _flags(self):
        """Return the bits of all detections; a neighbour that cannot be told apart makes a blend."""
        flags = int(np.bitwise_or.reduce(self._rows["flags"]))
        return flags | int(DetectionFlag.BLEND) if self._spectra.place.merged else flags

    def _reference(self):
        if self._spectra.place.separable and self._keeps_its_line():
            return "MUSE_DEBLEND"
        if not self._spectra.has_sky:
            return "MUSE_PSF"
        continuum = "continuum" in set(self._rows["kind"])
        return "MUSE_PSF" if continuum and self._spectra.fills_its_ring else "MUSE_PSF_SKYSUB"

    def _keeps_its_line(self):
        """Say whether the best line is the source's own and not a part of a neighbour's light."""
        best = self._lines[:1]
        return not len(best) or self._spectra.keeps_line(float(best["wave"][0]), float(best["fwhm"][0]))


def _check_inside(x, y, shape, detector):
    if not (-0.5 <= x < shape[2] - 0.5 and -0.5 <= y < shape[1] - 0.5):
        raise ContractError(
            f"detections must lie in the field; detector {detector!r} put one at x = {x:.1f}, y = {y:.1f} in a field "
            f"of {shape[2]} x {shape[1]} pixels; correct the detector: pixels count from 0"
        )


def _lines_table(lines):
    """Return MPDAF's LINES table; wavelengths are in the cube's own medium."""
    lines = lines[np.argsort(lines["wave"])]
    table = Table(masked=True)
    fwhm, snr = (np.asarray(lines[name], float) for name in ("fwhm", "snr"))
    columns = {
        "LBDA_OBS": (lines["wave"], u.Angstrom, "observed wavelength, in the cube's medium"),
        "LBDA_OBS_ERR": (CENTRE_ERROR * fwhm / np.maximum(snr, 1e-3), u.Angstrom, "standard error of LBDA_OBS"),
        "FWHM_OBS": (lines["fwhm"], u.Angstrom, "observed full width at half maximum"),
        "FLUX": (lines["flux"], lines["flux"].unit, "line flux"),
        "FLUX_ERR": (lines["flux_err"], lines["flux"].unit, "standard error of FLUX"),
        "SNR": (lines["snr"], None, "signal-to-noise ratio of the detection"),
        "P_REAL": (lines["p_real"], None, "probability that the line is real"),
    }
    for name, (values, unit, text) in columns.items():
        table[name] = np.ma.asarray(values, dtype="f8")
        table[name].unit, table[name].description = unit, text
    table["DET_ID"] = np.asarray(lines["id"], "i4")
    table["DET_FLAG"] = np.asarray(lines["flags"], "i4")
    return table


def _plain(value):
    return value.item() if isinstance(value, np.generic) else value
