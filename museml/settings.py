"""Rules for the settings of detectors and classifiers."""

import math
from numbers import Integral, Real

from museml.errors import SettingError

__all__ = ["check_flag", "check_number", "check_range", "is_number"]


def is_number(value, low, high=math.inf, whole=False):
    """Whether a value is a finite number from ``low`` to ``high``; truth values and text are none."""
    kind = Integral if whole else Real
    return isinstance(value, kind) and not isinstance(value, bool) and math.isfinite(value) and low <= value <= high


def check_number(name, value, low, high=math.inf, *, example, whole=False):
    """Raise `~museml.errors.SettingError` unless a setting is a number from ``low`` to ``high``.

    Parameters
    ----------
    name : str
        Of the setting.
    value : object
        As it was given.
    low, high : float
        Least and greatest value allowed.
    example : float
        What the message proposes.
    whole : bool
        Whether it must be a whole number.
    """
    if not is_number(value, low, high, whole):
        kind = "a whole number" if whole else "a number"
        upto = f" to {high:g}" if math.isfinite(high) else ""
        raise SettingError(f"{name} must be {kind} from {low:g}{upto}, not {value!r}; give for example {example!r}")


def check_range(name, value, low, high=math.inf, *, example):
    """Raise `~museml.errors.SettingError` unless a setting is two numbers, the second not below the first.

    Parameters
    ----------
    name : str
        Of the setting.
    value : object
        As it was given.
    low, high : float
        Least and greatest value allowed.
    example : (float, float)
        What the message proposes.
    """
    try:
        first, last = value
    except (TypeError, ValueError):
        first = last = None
    if not (is_number(first, low, high) and is_number(last, first, high)):
        upto = f" to {high:g}" if math.isfinite(high) else ""
        raise SettingError(
            f"{name} must be two numbers from {low:g}{upto}, the lower one first, not {value!r}; "
            f"give for example {example!r}"
        )


def check_flag(name, value):
    """Raise `~museml.errors.SettingError` unless a setting is true or false."""
    if not isinstance(value, bool):
        raise SettingError(f"{name} must be true or false, not {value!r}; give one of the two")
