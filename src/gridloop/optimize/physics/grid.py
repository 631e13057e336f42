"""What a plan by tangents asks of a grid, balanced or of three phases: states of all intervals, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import pandas as pd

from gridloop.errors import SolveFailed, listed
from gridloop.optimize.devices.group import Given
from gridloop.optimize.physics.entries import Entries
from gridloop.optimize.physics.operating_point import LimitedPoint
from gridloop.units import BoolArray, ComplexArray, FloatArray, IntArray

if TYPE_CHECKING:  # modes are those of a grid
    from gridloop.optimize.physics.loss_modes import QuadraticLosses


class Solved(Protocol):
    """States of all intervals."""

    @property
    def converged(self) -> BoolArray:
        """Which intervals have a solution. [step]"""


class Grid(Protocol):
    """One grid in one switching state.

    n_nodes    nodes that have a voltage; n_entries places where power may enter
    v_low, v_high  [node]  bands, infinite where there is none
    rows_per_step  how many limits of each kind enter a problem in a round, of every interval the worst
    """

    n_nodes: int
    n_entries: int
    v_low: FloatArray
    v_high: FloatArray
    rows_per_step: int

    @property
    def node_ids(self) -> pd.Index:
        """Names of the nodes."""

    @property
    def branch_ids(self) -> pd.Index:
        """Names of what has a loading."""

    def prepare(self, buses: Sequence[str]) -> None:
        """Devices will stand at these buses. Raises `BadInput` and `UnsuppliedBus`."""

    def entries_of(self, buses: Sequence[str]) -> Entries:
        """Where devices at these buses enter. Raises `BadInput` and `UnsuppliedBus`."""

    def quadratic_losses(self, entry: Entries, most: int, reactive: bool) -> QuadraticLosses | None:
        """The form of the losses around no power, at most so many modes of it; None where a grid does not tell it.

        reactive  whether reactive power is decided too
        """

    def given(self, parts: Sequence[Given], steps: int) -> ComplexArray:
        """Injections that are not decided. [place, step], MW and Mvar"""

    def priced(self) -> tuple[pd.Index, Entries, BoolArray]:
        """What has a local price: names, where they are, and which of them are not supplied."""

    def present_tap(self, transformer: str) -> float:
        """Position as the tables have it."""

    def solve(self, injection_mva: ComplexArray, taps: Mapping[str, FloatArray], start: Any = None) -> Any:
        """AC flow of every interval, converged or not. [place, step], transformer → [step], an earlier solution"""

    def at(self, solved: Any) -> LimitedPoint:
        """What a solution means for limits and losses."""

    def failure(self, solved: Any, injection_mva: ComplexArray) -> SolveFailed:
        """The error that says which intervals have no solution, and where they are weakest."""


def no_flow(
    kind: str, steps: IntArray, of: int, buses: Sequence[list[str]], load_scale: Sequence[float]
) -> SolveFailed:
    """What is said where intervals have no solution: which, where it is worst, and how much of the load it could bear.

    of  how many intervals there are; buses, load_scale  of the first few of `steps`
    """
    return SolveFailed(
        f"The {kind} flow of {steps.size} of {of} intervals has no solution "
        f"(first: {steps[:5].tolist()}). Lower or move load near {listed(buses[0]) or 'its buses'}.",
        steps=steps.tolist(),
        buses=buses,
        load_scale=load_scale,
    )
