"""Tables whose columns, units and descriptions are fixed."""

from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.table import Column, MaskedColumn, Table

from museml.errors import ContractError

__all__ = ["Field", "FixedTable"]


@dataclass(frozen=True)
class Field:
    """One column of a `FixedTable`.

    Attributes
    ----------
    name : str
        The column's name.
    dtype : str
        A numpy dtype; ``'str'`` for text of any length.
    description : str
        One line for people.
    unit : str
        Unit in astropy's notation, or None.
    ucd : str
        Unified content descriptor of the IVOA, or None.
    maskable : bool
        Whether rows may have no value; such a column is left masked when no values are given.
    """

    name: str
    dtype: str
    description: str
    unit: str = None
    ucd: str = None
    maskable: bool = False

    def column(self, values, length):
        """Make the table column; ``values`` may be a Quantity, a masked array, or None for no value."""
        if values is None:
            values = self._missing(length)
        if isinstance(values, u.Quantity):
            values = values.to_value(self.unit)
        cls = MaskedColumn if self.maskable or np.ma.isMaskedArray(values) else Column
        dtype = None if self.dtype == "str" else self.dtype
        column = cls(values, name=self.name, dtype=dtype, unit=self.unit, description=self.description)
        if self.dtype == "str" and column.dtype.kind != "U":
            column = cls(column.astype(str), name=self.name, description=self.description)
        if self.ucd:
            column.meta["ucd"] = self.ucd
        return column

    def _missing(self, length):
        if self.maskable:
            return np.ma.masked_all(length, dtype=self.dtype)
        if self.name == "flags":
            return np.zeros(length, self.dtype)
        raise ContractError(f"column {self.name!r} must have values; none were given")

    def problem(self, column):
        """Say in words what is wrong with a column, or None."""
        kinds = "U" if self.dtype == "str" else np.dtype(self.dtype).kind
        if column.dtype.kind != kinds:
            return f"{self.name!r} has dtype {column.dtype}, expected {self.dtype}"
        if (column.unit or None) != (u.Unit(self.unit) if self.unit else None):
            return f"{self.name!r} has unit {column.unit}, expected {self.unit}"
        return None


class FixedTable(Table):
    """A table that always has the columns of its `fields`; more columns may follow."""

    fields = ()

    @classmethod
    def from_columns(cls, columns=None, meta=None):
        """Make a table from a mapping of names to values.

        Parameters
        ----------
        columns : dict
            Values by column name; Quantities are converted. Names beyond the fixed ones become
            further columns as they are. No columns at all makes an empty table.
        meta : dict
            Metadata of the table.

        Raises
        ------
        ContractError
            If a column that must have values has none.
        """
        columns = dict(columns or {field.name: [] for field in cls.fields if not field.maskable})
        length = len(next(iter(columns.values())))
        fixed = [field.column(columns.pop(field.name, None), length) for field in cls.fields]
        table = cls(fixed, meta=meta)
        for name, values in columns.items():
            table[name] = values
        return table

    @classmethod
    def empty(cls, meta=None):
        """Make a table with no rows and all fixed columns."""
        return cls.from_columns(meta=meta)

    def check(self):
        """Raise `ContractError` if a fixed column is missing or has a wrong dtype or unit."""
        missing = [field.name for field in self.fields if field.name not in self.colnames]
        problems = [f"lacks {name!r}" for name in missing]
        for field in self.fields:
            if field.name not in missing and (problem := field.problem(self[field.name])):
                problems.append(problem)
        if problems:
            raise ContractError(f"{type(self).__name__} breaks its fixed columns: {'; '.join(problems)}")
        return self
