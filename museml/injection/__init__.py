"""Objects put into a cube of one's own, and what part of them is found: the selection function of a survey."""

from museml.injection.completeness import completeness_table, fit_completeness, limits_table
from museml.injection.running import Recovery, inject

__all__ = ["Recovery", "completeness_table", "fit_completeness", "inject", "limits_table"]
