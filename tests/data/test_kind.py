import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import NDData
from mpdaf.obj import Cube, Image

from museml.data.kind import kind_of


@pytest.mark.parametrize(
    ("shape", "kind"),
    [((5, 6, 7), "cube"), ((6, 7), "image"), ((1, 1, 6, 7), "image"), ((5, 1, 7), "cube"), ((9,), None)],
)
def test_the_axes_of_a_file_tell_its_kind(tmp_path, shape, kind):
    path = tmp_path / "data.fits"
    hdus = fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.zeros(shape, np.float32))])
    hdus.writeto(path)
    assert kind_of(path) == kind_of(str(path)) == kind_of(hdus) == kind_of(hdus[1]) == kind


def test_a_compressed_image_is_an_image(tmp_path):
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(np.zeros((20, 20), np.float32))]).writeto(tmp_path / "x.fits")
    assert kind_of(tmp_path / "x.fits") == "image"


def test_objects_in_memory_tell_their_kind():
    assert kind_of(Image(data=np.zeros((4, 5)))) == kind_of(NDData(np.zeros((4, 5)))) == "image"
    assert kind_of(Cube(data=np.zeros((3, 4, 5)))) == "cube"


def test_what_cannot_be_told_is_left_to_who_opens_it(tmp_path):
    (tmp_path / "text.fits").write_text("not FITS")
    assert kind_of(tmp_path / "text.fits") is kind_of(tmp_path / "missing.fits") is kind_of(3) is None
