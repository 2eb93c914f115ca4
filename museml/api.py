"""The short way: choose a plugin by name and let it work."""

from museml.classification import Classifier
from museml.detection import Detector
from museml.errors import ContractError, SettingError
from museml.plugins import load_plugins

__all__ = ["classify", "detect", "get_classifier", "get_detector"]

DEFAULT_DETECTOR = "joint"
DEFAULT_CLASSIFIER = "redshift"
BASES = {"detector": Detector, "classifier": Classifier}


def get_detector(name=DEFAULT_DETECTOR, /, data_kind=None, **settings):
    """Return a detector by its registered name, with the given settings.

    Parameters
    ----------
    name : str
        Its name; ``museml plugins`` lists them.
    data_kind : {'cube', 'image'}
        What it shall take, where a name has a detector for each; by default cubes.
    **settings
        Settings of the detector.

    Raises
    ------
    UnknownNameError
        If no detector has the name.
    SettingError
        If it has no such setting, or the value breaks a rule.
    """
    return _create("detector", name, settings, data_kind)


def get_classifier(name=DEFAULT_CLASSIFIER, **settings):
    """Return a classifier by its registered name, with the given settings.

    Raises
    ------
    UnknownNameError
        If no classifier has the name.
    SettingError
        If it has no such setting, or the value breaks a rule.
    """
    return _create("classifier", name, settings)


def detect(data, detector=DEFAULT_DETECTOR, **settings):
    """Find sources.

    Parameters
    ----------
    data : `~mpdaf.obj.Cube`, `~mpdaf.obj.Image`, or path
        A cube, an image, or whatever else the detector accepts.
    detector : str
        Name of a detector; ``museml plugins`` lists them. Where a name has one for cubes and one for images, the
        data choose.
    **settings
        Settings of the detector.

    Returns
    -------
    `~museml.Detections` or `~museml.ImageDetections`
    """
    from museml.data.kind import kind_of

    return get_detector(detector, kind_of(data), **settings).detect(data)


def classify(data, classifier=DEFAULT_CLASSIFIER, **settings):
    """Give each spectrum a redshift and a class, or whatever else the classifier names.

    Parameters
    ----------
    data : MPDAF Source, SourceList, Catalog or Spectrum, specutils Spectrum, QTable, or paths
        One thing or many.
    classifier : str
        Name of a classifier; ``museml plugins`` lists them.
    **settings
        Settings of the classifier.

    Returns
    -------
    `~museml.Predictions`
    """
    return get_classifier(classifier, **settings).classify(data)


def _create(kind, name, settings, data_kind=None):
    cls = load_plugins().registry.get(kind, name, data_kind).load()
    if not (isinstance(cls, type) and issubclass(cls, BASES[kind])):
        raise ContractError(f"the {kind} {name!r} is {cls!r}; it must be a subclass of museml.{BASES[kind].__name__}")
    known = cls.setting_names()
    unknown = [setting for setting in settings if setting not in known]
    if unknown:
        raise SettingError(f"the {kind} {name!r} has no setting {unknown[0]!r}; known: {', '.join(known) or 'none'}")
    try:
        plugin = cls(**settings)
    except TypeError as error:
        raise ContractError(f"the {kind} {name!r} cannot be made: {error}; settings need defaults") from error
    plugin.check_settings()
    return plugin
