"""The frequency of an image."""

from astropy import units as u

__all__ = ["read_frequency"]

KEYWORDS = ("RESTFRQ", "RESTFREQ", "FREQ", "OBSFREQ", "CRVALFREQ")
AXES = range(1, 10)


def read_frequency(header):
    """Return the frequency in Hz that a FITS header tells: by an axis FREQ, else by RESTFRQ and the like; or None."""
    for axis in AXES:
        if str(header.get(f"CTYPE{axis}", "")).upper().startswith("FREQ"):
            return _on_axis(header, axis)
    told = [header[name] for name in KEYWORDS if isinstance(header.get(name), (int, float)) and header[name] > 0]
    return float(told[0]) if told else None


def _on_axis(header, axis):
    """Return the frequency of the first pixel on an axis."""
    first = header.get(f"CRVAL{axis}", 0) + (1 - header.get(f"CRPIX{axis}", 1)) * header.get(f"CDELT{axis}", 1)
    unit = u.Unit(str(header.get(f"CUNIT{axis}", "")).strip() or "Hz")
    return float(u.Quantity(first, unit).to_value(u.Hz)) if first > 0 else None
