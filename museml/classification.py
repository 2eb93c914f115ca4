"""Classifier and Predictions: what names things, and the names it gives."""

from abc import ABC, abstractmethod

from astropy.table import vstack

from museml.columns import Field, FixedTable
from museml.component import Component
from museml.config import conf
from museml.data import prepare
from museml.errors import ContractError
from museml.settings import check_number

__all__ = ["Classifier", "Predictions", "Redshifts"]


class Predictions(FixedTable):
    """Table of predictions: one row per input, in input order; ``meta`` holds the provenance."""

    fields = (
        Field("id", "str", "name of the input: the file's stem or the source's number", ucd="meta.id;meta.main"),
        Field("class", "str", "class of the object", ucd="src.class"),
        Field("p", "f8", "probability that the answer is right", None, "stat.probability", True),
        Field("flags", "i4", "bits of museml.errors.PredictionFlag", None, "meta.code"),
    )


class Redshifts(Predictions):
    """Predictions of redshifts.

    Beyond the fixed columns there may be ``pz``, shape (rows, grid), float32: the probability of
    each cell of the redshift grid. The grid's cells are even in ln(1+z); their first centre and step
    are in ``meta`` as LNZ0 and DLNZ. The cells of a row add up to the probability that there is a
    redshift at all; a row without an answer holds zeros.

    In rows with the flag BLEND z_2 and p_2 are those of a second object in the spectrum, so that p_2 may be as
    large as p; z_3 is then the second-best redshift of the first.
    """

    fields = (
        *Predictions.fields[:2],
        Field("z", "f8", "best redshift (vacuum)", None, "src.redshift", True),
        Field("z_err", "f8", "standard error of z", None, "stat.error;src.redshift", True),
        Field("p", "f8", "probability that z is right", None, "stat.probability", True),
        Field(
            "z_2",
            "f8",
            "second-best redshift; with the flag BLEND, that of the second object",
            None,
            "src.redshift",
            True,
        ),
        Field("p_2", "f8", "probability that z_2 is right", None, "stat.probability", True),
        Field("z_3", "f8", "third-best redshift", None, "src.redshift", True),
        Field("p_3", "f8", "probability that z_3 is right", None, "stat.probability", True),
        Predictions.fields[-1],
    )


class Classifier(Component, ABC):
    """Base of all classifiers.

    A subclass *must* give ``name``, ``accepts`` (kinds of data, see `museml.data.KINDS`) and
    `predict`; it *may* give settings as keyword-only arguments of ``__init__``.
    """

    accepts = ("spectrum",)
    #: class of the table that `predict` returns
    predictions = Redshifts

    def classify(self, data, batch_size=None):
        """Name each thing in the data.

        Parameters
        ----------
        data : anything that `museml.data` opens for the kinds accepted
            For spectra: MPDAF Source, SourceList, Catalog or Spectrum, specutils Spectrum, a QTable
            with wave, flux and ivar, or paths to any of these; they are not changed.
        batch_size : int
            Number of rows seen at once; the answer does not depend on it.

        Returns
        -------
        Predictions
            One row per input, in input order.

        Raises
        ------
        InputError
            If nothing in the data can be used. One bad row among others is flagged instead.
        ContractError
            If the classifier breaks its contract.
        """
        tables = list(self.stream(data, batch_size))
        if not tables:
            return self.predictions.empty(self.provenance())
        table = vstack(tables, metadata_conflicts="silent")
        table.meta = tables[0].meta
        return table

    def stream(self, data, batch_size=None):
        """Name each thing in the data, batch by batch, so that the memory does not grow with the data.

        Parameters
        ----------
        data, batch_size
            As in `classify`; the data may be a generator.

        Yields
        ------
        Predictions
            One row per input, in input order, at most ``batch_size`` rows at once.

        Raises
        ------
        InputError, ContractError
            As in `classify`.
        """
        size = conf.batch_size if batch_size is None else batch_size
        check_number("batch_size", size, 1, example=256, whole=True)
        provenance = self.provenance()
        for batch in prepare(data, self.accepts[0]):
            for start in range(0, len(batch), size):
                table = self._part(batch.rows(start, start + size))
                table.meta = {**provenance, **table.meta}
                yield table

    @abstractmethod
    def predict(self, batch):
        """Return the `Predictions` of a `~museml.data.batch.Batch`, row by row."""

    def _part(self, batch):
        with self.blamed("classifier"):
            table = self.predict(batch)
        if not isinstance(table, self.predictions):
            raise ContractError(
                f"classifier {self.name!r} returned {type(table).__name__}; return {self.predictions.__name__}"
            )
        if list(table["id"]) != list(batch.ids):
            raise ContractError(f"classifier {self.name!r} changed the ids or their order")
        return table.check()
