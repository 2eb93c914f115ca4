"""MPDAF Sources from detections."""

import numpy as np
from astropy import units as u
from astropy.stats import gaussian_fwhm_to_sigma
from astropy.table import Table
from mpdaf.obj import Spectrum
from mpdaf.sdetect import Source

from museml._version import __version__
from museml.data.psf import DEFAULT_PSF, as_psf
from museml.errors import ContractError
from museml.extraction.narrowband import NarrowBand, band_name
from museml.extraction.spectra import REACH, SourceSpectra
from museml.extraction.windows import BLOCK, Window, white_image

__all__ = ["extract_source", "extract_sources", "source_position"]

LEAST_HALF = 3.0  # arcsec: images show at least this much to each side
FILLED = 0.1  # of the source's central brightness: a ring this bright is not sky
EXTENDED = 1.1  # an aperture flux above a point source's by this factor shows an extended source
#: error of a Gaussian line's centre = 0.60 FWHM / S/N (Cramer-Rao bound in constant noise)
CENTRE_ERROR = np.sqrt(2) * gaussian_fwhm_to_sigma


def extract_source(cube, detections, identifier, white=None, psf=None):
    """Make the MPDAF Source of the detections that belong to one source.

    Parameters and result are those of `extract_sources`, for one identifier.
    """
    rows = detections.copy()
    rows["source"] = identifier
    return next(extract_sources(cube, rows, [identifier], white, psf))


def extract_sources(cube, detections, identifiers, white=None, psf=None):
    """Make the MPDAF Sources of detections, in one pass through the cube.

    Each Source has the spectra of `~museml.extraction.spectra.SourceSpectra`, the images MUSE_WHITE
    and NB_<wavelength> of each line, the table LINES, and a header that names the detector, the
    source's best detection and, in REFSPEC, the spectrum to be classified: the optimal one with the
    local sky subtracted, but the one without subtraction for an extended source that fills its own
    sky ring.

    Parameters
    ----------
    cube : `~museml.data.cubes.CubeData`
        The cube; it is read in blocks.
    detections : `~museml.Detections`
        Detections in the cube.
    identifiers : sequence of int
        The values of the column ``source`` that are wanted.
    white : ndarray, shape (y, x)
        The white-light image, if it is known already.
    psf : `~museml.data.psf.PSF` or float
        The PSF, or its FWHM in arcsec; by default that of the cube's header, or else 0.8 arcsec.

    Yields
    ------
    `~mpdaf.sdetect.Source`
        In the order of the identifiers.

    Raises
    ------
    ContractError
        If a detection lies outside the field.
    """
    white = white_image(cube) if white is None else white
    psf = as_psf(psf or cube.psf or DEFAULT_PSF)
    parts = [_Part(cube, psf, white, detections[detections["source"] == number], number) for number in identifiers]
    for start in range(0, cube.shape[0], BLOCK):
        data, var = cube.block(start, min(start + BLOCK, cube.shape[0]))
        for part in parts:
            part.add(start, data, var)
    for part in parts:
        yield part.source()


class _Part:
    """One source while the cube goes by."""

    def __init__(self, cube, psf, white, rows, number):
        self._cube, self._psf, self._white = cube, psf, white
        self._rows, self._number = rows, number
        x, y = source_position(rows)
        _check_inside(x, y, cube.shape, rows.meta.get("PLUGIN", ""))
        fwhm = float(psf.fwhm_at(cube.wave.mean()))
        half = int(np.ceil(max(REACH * fwhm, LEAST_HALF) / cube.pixel_scale))
        self._window = Window(x, y, half, cube.shape[1:])
        self._spectra = SourceSpectra(cube, psf, self._window, white)
        self._lines = rows[rows["kind"] == "line"]
        self._bands = {
            band_name(line["wave"]): NarrowBand(cube, line["wave"], line["fwhm"], self._window) for line in self._lines
        }

    def add(self, start, data, var):
        data, var = data[:, *self._window.inside], var[:, *self._window.inside]
        for gatherer in (self._spectra, *self._bands.values()):
            gatherer.add(start, data, var)

    def source(self):
        ra, dec = self._cube.pixel_to_sky(self._window.x, self._window.y)
        name = self._cube.path.name if self._cube.path else self._cube.name
        version = str(self._cube.to_mpdaf().primary_header.get("CUBE_V", ""))
        source = Source.from_data(
            self._number, float(ra), float(dec), ("museml", __version__, name, version), extras=self._header()
        )
        source.images["MUSE_WHITE"] = self._window.image(
            self._cube.wcs, self._white[self._window.inside], unit=self._cube.unit
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
            "DET_FLAG": (int(np.bitwise_or.reduce(self._rows["flags"])), "bits of DetectionFlag"),
            "PSF_FWHM": (float(self._psf.fwhm_at(self._cube.wave.mean())), "PSF of the extraction u.arcsec"),
        }
        return {key: (_plain(value), text) for key, (value, text) in cards.items() if not np.ma.is_masked(value)}

    def _reference(self):
        if not self._spectra.has_sky:
            return "MUSE_PSF"
        continuum = "continuum" in set(self._rows["kind"])
        return "MUSE_PSF" if continuum and self._fills_its_ring() else "MUSE_PSF_SKYSUB"

    def _fills_its_ring(self):
        """Say whether the light in the ring is the source's own."""
        flux, aperture, sky = (
            np.nanmean(self._spectra.values[name]) for name in ("MUSE_PSF_SKYSUB", "MUSE_APER_SKYSUB", "MUSE_SKY")
        )
        offsets = self._window.offsets()
        share = self._psf.share(*offsets, self._cube.wave.mean(), self._cube.pixel_scale)
        expected = (self._spectra.circle * share).sum()
        return sky > FILLED * flux * share.max() and aperture > EXTENDED * expected * flux


def _check_inside(x, y, shape, detector):
    if not (-0.5 <= x < shape[2] - 0.5 and -0.5 <= y < shape[1] - 0.5):
        raise ContractError(
            f"detections must lie in the field; detector {detector!r} put one at x = {x:.1f}, y = {y:.1f} in a field "
            f"of {shape[2]} x {shape[1]} pixels; correct the detector: pixels count from 0"
        )


def source_position(rows):
    """Return x and y of a source: of its best continuum detection, else the mean over the lines, weighted by S/N^2."""
    continuum = rows[rows["kind"] == "continuum"]
    if len(continuum):
        return float(continuum["x"][0]), float(continuum["y"][0])
    weights = np.maximum(np.asarray(rows["snr"], float), 1e-3) ** 2
    return tuple(float(np.average(rows[axis], weights=weights)) for axis in ("x", "y"))


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
