"""Tap changers: transformers whose ratio moves under load, a whole step at a time and at a cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.optimize.devices.group import LocalPrices, Plain, Quantity, TapTerm
from gridloop.optimize.explain import SAME_PRICE
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.labelled_model import LabelledModel
from gridloop.optimize.linear import Coords, Sum, add_rows, add_variables, one_step_earlier
from gridloop.optimize.solve import Fix, Outcome
from gridloop.units import FloatArray, IntArray

WHOLE = 1e-6
# A relaxed position has to ask for this share of a step before a whole step is made: less is not worth a move.
WORTH_A_STEP = 0.1


@dataclass(frozen=True)
class TapChanger:
    """Transformers that step together (those in parallel must, or current circles between them).

    position       present position; min_position … max_position allowed
    move_cost      money per step (wear of the contacts)
    moves_per_plan most steps between one interval and the next
    """

    transformers: tuple[str, ...]
    position: int
    min_position: int
    max_position: int
    move_cost: float = 2.0
    moves_per_plan: int = 2
    id: str = "tap"
    bus: str = ""

    def __post_init__(self) -> None:
        if not self.min_position <= self.position <= self.max_position:
            raise OutOfRange(
                f"Tap changer {self.id} stands at {self.position}; "
                f"allowed is {self.min_position} … {self.max_position}."
            )


class TapGroup(Plain):
    """All tap changers in one problem: positions relaxed at first, then made whole."""

    kind = "tap"

    def __init__(self, changers: Sequence[TapChanger]) -> None:
        self.changers = list(changers)
        self.ids = [c.id for c in changers]
        self.bus = [c.bus for c in changers]
        self.now = np.array([c.position for c in changers], dtype=np.int64)
        self.low = np.array([c.min_position for c in changers], dtype=np.int64)
        self.high = np.array([c.max_position for c in changers], dtype=np.int64)
        self.cost_per_move = np.array([c.move_cost for c in changers])
        self.most = np.array([c.moves_per_plan for c in changers], dtype=np.int64)

    def add(self, model: LabelledModel, horizon: Horizon) -> None:
        """position, steps up and steps down; relaxed."""
        coords: Coords = [pd.Index(self.ids, name="tap"), horizon.index]
        low, high, most = (values[:, None].astype(float) for values in (self.low, self.high, self.most))
        self.position = add_variables(model, "tap_position", coords, low, high)
        self.up = add_variables(model, "tap_up", coords, 0.0, most)
        self.down = add_variables(model, "tap_down", coords, 0.0, most)
        position = self.position.labels.values
        start = np.zeros(position.shape)
        start[:, 0] = self.now
        terms: list[tuple[IntArray, FloatArray | float]] = [
            (position, 1.0),
            (one_step_earlier(position), -1.0),
            (self.up.labels.values, -1.0),
            (self.down.labels.values, 1.0),
        ]
        self.moves = add_rows(model, "tap_move", coords, terms, "=", start)

    def taps(self) -> list[TapTerm]:
        return [TapTerm(self.position.labels.values, [c.transformers for c in self.changers])]

    def cost(self) -> dict[str, Sum]:
        each = self.cost_per_move[:, None]
        return {"tap_moves": Sum.of((self.up, each), (self.down, each))}

    def settle(self, outcome: Outcome) -> list[Fix]:
        """Whole positions that keep the limits the relaxed ones keep, with few moves."""
        relaxed = outcome.value(self.position)
        whole = whole_positions(relaxed, self._pull(outcome), self.now, self.low, self.high, self.most)
        if np.abs(whole - relaxed).max(initial=0.0) <= WHOLE:
            return []
        flat = whole.ravel().astype(float)
        return [Fix(self.position.labels.values.ravel(), flat, flat)]

    def _pull(self, outcome: Outcome) -> IntArray:
        """Which way limits pull a position: 1 up, −1 down, 0 where none does. [changer, step]

        A position has no cost of its own: what a limit gains by it is the difference of the moves' duals around it.
        """
        dual = outcome.dual(self.moves)
        gain = np.append(dual[:, 1:], np.zeros((dual.shape[0], 1)), axis=1) - dual
        return np.where(np.abs(gain) > SAME_PRICE, np.sign(gain), 0.0).astype(np.int64)

    def read(self, outcome: Outcome, prices: LocalPrices) -> list[Quantity]:
        position = np.round(outcome.value(self.position))
        reason, binding = [], []
        for changer, now, next_ in zip(self.changers, self.now, position[:, 0], strict=True):
            limit = prices.taps.get(changer.transformers[0], "")
            if next_ == now:
                code = "hold_tap"
            elif not limit:
                code = "tap_for_cost"
            else:
                code = "tap_for_voltage" if limit.startswith("voltage") else "tap_for_loading"
            reason.append(code)
            binding.append("" if code == "hold_tap" else limit)
        return [Quantity("tap_pos", self.ids, self.bus, position, reason, binding, np.full(len(self.ids), np.nan))]


def whole_positions(
    relaxed: FloatArray, pull: IntArray, now: IntArray, low: IntArray, high: IntArray, most: IntArray
) -> IntArray:
    """Whole tap positions that follow relaxed ones [changer, step] with few moves.

    pull  [changer, step]  which way a limit pulls: on that side of the relaxed position the limit holds
    most  [changer]        steps allowed between one interval and the next; what is asked beyond them comes later

    A position stays until it is on the wrong side of a limit by more than a tenth of a step, or a whole step away.
    """
    whole = np.empty(relaxed.shape, dtype=np.int64)
    for k in range(relaxed.shape[0]):
        at = int(now[k])
        for t in range(relaxed.shape[1]):
            wanted = _nearest_good(at, float(relaxed[k, t]), int(pull[k, t]))
            at += int(np.clip(wanted - at, -most[k], most[k]))
            at = int(np.clip(at, low[k], high[k]))
            whole[k, t] = at
    return whole


def _nearest_good(at: int, relaxed: float, pull: int) -> int:
    """The position to be at: the present one, or the nearest whole one that the pull agrees with."""
    if pull > 0:
        good = int(np.ceil(relaxed - WORTH_A_STEP - WHOLE))
        stays = at >= good
    elif pull < 0:
        good = int(np.floor(relaxed + WORTH_A_STEP + WHOLE))
        stays = at <= good
    else:
        good, stays = round(relaxed), True
    return at if stays and abs(at - relaxed) < 1 - WHOLE else good
