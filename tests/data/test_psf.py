import numpy as np
import pytest
from astropy.io import fits

from museml.data.psf import PSF, as_psf, lsf_fwhm, read_psf
from museml.errors import InputError, SettingError


def half_width(image):
    """Interpolate where the profile along the middle row falls to half of its peak, in pixels."""
    middle = image.shape[0] // 2
    profile = image[middle, middle:] / image[middle, middle]
    return np.interp(-0.5, -profile, np.arange(len(profile)))


@pytest.mark.parametrize("beta", [None, 2.0, 2.8, 4.0])
def test_image_has_the_fwhm_asked_for(beta):
    image = PSF(2.0, beta=beta).image(7000.0, pixel_scale=0.2, size=101)
    assert 2 * half_width(image) == pytest.approx(10.0, rel=0.02)
    assert image.sum() == pytest.approx(1)
    assert np.allclose(image, image[::-1, ::-1])


def test_fwhm_follows_slope_and_higher_powers():
    psf = PSF(0.7, slope=-3e-5, reference=7000.0, higher=(1e-9,))
    assert psf.fwhm_at(9000.0) == pytest.approx(0.7 - 0.06 + 0.004)


def test_lsf_is_that_of_the_udf():
    assert lsf_fwhm(7000.0) == pytest.approx(2.483, abs=1e-3)


def test_fsf_keywords_are_read_as_mpdaf_reads_them():
    from mpdaf.MUSE.fsf import MoffatModel2

    model = MoffatModel2([0.02, -0.03, -0.12, 0.65], [2.6], (4750, 9350), 0.2)
    psf = read_psf(model.to_header(fits.Header()), 0.2)
    wave = np.array([4800.0, 6000.0, 7000.0, 9300.0])
    assert np.allclose(psf.fwhm_at(wave), model.get_fwhm(wave), rtol=1e-9)
    assert psf.beta == pytest.approx(2.6)


def test_mosaic_gives_the_mean_of_its_fields():
    header = fits.Header({"FSFMODE": "MOFFAT1"})
    for field, width in ((1, 0.8), (2, 0.9)):
        header[f"FSF{field:02d}BET"], header[f"FSF{field:02d}FWA"], header[f"FSF{field:02d}FWB"] = 2.8, width, 0.0
    assert read_psf(header, 0.2).fwhm_at(6000.0) == pytest.approx(0.85)


def test_no_keywords_no_psf():
    assert read_psf(fits.Header(), 0.2) is None


def test_incomplete_keywords_are_an_error():
    header = fits.Header({"FSFMODE": "MOFFAT1", "FSF00BET": 2.8})
    with pytest.raises(InputError, match="FSF keywords must be complete"):
        read_psf(header, 0.2)


@pytest.mark.parametrize("value", [0, -1, "wide", None, np.nan])
def test_psf_setting_must_be_a_width(value):
    with pytest.raises(SettingError, match=r"FWHM above 0 arcsec"):
        as_psf(value)


def test_psf_setting_may_be_a_width_or_a_psf():
    assert as_psf(0.7) == PSF(0.7)
    assert as_psf(PSF(0.6, beta=None)).beta is None


@pytest.mark.parametrize("beta", [None, 2.8])
@pytest.mark.parametrize("fwhm", [0.5, 0.9])
def test_shares_of_all_pixels_add_up_to_the_light(beta, fwhm):
    y, x = np.mgrid[-150:151, -150:151]
    shares = PSF(fwhm, beta=beta).share(y - 0.3, x + 0.4, 7000.0, 0.2)
    assert shares.sum() == pytest.approx(1, abs=2e-3)
    assert (y * shares).sum() == pytest.approx(0.3, abs=0.01)
