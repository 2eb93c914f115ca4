"""Detector, Detections and ImageDetections: what finds, and what is found in cubes and in images."""

from abc import ABC, abstractmethod

import numpy as np

from museml.columns import Field, FixedTable
from museml.component import Component
from museml.data import prepare
from museml.errors import ContractError, DetectionFlag, InputError

__all__ = ["Detections", "Detector", "ImageDetections"]


class Detections(FixedTable):
    """Table of detections, the best first.

    ``meta`` holds the provenance (PLUGIN, PLUGIN_V, MUSEML_V, MODEL, MODEL_ID, SETTINGS) and
    MEDIUM, 'air' or 'vacuum', of the column ``wave``.
    """

    fields = (
        Field("id", "i8", "number of the detection, from 1", ucd="meta.id;meta.main"),
        Field("source", "i8", "number of the source it belongs to, from 1", ucd="meta.id.assoc"),
        Field("kind", "str", "'line' or 'continuum'", ucd="meta.code.class"),
        Field("ra", "f8", "right ascension (ICRS)", "deg", "pos.eq.ra;meta.main"),
        Field("dec", "f8", "declination (ICRS)", "deg", "pos.eq.dec;meta.main"),
        Field("x", "f8", "position along the first image axis, from 0", "pix", "pos.cartesian.x;instr.pixel"),
        Field("y", "f8", "position along the second image axis, from 0", "pix", "pos.cartesian.y;instr.pixel"),
        Field("wave", "f8", "wavelength of the line, in the data's own medium", "Angstrom", "em.wl", True),
        Field("wave_err", "f8", "standard error of the wavelength", "Angstrom", "stat.error;em.wl", True),
        Field("fwhm", "f8", "observed full width at half maximum of the line", "Angstrom", "spect.line.width", True),
        Field("fwhm_err", "f8", "standard error of the width", "Angstrom", "stat.error;spect.line.width", True),
        Field("snr", "f8", "signal-to-noise ratio, renormalised by its own scatter", None, "stat.snr"),
        Field(
            "flux", "f8", "line flux, or continuum flux integrated over the data's range",
            "1e-20 erg / (s cm2)", "phot.flux",
        ),
        Field("flux_err", "f8", "standard error of the flux", "1e-20 erg / (s cm2)", "stat.error;phot.flux"),
        Field("mag", "f8", "AB magnitude of a continuum in white light", "mag", "phot.mag;em.opt", True),
        Field("mag_err", "f8", "its standard error", "mag", "stat.error;phot.mag;em.opt", True),
        Field("color", "f8", "AB colour of a continuum: blue half minus red half", "mag", "phot.color", True),
        Field("color_err", "f8", "its standard error", "mag", "stat.error;phot.color", True),
        Field("score", "f8", "what the list is ranked by; higher is surer", None, "stat.value"),
        Field("n_false", "f8", "expected number of false detections scored at least as high", None, "stat.value"),
        Field("p_real", "f8", "probability that it is real and not a residual", None, "stat.probability", True),
        Field("z", "f8", "redshift of the source by its set of lines", None, "src.redshift", True),
        Field("p_z", "f8", "probability that the source is real and has this redshift", None, "stat.probability", True),
        Field("z_2", "f8", "second redshift by the set of lines", None, "src.redshift", True),
        Field("p_z_2", "f8", "probability of the second redshift", None, "stat.probability", True),
        Field("flags", "i4", "bits of museml.errors.DetectionFlag", None, "meta.code"),
    )  # fmt: skip


