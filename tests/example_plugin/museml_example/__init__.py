"""What this package adds to museml; nothing heavy is imported here."""

from museml import Spec, hookimpl


@hookimpl
def museml_detectors():
    """Return the detectors."""
    return [
        Spec("peaks", "museml_example.peaks:PeakDetector", ("cube",), "peaks of the white-light image"),
        Spec("islands", "museml_example.islands:IslandDetector", ("image",), "islands of bright pixels"),
    ]


@hookimpl
def museml_classifiers():
    """Return the classifiers."""
    summary = "redshift if the brightest line is Halpha"
    return [Spec("halpha", "museml_example.halpha:HalphaClassifier", ("spectrum",), summary)]
