"""Objects drawn at random for a cube: single lines, galaxies with several lines, continuum sources."""

import numpy as np
from astropy.table import vstack

from museml.data.cubes import open_cube
from museml.data.line_profiles import C_KMS
from museml.data.linelist import LINES
from museml.data.psf import lsf_fwhm
from museml.data.spectral import to_air
from museml.errors import SettingError
from museml.simulation.stamps import continuum_spectrum
from museml.simulation.truth import TRUTH, join, matched_snr, scale_to_snr, truth_table

__all__ = [
    "TRUTH",
    "join",
    "random_continua",
    "random_field",
    "random_galaxies",
    "random_lines",
    "scale_to_snr",
    "truth_table",
]

MARGIN = 3  # pixels that objects keep from the border
TRIES = 5_000  # of a place for sources that are apart


def random_field(
    cube,
    seed=0,
    *,
    n_lines=20,
    n_galaxies=3,
    n_emitters=0,
    n_continuum=3,
    n_pairs=0,
    snr=(3.0, 12.0),
    continuum_snr=(5.0, 50.0),
    apart=0.0,
    galaxy_continuum=False,
    size=0.0,
):
    """Draw all that is in a simulated cube; the settings are those of `~museml.simulation.cubes.simulate_cube`.

    Returns
    -------
    `~astropy.table.Table`
        With the columns of `TRUTH`.
    """
    rng = np.random.default_rng(seed)
    return join(
        [
            random_lines(cube, n_lines, rng, snr=snr),
            random_galaxies(cube, n_galaxies, rng, snr=snr, size=size, continuum=galaxy_continuum),
            random_galaxies(cube, n_emitters, rng, snr=snr, size=size, z=(3.0, 6.5)),
            random_continua(cube, n_continuum, rng, snr=continuum_snr, pairs=min(n_pairs, n_continuum), apart=apart),
        ]
    )


