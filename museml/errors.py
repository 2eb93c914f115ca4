"""Every error, warning and flag bit of museml."""

import enum

from astropy.utils.exceptions import AstropyUserWarning

__all__ = [
    "ContractError",
    "DetectionFlag",
    "InputError",
    "MissingPackageError",
    "ModelError",
    "MusemlError",
    "MusemlWarning",
    "OutputError",
    "PluginError",
    "PluginWarning",
    "PredictionFlag",
    "SettingError",
    "UnknownNameError",
]


class MusemlError(Exception):
    """Anything that museml refuses; the message is one line: rule, value received, what to do."""


class InputError(MusemlError, ValueError):
    """The data break a rule: not FITS, no variance, no wavelength medium, ..."""


class SettingError(MusemlError, ValueError):
    """A setting or an option breaks a rule."""


class OutputError(MusemlError, OSError):
    """A result cannot be written; what was written before is whole."""


class UnknownNameError(MusemlError, LookupError):
    """No plugin or model has this name."""


class PluginError(MusemlError):
    """A plugin cannot be loaded, or two plugins claim one name."""


class ContractError(PluginError):
    """A plugin's answer breaks the contract of detectors or classifiers."""


class ModelError(MusemlError, ValueError):
    """A model file is damaged, tampered with, or not of a kind that may be loaded."""


class MissingPackageError(MusemlError, ImportError):
    """An optional package is needed; the message names the extra to install."""


class MusemlWarning(AstropyUserWarning):
    """Something the user should know; the work goes on."""


class PluginWarning(MusemlWarning):
    """A plugin was left out; the others work."""


class DetectionFlag(enum.IntFlag):
    """Bits of the column ``flags`` of `~museml.Detections`."""

    NONE = 0
    EDGE = 1  #: within a filter width of the field's edge or the ends of the wavelength axis
    MASKED = 2  #: masked voxels inside the filter's footprint
    SKY = 4  #: on a strong night-sky line, where the noise is far above its surroundings
    BLEND = 8  #: deblended from a neighbour, or its lines may belong to a neighbour
    DEFAULT_PSF = 16  #: the data did not tell the PSF; the detector's default was used
    FIT_FAILED = 32  #: the fit of the line did not converge; position and width are the filter's
    LOW_EXPOSURE = 64  #: where less than half of the field's usual number of exposures was taken
    ARTEFACT = 128  #: in an image, may be an artefact of a bright source nearby


class PredictionFlag(enum.IntFlag):
    """Bits of the column ``flags`` of `~museml.Predictions`."""

    NONE = 0
    UNREADABLE = 1  #: the input could not be read; the row holds no answer
    NO_DATA = 2  #: no valid pixel with a valid error, or too few to tell a line from the continuum
    CONSTANT = 4  #: the spectrum is constant: it holds no information
    BAD_ERRORS = 8  #: negative variances were masked
    LOW_COVERAGE = 16  #: less than half of the pixels are valid
    SINGLE_LINE = 32  #: the redshift hangs on one line
    AMBIGUOUS = 64  #: another redshift is not much less probable
    EDGE = 128  #: the deciding feature is at the end of the wavelength range
    BLEND = 256  #: two objects share the spectrum; the redshift of the second is z_2
    DISAGREES = 512  #: the classifier 'nmf' finds another redshift
    ESTIMATED_ERRORS = 1024  #: the data had no variance; errors were estimated from the scatter
    LINE_SET = 2048  #: the redshift is that of the set of lines in the cube; the spectrum did not show it
