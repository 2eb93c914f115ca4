"""How a network is trained on labelled spectra."""

from dataclasses import asdict, dataclass

import numpy as np

from museml.classifiers.redshift import RedshiftClassifier
from museml.errors import SettingError
from museml.settings import check_number

__all__ = ["TuningSettings"]

#: first learning rate of a network that learned before, and of a new one
RATES = {True: 3e-4, False: 1e-3}
#: fewest and most steps in an epoch, unless they are given
STEPS = (40, 400)
#: least and greatest value of each number
LIMITS = {
    "folds": (1, 20), "epochs": (1, 10000), "steps": (0, 100000), "batch_size": (2, 4096), "rate": (0, 1),
    "patience": (1, 10000), "simulated": (0, 0.95), "shallower": (1, 1000), "pool": (1, 1000000), "seed": (0, 2**31),
}  # fmt: skip


@dataclass(frozen=True)
class TuningSettings:
    """How a network is trained on labelled spectra.

    Parameters
    ----------
    init : str
        Name or file of the model to begin with; 'none' for a new network.
    folds : int
        With 1, a fifth of the objects is held out for the test. With more, as many models are trained, so that each
        spectrum is held out once, and then the final one.
    epochs : int
        At most so many.
    steps : int
        Batches in an epoch; 0 for as many as show each spectrum about twice, 40 to 400.
    batch_size : int
        Spectra in a batch.
    rate : float
        First learning rate; 0 for 0.0003, or 0.001 for a new network.
    patience : int
        Training stops when the loss of the validation spectra, another fifth of the objects or another fold, has not
        fallen for so many epochs.
    simulated : float
        Share of simulated spectra in what the network sees, so that it does not forget what the labelled ones lack.
    shallower : float
        Labelled spectra are made shallower by up to this factor in exposure time.
    pool : int
        Number of simulated objects, which are observed anew each time.
    seed : int
        Of everything.
    """

    init: str = RedshiftClassifier().model
    folds: int = 1
    epochs: int = 30
    steps: int = 0
    batch_size: int = 64
    rate: float = 0.0
    patience: int = 6
    simulated: float = 0.5
    shallower: float = 10.0
    pool: int = 4000
    seed: int = 0

    def __post_init__(self):
        for name, limits in LIMITS.items():
            default = type(self).__dataclass_fields__[name].default
            whole = isinstance(default, int)
            check_number(name, getattr(self, name), *limits, example=default, whole=whole)
        if not isinstance(self.init, str) or not self.init:
            raise SettingError(f"init must be the name or file of a model, or 'none', not {self.init!r}")

    @classmethod
    def of(cls, values):
        """Make settings of a dictionary; `~museml.errors.SettingError` if a name is not known."""
        known = cls.setting_names()
        unknown = [name for name in values if name not in known]
        if unknown:
            raise SettingError(f"the training has no setting {unknown[0]!r}; known: {', '.join(known)}")
        return cls(**values)

    @classmethod
    def setting_names(cls):
        """Return the names of the settings."""
        return list(cls.__dataclass_fields__)

    def as_dict(self):
        """Return the settings by name."""
        return asdict(self)

    @property
    def rate_used(self):
        """The first learning rate."""
        return self.rate or RATES[self.init != "none"]

    def steps_for(self, count):
        """Return the number of batches in an epoch for a number of spectra."""
        own = self.batch_size * (1 - self.simulated)
        return self.steps or int(np.clip(2 * count / own, *STEPS))
