"""What detectors and classifiers have in common: settings and provenance."""

import inspect
import json
from contextlib import contextmanager
from functools import cache
from importlib import metadata

from museml._version import __version__
from museml.errors import MusemlError, PluginError, SettingError

__all__ = ["PROVENANCE", "Component"]

#: keys of the metadata of every result
PROVENANCE = ("PLUGIN", "PLUGIN_V", "MUSEML_V", "MODEL", "MODEL_ID", "SETTINGS")


class Component:
    """Base of `~museml.Detector` and `~museml.Classifier`.

    Settings are keyword-only arguments of ``__init__`` and are stored, as given, in attributes of
    the same name; ``__init__`` does nothing else.
    """

    #: name under which the plugin is registered
    name = ""
    #: kinds of data accepted, see `museml.data`
    accepts = ()

    @classmethod
    def setting_names(cls):
        """Return the names of the settings: the keyword-only arguments of ``__init__``."""
        parameters = inspect.signature(cls.__init__).parameters.values()
        return [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]

    def settings(self):
        """Return the settings by name, as they were given."""
        return {name: getattr(self, name) for name in self.setting_names()}

    def check_settings(self):
        """Raise `~museml.errors.SettingError` where a setting breaks a rule; a subclass *may* override it.

        It is called before the work: when a plugin is chosen by name.
        """

    def check_accepts(self, kind, purpose):
        """Raise `~museml.errors.SettingError` unless the plugin takes a kind of data.

        Parameters
        ----------
        kind : str
            One of `museml.data.KINDS`.
        purpose : str
            What needs it, for the message.
        """
        if kind not in self.accepts:
            raise SettingError(
                f"{self.name!r} takes {' or '.join(self.accepts)}, {purpose} needs a plugin that takes {kind}; "
                "'museml plugins' lists what each takes"
            )

    def provenance(self):
        """Return the metadata of a result: plugin, versions, settings; keys fit a FITS header."""
        return {
            "PLUGIN": self.name,
            "PLUGIN_V": _version(type(self)),
            "MUSEML_V": __version__,
            "MODEL": "",
            "MODEL_ID": "",
            "SETTINGS": json.dumps(self.settings(), sort_keys=True, default=str),
        }

    @contextmanager
    def blamed(self, word):
        """Turn what a third party's code raises unexpectedly into a `PluginError` that names it.

        Parameters
        ----------
        word : str
            What it is: 'detector' or 'classifier'.
        """
        try:
            yield
        except MusemlError:
            raise
        except Exception as error:
            package = type(self).__module__.partition(".")[0]
            if package == "museml":
                raise
            raise PluginError(
                f"{word} {self.name!r} of package {package!r} failed: {type(error).__name__}: {error}; "
                "report it to its authors with what 'museml --debug ...' shows"
            ) from error

    def __repr__(self):
        settings = ", ".join(f"{name}={value!r}" for name, value in self.settings().items())
        return f"{type(self).__name__}({settings})"


def _version(cls):
    return _package_version(cls.__module__.partition(".")[0])


@cache  # to look through all that is installed takes a second
def _package_version(package):
    if package == "museml":
        return __version__
    names = metadata.packages_distributions().get(package)
    return metadata.version(names[0]) if names else ""
