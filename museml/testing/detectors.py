"""The contract of detectors."""

import tempfile
from pathlib import Path

import numpy as np

from museml.detection import Detector
from museml.errors import ContractError, InputError
from museml.testing import cubes, images
from museml.testing.examples import example_data
from museml.testing.rules import check_table, difference, make, require

__all__ = ["check_detector"]

#: kind of data -> the file that knows it
KINDS = {"cube": cubes, "image": images}


def check_detector(detector, data=None):
    """Check that a detector keeps the contract.

    Settings are keyword-only and stored as given; ``__init__`` does no work; the data stay as they
    were; the table has its columns, units and provenance and physically possible values; the same
    data give the same answer, from memory or from a file; masked and NaN pixels survive; where there
    is nothing the table is empty. In a mirrored image the same sky is found.

    Parameters
    ----------
    detector : subclass or instance of `~museml.Detector`
        The detector, of cubes or of images.
    data : `~mpdaf.obj.Cube`, or an image as `~museml.data.images.open_image` takes it
        Data in which it finds something; by default small simulated ones.

    Raises
    ------
    ContractError
        At the first rule broken; the message names the detector, the rule, and what to do.
    """
    detector = make(detector, Detector)
    who, word = f"detector {detector.name!r}", detector.accepts[0]
    kind = _kind(who, word)
    data = kind.ready(example_data(word) if data is None else data)
    before = kind.contents(data)
    first = detector.detect(data)
    require(kind.contents(data) == before, who, "the data stay as they were", f"the {word} was changed",
            "work on a copy")  # fmt: skip
    require(len(first), who, "it finds something in the data of the check", "it found nothing",
            f"give data in which it does: check_detector(..., data={word})")  # fmt: skip
    _check_answer(first, detector, data, who)
    rules = (_check_repeat, _check_file, _check_holes, _check_nothing, *RULES[word])
    for rule in rules:
        rule(first, detector, data, who)


def _kind(who, word):
    if word not in KINDS:
        raise ContractError(
            f"{who} takes {word}; the contract of detectors is for {' and '.join(KINDS)}; write tests of its own"
        )
    return KINDS[word]


def _check_answer(table, detector, data, who):
    kind = KINDS[detector.accepts[0]]
    check_table(table, kind.answers, detector, who)
    require(list(table["id"]) == list(range(1, len(table) + 1)), who, "ids count from 1",
            f"they are {list(table['id'])}",
            "leave the ids to the base")  # fmt: skip
    require(np.all(np.diff(table["score"]) <= 0), who, "the highest score comes first", "scores are not in order",
            "make scores finite, higher is surer")  # fmt: skip
    for name, (possible, meaning) in kind.possible(table, kind.opened(data)).items():
        bad = table[~np.ma.filled(possible, True)]
        require(not len(bad), who, f"{name} is {meaning}", f"{name} is {bad[name][0] if len(bad) else ''}",
                "correct the column")  # fmt: skip
    n_false = np.ma.compressed(table["n_false"])
    growing = np.all(np.diff(n_false) >= -1e-6 * n_false[1:])
    require(growing, who, "n_false grows as the score falls", f"it is {list(table['n_false'])}",
            "count the false detections scored at least as high")  # fmt: skip


def _check_repeat(first, detector, data, who):
    again = type(detector)(**detector.settings()).detect(data)
    seen = difference(first, again, rtol=0)
    require(not seen, who, "the same data give the same answer", seen, "fix the seed of what is random; keep no state")


def _check_file(first, detector, data, who):
    word = detector.accepts[0]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{word}.fits")
        KINDS[word].write(data, path)
        seen = difference(first, detector.detect(str(path)), rtol=1e-3)
    require(not seen, who, f"a file and the {word} in memory give the same answer", seen,
            "use only what the opened data hand out")  # fmt: skip


def _check_holes(first, detector, data, who):
    """Give data with a corner and a stripe of holes."""
    kind = KINDS[detector.accepts[0]]
    holes = kind.holed(data)
    rule = "masked and NaN pixels survive"
    try:
        table = detector.detect(holes)
    except InputError as error:
        require(False, who, rule, f"it raised {error}", "treat NaN as no data")
    _check_answer(table, detector, holes, who)
    inside = np.sum(kind.in_hole(table, holes))
    require(not inside, who, rule, f"{inside} detections are in a masked corner", "treat NaN as no data")


def _check_nothing(first, detector, data, who):
    """Where all data are zero there is nothing to be found."""
    kind = KINDS[detector.accepts[0]]
    table = detector.detect(kind.dark(data))
    check_table(table, kind.answers, detector, who)
    require(not len(table), who, "where there is nothing the table is empty", f"{len(table)} rows in data of zeros",
            f"return museml.{kind.answers.__name__}.empty()")  # fmt: skip


def _check_mirrored(first, detector, image, who):
    """Show the same sky in an image that is mirrored."""
    lost = images.misplaced(first, detector.detect(images.mirrored(image)), image)
    seen = [tuple(row[["id", "ra", "dec", "pa"]]) for row in lost]
    require(not seen, who, "in a mirrored image the same sky is found",
            f"bright rows (id, ra, dec, pa) {seen} are lost or turned",
            "use pixel_to_sky and sky_angle of the image")  # fmt: skip


#: further rules, for one kind of data
RULES = {"cube": (), "image": (_check_mirrored,)}
