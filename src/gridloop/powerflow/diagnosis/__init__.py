"""What stands behind a diagnosis: the load margin, suspicious impedances, and the causes of a batch in groups."""

from gridloop.powerflow.diagnosis.continuation import LoadMargin, Nose, find_nose, load_margin
from gridloop.powerflow.diagnosis.groups import Cause, Causes, group_causes
from gridloop.powerflow.diagnosis.suspects import suspicious_impedances

__all__ = [
    "Cause",
    "Causes",
    "LoadMargin",
    "Nose",
    "find_nose",
    "group_causes",
    "load_margin",
    "suspicious_impedances",
]
