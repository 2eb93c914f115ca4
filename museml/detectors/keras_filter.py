"""The matched filter computed by Keras, for a GPU."""

import numpy as np

from museml.detectors.matched_filter import NO_INFORMATION, MatchedFilter, line_profiles
from museml.networks.line_filter import filter_lines, filter_planes

__all__ = ["KerasMatchedFilter"]


class KerasMatchedFilter(MatchedFilter):
    """A `MatchedFilter` with the same answers, on the device of ``museml.conf.device``."""

    correlate = staticmethod(filter_planes)

    def along_wavelength(self, signal, information, first, start, stop):
        """Filter planes that begin at channel ``first`` with the lines."""
        taps = np.arange(-self.halo, self.halo + 1)
        missing = self.halo - (start - first), self.halo - (first + len(signal) - stop)
        signal, information = (_reaching(planes, *missing) for planes in (signal, information))
        profiles = np.zeros((len(self.widths), stop - start, len(taps)), np.float32)
        for one, width in zip(profiles, self.widths, strict=True):
            square = line_profiles(self.wave, self.fwhm(width, self.wave), (start, stop), (0, len(self.wave)))
            channels = np.arange(start, stop)[:, None] + taps
            inside = (channels >= 0) & (channels < len(self.wave))
            one[:] = np.where(inside, np.take_along_axis(square, np.where(inside, channels, 0), axis=1), 0)
        return filter_lines(signal, information, profiles, NO_INFORMATION * np.max(information, initial=0))


def _reaching(planes, before, after):
    """Return planes with zeros before and after, or without so many where they are negative."""
    planes = planes[max(0, -before) : len(planes) - max(0, -after)]
    return np.pad(planes, ((max(0, before), max(0, after)), (0, 0), (0, 0)))
