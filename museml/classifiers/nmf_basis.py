"""Non-negative templates of galaxies, quasars and stars, and the file they are kept in."""

import hashlib
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from scipy import fft

from museml.classifiers.nmf_grid import REST, STEP, trials
from museml.classifiers.nmf_posterior import Calibration
from museml.errors import ModelError
from museml.model import ModelCard
from museml.output import whole_file

__all__ = ["KINDS", "SHIPPED", "Basis", "BasisSet", "load_basis"]

#: name of the templates that come with museml
SHIPPED = "nmf-basis"
#: what there are templates of: name -> class in the answer
KINDS = {"galaxy": "galaxy", "quasar": "QSO", "star": "star"}


@dataclass(frozen=True, eq=False)
class Basis:
    """Templates of one kind on the rest-frame axis of `museml.classifiers.nmf_grid`.

    Attributes
    ----------
    templates : ndarray, shape (k, pixels), float32
        Not negative.
    z_min, z_max : float
        Redshifts at which they may be used.
    """

    templates: np.ndarray
    z_min: float
    z_max: float

    @cached_property
    def shifts(self):
        """Trial shifts in pixels."""
        return trials(self.z_min, self.z_max)

    @cached_property
    def pairs(self):
        """Indices of the pairs of templates whose products are needed."""
        return np.triu_indices(len(self.templates))

    @lru_cache(maxsize=4)  # noqa: B019 - few bases live, as long as the process
    def transforms(self, length):
        """Return the conjugate Fourier transforms of the templates and of the products of `pairs`."""
        first, second = self.pairs
        templates = self.templates.astype(float)
        return tuple(
            np.conj(fft.rfft(rows, length, axis=1)) for rows in (templates, templates[first] * templates[second])
        )


@dataclass(frozen=True, eq=False)
class BasisSet:
    """The templates of each kind with the card that says where they are from.

    Attributes
    ----------
    card : `~museml.ModelCard`
        Provenance, scores and limits.
    bases : dict of Basis
        By the names of `KINDS`.
    calibration : `~museml.classifiers.nmf_posterior.Calibration`
        What makes misfits probabilities.
    """

    card: ModelCard
    bases: dict
    calibration: Calibration

    @cached_property
    def sha256(self):
        """Checksum of all that can change an answer."""
        digest = hashlib.sha256()
        for name, basis in sorted(self.bases.items()):
            digest.update(f"{name} {basis.z_min:.6f} {basis.z_max:.6f} {basis.templates.shape}".encode())
            digest.update(np.ascontiguousarray(basis.templates, "<f4").tobytes())
        digest.update(repr(sorted(self.calibration.to_dict().items())).encode())
        return digest.hexdigest()

    def save(self, path):
        """Write all as one ASDF file, whole or not at all.

        Raises
        ------
        OutputError
            If the file cannot be written.
        """
        import asdf

        with whole_file(path) as part:
            asdf.AsdfFile(self._tree()).write_to(part)

    def _tree(self):
        bases = {
            name: {"z": [float(basis.z_min), float(basis.z_max)], "templates": basis.templates.astype("<f4")}
            for name, basis in self.bases.items()
        }
        axis = {"unit": "Angstrom", "medium": "vacuum", "ln_start": REST[0] * STEP, "ln_step": STEP}
        calibration = self.calibration.to_dict()
        return {"card": self.card, "axis": axis, "bases": bases, "calibration": calibration, "sha256": self.sha256}


def load_basis(name):
    """Read templates.

    Parameters
    ----------
    name : str or path
        'nmf-basis' for those that are shipped, or a file that `BasisSet.save` has written.

    Returns
    -------
    BasisSet

    Raises
    ------
    ModelError
        If there is no such file, or if it is damaged, foreign, or made for another axis.
    """
    shipped = files("museml").joinpath("pretrained", f"{SHIPPED}.asdf")
    return _read_once(Path(str(shipped)) if str(name) == SHIPPED else Path(name))


@cache
def _read_once(path):
    import asdf

    if not path.is_file():
        raise ModelError(f"templates must be an ASDF file; there is none at '{path}'; check the setting 'basis'")
    try:
        with asdf.open(path, memmap=False) as file:
            found = _from_tree(file.tree)
            axis, sha256 = dict(file.tree["axis"]), file.tree["sha256"]
    except Exception as error:  # asdf raises nearly anything on a broken file
        reason = " ".join(str(error).split())[:300]
        raise ModelError(
            f"'{path}' cannot be read as templates: {reason}; make it anew with python -m museml.recipes.nmf"
        ) from error
    if found.sha256 != sha256 or axis != found._tree()["axis"]:
        raise ModelError(
            f"'{path}' is damaged or made for another axis; make it anew with python -m museml.recipes.nmf"
        )
    return found


def _from_tree(tree):
    bases = {name: Basis(np.array(part["templates"]), *part["z"]) for name, part in tree["bases"].items()}
    return BasisSet(tree["card"], bases, Calibration.from_dict(tree["calibration"]))
