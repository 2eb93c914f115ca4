"""The contract of plugins as checks that anybody can run on theirs."""

from museml.testing.classifiers import check_classifier
from museml.testing.detectors import check_detector
from museml.testing.models import check_model
from museml.testing.plugins import check_plugin

__all__ = ["check_classifier", "check_detector", "check_model", "check_plugin"]
