"""The point-spread function on the sky and the line-spread function along the spectrum."""

from dataclasses import dataclass

import numpy as np
from astropy.modeling.functional_models import Gaussian2D, Moffat2D
from astropy.stats import gaussian_fwhm_to_sigma
from numpy.polynomial import Polynomial

from museml.errors import InputError, SettingError

__all__ = ["DEFAULT_PSF", "PSF", "as_psf", "cube_psf", "lsf_fwhm", "psf_cards", "read_psf"]

SUBPIXELS = np.arange(-0.4, 0.5, 0.2)  # where a pixel is sampled along each axis


@dataclass(frozen=True)
class PSF:
    """A circular Moffat (or Gaussian) profile whose width changes with wavelength.

    Attributes
    ----------
    fwhm : float
        Full width at half maximum at the reference wavelength, in arcsec.
    slope : float
        Its change with wavelength, in arcsec per Angstrom; negative for real seeing.
    beta : float or None
        Exponent of the Moffat profile; None for a Gaussian.
    reference : float
        Reference wavelength in Angstrom.
    higher : tuple of float
        Coefficients of the higher powers, from the square, of wavelength minus reference.
    """

    fwhm: float
    slope: float = 0.0
    beta: float = 2.8
    reference: float = 7000.0
    higher: tuple = ()

    def fwhm_at(self, wave):
        """Return the FWHM in arcsec at wavelengths in Angstrom."""
        return Polynomial((self.fwhm, self.slope, *self.higher))(np.asarray(wave) - self.reference)

    def image(self, wave, pixel_scale, size=None, offset=(0.0, 0.0)):
        """Return the PSF as an image that adds up to 1.

        Parameters
        ----------
        wave : float
            Wavelength in Angstrom.
        pixel_scale : float
            Pixel size in arcsec.
        size : int
            Side of the image in pixels, odd; by default three FWHM to each side.
        offset : (float, float)
            Where the centre is, in pixels from that of the middle pixel: (y, x).

        Returns
        -------
        ndarray, shape (size, size)
            Averaged over each pixel's area.
        """
        size = size or 2 * int(np.ceil(3 * float(self.fwhm_at(wave)) / pixel_scale)) + 1
        axis = np.arange(size) - size // 2
        image = self.share(*np.meshgrid(axis - offset[0], axis - offset[1], indexing="ij"), wave, pixel_scale)
        return image / image.sum()

    def share(self, y, x, wave, pixel_scale):
        """Return the share of a point source's light in pixels.

        Parameters
        ----------
        y, x : ndarray
            Distances of the pixels' centres from the source, in pixels.
        wave : float
            Wavelength in Angstrom.
        pixel_scale : float
            Pixel size in arcsec.

        Returns
        -------
        ndarray, same shape
            The profile, whose integral is 1, averaged over each pixel's area.
        """
        profile = self._profile(float(self.fwhm_at(wave)) / pixel_scale)
        return profile(x[..., None, None] + SUBPIXELS, y[..., None, None] + SUBPIXELS[:, None]).mean(axis=(-2, -1))

    def _profile(self, fwhm):
        if self.beta is None:
            sigma = fwhm * gaussian_fwhm_to_sigma
            return Gaussian2D(1 / (2 * np.pi * sigma**2), x_stddev=sigma, y_stddev=sigma)
        gamma = fwhm / (2 * np.sqrt(2 ** (1 / self.beta) - 1))
        return Moffat2D((self.beta - 1) / (np.pi * gamma**2), gamma=gamma, alpha=self.beta)


#: assumed when neither the data nor the user tell the PSF: the median seeing of MUSE's wide field
DEFAULT_PSF = PSF(0.8)


def as_psf(value):
    """Return a PSF from a `PSF`, or from a FWHM in arcsec.

    Raises
    ------
    SettingError
        If it is neither, or the FWHM is not positive.
    """
    if isinstance(value, PSF):
        return value
    try:
        fwhm = float(value)
    except (TypeError, ValueError):
        fwhm = np.nan
    if not fwhm > 0:
        raise SettingError(f"psf must be a PSF or a FWHM above 0 arcsec, not {value!r}; give for example psf=0.7")
    return PSF(fwhm)


def cube_psf(cube, setting=None):
    """Return the PSF to be used for a cube, and where it comes from.

    It is the setting; without one what the cube's header tells; else what a star of the field shows
    (`museml.data.star_psf`); else `DEFAULT_PSF`.

    Parameters
    ----------
    cube : `~museml.data.cubes.CubeData`
    setting : PSF or float
        The PSF or its FWHM in arcsec, which overrules all else.

    Returns
    -------
    psf : PSF
    origin : str
        'setting', 'header', 'star' or 'default'.

    Raises
    ------
    SettingError
        If the setting is neither a PSF nor a positive width.
    """
    if setting is not None:
        return as_psf(setting), "setting"
    if cube.psf is not None:
        return cube.psf, "header"
    if cube.star is not None:
        return cube.star.psf, "star"
    return DEFAULT_PSF, "default"


def psf_cards(cube, setting=None):
    """Return what a result's metadata tell of the PSF: its FWHM at the middle wavelength, and where it comes from."""
    psf, origin = cube_psf(cube, setting)
    return {"PSF_FWHM": round(float(psf.fwhm_at(np.mean(cube.wave))), 4), "PSF_FROM": origin}


def lsf_fwhm(wave):
    """Return the FWHM of MUSE's line-spread function in Angstrom.

    Parameters
    ----------
    wave : array_like
        Wavelength in Angstrom.

    Notes
    -----
    Bacon et al. 2017, A&A 608, A1, equation 7.
    """
    wave = np.asarray(wave, float)
    return 5.866e-8 * wave**2 - 9.187e-4 * wave + 6.040


def read_psf(header, pixel_scale, reference=7000.0):
    """Read the PSF from the FSF keywords of a MUSE cube.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        The cube's primary header.
    pixel_scale : float
        Pixel size in arcsec.
    reference : float
        Wavelength in Angstrom at which beta, which may vary, is taken.

    Returns
    -------
    PSF or None
        The mean over the fields of a mosaic; None when there are no such keywords.

    Raises
    ------
    InputError
        If the keywords are incomplete.
    """
    numbers = [k for k in range(100) if f"FSF{k:02d}BET" in header or f"FSF{k:02d}FNC" in header]
    if "FSFMODE" not in header or not numbers:
        return None
    from mpdaf.MUSE.fsf import MoffatModel2

    try:
        models = [MoffatModel2.from_header(header, pixel_scale, field=k) for k in numbers]
    except (KeyError, ValueError) as error:
        raise InputError(
            f"FSF keywords must be complete; MPDAF cannot read them: {error}; correct or remove FSFMODE"
        ) from error
    widths = sum(_fwhm_polynomial(model, reference) for model in models) / len(models)
    beta = float(np.mean([model.get_beta(reference) for model in models]))
    fwhm, slope, *higher = (*widths.coef, 0.0)[: max(2, len(widths.coef))]
    return PSF(float(fwhm), float(slope), beta, reference, tuple(map(float, higher)))


def _fwhm_polynomial(model, reference):
    """Return FWHM(wave - reference) in arcsec; MPDAF's polynomial is in its own scaled wavelength."""
    start, end = model.lbrange
    scaled = Polynomial(((reference - start) / (end - start) - 0.5, 1 / (end - start)))
    return Polynomial(model.fwhm_pol[::-1])(scaled)
