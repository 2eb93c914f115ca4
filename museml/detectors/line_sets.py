"""Sources by their sets of emission lines, with redshift, also where no line stands out alone."""

import numpy as np
from astropy.stats import gaussian_fwhm_to_sigma

from museml.data.line_profiles import C_KMS, MUSE_RANGE
from museml.data.psf import cube_psf, lsf_fwhm
from museml.data.spectral import to_air
from museml.detection import Detections, Detector
from museml.detectors.filtered_cube import FilteredCube
from museml.detectors.line_grid import WIDTHS
from museml.detectors.lines import LineDetector
from museml.detectors.set_choice import choose
from museml.detectors.set_members import LINES
from museml.detectors.set_search import search_sets
from museml.errors import DetectionFlag
from museml.settings import check_number

__all__ = ["LineSetDetector"]

VISIBLE = 2.0  # S/N from which a line of a set is listed
OII = 3727.09, 3729.88  # the lines of the doublet, Angstrom in vacuum
MARGIN = 5.0  # Angstrom from the ends of the wavelength axis at which a line is flagged
HIGHEST = 300.0  # score from which n_false is too small a number to be held


class LineSetDetector(Detector):
    """Finds sources whose emission lines together fit a redshift, though each may be too faint alone.

    The cube is filtered as by 'lines' and laid on an axis even in ln(vacuum wavelength), on which all lines of a set
    shift together. At each pixel and redshift the likelihood of the lines' signal-to-noise ratios is compared with that
    of noise and of unrelated lines: flux ratios scatter about those of several kinds of galaxies, amplitude and width
    are free, and no line counts for more than the number of unrelated lines in the cube allows. Solutions that explain
    the same lines compete.

    One row is one line of a source, rows of one source share ``z`` and ``p_z``: the probability that there is a source
    of this redshift. ``z_2`` and ``p_z_2`` are those of the best other solution for the same lines, ``p_real`` is the
    probability that the source is real, whatever its redshift. ``n_false`` is the number of sources, at least as
    probable, that are expected to be false or to have a wrong redshift; ``score`` is minus its decadic logarithm.

    Parameters
    ----------
    min_p_z : float
        Least probability of a source's redshift.
    psf : `~museml.data.psf.PSF` or float
        The PSF or its FWHM in arcsec; by default what the cube tells.
    block : int
        Channels in the blocks whose medians make up the continuum; lines must be narrower than half of it.
    """

    name = "line_sets"

    def __init__(self, *, min_p_z=0.2, psf=None, block=150):
        self.min_p_z = min_p_z
        self.psf = psf
        self.block = block

    def find(self, cube):
        """Return the `Detections` in a `~museml.data.cubes.CubeData`."""
        self.check_settings()
        kept = FilteredCube(cube.shape)
        search = LineDetector(psf=self.psf, block=self.block).search(cube, kept)
        return self.detections(cube, kept, search)

    def detections(self, cube, kept, search):
        """Return the detections in a cube that has been filtered.

        Parameters
        ----------
        cube : `~museml.data.cubes.CubeData`
            The cube.
        kept : `~museml.detectors.filtered_cube.FilteredCube`
            What `museml.detectors.lines.LineDetector.search` has given to it.
        search : `~museml.detectors.lines.LineSearch`
            What that has returned.

        Returns
        -------
        Detections
        """
        self.check_settings()
        candidates, solutions = choose(*search_sets(kept, cube.wave, cube.medium), cube.shape[1:])
        solutions = [one for one in solutions if one.p >= self.min_p_z]
        if not solutions:
            return Detections.empty()
        n_false = np.cumsum([one.doubt for one in solutions])
        rows = [
            self._rows(cube, candidates, one, number, false)
            for number, (one, false) in enumerate(zip(solutions, n_false, strict=True), 1)
        ]
        columns = {name: np.ma.concatenate([part[name] for part in rows]) for name in rows[0]}
        columns["kind"] = np.full(len(columns["x"]), "line")
        columns["flags"] = self._flags(cube, columns, search.baseline.sky())
        return Detections.from_columns(columns)

    def check_settings(self):
        """Raise `~museml.errors.SettingError` where a setting breaks a rule."""
        check_number("min_p_z", self.min_p_z, 0, 1, example=0.2)
        LineDetector(psf=self.psf, block=self.block).check_settings()

    def _rows(self, cube, candidates, solution, number, n_false):
        """Return the columns of one source."""
        one = candidates[solution.row]
        lines = _visible(one.snr, solution.lines)
        wave, fwhm = _observed(lines, one, cube.medium)
        x, y = one.x + one.dx, one.y + one.dy
        ra, dec = cube.pixel_to_sky(x, y)
        other = solution.rivals[0] if solution.rivals else (np.nan, np.nan)
        common = {"source": number, "x": x, "y": y, "ra": float(ra), "dec": float(dec), "n_false": n_false}
        common |= {"score": -np.log10(max(n_false, 10.0**-HIGHEST)), "z": np.expm1(one.lnz), "p_z": solution.p}
        common |= {"z_2": np.expm1(other[0]), "p_z_2": other[1], "p_real": solution.p_real}
        columns = {name: np.ma.masked_invalid(np.full(len(lines), value)) for name, value in common.items()}
        flux_err = 1 / one.scale[lines].astype(float)
        snr = one.snr[lines].astype(float)
        columns |= {"id": np.zeros(len(lines), int), "wave": np.clip(wave, *cube.wave[[0, -1]]), "fwhm": fwhm}
        return columns | {"snr": snr, "flux": snr * flux_err, "flux_err": flux_err}

    def _flags(self, cube, columns, sky):
        psf, origin = cube_psf(cube, self.psf)
        wave = np.asarray(columns["wave"])
        pixels = psf.fwhm_at(wave) / cube.pixel_scale
        channel = np.clip(np.searchsorted(cube.wave, wave), 0, len(cube.wave) - 1)
        edge = np.minimum(wave - cube.wave[0], cube.wave[-1] - wave) < MARGIN
        for place, length in ((columns["x"], cube.shape[2]), (columns["y"], cube.shape[1])):
            edge |= np.minimum(place, length - 1 - place) < pixels
        flags = np.where(edge, DetectionFlag.EDGE, 0) | np.where(sky[channel], DetectionFlag.SKY, 0)
        return flags | (DetectionFlag.DEFAULT_PSF if origin == "default" else 0)


def _visible(snr, lines):
    """Return the numbers of the lines of a set that are seen, at least of one."""
    seen = [line for line in lines if snr[line] > VISIBLE]
    return np.array(seen or [max(lines, key=lambda line: snr[line])])


def _observed(lines, candidate, medium):
    """Return wavelengths in the cube's medium and FWHM, in Angstrom; of [OII] those of both lines together."""
    rest = np.array([np.mean(OII) if LINES[line][1] == "oii" else LINES[line][0] for line in lines])
    apart = np.array([np.ptp(OII) if LINES[line][1] == "oii" else 0.0 for line in lines])
    wave = rest * np.exp(candidate.lnz)
    fwhm = np.hypot(lsf_fwhm(np.clip(wave, *MUSE_RANGE)), wave * WIDTHS[candidate.width] / C_KMS)
    both = 0.5 * apart * np.exp(candidate.lnz) / gaussian_fwhm_to_sigma
    return wave if medium == "vacuum" else to_air(wave, "vacuum"), np.hypot(fwhm, both)