class ImageDetections(FixedTable):
    """Table of what was found in images, one row a component, the best first.

    All sizes on the sky are full widths at half maximum. ``meta`` holds the provenance (PLUGIN, PLUGIN_V, MUSEML_V,
    MODEL, MODEL_ID, SETTINGS) and tells of the image its name (IMAGE), its beam (BMAJ, BMIN, BPA in degrees) and, if it
    is known, its frequency in Hz (FREQ).
    """

    fields = (
        Field("id", "i8", "number of the detection, from 1", ucd="meta.id;meta.main"),
        Field("source", "i8", "number of the source it belongs to, from 1", ucd="meta.id.assoc"),
        Field("ra", "f8", "right ascension (ICRS)", "deg", "pos.eq.ra;meta.main"),
        Field("dec", "f8", "declination (ICRS)", "deg", "pos.eq.dec;meta.main"),
        Field("ra_err", "f8", "standard error of the position, towards east", "arcsec", "stat.error;pos.eq.ra", True),
        Field("dec_err", "f8", "standard error of the position, towards north", "arcsec", "stat.error;pos.eq.dec",
              True),
        Field("x", "f8", "position along the first image axis, from 0", "pix", "pos.cartesian.x;instr.pixel"),
        Field("y", "f8", "position along the second image axis, from 0", "pix", "pos.cartesian.y;instr.pixel"),
        Field("peak", "f8", "peak flux density", "Jy / beam", "phot.flux.density;em.radio"),
        Field("peak_err", "f8", "its standard error", "Jy / beam", "stat.error;phot.flux.density;em.radio"),
        Field("flux", "f8", "integrated flux density", "Jy", "phot.flux.density;em.radio"),
        Field("flux_err", "f8", "its standard error", "Jy", "stat.error;phot.flux.density;em.radio"),
        Field("major", "f8", "major axis as observed, with the beam", "arcsec", "phys.angSize.smajAxis"),
        Field("minor", "f8", "minor axis as observed, with the beam", "arcsec", "phys.angSize.sminAxis"),
        Field("pa", "f8", "position angle of the major axis, east of north, 0 to 180", "deg", "pos.posAng"),
        Field("major_err", "f8", "standard error of the major axis", "arcsec", "stat.error;phys.angSize.smajAxis",
              True),
        Field("minor_err", "f8", "standard error of the minor axis", "arcsec", "stat.error;phys.angSize.sminAxis",
              True),
        Field("pa_err", "f8", "standard error of the position angle", "deg", "stat.error;pos.posAng", True),
        Field("dc_major", "f8", "major axis without the beam; 0 if unresolved", "arcsec", "phys.angSize.smajAxis",
              True),
        Field("dc_minor", "f8", "minor axis without the beam; 0 if unresolved", "arcsec", "phys.angSize.sminAxis",
              True),
        Field("dc_pa", "f8", "position angle without the beam, east of north, 0 to 180", "deg", "pos.posAng", True),
        Field("rms", "f8", "local noise", "Jy / beam", "stat.stdev;phot.flux.density;em.radio"),
        Field("snr", "f8", "peak over local noise", None, "stat.snr"),
        Field("score", "f8", "what the list is ranked by; higher is surer", None, "stat.value"),
        Field("n_false", "f8", "expected number of false detections scored at least as high", None, "stat.value",
              True),
        Field("p_real", "f8", "probability that it is real", None, "stat.probability", True),
        Field("flags", "i4", "bits of museml.errors.DetectionFlag", None, "meta.code"),
    )  # fmt: skip


class Detector(Component, ABC):
    """Base of all detectors.

    A subclass *must* give ``name``, ``accepts`` (kinds of data, see `museml.data.KINDS`) and
    `find`; it *may* give settings as keyword-only arguments of ``__init__``. One of images sets ``answers`` to
    `ImageDetections`.
    """

    accepts = ("cube",)
    #: class of the table that `find` returns
    answers = Detections

    def detect(self, data):
        """Find what is in the data.

        Parameters
        ----------
        data : `~mpdaf.obj.Cube`, `~mpdaf.obj.Image`, path, or what `museml.data` opens for the kind accepted
            The data; they are not changed.

        Returns
        -------
        Detections or ImageDetections
            One row per detection, the highest score first; empty if there is nothing.

        Raises
        ------
        InputError
            If the data cannot be used, or are of a kind that the detector does not take.
        ContractError
            If the detector breaks its contract.
        """
        self._check_kind(data)
        data = prepare(data, self.accepts[0])
        with self.blamed("detector"):
            detections = self.find(data)
        if not isinstance(detections, self.answers):
            raise ContractError(
                f"detector {self.name!r} returned {type(detections).__name__}; return museml.{self.answers.__name__}"
            )
        return self._finish(detections.check(), data)

    def _check_kind(self, data):
        from museml.data.kind import kind_of

        kind = kind_of(data)
        if kind is not None and kind not in self.accepts:
            raise InputError(
                f"detector {self.name!r} takes data of the kind {' or '.join(self.accepts)}, and these are of the kind "
                f"{kind}; choose another detector ('museml plugins' lists what each takes)"
                + (", or take one plane" if kind == "cube" else "")
            )

    @abstractmethod
    def find(self, data):
        """Return what is in data that were opened, as a table of ``answers``; ids and order need not be right yet."""

    def _finish(self, detections, data):
        ranked = detections[np.argsort(-detections["score"], kind="stable")]
        ranked["id"][:] = np.arange(1, len(ranked) + 1)
        if hasattr(data, "low_exposure"):
            ranked["flags"] |= DetectionFlag.LOW_EXPOSURE * data.low_exposure(ranked["x"], ranked["y"])
        told = {"MEDIUM": data.medium} if hasattr(data, "medium") else dict(getattr(data, "meta", {}))
        ranked.meta = {**told, **self.provenance(), **detections.meta}
        return ranked
