"""The same spectra in other forms: cut, binned, in vacuum, in nm, of specutils. The redshift should not change."""

from dataclasses import replace

import numpy as np
from astropy import units as u
from astropy.nddata import StdDevUncertainty
from astropy.table import QTable
from specutils import Spectrum

from museml.data.spectral import to_vacuum

__all__ = ["FORMS", "neutrality"]

NUMBER = 150
CUT = (5000.0, 8500.0)
SURE, SAME = 0.9, 0.002


def cut(batch):
    """Return the spectra from 5000 to 8500 Angstrom."""
    wave = batch.axis.to_value(u.Angstrom)
    inside = (wave > CUT[0]) & (wave < CUT[1])
    parts = {name: getattr(batch, name)[:, inside] for name in ("values", "errors", "mask")}
    return replace(batch, axis=batch.axis[inside], **parts)


def binned(batch):
    """Return the spectra with two channels in one."""
    n = len(batch.axis) // 2 * 2
    pairs = {name: getattr(batch, name)[:, :n].reshape(len(batch), -1, 2) for name in ("values", "errors", "mask")}
    mask = pairs["mask"].any(axis=2)
    values = np.where(mask, 0, pairs["values"].mean(axis=2))
    errors = np.where(mask, 0, np.hypot(*np.moveaxis(pairs["errors"], 2, 0)) / 2)
    return replace(batch, axis=batch.axis[:n].reshape(-1, 2).mean(axis=1), values=values, errors=errors, mask=mask)


def in_vacuum(batch):
    """Return the spectra with their wavelengths in vacuum."""
    return replace(batch, axis=to_vacuum(batch.axis.to_value(u.Angstrom), batch.medium) * u.Angstrom, medium="vacuum")


def in_nanometres(batch):
    """Return the spectra as tables with wavelengths in nanometres."""
    ivar = np.where(batch.mask, 0, 1 / np.where(batch.mask, 1, batch.errors) ** 2)
    wave, meta = batch.axis.to(u.nm), {"medium": batch.medium}
    rows = zip(batch.ids, batch.values, ivar, strict=True)
    return [QTable({"wave": wave, "flux": flux, "ivar": i}, meta={**meta, "id": name}) for name, flux, i in rows]


def of_specutils(batch):
    """Return the spectra as one of specutils, of two dimensions."""
    return Spectrum(flux=batch.values * u.one, spectral_axis=batch.axis, uncertainty=StdDevUncertainty(batch.errors),
                    mask=batch.mask, meta={"medium": batch.medium, "id": "s"})  # fmt: skip


FORMS = {"cut": cut, "binned by 2": binned, "vacuum": in_vacuum, "nm": in_nanometres, "specutils": of_specutils}


def neutrality(name, classifier, sets):
    """Yield how often sure redshifts stay the same in another form, where they are still sure."""
    for labelled in [sets[key] for key in ("simulations", "muse") if sets.get(key) is not None]:
        part = labelled.first(NUMBER)
        before = [classifier.classify(batch) for batch in part.batches]
        for form, change in FORMS.items():
            after = [classifier.classify(change(batch)) for batch in part.batches]
            yield {"classifier": name, "set": labelled.name, "form": form, **_compare(before, after)}


def _compare(before, after):
    z, error, p = (_column(before, key) for key in ("z", "z_err", "p"))
    new_z, new_error, new_p = (_column(after, key) for key in ("z", "z_err", "p"))
    sure = (p > SURE) & np.isfinite(z)
    both = sure & (new_p > SURE) & np.isfinite(new_z)
    same = np.abs(new_z - z) < SAME * (1 + z)
    within = np.abs(new_z - z) < np.hypot(error, new_error)
    return {"sure": int(sure.sum()), "still_sure": int(both.sum()), "same": int((same & both).sum()),
            "within_errors": int((within & both).sum())}  # fmt: skip


def _column(tables, name):
    return np.concatenate([np.ma.filled(np.ma.asarray(table[name], float), np.nan) for table in tables])
