import numpy as np
import pytest
from astropy.table import Table

from museml.data.images import open_image
from museml.data.patches import QUANTITIES
from museml.errors import InputError, SettingError
from museml.networks.backend import load_keras
from museml.networks.patches import build_patches_network
from museml.networks.patches_loss import patches_loss
from museml.simulation.fields import simulate_field
from museml.training.patches_catalogs import catalog_fields, placed_in
from museml.training.patches_fields import PatchField, simulated_fields
from museml.training.patches_samples import draw_patches, patch_draw
from museml.training.patches_tuning import PatchesTuning, tune_patches
from museml.training.redshift_fit import fit_redshift


@pytest.fixture(scope="module")
def fields():
    return simulated_fields(2, 1, side=200, progress=False)


@pytest.fixture(scope="module")
def field():
    return simulate_field((300, 560), 5, density=2.0)


def test_components_lie_on_their_peaks(fields):
    for field in fields:
        x, y, *_, snr = field.components[field.components[:, -1] > 10].T
        inside = (x > 0) & (y > 0) & (x < 199) & (y < 199)
        values = field.values[np.rint(y[inside]).astype(int), np.rint(x[inside]).astype(int)]
        assert np.median(values / snr[inside]) == pytest.approx(1, abs=0.15)


def test_faint_components_are_not_asked_for(fields):
    snr = np.concatenate([field.components[:, -1] for field in fields])
    assert snr[snr > 0].min() >= 2
    assert np.any(snr == -1)


def test_turning_keeps_components_on_their_peaks_and_along_their_axes():
    y, x = np.mgrid[:64, :64]
    dx, dy, angle = x - 20.0, y - 41.0, np.radians(25.0)
    along, across = dy * np.cos(angle) - dx * np.sin(angle), dx * np.cos(angle) + dy * np.sin(angle)
    values = 50 * np.exp(-4 * np.log(2) * ((along / 12) ** 2 + (across / 4) ** 2))
    field = PatchField(values.astype(np.float16), np.array([[20.0, 41.0, 50.0, 12.0, 4.0, 25.0, 50.0]], np.float32))
    rng, angles = np.random.default_rng(0), set()
    for _ in range(12):
        values, targets = draw_patches([field], rng, 1, side=64, noisier=0)
        cell = np.unravel_index(np.nanargmax(targets[0, ..., 0, -1]), targets.shape[1:3])
        dx, dy, _, _, _, cosine, sine, _ = targets[0][(*cell, 0)]
        peak = np.unravel_index(np.nanargmax(values[0]), values[0].shape)
        assert np.abs(np.subtract((4 * cell[1] + 1.5 + 4 * dx, 4 * cell[0] + 1.5 + 4 * dy), peak[::-1])).max() < 0.6
        half = np.degrees(np.arctan2(sine, cosine)) / 2
        step = -4 * np.sin(np.radians(half)), 4 * np.cos(np.radians(half))
        there = tuple(np.rint(np.add(peak, step[::-1])).astype(int))
        assert np.nan_to_num(values[0][there], nan=50.0) > 25
        angles.add(round(float(half)))
    assert len(angles) == 4


def test_noise_that_is_added_makes_components_fainter_and_leaves_the_noise_at_one(fields):
    empty = [PatchField(np.random.default_rng(0).standard_normal((256, 256)).astype(np.float16), f.components)
             for f in fields]  # fmt: skip
    values, targets = draw_patches(empty, np.random.default_rng(1), 8, side=128, noisier=1)
    assert np.nanstd(values) == pytest.approx(1, abs=0.05)
    plain = draw_patches(empty, np.random.default_rng(1), 8, side=128, noisier=0)[1]
    assert np.median(targets[..., -1][targets[..., -1] > 0]) < np.median(plain[..., -1][plain[..., -1] > 0])


def test_a_short_training_lowers_the_loss(fields):
    load_keras().utils.set_random_seed(0)
    network = build_patches_network(len(QUANTITIES), stem=8, width=8, wide=8, fine=1, coarse=1)
    draw = patch_draw(fields, side=64)
    validation = draw(np.random.default_rng(5), 8)
    history = fit_redshift(
        network, draw, validation, loss=patches_loss, epochs=3, steps=12, batch_size=4, rate=5e-3, progress=False
    )
    assert history["val_loss"][-1] < 0.9 * history["val_loss"][0]


def test_a_catalogue_is_placed_in_its_image(field):
    image, truth = open_image(field.hdu), field.components[field.components["snr"] > 8]
    placed = placed_in(image, Table({name: truth[name] for name in ("ra", "dec", "flux")}))
    assert np.allclose([placed["x"], placed["y"]], [truth["x"], truth["y"]], atol=1e-3)
    assert np.allclose(placed["major"], image.beam.major)


def test_of_peaks_below_the_limit_of_a_catalogue_nothing_is_asked(field):
    image = open_image(field.hdu)
    parts = catalog_fields(image, field.components[field.components["snr"] > 8])
    assert [part.values.shape for part in parts] == [(300, 280)] * 2
    assert sum(part.number for part in parts) == np.sum(field.components["snr"] > 8)
    unasked = np.concatenate([part.components[part.components[:, -1] < 0] for part in parts])
    faint = field.components[(field.components["snr"] > 4.5) & (field.components["snr"] < 6)]
    assert len(unasked) > len(faint) / 2


def test_a_catalogue_of_another_image_is_refused(field):
    catalog = Table({"ra": [10.0], "dec": [-5.0], "flux": [0.1]})
    with pytest.raises(InputError, match="a catalogue must overlap its image"):
        placed_in(open_image(field.hdu), catalog)
    with pytest.raises(InputError, match="must have the column 'flux'"):
        placed_in(open_image(field.hdu), catalog["ra", "dec"])


def test_too_few_components_are_refused(field):
    with pytest.raises(InputError, match="a training needs at least 30 components"):
        tune_patches([open_image(field.hdu)], [field.components[:10]], PatchesTuning(init="none"))


def test_settings_that_there_are_not_are_refused():
    with pytest.raises(SettingError, match="has no setting 'epoch'"):
        PatchesTuning.of({"epoch": 3})
    with pytest.raises(SettingError, match=r"simulated must be a number from 0 to 0\.95"):
        PatchesTuning(simulated=2)
