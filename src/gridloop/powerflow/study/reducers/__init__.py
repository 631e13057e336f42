"""Reducers: what a study keeps of its scenarios while they are in the cache. One contract, one file each.

States are dictionaries of arrays. Merging is exact: whole numbers are added, the smaller or larger of two is taken,
the first k of a total order are kept. So the result does not depend on which thread or machine saw which chunk, nor
on when.
"""

from gridloop.powerflow.study.reducers.base import Reducer, State
from gridloop.powerflow.study.reducers.converged import Converged
from gridloop.powerflow.study.reducers.hosting import HostingCapacity
from gridloop.powerflow.study.reducers.quantiles import Quantiles
from gridloop.powerflow.study.reducers.range import Range
from gridloop.powerflow.study.reducers.violations import Violations
from gridloop.powerflow.study.reducers.worst import WorstK

__all__ = ["Converged", "HostingCapacity", "Quantiles", "Range", "Reducer", "State", "Violations", "WorstK"]