def random_lines(cube, n, seed=0, *, snr=(3.0, 12.0), wave=None, velocity=(50.0, 300.0), size=0.0, psf=None):
    """Draw isolated lines.

    Parameters
    ----------
    cube : CubeData, `~mpdaf.obj.Cube` or path
        Gives grid and noise; it is not changed.
    n : int
        Number of lines.
    seed : int or `~numpy.random.Generator`
        Source of randomness.
    snr : (float, float)
        Range of the matched filter's S/N, drawn evenly.
    wave : (float, float)
        Range of the wavelength in Angstrom; by default the cube's, away from the ends.
    velocity : (float, float)
        Range of the intrinsic FWHM in km/s; the line-spread function is added.
    size : float or array_like
        FWHM of the objects before the PSF, in arcsec.
    psf : PSF
        By default that of the cube.

    Returns
    -------
    `~astropy.table.Table`
        With the columns of `TRUTH`.
    """
    cube, rng = open_cube(cube), np.random.default_rng(seed)
    edge = min(10, len(cube.wave) // 4)
    low, high = (edge, len(cube.wave) - 1 - edge) if wave is None else np.searchsorted(cube.wave, wave)
    wave = np.interp(rng.uniform(low, high, n), np.arange(len(cube.wave)), cube.wave)
    x, y = _positions(cube, n, rng)
    columns = {"source": np.arange(1, n + 1), "x": x, "y": y, "wave": wave, "size": _each(size, n)}
    columns["fwhm"] = _width(wave, rng.uniform(*velocity, n))
    truth = truth_table(cube, "line", columns)
    return scale_to_snr(truth, rng.uniform(*snr, n), cube, psf)


def random_galaxies(cube, n, seed=0, *, z=(0.05, 1.4), snr=(4.0, 12.0), continuum=False, size=0.0, psf=None):
    """Draw galaxies with emission lines at plausible ratios; beyond z = 2.9 Lyman alpha alone.

    Parameters
    ----------
    cube, n, seed, size, psf
        As for `random_lines`.
    z : (float, float)
        Range of the redshift, drawn evenly among those with a line in the cube.
    snr : (float, float)
        Range of the S/N of the brightest line.
    continuum : bool
        Whether each has a continuum too, of observed equivalent width 20 to 200 Angstrom.

    Returns
    -------
    `~astropy.table.Table`
        With the columns of `TRUTH`; one row per line, and one for the continuum.
    """
    cube, rng = open_cube(cube), np.random.default_rng(seed)
    drawn = [_galaxy(cube, rng, z, snr, width) for width in _each(size, n)]
    lines, wanted, widths = zip(*drawn, strict=True) if drawn else ((), (), ())
    truth = join([truth_table(cube, "galaxy", {}), *lines])
    natural = matched_snr(truth, cube, psf)
    for number, brightest in enumerate(wanted, 1):
        rows = truth["source"] == number
        scale = brightest / natural[rows].max() if natural[rows].any() else 0.0
        truth["flux"][rows] *= scale
        truth["snr"][rows] = natural[rows] * scale
    return _with_continua(truth, widths, cube, psf) if continuum and n else truth


def random_continua(cube, n, seed=0, *, snr=(5.0, 50.0), pairs=0, separation=(5.0, 9.0), apart=0.0, size=0.0, psf=None):
    """Draw continuum sources.

    Parameters
    ----------
    cube, n, seed, size, psf
        As for `random_lines`.
    snr : (float, float)
        Range of the S/N over the whole cube, drawn evenly in its logarithm.
    pairs : int
        How many of them get a companion.
    separation : (float, float)
        Range of the distance of companions in pixels.
    apart : float
        Least distance of the others from each other in pixels.

    Returns
    -------
    `~astropy.table.Table`
        With the columns of `TRUTH`.
    """
    cube, rng = open_cube(cube), np.random.default_rng(seed)
    x, y = _positions(cube, n, rng, apart)
    x, y = np.hstack([(x, y), _companions(cube, x[:pairs], y[:pairs], separation, rng)])
    total = n + pairs
    columns = {"source": np.arange(1, total + 1), "x": x, "y": y, "size": _each(size, total)}
    columns["slope"] = rng.uniform(-2, 1, total)
    truth = truth_table(cube, "continuum", columns)
    return scale_to_snr(truth, np.exp(rng.uniform(*np.log(snr), total)), cube, psf)


def line_ratios(rng):
    """Draw the fluxes of a star-forming galaxy's lines relative to H beta.

    Fixed are the ratios of atomic physics ([OIII] 2.98, [NII] 3.05: Storey & Zeippen 2000, MNRAS 312, 813); H alpha
    is 2.86 (case B) times some reddening; the others scatter about as they do in nearby galaxies.
    """
    halpha, oiii = 2.86 * 10 ** rng.uniform(0, 0.2), 10 ** rng.normal(0.25, 0.3)
    nii, sii = halpha * 10 ** rng.normal(-0.6, 0.2), halpha * 10 ** rng.normal(-0.7, 0.1)
    oii, blue = 10 ** rng.normal(0.4, 0.2), rng.uniform(0.4, 0.6)
    return {
        "LYALPHA": 10.0, "OII3727": oii * blue, "OII3729": oii * (1 - blue),
        "HBETA": 1.0, "OIII4960": oiii / 2.98, "OIII5008": oiii,
        "NII6550": nii / 3.05, "HALPHA": halpha, "NII6585": nii,
        "SII6718": 0.57 * sii, "SII6733": 0.43 * sii,
    }  # fmt: skip


def _galaxy(cube, rng, z_range, snr_range, size):
    """Return the lines of one galaxy at their ratios, the S/N of the brightest, and its equivalent width."""
    names, wave, ratios, z = _visible_lines(cube, rng, z_range)
    n = len(names)
    x, y = np.repeat(_positions(cube, 1, rng), n, axis=1)
    columns = {"line": names, "x": x, "y": y, "z": np.full(n, z), "wave": wave, "size": _each(size, n)}
    columns |= {"fwhm": _width(wave, rng.uniform(50, 250)), "source": np.ones(n, int), "flux": ratios}
    wanted = rng.uniform(*snr_range)
    return truth_table(cube, "galaxy", columns), wanted, np.exp(rng.uniform(*np.log([20, 200])))


def _visible_lines(cube, rng, z_range):
    """Draw redshifts until lines fall into the cube; return their names, wavelengths, ratios and the redshift."""
    ratios = line_ratios(rng)
    rest = np.array([LINES[name].wave for name in ratios])
    low, high = cube.wave[0], cube.wave[-1]
    margin = min(10.0, (high - low) / 10)
    for _ in range(10_000):
        z = rng.uniform(*z_range)
        wave = rest * (1 + z) if cube.medium == "vacuum" else to_air(rest * (1 + z), "vacuum")
        seen = (wave > low + margin) & (wave < high - margin)
        if seen.any():
            return np.array(list(ratios), "U10")[seen], wave[seen], np.array(list(ratios.values()))[seen], z
    raise SettingError(
        f"the redshift range must bring a line into the cube's {low:.0f}-{high:.0f} Angstrom; {z_range} does not; "
        "widen it"
    )


def _with_continua(lines, widths, cube, psf):
    """Return the rows of galaxies with those of their continua, by the equivalent widths of the brightest lines."""
    galaxies = [lines[lines["source"] == number] for number in range(1, len(widths) + 1)]
    best = vstack([rows[[np.argmax(rows["flux"])]] for rows in galaxies])
    columns = {name: np.array(best[name]) for name in ("source", "x", "y", "z", "size")}
    truth = truth_table(cube, "continuum", columns | {"slope": np.full(len(best), -1.0)})
    truth["flux"] = best["flux"] / widths / np.interp(best["wave"], cube.wave, continuum_spectrum(cube.wave, -1.0))
    truth["snr"] = matched_snr(truth, cube, psf)
    truth = vstack([part for k, rows in enumerate(galaxies) for part in (rows, truth[[k]])])
    truth["id"] = np.arange(1, len(truth) + 1)
    return truth


def _each(size, n):
    """Return a size for each of n objects from one or n sizes."""
    return np.broadcast_to(np.asarray(size, float), n).copy()


def _positions(cube, n, rng, apart=0.0):
    """Draw positions, away from the border and from each other; shape (2, n): x and y."""
    margins = [min(MARGIN, (length - 1) / 4) for length in cube.shape[:0:-1]]
    sides = list(zip(cube.shape[:0:-1], margins, strict=True))
    places = np.array([rng.uniform(m, k - 1 - m, n) for k, m in sides])
    for _ in range(TRIES if apart > 0 and n else 0):
        near = np.argwhere(np.triu(np.hypot(*(places[:, :, None] - places[:, None])) < apart, 1))
        if not len(near):
            return places
        places[:, near[0, 1]] = [rng.uniform(m, k - 1 - m) for k, m in sides]
    if apart > 0 and n:
        raise SettingError(
            f"{n} sources do not fit into the field {apart:g} pixels apart; ask for fewer or closer ones"
        )
    return places


def _companions(cube, x, y, separation, rng):
    """Draw positions at a distance from given ones, inside the field where there is room; shape (2, n)."""
    distance, angle = rng.uniform(*separation, len(x)), rng.uniform(0, 2 * np.pi, len(x))
    steps = distance * np.cos(angle), distance * np.sin(angle)
    far = [
        np.where((p + s > 0) & (p + s < k - 1), p + s, p - s)
        for p, s, k in zip((x, y), steps, cube.shape[:0:-1], strict=True)
    ]
    return np.array(far)


def _width(wave, velocity):
    """Return the observed FWHM in Angstrom of lines of intrinsic FWHM in km/s."""
    return np.hypot(lsf_fwhm(wave), wave * velocity / C_KMS)
