"""Settings that a user may change for a session or in ``~/.astropy/config/museml.cfg``."""

from astropy.config import ConfigItem, ConfigNamespace

__all__ = ["Conf", "conf"]


class Conf(ConfigNamespace):
    """Configuration of museml, in the manner of `astropy.config`."""

    rootname = "museml"

    device = ConfigItem("auto", "Device for networks: 'auto', 'cpu' or 'gpu'.", cfgtype="string")
    batch_size = ConfigItem(256, "Number of spectra or cut-outs that a network sees at once.", cfgtype="integer")
    threads = ConfigItem(
        0, "Number of threads that detectors work with; 0 for as many as the process may use cores.", cfgtype="integer"
    )
    model_folder = ConfigItem(
        "", "Folder of the user's own models (.asdf files), searched before the shipped ones.", cfgtype="string"
    )
    load_plugins = ConfigItem(
        "",
        "Comma-separated entry points to load, 'none' for none, empty for all; "
        "the environment variable MUSEML_LOAD_PLUGINS goes first.",
        cfgtype="string",
    )
    strict_plugins = ConfigItem(
        False,
        "Raise when a plugin is broken, instead of warning; the environment variable MUSEML_STRICT_PLUGINS goes first.",
        cfgtype="boolean",
    )


conf = Conf()
