"""The templates of the classifier ``nmf``. Run ``python -m museml.recipes.nmf -o nmf-basis.asdf`` to make them."""

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

import click
import numpy as np
from astropy import units as u
from tqdm import tqdm

from museml.classifiers.modes import RIGHT
from museml.classifiers.nmf_basis import KINDS, SHIPPED, Basis, BasisSet
from museml.classifiers.nmf_fit import Scanner
from museml.classifiers.nmf_grid import STEP, Z_MAX, Z_MIN
from museml.classifiers.nmf_posterior import Evidence, log_chances
from museml.model import ModelCard
from museml.simulation.spectra import simulate_spectra
from museml.simulation.spectra.instrument import MUSE, Instrument
from museml.simulation.spectra.objects import draw_objects
from museml.training.factorisation import factorise
from museml.training.metrics import calibration_error, rate
from museml.training.nmf_calibration import fit_posterior
from museml.training.rest_frame import extend, first_guess, rest_parts

__all__ = ["Settings", "make_basis"]

#: what templates are learned from: wider than any one spectrograph, Angstrom (vacuum)
SPAN = (3500.0, 10000.0)
#: spectra drawn at once
CHUNK = 500
#: lines and continua from which on an object counts as bright
BRIGHT_LINE, BRIGHT_CONTINUUM = 10.0, 5.0
#: redshifts at which templates of a kind are tried
RANGES = {"galaxy": (0.003, Z_MAX), "quasar": (0.02, Z_MAX), "star": (Z_MIN, 0.002)}


@dataclass(frozen=True)
class Settings:
    """What the templates depend on.

    Attributes
    ----------
    spectra : int
        Number of clean spectra of all kinds.
    galaxies, quasars, stars : int
        Number of templates of each kind.
    rounds : int
        Of the factorisation.
    snr, tolerance : float
        Weights in the factorisation, see `~museml.training.rest_frame.rest_parts`.
    observed : int
        Number of observed spectra for the calibration; as many again for the test.
    iterations : int
        Of the fit of the calibration.
    seed : int
        Of everything.
    """

    spectra: int = 12000
    galaxies: int = 14
    quasars: int = 7
    stars: int = 8
    rounds: int = 80
    snr: float = 100.0
    tolerance: float = 0.1
    observed: int = 2000
    iterations: int = 25
    seed: int = 0

    @property
    def numbers(self):
        """Number of templates by kind."""
        return {"galaxy": self.galaxies, "quasar": self.quasars, "star": self.stars}


def make_basis(settings):
    """Simulate, factorise, calibrate and test.

    Parameters
    ----------
    settings : Settings
        What the templates depend on.

    Returns
    -------
    `~museml.classifiers.nmf_basis.BasisSet`
    """
    bases = learn_bases(settings)
    calibration = fit_posterior(*observe_and_fit(bases, settings, 1), iterations=settings.iterations)
    evidence, truth = observe_and_fit(bases, settings, 2)
    card = replace(make_card(settings), scores=test_scores(evidence, truth, calibration))
    return BasisSet(card, bases, calibration)


def learn_bases(settings):
    """Return the `Basis` of each kind."""
    instrument = Instrument.from_axis(np.arange(*SPAN, 1.25), "vacuum", "wide", MUSE.lsf)
    rng = np.random.default_rng((settings.seed, 0))
    sizes = [min(CHUNK, settings.spectra - done) for done in range(0, settings.spectra, CHUNK)]
    drawn = [draw_objects(size, rng, instrument=instrument) for size in tqdm(sizes, "spectra")]
    flux = np.concatenate([objects.flux for objects in drawn])
    names = np.concatenate([objects.truth["class"] for objects in drawn])
    z = np.concatenate([np.ma.filled(objects.truth["z"], 0) for objects in drawn])
    bases = {}
    for kind, number in settings.numbers.items():
        rows = names == KINDS[kind]
        if not rows.any():
            continue
        parts = rest_parts(flux[rows], z[rows], instrument, settings.snr, settings.tolerance)
        templates, _ = factorise(parts, first_guess(parts, number, rng), settings.rounds, desc=kind)
        bases[kind] = Basis(extend(templates, parts), *RANGES[kind])
    return bases


def observe_and_fit(bases, settings, part):
    """Return the `Evidence` in simulated observations and their truth; ``part`` keeps seeds apart."""
    batch, truth = simulate_spectra(settings.observed, seed=np.random.default_rng((settings.seed, part)))
    scanner = Scanner(bases, batch.axis.to_value(u.Angstrom), batch.medium)
    found = []
    for start in tqdm(range(0, len(batch), 50), "fits"):
        rows = batch.rows(start, start + 50)
        found.append(scanner.evidence(scanner.spread(rows.values, rows.errors, rows.mask)))
    stacked = {name: np.concatenate([getattr(e, name) for e in found]) for name in ("gain", "active", "chi2", "pixels")}
    return Evidence(scanner.kinds, scanner.shifts, **stacked), truth


