"""Shiftable runs: a profile that goes through once it is begun, such as a washing programme or a batch.

Which start is taken is a whole decision: one binary per start, exactly one of them (or "after the horizon", or "not at
all" where that is allowed) is taken. The solver settles them by branch and bound, beginning with starts that go well
together (`one_of_many.py`), and is then asked again with them held, so that the plan has prices; nothing is rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.optimize.devices.given_numbers import clock, not_negative, refuse, with_zone, without_gaps
from gridloop.optimize.devices.group import MOVING_MW, LocalPrices, Plain, Quantity, Sent, Term
from gridloop.optimize.devices.market import Market
from gridloop.optimize.devices.one_of_many import Choices, choose
from gridloop.optimize.devices.one_of_many_bound import Bound
from gridloop.optimize.devices.power_profile import HOUR, PowerProfile
from gridloop.optimize.devices.rest import Rest
from gridloop.optimize.devices.shiftable import mean_import
from gridloop.optimize.explain import SAME_PRICE
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.labelled_model import LabelledModel
from gridloop.optimize.linear import NO_VARIABLE, Coords, Sum, add_rows, add_variables
from gridloop.optimize.solve import Fix, Outcome
from gridloop.units import BoolArray, FloatArray, IntArray

QUARTER = pd.Timedelta(minutes=15)


@dataclass(frozen=True)
class ShiftableRun(PowerProfile):
    """A run that may begin within its window and is not interrupted.

    profile_mw        mean power of each `profile_step` of the run [part]
    earliest, latest  the run lies between these, UTC; None where the horizon alone bounds it
    started           when it began, for a run that is under way: then nothing is left to decide
    left_out_cost     money per MWh of a run that may be left out; None: it must run
    early_cost        money per MWh and hour of waiting: breaks ties towards running early

    It begins with an interval of the plan. What lies after the horizon is priced at the mean price to import.
    """

    profile_mw: Sequence[float] | FloatArray
    profile_step: pd.Timedelta = QUARTER
    earliest: pd.Timestamp | None = None
    latest: pd.Timestamp | None = None
    started: pd.Timestamp | None = None
    left_out_cost: float | None = None
    early_cost: float = 0.0001
    id: str = "run"
    bus: str = ""

    def __post_init__(self) -> None:
        without_gaps("ShiftableRun", self, ("profile_mw",))
        problems = not_negative(self, ("early_cost",))
        problems += not_negative(self, ("left_out_cost",)) if self.left_out_cost is not None else []
        problems += with_zone(self, ("earliest", "latest", "started"))
        problems += self.wrong_profile()
        refuse("ShiftableRun", self, problems)

    def problems(self, horizon: Horizon) -> list[str]:
        """Why it cannot run, with the smallest change that would let it."""
        if self.started is not None or self.left_out_cost is not None:
            return []
        starts, later = starts_of(self, horizon)
        if starts or later:
            return []
        begin = horizon.starts[0] if self.earliest is None else max(self.earliest, horizon.starts[0])
        end = horizon.ends[-1] if self.latest is None else self.latest
        possible = [at for at in horizon.starts if at >= begin]
        would_do = f"latest {clock(possible[0] + self.hours * HOUR)}" if possible else "a longer horizon"
        return [
            f"a run of {self.hours:g} h that begins with an interval of the plan does not fit between {clock(begin)} "
            f"and {clock(end)}. {would_do} would do, or a left_out_cost for a run that may be left out"
        ]


def starts_of(run: ShiftableRun, horizon: Horizon) -> tuple[list[pd.Timestamp], bool]:
    """When it can begin, and whether it can begin after the horizon."""
    if run.started is not None:
        return [run.started], False
    # A run must end by `latest`; without one, by the end of the horizon.
    end = horizon.ends[-1] if run.latest is None else run.latest
    last = end - run.hours * HOUR
    starts = [at for at in horizon.starts if (run.earliest is None or at >= run.earliest) and at <= last]
    return starts, last >= horizon.ends[-1]


def powers_of(run: ShiftableRun, starts: Sequence[pd.Timestamp], horizon: Horizon) -> tuple[FloatArray, FloatArray]:
    """Mean power in every interval for each start [start, step], and energy after the horizon [start], MWh."""
    step = run.profile_step / HOUR
    energy = np.concatenate([[0.0], np.cumsum(np.asarray(run.profile_mw, dtype=float)) * step])
    at = np.arange(energy.size) * step
    offset = np.array([(horizon.starts[0] - start) / HOUR for start in starts])
    edges = np.append(horizon.waiting, horizon.hours.sum())
    used = np.interp(offset[:, None] + edges, at, energy)
    return np.diff(used, axis=1) / horizon.hours, energy[-1] - used[:, -1]


class ShiftableRunGroup(Plain):
    """Many runs in one problem; equations in docs/math/flexibility-dr.md."""

    kind = "run"
    # Many quick rounds find more in the same time than branch and bound does, and cliques prove more.
    start_share, bound_share = 0.2, 0.5

    def __init__(self, runs: Sequence[ShiftableRun], market: Market) -> None:
        self.runs = list(runs)
        self.ids = [run.id for run in runs]
        self.bus = [run.bus for run in runs]
        self.energy = np.array([run.energy_mwh for run in runs])
        self.early = np.array([run.early_cost for run in runs])
        self.may_miss = np.array([run.left_out_cost is not None for run in runs])
        self.miss_cost = np.array([run.left_out_cost or 0.0 for run in runs], dtype=float)
        self.later_price = mean_import(market)

    def add(self, model: LabelledModel, horizon: Horizon) -> None:
        """start, later, left_out: whole decisions; power [MW] is what they come to."""
        self.hours, self.waiting = horizon.hours, horizon.waiting
        found = [starts_of(run, horizon) for run in self.runs]
        widest = max(1, *(len(starts) for starts, _ in found))
        shape = (len(self.runs), widest)
        self.power_of = np.zeros((*shape, len(horizon)))
        self.after, self.wait = np.zeros(shape), np.zeros(shape)
        self.can_start: BoolArray = np.zeros(shape, dtype=bool)
        self.can_wait = np.array([later for _, later in found])
        for k, (run, (starts, _)) in enumerate(zip(self.runs, found, strict=True)):
            n = len(starts)
            self.can_start[k, :n] = True
            self.power_of[k, :n], self.after[k, :n] = powers_of(run, starts, horizon) if n else (0.0, 0.0)
            self.wait[k, :n] = [max((start - horizon.starts[0]) / HOUR, 0.0) for start in starts]
        device = pd.Index(self.ids, name="run")
        self.start_of = _whole(model, "run_start", [device, pd.RangeIndex(widest, name="start")], self.can_start)
        self.later = _whole(model, "run_later", [device], self.can_wait)
        self.left_out = _whole(model, "run_left_out", [device], self.may_miss)
        most = self.power_of.max(axis=1)
        self.power_now = add_variables(model, "run_power", [device, horizon.index], 0.0, most)
        self.once = add_rows(
            model,
            "run_once",
            [device],
            [(self.start_of, 1.0), (self.later[:, None], 1.0), (self.left_out[:, None], 1.0)],
            "=",
            1.0,
        )
        labels, factors = _only_used(self.start_of, self.power_of)
        add_rows(
            model,
            "run_profile",
            [device, horizon.index],
            [(self.power_now.labels.values, 1.0), (labels, -factors)],
            "=",
            0.0,
        )

    def terms(self) -> list[Term]:
        return [Term(self.power_now.labels.values, self.bus, p=-1.0)]

    def cost(self) -> dict[str, Sum]:
        waiting = self.early[:, None] * self.wait * self.energy[:, None]
        return {
            "run_waiting": _sum((self.start_of, waiting)),
            "run_later": _sum(
                (self.start_of, self.later_price * self.after), (self.later, self.later_price * self.energy)
            ),
            "run_left_out": _sum((self.left_out, self.miss_cost * self.energy)),
        }

    def sent(self) -> list[Sent]:
        return [Sent("p_mw", self.ids, self.power_now.labels.values[:, :1], (1.0,))]

    def begin_with(self, rest: Rest) -> list[Fix]:
        """Starts that go well together at the connection, for the search to begin with."""
        labels, may, choices = self._choices()
        chosen = choose(choices, rest)
        taken = np.concatenate([np.arange(at.size) == c for at, c in zip(may, chosen, strict=True)]).astype(float)
        return [Fix(labels[labels != NO_VARIABLE], taken, taken)]

    def least_cost(self, rest: Rest, best: float, gap: float) -> float:
        """Money that no plan is under, −inf where nothing is known; everything else as `rest` has it."""
        bound = Bound(self._choices()[2], rest)
        return bound.least(best, gap, rest.seconds) if bound.useful else -np.inf

    def _choices(self) -> tuple[IntArray, list[IntArray], list[Choices]]:
        """Labels [run, choice], columns that each run has, and what they come to."""
        labels = np.column_stack([self.start_of, self.later, self.left_out])
        own = np.column_stack([self._own_cost(), self.later_price * self.energy, self.miss_cost * self.energy])
        power = np.pad(self.power_of, ((0, 0), (0, 2), (0, 0)))
        may = [np.flatnonzero(row != NO_VARIABLE) for row in labels]
        return labels, may, [Choices(power[k, at], own[k, at]) for k, at in enumerate(may)]

    def beaten_by(self, outcome: Outcome, prices: LocalPrices) -> float:
        """By how much money other starts would be cheaper at these prices, were every run alone."""
        at_prices = np.einsum("kst,kt,t->ks", self.power_of, prices.p[prices.rows(self.bus)], self.hours)
        own = np.column_stack(
            [self._own_cost() + at_prices, self.later_price * self.energy, self.miss_cost * self.energy]
        )
        labels = np.column_stack([self.start_of, self.later, self.left_out])
        taken = (own * outcome.at(labels)).sum(axis=1)
        return float((taken - np.where(labels != NO_VARIABLE, own, np.inf).min(axis=1)).sum())

    def _own_cost(self) -> FloatArray:
        """Money of every start beside the energy within the horizon. [run, start]"""
        return np.asarray(self.early[:, None] * self.wait * self.energy[:, None] + self.later_price * self.after)

    def read(self, outcome: Outcome, prices: LocalPrices) -> list[Quantity]:
        power = outcome.value(self.power_now)
        at = prices.rows(self.bus)
        chosen, left_out = outcome.at(self.start_of), outcome.at(self.left_out)
        own = self._own_cost()
        # What every start would cost at the worth of energy as it is, and were there no limits. [run, start]
        worth, free = prices.p[at], prices.p[at] - prices.limit_effect[at]
        priced, without = (np.einsum("kst,kt,t->ks", self.power_of, each, self.hours) + own for each in (worth, free))
        reason, binding = [], []
        for k, run in enumerate(self.runs):
            could = np.flatnonzero(self.can_start[k])
            taken = int(np.argmax(chosen[k])) if chosen[k].max() > 0.5 else -1
            limit = _limit_of_difference(prices, int(at[k]), self.power_of[k], taken, without[k], could)
            now = power[k, 0] > MOVING_MW
            cheapest = priced[k, could].min(initial=np.inf)
            if run.started is not None:
                code = "run_under_way" if power[k].max() > MOVING_MW else "charged"
            elif left_out[k] > 0.5:
                code = "left_out"
            elif now and len(could) == 1 and not self.can_wait[k] and not self.may_miss[k]:
                code = "run_before_end"
            elif taken >= 0 and priced[k, taken] > cheapest + SAME_PRICE:
                code = "fit_whole"
            elif now:
                code = "relieve_limit" if limit else "run_low_price"
            elif run.earliest is not None and self.wait[k, could].min(initial=np.inf) > 0:
                code = "outside_window"
            else:
                code = "wait_for_limit" if limit else "wait_cheaper"
            reason.append(code)
            named = {"run_before_end": "window", "outside_window": "window", "charged": "energy"}.get(code, "")
            binding.append(limit if code in ("relieve_limit", "wait_for_limit") else named)
        return [Quantity("p_mw", self.ids, self.bus, power, reason, binding, prices.p[at, 0])]


def _limit_of_difference(
    prices: LocalPrices, row: int, power_of: FloatArray, taken: int, without: FloatArray, could: IntArray
) -> str:
    """The limit without which another start would have been cheaper than the one taken; "" where none is."""
    if taken < 0 or not could.size:
        return ""
    best = int(could[np.argmin(without[could])])
    if without[taken] <= without[best] + SAME_PRICE:
        return ""
    # The limit that weighs most where the two differ.
    share = np.abs(prices.limit_share[row] * (power_of[taken] - power_of[best]))
    step = int(np.argmax(share))
    return str(prices.limit[row, step]) if share[step] > 0 else ""


def _whole(model: LabelledModel, name: str, coords: Coords, present: BoolArray) -> IntArray:
    """Labels of decisions that are 0 or 1; −1 where there is none."""
    return add_variables(model, name, coords, 0.0, 1.0, present, whole=True).labels.values


def _only_used(start: IntArray, power_of: FloatArray) -> tuple[IntArray, FloatArray]:
    """Labels and powers of the starts that have power in an interval: [run, step, start that counts]."""
    by_step = power_of.transpose(0, 2, 1)
    used = by_step != 0
    width = max(1, int(used.sum(axis=2).max()))
    order = np.argsort(~used, axis=2, kind="stable")[:, :, :width]
    factors = np.take_along_axis(by_step, order, axis=2)
    labels = np.take_along_axis(np.broadcast_to(start[:, None, :], by_step.shape), order, axis=2)
    return np.where(factors != 0, labels, NO_VARIABLE), factors


def _sum(*parts: tuple[IntArray, FloatArray]) -> Sum:
    return Sum(
        np.concatenate([labels.ravel() for labels, _ in parts]),
        np.concatenate([np.broadcast_to(money, labels.shape).ravel() for labels, money in parts]).astype(float),
    )
