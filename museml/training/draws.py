"""What a network sees in training on labelled spectra: these, made shallower, among simulated ones."""

from dataclasses import dataclass

import numpy as np

from museml.data.log_grid import DLN, START, to_log_grid
from museml.simulation.spectra import INSTRUMENTS
from museml.training.redshift import make_pool, observed, redshift_inputs, redshift_targets, simulated_draw
from museml.training.redshift_calibration import fit_redshift_calibration
from museml.training.samples import Sample, draw_shallower
from museml.training.tuning_settings import TuningSettings

__all__ = ["Draws", "instrument_like"]

#: most labelled spectra that decide when training stops, and their copies that are shallower by the root of the most
WATCHED = 200
#: most labelled spectra, drawn with repetition, and as many simulated ones, from which probabilities are calibrated
CALIBRATING = 400
#: instruments whose spectra are simulated for labelled ones of a similar range
SIMULATED = ("MUSE-extended", "BlueMUSE", "SDSS")


@dataclass(frozen=True)
class Draws:
    """Labelled spectra and, unless they are not wanted, simulated ones.

    Attributes
    ----------
    sample : Sample
        Labelled spectra.
    settings : TuningSettings
        How they are drawn.
    instrument : `~museml.simulation.spectra.Instrument`
        Whose spectra are simulated.
    pool : `~museml.training.redshift.Pool` or None
        Clean simulated spectra.
    """

    sample: Sample
    settings: TuningSettings
    instrument: object
    pool: object

    @classmethod
    def of(cls, sample, settings):
        """Simulate objects, if any are wanted, with an instrument like that of the sample."""
        name = instrument_like(sample)
        pool = make_pool(settings.pool, settings.seed, name) if settings.simulated > 0 else None
        return cls(sample, settings, INSTRUMENTS[name], pool)

    def of_rows(self, rows):
        """Return ``draw(rng, n)``, which takes some rows of the sample, all of one window, and simulated spectra."""
        starts = self.sample.starts[rows]
        windows = {start: rows[starts == start] for start in np.unique(starts)}
        simulate = simulated_draw(self.pool) if self.pool else None

        def draw(rng, n):
            number, chosen = round(self.settings.simulated * n), windows[rng.choice(starts)]
            own = draw_shallower(self.sample, rng, n - number, self.settings.shallower, chosen)
            return _joined(_prepared(own), simulate(rng, number)) if number else _prepared(own)

        return draw

    def validation(self, rows):
        """Return inputs and targets of some rows, as they are and shallower, and of simulated spectra."""
        rng = np.random.default_rng((self.settings.seed, len(rows)))
        part = self.sample.rows(rng.permutation(rows)[:WATCHED])
        shallow = draw_shallower(part, rng, len(part), self.settings.shallower)
        sets = [_prepared(window) for sample in (part, shallow) for window in sample.windows()]
        number = round(2 * len(part) * self.settings.simulated / (1 - self.settings.simulated))
        if self.pool and number:
            sets.append(simulated_draw(self.pool)(rng, min(number, 2 * WATCHED)))
        inputs, targets = (np.concatenate(arrays) for arrays in zip(*sets, strict=True))
        return inputs, targets

    def calibration(self, model, rows):
        """Return the calibration of a model for some rows made shallower, among simulated spectra.

        Only spectra in the default window count.
        """
        rng, parts = np.random.default_rng((self.settings.seed, len(rows), 1)), []
        number = min(CALIBRATING, self.settings.pool)
        own = [window for window in self.sample.rows(rows).windows() if window.starts[0] == START]
        if own:
            drawn = draw_shallower(own[0], rng, number, self.settings.shallower)
            parts.append((drawn.batch(), drawn.classes, drawn.z, np.full(len(drawn), np.nan)))
        if self.pool:
            batch, truth = observed(self.pool, rng, number)
            parts.append((to_log_grid(batch, START), *truth))
        if not parts:
            return None
        batches, *truth = zip(*parts, strict=True)
        outputs = np.concatenate([model.outputs(batch) for batch in batches])
        return fit_redshift_calibration(outputs, *map(np.concatenate, truth))


def instrument_like(sample):
    """Return the name of the instrument whose range is most like that of the spectra."""
    covered = np.flatnonzero(~sample.mask[0])
    ends = np.log(sample.starts[0]) + DLN * covered[[0, -1]]
    distance = {name: np.abs(np.log(INSTRUMENTS[name].vacuum[[0, -1]]) - ends).sum() for name in SIMULATED}
    return min(distance, key=distance.get)


def _prepared(part):
    return redshift_inputs(part.batch()), redshift_targets(part.classes, part.z, start=part.starts[0])


def _joined(one, other):
    return tuple(np.concatenate(arrays) for arrays in zip(one, other, strict=True))
