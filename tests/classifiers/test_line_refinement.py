import numpy as np
import pytest

from museml.classifiers.line_refinement import LINE_NAMES, LineView, refine
from museml.data.linelist import LINES

START, STEP, PIXELS = np.log(4595.0), 1.75e-4, 4096
SETS = {
    "optical": ({"OIII5008": 1, "OIII4960": 0.33, "HBETA": 0.4}, (0.05, 0.8)),
    "doublet": ({"OII3727": 1, "OII3729": 1.3}, (0.5, 1.4)),
}


def view(lines, lnz, snr, width=3e-4, seed=0):
    """Return spectra in unit noise, with lines of a total signal-to-noise ratio."""
    rng = np.random.default_rng(seed)
    axis = START + STEP * np.arange(PIXELS)
    places = {name: np.log(LINES[name].wave) + lnz[:, None] for name in lines}
    flux = sum(ratio * np.exp(-0.5 * ((axis - places[name]) / width) ** 2) for name, ratio in lines.items())
    flux *= snr / np.sqrt(np.sum(flux**2, axis=1, keepdims=True))
    values = (flux + rng.normal(0, 1, flux.shape)).astype(np.float32)
    return LineView.of(values + 5, np.ones_like(values), np.zeros(values.shape, bool), START, STEP)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("snr", [9, 15])
def test_redshifts_get_exact_and_errors_honest(name, snr):
    lines, limits = SETS[name]
    rng = np.random.default_rng(1)
    truth = np.log1p(rng.uniform(*limits, 64))
    spread = np.full(64, 2.5e-4)
    lnz, error, _ = refine(view(lines, truth, snr), truth + rng.normal(0, 2.5e-4, 64), spread)
    better = error < spread
    pull = ((lnz - truth) / error)[better]
    assert better.mean() > 0.8
    assert np.median(error[better]) < 1.2e-4
    assert 0.5 < np.sqrt(np.mean(pull**2)) < 1.4


def test_noise_and_resonant_lines_leave_the_redshift_alone():
    truth = np.full(16, np.log1p(3.5))
    lnz, error, snr = refine(view({"LYALPHA": 1}, truth, 20), truth + 1e-4, np.full(16, 4e-4))
    np.testing.assert_array_equal(lnz, truth + 1e-4)
    assert (error == 4e-4).all()
    assert snr[:, LINE_NAMES.index("LYALPHA")].min() > 12
    assert (snr[:, LINE_NAMES.index("HALPHA")] == 0).all()  # not covered


def test_masked_lines_have_no_signal():
    truth = np.log1p(np.array([0.3]))
    values = np.random.default_rng(0).normal(0, 1, (1, PIXELS)).astype(np.float32)
    mask = np.arange(PIXELS)[None] > 1500
    spectra = LineView.of(np.where(mask, 1e9, values), np.ones_like(values), mask, START, STEP)
    _, _, snr = refine(spectra, truth, np.array([3e-4]))
    assert (snr[:, LINE_NAMES.index("HALPHA")] == 0).all()
