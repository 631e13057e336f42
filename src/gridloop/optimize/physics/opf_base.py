"""What a physics gives to an optimal power flow, and what a model takes. One file per physics; the problem never asks
which one it has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from gridloop.optimize.case import Moment
from gridloop.optimize.optimal_flow import OptimalFlow
from gridloop.units import FloatArray, IntArray

# Told while a solver runs: iteration, objective, largest violation. False asks it to stop.
Progress = Callable[[int, float, float], bool]


@dataclass(frozen=True)
class Output:
    """Columns of what the generators give, per unit. p [gen]; q [gen] or None where the physics knows no reactive
    power; curve [gen with a cost curve] columns of their cost, in money per hour."""

    p: IntArray
    q: IntArray | None
    curve: IntArray


class OpfModel(Protocol):
    """Where a problem writes its variables, rows and cost. Columns are numbers from 0 in the order of adding."""

    def add_variables(self, name: str, lower: FloatArray, upper: FloatArray, start: FloatArray) -> IntArray:
        """New columns; `start` is where a solver that needs a start begins."""

    def add_rows(
        self, name: str, rows: IntArray, columns: IntArray, values: FloatArray, lower: FloatArray, upper: FloatArray
    ) -> IntArray:
        """Linear rows lower ≤ Σ value · column ≤ upper, entries as triplets; rows from 0. Returns their numbers."""

    def minimize(self, columns: IntArray, linear: FloatArray, quadratic: FloatArray, constant: float) -> None:
        """constant + Σ linear · x + quadratic · x², in money per hour."""

    def solve(self, *, time_limit_s: float | None = None, progress: Progress | None = None) -> Any:
        """An outcome with `status`, `objective`, `seconds`, `iterations`; the physics reads the rest."""


class OpfPhysics(Protocol):
    """The network side of an optimal power flow; it serves one problem at a time."""

    name: str
    reactive: bool

    def new_model(self, moment: Moment) -> OpfModel:
        """An empty model for a moment."""

    def add_bus_voltage(self, model: Any) -> None:
        """Angles, and magnitudes where the physics has them, within their bands; the references fixed."""

    def add_branch_power(self, model: Any) -> None:
        """What enters every branch at both ends."""

    def add_power_balance(self, model: Any, output: Output) -> None:
        """At every node: generation − load − shunt = what enters the branches."""

    def add_thermal_limit(self, model: Any) -> None:
        """Flow of every branch within its rating."""

    def add_angle_limit(self, model: Any) -> None:
        """Angle across every branch within its limits."""

    def read(self, model: Any, outcome: Any, build_s: float) -> OptimalFlow:
        """The outcome as tables, prices split, with reasons; a diagnosis where there is no answer."""