def test_scores(evidence, truth, calibration):
    """Return the scores on observations that the calibration has not seen."""
    trials, nothing = log_chances(evidence, calibration)
    lnz = evidence.shifts[trials.argmax(axis=1)] * STEP
    p = _probability(trials, evidence.shifts * STEP, lnz)
    object_ = ~np.ma.getmaskarray(truth["z"])
    right = object_ & (np.abs(lnz - np.log1p(np.ma.filled(truth["z"], -0.9))) < RIGHT)
    bright = object_ & ((truth["snr_line"] > BRIGHT_LINE) | (truth["snr_cont"] > BRIGHT_CONTINUUM))
    sure = p > 0.9
    return (
        rate("redshift right", int(right[object_].sum()), int(object_.sum()), "simulated objects"),
        rate("redshift right", int(right[bright].sum()), int(bright.sum()), BRIGHT_DATA),
        rate("right at p > 0.9", int(right[sure].sum()), int(sure.sum()), "simulated spectra"),
        rate("answered with p > 0.9", int((right & sure).sum()), int(object_.sum()), "simulated objects"),
        rate("called nothing", int(np.sum(nothing[~object_] > np.log(0.5))), int(np.sum(~object_)), "simulated sky"),
        {"name": "calibration error", "value": calibration_error(right, p), "n": len(p), "data": "simulated spectra"},
    )


test_scores.__test__ = False  # a name that pytest would take for a test
BRIGHT_DATA = f"simulated, a line S/N > {BRIGHT_LINE:g} or continuum S/N > {BRIGHT_CONTINUUM:g}"


def _probability(trials, lnz, best):
    near = np.abs(lnz - best[:, None]) < RIGHT
    return np.sum(np.exp(trials), axis=1, where=near).clip(0, 1)


def make_card(settings):
    """Return the card, without scores."""
    text = ", ".join(f"{name}={value}" for name, value in asdict(settings).items())
    return ModelCard(
        name=SHIPPED,
        version="1.0",
        summary="non-negative rest-frame templates of galaxies, quasars and stars",
        task="Which redshift and class does a spectrum have?",
        accepts=("spectrum",),
        classes=tuple(KINDS.values()),
        training_data=TRAINING_DATA.format(settings=settings),
        failures=FAILURES,
        recipe=f"python -m museml.recipes.nmf -o {SHIPPED}.asdf ({text})",
        created=datetime.now(UTC).date().isoformat(),
    )


TRAINING_DATA = (
    "{settings.spectra} clean spectra of museml.simulation.spectra from 3500 to 10000 Angstrom, moved to their rest "
    "frames; {settings.galaxies} templates of galaxies, {settings.quasars} of quasars and {settings.stars} of stars "
    "were found in them by weighted non-negative matrix factorisation. What makes chi2 a probability was fitted to "
    "{settings.observed} simulated MUSE observations, and the scores are of as many others. No real spectrum was used."
)
FAILURES = (
    "A sum of few templates is no galaxy in particular: unusual ratios of lines, broad absorption in quasars, and "
    "bright objects whose noise is far below the templates' accuracy fit badly. Faint single lines are ambiguous. "
    "Blends get the redshift of the brighter part only. Redshifts from Ly alpha alone assume the mean velocity "
    "offset of the simulated emitters."
)


@click.command()
@click.option("-o", "--output", required=True, help="The ASDF file to write.")
@click.option("--spectra", default=Settings.spectra, show_default=True, help="Clean spectra to learn from.")
@click.option("--galaxies", default=Settings.galaxies, show_default=True, help="Templates of galaxies.")
@click.option("--rounds", default=Settings.rounds, show_default=True, help="Rounds of the factorisation.")
@click.option("--observed", default=Settings.observed, show_default=True, help="Spectra for the calibration.")
@click.option("--iterations", default=Settings.iterations, show_default=True, help="Of the fit of the calibration.")
@click.option("--seed", default=Settings.seed, show_default=True, help="Seed of everything.")
def main(output, **settings):
    """Make the templates of the classifier 'nmf' from the installed package alone; this takes some minutes."""
    basis = make_basis(Settings(**settings))
    basis.save(output)
    click.echo(f"{output}: {basis.sha256}")


if __name__ == "__main__":
    main()
