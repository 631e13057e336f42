"""Contingencies: what the loss of elements would do to a grid, by AC power flows of every case."""

from gridloop.powerflow.contingency.report import Contingencies
from gridloop.powerflow.contingency.study import Study, contingencies, prepare_contingencies

__all__ = ["Contingencies", "Study", "contingencies", "prepare_contingencies"]
