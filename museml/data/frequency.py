"""The frequency of an image."""

from astropy import units as u

__all__ = ["read_frequency"]

KEYWORDS = ("RESTFRQ", "RESTFREQ", "FREQ", "OBSFREQ")
AXES = range(1, 10)


def read_frequency(header):
    """Return the frequency in Hz that a FITS header tells, or None.

    It is that of an axis FREQ, or else of RESTFRQ and the like; what is no positive frequency counts as not told.
    """
    told = [_on_axis(header, axis) for axis in AXES if str(header.get(f"CTYPE{axis}", "")).upper().startswith("FREQ")]
    told += [_in_hertz(header[name]) for name in KEYWORDS if name in header]
    return next(filter(None, told), None)


def _on_axis(header, axis):
    """Return the frequency of the first pixel on an axis."""
    try:
        steps = (1 - header.get(f"CRPIX{axis}", 1)) * header.get(f"CDELT{axis}", 1)
        return _in_hertz(header.get(f"CRVAL{axis}", 0) + steps, str(header.get(f"CUNIT{axis}", "")).strip() or "Hz")
    except TypeError:
        return None


def _in_hertz(value, unit="Hz"):
    try:
        frequency = float(u.Quantity(value, unit).to_value(u.Hz))
    except (TypeError, ValueError):
        return None
    return frequency if 0 < frequency < float("inf") else None
