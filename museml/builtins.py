"""What museml brings itself, through the same door as everybody's plugins."""

from museml.hookspecs import hookimpl
from museml.registry import Spec


@hookimpl
def museml_detectors():
    """Return the detectors of museml."""
    return [
        Spec("joint", "museml.detectors.joint:JointDetector", ("cube",),
             "emission lines and continuum sources in one list (the default)"),
        Spec("lines", "museml.detectors.lines:LineDetector", ("cube",),
             "emission lines, by a matched filter in three dimensions"),
        Spec("line_sets", "museml.detectors.line_sets:LineSetDetector", ("cube",),
             "sources by sets of emission lines, with redshift, also where no line stands out alone"),
        Spec("continuum", "museml.detectors.continuum:ContinuumDetector", ("cube",),
             "continuum sources, by a matched filter on white-light and band images"),
        Spec("joint", "museml.detectors.joint_image:JointImageDetector", ("image",),
             "components of radio images, by dendrogram and network in one list (the default for images)"),
        Spec("patches", "museml.detectors.patches:PatchesDetector", ("image",),
             "components of radio images, by a small network of the YOLO kind"),
        Spec("dendrogram", "museml.detectors.dendrogram:DendrogramDetector", ("image",),
             "sources of radio images, as leaves of the dendrogram of the local signal-to-noise ratio"),
    ]  # fmt: skip


@hookimpl
def museml_classifiers():
    """Return the classifiers of museml."""
    return [
        Spec("redshift", "museml.classifiers.redshift:RedshiftClassifier", ("spectrum",),
             "redshift and class by a network that compares all redshifts at once (the default)"),
        Spec("lines", "museml.classifiers.lines:LineClassifier", ("spectrum",),
             "redshift from sets of lines and continuum breaks, without a network"),
        Spec("nmf", "museml.classifiers.nmf:NMFClassifier", ("spectrum",),
             "redshift and class from non-negative rest-frame templates, without a network"),
        Spec("reality", "museml.classifiers.reality:RealityClassifier", ("cutout",),
             "real line or residual of sky, continuum or noise, by a small network"),
    ]  # fmt: skip


@hookimpl
def museml_models():
    """Return the models of museml."""
    return [
        Spec("reality", "museml:pretrained/reality.asdf", ("cutout",), "real line or residual"),
        Spec("redshift-muse", "museml:pretrained/redshift-muse.asdf", ("spectrum",),
             "class and redshift of spectra, with probabilities; two objects in one spectrum"),
        Spec("patches", "museml:pretrained/patches.asdf", ("patch",),
             "components of radio images: boxes with objectness, flux, axes and position angle"),
    ]  # fmt: skip


@hookimpl
def museml_commands():
    """Return the commands of museml."""
    commands = {
        "run": "detect, extract, classify and write: the whole job",
        "detect": "find sources in cubes and images",
        "inject": "put objects into a cube and tell what part of them is found",
        "classify": "give redshifts to spectra",
        "train": "train a model of your own, on labelled spectra or on images and catalogues",
        "match": "match two catalogues, and tell how many matches are by chance",
        "score": "evaluate detections against a truth, or a classifier on labelled spectra",
        "clean": "remove from a catalogue what lies around bright sources, and duplicates",
        "plot": "draw an image with its beam, and catalogues on it",
        "demo": "run the whole job on the real MUSE cube that MPDAF ships",
        "plugins": "list detectors, classifiers, models and commands, and broken plugins",
        "models": "list the models, or show the card of one",
    }
    return [Spec(name, f"museml.cli.{name}:{name}", (), text) for name, text in commands.items()]
