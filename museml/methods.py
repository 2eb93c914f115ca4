"""Methods that museml puts on MPDAF's classes: Source.classify, Catalog.classify, Cube.detect, Image.detect."""

import warnings

from museml.api import DEFAULT_CLASSIFIER, DEFAULT_DETECTOR, classify, detect, get_detector
from museml.errors import MusemlWarning

__all__ = ["classify_catalog", "classify_source", "detect_in_cube", "detect_in_image", "install"]


def classify_source(self, classifier=DEFAULT_CLASSIFIER, **settings):
    """Give the source a redshift and a class with museml, and write them into it.

    The redshifts go into the table Z as MUSEML, MUSEML_2 and MUSEML_3, with their probabilities into ML_Z
    and p(z) into ML_PZ, class and provenance into the header (ML_CLASS, ML_P, ML_FLAG, ML_NAME, ML_NAMEV,
    ML_V, ML_MODEL). Lines in LINES that have no name get one at the best redshift, and lines in emission and
    absorption (negative flux) that are missing there are added; the column ML_LINE marks both (2 and 1), and
    ML_OBJECT is 2 for those of the second object in a blend.
    Classifying again replaces all this.

    Parameters
    ----------
    classifier : str
        Name of a classifier of spectra; ``museml plugins`` lists them.
    **settings
        Settings of the classifier.

    Returns
    -------
    `~museml.Predictions`
        One row.

    Raises
    ------
    InputError
        If the source has no usable spectrum.
    """
    from museml.extraction.identification import write_lines
    from museml.sources import line_redshift, second_redshift, write_prediction

    predictions = classify(self, classifier, **settings)
    write_prediction(self, predictions)
    write_lines(self, line_redshift(predictions), str(predictions["class"][0]), second_redshift(predictions))
    return predictions


def classify_catalog(self, classifier=DEFAULT_CLASSIFIER, **settings):
    """Give each source of the catalogue a redshift and a class with museml, and add them as columns.

    The columns are those of `~museml.Redshifts` with ML_ before them: ML_CLASS, ML_Z, ML_Z_ERR, ML_P, ML_Z_2,
    ML_P_2, ML_Z_3, ML_P_3, ML_FLAG; the provenance is in the catalogue's meta (ML_NAME, ML_NAMEV, ML_V,
    ML_MODEL). The spectra are those of the sources beside the catalogue: set ``catalog.meta['folder']`` to their
    folder, see `~museml.data.spectrum_files.source_files`.

    Parameters
    ----------
    classifier : str
        Name of a classifier of spectra; ``museml plugins`` lists them.
    **settings
        Settings of the classifier.

    Returns
    -------
    `~museml.Predictions`
        One row per source; those whose file is missing are masked and flagged.

    Raises
    ------
    InputError
        If no source has a usable spectrum.
    """
    predictions = classify(self, classifier, **settings)
    for field in predictions.fields[1:]:
        name = "ML_FLAG" if field.name == "flags" else f"ML_{field.name.upper()}"
        self[name] = predictions[field.name]
        self[name].description = field.description
    for key, source in (("ML_NAME", "PLUGIN"), ("ML_NAMEV", "PLUGIN_V"), ("ML_V", "MUSEML_V"), ("ML_MODEL", "MODEL")):
        self.meta[key] = str(predictions.meta.get(source, ""))
    return predictions


def detect_in_cube(self, detector=DEFAULT_DETECTOR, **settings):
    """Find sources in the cube with museml.

    Parameters
    ----------
    detector : str
        Name of a detector; ``museml plugins`` lists them.
    **settings
        Settings of the detector.

    Returns
    -------
    `~museml.Detections`
    """
    return detect(self, detector, **settings)


def detect_in_image(self, detector=DEFAULT_DETECTOR, *, beam=None, unit=None, **settings):
    """Find the components of sources in the image with museml.

    Parameters
    ----------
    detector : str
        Name of a detector of images; ``museml plugins`` lists them.
    beam : Beam, float, sequence or str
        What `~museml.data.beam.as_beam` takes; by default what the header says.
    unit : str or `~astropy.units.Unit`
        Unit of the pixels; by default that of the image.
    **settings
        Settings of the detector.

    Returns
    -------
    `~museml.ImageDetections`
    """
    from museml.data.images import open_image

    finder = get_detector(detector, "image", **settings)
    finder.check_accepts("image", "Image.detect")
    return finder.detect(open_image(self, beam=beam, unit=unit))


#: module -> (class, name of the method, function)
METHODS = {
    "mpdaf.sdetect": (("Source", "classify", classify_source), ("Catalog", "classify", classify_catalog)),
    "mpdaf.obj": (("Cube", "detect", detect_in_cube), ("Image", "detect", detect_in_image)),
}


def install(module):
    """Put the methods on the classes of an MPDAF module; a name that is taken is left, with a warning."""
    for class_name, name, function in METHODS[module.__name__]:
        cls = getattr(module, class_name)
        known = getattr(cls, name, function)
        if known is function:
            setattr(cls, name, function)
            continue
        warnings.warn(
            f"{class_name} has a method {name!r} already, of {known.__module__!r}; it is kept: "
            f"use museml.{name}() instead",
            MusemlWarning,
            stacklevel=2,
        )
