"""The operations of the matched filter for lines, for any backend and device of Keras."""

import numpy as np
from scipy.fft import next_fast_len

from museml.networks.backend import device, load_keras

__all__ = ["filter_lines", "filter_planes"]

PLANES = 256  # wavelength planes in one Fourier transform


def filter_planes(planes, kernel):
    """Correlate each plane with a symmetric kernel; beyond the border there is nothing.

    Two planes make one complex image, whose transform is that of both.

    Parameters
    ----------
    planes : ndarray, shape (n, y, x), float32
        Images.
    kernel : ndarray, shape (k, k)
        Of odd size.

    Returns
    -------
    ndarray, shape (n, y, x), float32
    """
    half, (rows, columns) = len(kernel) // 2, planes.shape[1:]
    size = [next_fast_len(length + 2 * half) for length in (rows, columns)]
    transform = np.fft.fft2(kernel, size).astype(np.complex64)
    parts = [_correlated(planes[k : k + PLANES], transform) for k in range(0, len(planes), PLANES)]
    return np.concatenate([part[:, half : half + rows, half : half + columns] for part in parts])


def _correlated(planes, transform):
    """Multiply the Fourier transforms of planes, padded with zeros, with one; the planes go two by two."""
    ops, (count, rows, columns) = load_keras().ops, planes.shape
    pairs = np.zeros((2, (count + 1) // 2, *transform.shape), np.float32)
    pairs[0, :, :rows, :columns], pairs[1, : count // 2, :rows, :columns] = planes[::2], planes[1::2]
    with device():
        real, imaginary = ops.fft2(tuple(ops.convert_to_tensor(part) for part in pairs))
        a, b = (ops.convert_to_tensor(np.ascontiguousarray(part)) for part in (transform.real, transform.imag))
        even, odd = ops.ifft2((real * a - imaginary * b, real * b + imaginary * a))
        both = ops.reshape(ops.stack([even, odd], axis=1), (-1, *transform.shape))
        return np.array(ops.convert_to_numpy(both))[:count]


def filter_lines(signal, information, profiles, least):
    """Compute the signal-to-noise ratio of lines from planes filtered with the PSF.

    Parameters
    ----------
    signal, information : ndarray, shape (rows + taps - 1, y, x), float32
        Sums of data times weight, and of weight.
    profiles : ndarray, shape (widths, rows, taps), float32
        Line centred on each row, at the planes from that of the row's number on.
    least : float
        Information up to this is none.

    Returns
    -------
    ndarray, shape (widths, rows, y, x), float32
        0 where there is no information.
    """
    ops, (_, rows, taps) = load_keras().ops, profiles.shape
    with device():
        signal, information = (ops.convert_to_tensor(planes) for planes in (signal, information))
        answers = []
        for profile in ops.convert_to_tensor(profiles[..., None, None]):
            shifted = [(profile[:, k], signal[k : k + rows], information[k : k + rows]) for k in range(taps)]
            total = sum(part * plane for part, plane, _ in shifted)
            known = sum(part * part * plane for part, _, plane in shifted)
            answers.append(ops.where(known > least, total / ops.sqrt(ops.maximum(known, least)), 0.0))
        return np.array(ops.convert_to_numpy(ops.stack(answers)))
