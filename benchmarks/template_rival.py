"""A plain template fit as a rival: galaxies as sums of stellar populations and of lines at ratios from atomic physics.

The fit is that of the classifier ``nmf``, with templates made by hand in place of those learned. Templates of quasars
and stars are single spectra of museml's library.
"""

import numpy as np

from museml.classifiers.nmf import NMFClassifier
from museml.classifiers.nmf_basis import Basis, BasisSet
from museml.classifiers.nmf_grid import rest_wave
from museml.classifiers.nmf_posterior import Calibration
from museml.data.linelist import LINES
from museml.model import ModelCard
from museml.simulation.spectra.library import continuum_library

__all__ = ["galaxy_templates", "template_classifier"]

#: ages of the stellar populations in years, and reddening E(B-V) of the young ones
AGES, DUST = (5e6, 3e7, 1e8, 3e8, 9e8, 2.5e9, 5e9, 1.1e10), (0.0, 0.3)
YOUNG = 2e8
#: lines that keep their ratios: Balmer (case B, Osterbrock and Ferland 2006), doublets (Storey and Zeippen 2000)
GROUPS = (
    {"HALPHA": 2.86, "HBETA": 1.0, "HGAMMA": 0.47, "HDELTA": 0.26, "HEPSILON": 0.16, "H8": 0.1},
    {"OIII5008": 1.0, "OIII4960": 0.335, "NEIII3870": 0.08},
    {"OII3727": 0.75, "OII3729": 1.0},
    {"NII6585": 1.0, "NII6550": 0.328},
    {"SII6718": 1.3, "SII6733": 1.0},
    {"CIII1907": 1.4, "CIII1909": 1.0},
    {"MGII2796": 1.0, "MGII2803": 0.6},
    {"CIV1548": 1.5, "CIV1551": 1.0, "HEII1640": 0.5, "OIII1666": 0.5},
)
WIDTH, C_KMS = 130.0, 299792.458  # km/s: gas and line-spread function together
#: Lya is skewed: widths to the blue and to the red, and shift, km/s
LYA = (80.0, 250.0, 150.0)
#: redshifts of the templates with an intergalactic medium
FOREST = (3.2, 4.0, 5.0, 6.0)


def template_classifier(folder):
    """Return the classifier, its templates in a file in a folder."""
    path = folder / "templates.asdf"
    if not path.exists():
        _bases().save(path)
    classifier = NMFClassifier(basis=str(path))
    classifier.name = "templates"
    return classifier


def galaxy_templates(forest=True):
    """Return non-negative templates of galaxies on the axis of `museml.classifiers.nmf_grid.rest_wave`.

    Parameters
    ----------
    forest : bool
        Whether to add young galaxies dimmed by the intergalactic medium.
    """
    wave = rest_wave()
    populations = [_population(wave, age, dust) for age in AGES for dust in (DUST if age < YOUNG else DUST[:1])]
    young = populations[2]
    dimmed = [young * _forest(wave, z) for z in FOREST] if forest else []
    lines = [sum(flux * _gauss(wave, LINES[name].wave) for name, flux in group.items()) for group in GROUPS]
    templates = np.array([*populations, *dimmed, *lines, _lya(wave)])
    return (templates / np.sqrt(np.mean(templates**2, axis=1, keepdims=True))).astype(np.float32)


def _bases():
    library, wave = continuum_library(), rest_wave()
    quasars = [np.interp(wave, library.wave, np.maximum(parts[0], 0), 0, 0) for parts in library.qso.values()]
    stars = [_star(wave, library, star) for star in library.stars.values()]
    bases = {
        "galaxy": Basis(galaxy_templates(), 0.0, 6.7),
        "quasar": Basis(np.array(quasars, np.float32), 0.1, 6.0),
        "star": Basis(np.array(stars, np.float32), -0.002, 0.002),
    }
    texts = ("templates made by hand", "redshift", ("spectrum",), ("galaxy", "QSO", "star"), "none", "not calibrated")
    card = ModelCard("templates", "1.0", *texts, recipe="benchmarks/template_rival.py")
    return BasisSet(card, bases, Calibration())


def _star(wave, library, star):
    spectrum = np.maximum(np.median(star.coefficients, axis=0) @ star.basis, 0)
    return np.interp(wave, library.wave[library.star_start :][: len(spectrum)], spectrum, 0, 0)


def _population(wave, age, dust):
    """Return a stellar population of solar metallicity behind dust (Calzetti et al. 2000)."""
    library = continuum_library()
    middle = np.sqrt(np.maximum(library.ages[:-1], 1e6) * library.ages[1:])
    row = np.argmin(np.abs(np.log(middle / age))) + len(middle) * np.argmin(np.abs(np.log(library.metals)))
    return np.interp(wave, library.wave, library.ssp[row], 0, 0) * 10 ** (-0.4 * dust * _calzetti(wave))


def _calzetti(wave):
    x = 1e4 / wave
    blue = 2.659 * (-2.156 + 1.509 * x - 0.198 * x**2 + 0.011 * x**3) + 4.05
    return np.maximum(np.where(wave < 6300, blue, 2.659 * (-1.857 + 1.040 * x) + 4.05), 0)


def _forest(wave, z):
    """Return the mean transmission of the intergalactic medium (Madau 1995, ApJ 441, 18)."""
    depth = np.where(wave < 1215.67, 0.0036 * (wave * (1 + z) / 1215.67) ** 3.46, 0)
    return np.where(wave < 911.8, 0, np.exp(-depth))


def _gauss(wave, centre, width=WIDTH):
    return np.exp(-0.5 * (np.log(wave / centre) * C_KMS / width) ** 2)


def _lya(wave):
    blue, red, shift = LYA
    velocity = np.log(wave / 1215.67) * C_KMS - shift
    return np.exp(-0.5 * (velocity / np.where(velocity < 0, blue, red)) ** 2)
