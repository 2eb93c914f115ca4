"""Layers of museml's own; those that may be loaded from a file are on the allow-list of `architecture`."""

from functools import cache

from museml.networks.backend import load_keras

__all__ = ["OWN_LAYERS", "own_layer"]

#: registered under this name, so that files say where a layer comes from
PACKAGE = "museml"
OWN_LAYERS = ("LogProbability", "RedshiftCorrelation")


@cache
def own_layer(name):
    """Return the class of a layer by its name; Keras is imported at the first call."""
    keras = load_keras()
    makers = {"LogProbability": _log_probability, "RedshiftCorrelation": _redshift_correlation}
    return keras.saving.register_keras_serializable(PACKAGE, name)(makers[name](keras))


def _redshift_correlation(keras):
    ops = keras.ops

    class RedshiftCorrelation(keras.layers.Layer):
        """Correlates features along ln(wavelength) with templates in the rest frame, at all redshifts at once.

        A redshift is a shift on this axis, so one set of weights serves every redshift. By the
        convolution theorem the cost is that of a few Fourier transforms.

        Parameters
        ----------
        templates : int
            Number of templates.
        redshifts : int
            Number of shifts, by one position each; the first has the rest frame farthest to the red.

        Notes
        -----
        Input of shape (rows, positions, features), output (rows, redshifts, templates). The weights run in the
        direction of falling rest wavelength: score[s] = sum over i of input[i] weight[positions - 1 + s - i].
        """

        def __init__(self, templates, redshifts, **options):
            super().__init__(**options)
            self.templates, self.redshifts = templates, redshifts

        def build(self, shape):
            """Make the templates for features of a shape (rows, positions, features)."""
            self.positions, features = shape[1:]
            length = self.positions + self.redshifts - 1
            self.size = _fast_length(length)
            start = keras.initializers.RandomNormal(stddev=0.3 / (self.positions * features) ** 0.5)
            self.kernel = self.add_weight(name="kernel", shape=(features, self.templates, length), initializer=start)

        def call(self, inputs):
            """Return the scores."""
            data = ops.concatenate(ops.rfft(ops.transpose(inputs, (0, 2, 1)), self.size), axis=1)
            products = ops.matmul(ops.transpose(data, (2, 0, 1)), self._spectrum())
            products = ops.transpose(products, (1, 2, 0))
            parts = products[:, : self.templates], products[:, self.templates :]
            scores = ops.irfft(parts, self.size)[:, :, self.positions - 1 : self.positions - 1 + self.redshifts]
            return ops.transpose(scores, (0, 2, 1))

        def _spectrum(self):
            """Return the transform of the templates as real matrices that multiply complex numbers."""
            real, imaginary = (ops.transpose(part, (2, 0, 1)) for part in ops.rfft(self.kernel, self.size))
            rows = [[real, imaginary], [-imaginary, real]]
            return ops.concatenate([ops.concatenate(row, axis=2) for row in rows], axis=1)

        def compute_output_shape(self, shape):
            """Return (rows, redshifts, templates)."""
            return (shape[0], self.redshifts, self.templates)

        def get_config(self):
            """Return the settings."""
            return {**super().get_config(), "templates": self.templates, "redshifts": self.redshifts}

    return RedshiftCorrelation


def _log_probability(keras):
    ops = keras.ops

    class LogProbability(keras.layers.Layer):
        """Turns logits into the logarithm of probabilities over the floor, from 0 to 1, which later layers see.

        No gradient flows back: who looks at an answer does not change it.

        Parameters
        ----------
        floor : float
            Logarithm of the probability that becomes 0.
        """

        def __init__(self, floor=-15.0, **options):
            super().__init__(**options)
            self.floor = floor

        def call(self, inputs):
            """Return 1 + ln(p) / -floor, at least 0."""
            return ops.stop_gradient(ops.maximum(1 - ops.log_softmax(inputs, axis=-1) / self.floor, 0))

        def compute_output_shape(self, shape):
            """Return the shape of the input."""
            return shape

        def get_config(self):
            """Return the settings."""
            return {**super().get_config(), "floor": self.floor}

    return LogProbability


def _fast_length(length):
    """Return the smallest length of fast Fourier transforms that is not below a length."""
    from scipy.fft import next_fast_len

    return next_fast_len(length + length % 2, real=True) if length > 1 else 2
