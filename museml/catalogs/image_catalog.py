"""What is found in images as a Catalog of MPDAF."""

from mpdaf.sdetect import Catalog

from museml.output import write_table

__all__ = ["image_catalog", "write_image_catalog"]

#: name of a column -> what it is called in a Catalog
NAMES = {"id": "ID", "ra": "RA", "dec": "DEC"}


def image_catalog(detections):
    """Return a list of detections as a Catalog, so that its methods work: ``match``, ``nearest``, ``select``, ...

    Parameters
    ----------
    detections : `~museml.ImageDetections`
        The list; it is not changed.

    Returns
    -------
    `~mpdaf.sdetect.Catalog`
        Its columns ID, RA and DEC have MPDAF's names, the others those of the list; ``meta`` is that of the list.
    """
    catalog = Catalog(detections, copy=True, idname="ID", raname="RA", decname="DEC")
    for name, customary in NAMES.items():
        catalog.rename_column(name, customary)
    return catalog


def write_image_catalog(detections, path):
    """Write a list as a FITS table that ``Catalog.read`` reads.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    write_table(image_catalog(detections), path, "fits")
