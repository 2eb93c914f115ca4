"""One list from those of overlapping images, in which each source is once."""

import numpy as np
from astropy.table import Column, vstack

from museml.catalogs.match import check_columns
from museml.catalogs.merge import consecutive
from museml.catalogs.sphere import filled, finite_positions, sky_pairs
from museml.errors import InputError
from museml.settings import check_number

__all__ = ["merge_mosaics"]


def merge_mosaics(tables, radius=6.0, *, rank="snr", extent=0.5):
    """Put the tables of overlapping images together; what several of them hold is kept once, the best of them.

    In the order of the rank, each row that is still there removes the worse ones at its place that come from other
    images; rows of one image never remove each other. The answer does not depend on the order of the tables.

    Parameters
    ----------
    tables : dict of `~astropy.table.Table`, or sequence
        By the names of their images; of a sequence they are numbered from 1. With ``ra`` and ``dec`` in degrees.
    radius : float
        Rows no farther apart than this, in arcsec, are one.
    rank : str
        Column by which the better is told: the greater, the better. With ``snr`` it is the row from the deeper image.
    extent : float
        Rows are one, too, within this part of the smaller of their major axes, so that extended sources, whose places
        differ by more, are found again.

    Returns
    -------
    `~astropy.table.Table`
        Of the class of the tables, the best first, with the column ``mosaic``; ``id`` and ``source`` are numbered anew.
        ``n_false`` is the sum over the images, so it counts twice where they overlap. Rows without a position are left
        out; ``meta['N_NOPOS']`` tells how many.

    Raises
    ------
    InputError
        If there is no table, or if a column is missing.
    """
    check_number("radius", radius, 1e-6, example=6.0)
    check_number("extent", extent, 0, example=0.5)
    named = _named(tables, rank)
    merged = vstack([_with_name(table, name) for name, table in named.items()], metadata_conflicts="silent")
    known = finite_positions(merged["ra"], merged["dec"])
    lost, merged = int(np.sum(~known)), merged[known]
    merged = merged[_order(merged, rank)]
    merged = merged[_alive(merged, radius, extent)]
    _number(merged, rank)
    if {"score", "n_false"} <= set(merged.colnames):
        merged["n_false"][:] = sum(_false_in(table, merged["score"]) for table in named.values() if len(table))
    merged.meta.pop("IMAGE", None)
    merged.meta["N_NOPOS"] = lost
    return merged


def _named(tables, rank):
    """Return the tables by name, in the order of their names."""
    if not isinstance(tables, dict):
        tables = {str(number): table for number, table in enumerate(tables, 1)}
    if not tables:
        raise InputError("there must be at least one table to merge; there is none; give those of the images")
    for name, table in tables.items():
        check_columns(table, ("ra", "dec", rank), f"table of an image ({name})")
    return {str(name): tables[name] for name in sorted(tables, key=str)}


def _with_name(table, name):
    table = table.copy()
    text = "image in which it was found"
    table["mosaic"] = Column([name] * len(table), dtype=f"U{max(len(name), 1)}", description=text)
    return table


def _order(table, rank):
    """Return the rows, the best first; of equals what tells them apart, whatever the order of the tables was."""
    ranks = -np.nan_to_num(filled(table[rank]), nan=-np.inf)
    return np.lexsort((np.asarray(table["mosaic"]), filled(table["dec"]), filled(table["ra"]), ranks))


def _alive(table, radius, extent):
    """Return which rows stay; the table is in order."""
    better, worse = _same(table, radius, extent)
    alive = np.ones(len(table), bool)
    for row, other in sorted(zip(better.tolist(), worse.tolist(), strict=True)):
        if alive[row]:
            alive[other] = False
    return alive


def _same(table, radius, extent):
    """Return pairs of rows of different images that are one: the better one is first."""
    mosaic = np.unique(np.asarray(table["mosaic"]), return_inverse=True)[1]
    size = extent * np.nan_to_num(filled(table["major"])) if "major" in table.colnames else np.zeros(len(table))
    large = np.flatnonzero(size > radius)
    found = []
    for part, reach in ((np.arange(len(table)), radius), (large, max(radius, size.max(initial=0)))):
        places = [table["ra"][part], table["dec"][part]]
        rows, others, distance = sky_pairs(*places, *places, reach)
        rows, others = part[rows], part[others]
        near = distance <= np.maximum(radius, np.minimum(size[rows], size[others]))
        near &= (rows < others) & (mosaic[rows] != mosaic[others])
        found.append(np.stack([rows[near], others[near]]))
    return np.concatenate(found, axis=1)


def _false_in(table, score):
    """Return the expected number of false rows in the table of one image that score at least as high."""
    own, number = filled(table["score"]), filled(table["n_false"])
    order = np.argsort(own)
    return np.interp(filled(score), own[order], number[order])


def _number(table, rank):
    """Give new numbers to rows and sources."""
    if "source" in table.colnames:
        keys = np.stack([np.asarray(table["mosaic"]).astype(str), np.asarray(table["source"]).astype(str)], axis=1)
        pairs = np.array(["\t".join(key) for key in keys], dtype=str)
        table["source"][:] = consecutive(pairs, filled(table[rank]))
    if "id" in table.colnames and table["id"].dtype.kind in "iu":
        table["id"][:] = np.arange(1, len(table) + 1)
