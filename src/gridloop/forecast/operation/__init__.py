"""Operation: faults seen before a forecast is made, models watched while they run, and a registry of trained ones."""

from gridloop.forecast.operation.entry import Entry
from gridloop.forecast.operation.finding import Examination, Finding
from gridloop.forecast.operation.guard import GuardedForecaster
from gridloop.forecast.operation.registry import Registry
from gridloop.forecast.operation.watch import Event, Watch, respond

__all__ = ["Entry", "Event", "Examination", "Finding", "GuardedForecaster", "Registry", "Watch", "respond"]
