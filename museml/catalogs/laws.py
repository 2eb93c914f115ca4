"""How far around a bright source the image cannot be trusted: laws of the flux, given as text, numbers or functions."""

import ast
import operator

import numpy as np

from museml.errors import SettingError

__all__ = ["LAW", "exclusion_radius"]

#: radius in arcsec by the flux S in mJy, chosen on LoTSS images of 6 arcsec resolution
LAW = "4 * exp(log10(S)) + 2"
_OPERATIONS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
_FUNCTIONS = {
    "exp": np.exp, "log": np.log, "log10": np.log10, "sqrt": np.sqrt, "min": np.minimum, "max": np.maximum,
}  # fmt: skip


def exclusion_radius(flux, law=LAW):
    """Return the radius around sources within which faint neighbours are not trusted.

    Parameters
    ----------
    flux : array_like
        Integrated flux densities in mJy.
    law : str, callable, or (float, float)
        The radius in arcsec: as text, with the flux ``S`` in mJy, numbers, ``+ - * / **`` and exp, log, log10, sqrt,
        min and max; as a function of an array of fluxes; or a and b of a exp(log10 S) + b.

    Returns
    -------
    ndarray
        In arcsec; 0 where the law gives nothing finite or less than that.

    Raises
    ------
    SettingError
        If the law cannot be understood.
    """
    function = _function(law)
    flux = np.asarray(flux, float)
    with np.errstate(all="ignore"):
        radius = np.broadcast_to(np.asarray(function(flux), float), flux.shape)
    return np.where(np.isfinite(radius) & (radius > 0), radius, 0.0)


def _function(law):
    if callable(law):
        return law
    if isinstance(law, str):
        return _from_text(law)
    try:
        slope, floor = (float(value) for value in law)
    except (TypeError, ValueError):
        raise _refused(law) from None
    return lambda flux: slope * np.exp(np.log10(flux)) + floor


def _from_text(law):
    try:
        tree = ast.parse(law.strip(), mode="eval").body
        _value(tree, np.ones(1))
    except (SyntaxError, KeyError, TypeError, ValueError, RecursionError):
        raise _refused(law) from None
    return lambda flux: _value(tree, flux)


def _value(node, flux):
    """Return the value of an expression; a KeyError or ValueError tells that it is none of those allowed."""
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return float(node.value)
    if isinstance(node, ast.Name) and node.id == "S":
        return flux
    if isinstance(node, ast.UnaryOp):
        return _OPERATIONS[type(node.op)](_value(node.operand, flux))
    if isinstance(node, ast.BinOp):
        return _OPERATIONS[type(node.op)](_value(node.left, flux), _value(node.right, flux))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        return _FUNCTIONS[node.func.id](*(_value(part, flux) for part in node.args))
    raise ValueError(ast.dump(node))


def _refused(law):
    return SettingError(
        f"a law must be text such as {LAW!r} with the flux S in mJy, a function, or two numbers, not {law!r}; "
        "it may use + - * / **, exp, log, log10, sqrt, min, max"
    )
