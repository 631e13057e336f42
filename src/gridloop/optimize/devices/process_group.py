"""Processes inside a problem: cumulative begins of tasks, what they take, hold and follow, and why.

Z[i, t] is 1 where task i has begun by interval t. What depends on the begin of a task, c(s) for interval s, is then
Σ_s c(s) (Z_s − Z_{s−1}) = Σ_s (c(s) − c(s+1)) Z_s. Equations: docs/math/process.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from gridloop.optimize.devices.group import MOVING_MW, LocalPrices, Plain, Quantity, Sent, Term
from gridloop.optimize.devices.market import Market
from gridloop.optimize.devices.power_profile import HOUR
from gridloop.optimize.devices.process import Process
from gridloop.optimize.devices.rest import Rest
from gridloop.optimize.devices.shiftable import mean_import
from gridloop.optimize.devices.shiftable_run import powers_of
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.labelled_model import LabelledModel
from gridloop.optimize.linear import NO_VARIABLE, Sum, add_rows, add_variables
from gridloop.optimize.process.bound import least_cost
from gridloop.optimize.process.cumulative import alike, by_begin, packed
from gridloop.optimize.process.reasons import task_reasons
from gridloop.optimize.process.search import good_begins
from gridloop.optimize.process.task import Task
from gridloop.optimize.process.windows import SAME_H, windows
from gridloop.optimize.solve import Fix, Outcome
from gridloop.units import FloatArray, IntArray


class ProcessGroup(Plain):
    """Many processes in one problem."""

    kind = "process"

    def __init__(self, processes: Sequence[Process], market: Market) -> None:
        self.processes = list(processes)
        self.ids = [process.id for process in processes]
        self.bus = [process.bus for process in processes]
        self.later_price = mean_import(market)
        self.tasks: list[Task] = [task for process in processes for task in process.tasks]
        self.owner = np.repeat(np.arange(len(processes)), [len(process.tasks) for process in processes])
        self.energy = np.array([task.energy_mwh for task in self.tasks])
        self.names = [f"{processes[p].id}/{task.id}" for p, task in zip(self.owner.tolist(), self.tasks, strict=True)]

    def add(self, model: LabelledModel, horizon: Horizon) -> None:
        """begun [task, step], whole; power [process, step]; later [task]."""
        self.horizon, self.hours = horizon, horizon.hours
        n = len(horizon)
        self.whole_h = float(horizon.hours.sum())
        self.fixed = np.array([task.started is not None for task in self.tasks])
        self._lay_out(horizon)
        before, after = self._bounds(horizon)
        task_index, process_index = pd.Index(self.names, name="task"), pd.Index(self.ids, name="process")
        shape: list[pd.Index[Any]] = [task_index, horizon.index]
        free = ~self.fixed
        low = np.where(horizon.waiting[None, :] >= after[:, None] - SAME_H, 1.0, 0.0)
        high = np.where(horizon.waiting[None, :] >= before[:, None] - SAME_H, 1.0, 0.0)
        self.could_begin = (high > 0) & (horizon.waiting[None, :] <= after[:, None] + SAME_H) & free[:, None]
        every = np.broadcast_to(free[:, None], low.shape)
        begun = add_variables(model, "process_begun", shape, low, high, every, whole=True)
        self.begun = begun.labels.values
        self.power_now = add_variables(model, "process_power", [process_index, horizon.index], 0.0, np.inf)
        self.later = add_variables(model, "process_later", [task_index], 0.0, 1.0, free)
        last = self.begun[:, -1]
        add_rows(model, "process_later_or_begun", [task_index], [(self.later.labels.values, 1.0), (last, 1.0)],
                 "=", np.where(free, 1.0, 0.0))  # fmt: skip
        if n > 1:
            steps = pd.RangeIndex(1, n, name="later_step")
            add_rows(model, "process_stays_begun", [task_index, steps],
                     [(self.begun[:, 1:], 1.0), (self.begun[:, :-1], -1.0)], ">=", 0.0)  # fmt: skip
        self._add_power(model, process_index, horizon)
        self._add_stages(model, horizon)
        self._add_resources(model, horizon)
        self._add_stocks(model, horizon)

    def _lay_out(self, horizon: Horizon) -> None:
        """Power and presence of every task for a begin with every interval. [task, begin, step]"""
        n, many = len(horizon), len(self.tasks)
        self.power_of, self.holding = np.zeros((many, n, n)), np.zeros((many, n, n))
        self.after_h = np.zeros((many, n))  # energy after the horizon, MWh
        self.under_way, self.held = np.zeros((many, n)), np.zeros((many, n))
        ends = horizon.waiting + horizon.hours
        for k, task in enumerate(self.tasks):
            if task.started is not None:
                power, _ = powers_of(task.run(), [task.started], horizon)
                self.under_way[k] = power[0]
                begin = (task.started - horizon.starts[0]) / HOUR
                self.held[k] = (horizon.waiting < begin + task.hours - SAME_H) & (ends > begin + SAME_H)
                continue
            self.power_of[k], self.after_h[k] = powers_of(task.run(), list(horizon.starts), horizon)
            begins = horizon.waiting[:, None]
            self.holding[k] = (horizon.waiting[None, :] < begins + task.hours - SAME_H) & (
                ends[None, :] > begins + SAME_H
            )

    def _bounds(self, horizon: Horizon) -> tuple[FloatArray, FloatArray]:
        """Earliest and latest begin in hours from the start of the plan; infinite where it may wait for later."""
        early, late = np.zeros(len(self.tasks)), np.zeros(len(self.tasks))
        for p, process in enumerate(self.processes):
            found = windows(process.tasks, horizon)
            early[self.owner == p], late[self.owner == p] = found.earliest, found.latest
        self.latest_h = np.where(late >= self.whole_h - SAME_H, np.inf, late)
        return early, self.latest_h

    def _add_power(self, model: LabelledModel, process: pd.Index[str], horizon: Horizon) -> None:
        """Power of a process is that of its tasks."""
        rows = []
        for p in range(len(self.ids)):
            mine = np.flatnonzero(self.owner == p)
            factors = by_begin(self.power_of[mine], axis=1)  # [task, begin, step]
            labels = np.broadcast_to(self.begun[mine][:, :, None], factors.shape)
            flat = factors.reshape(-1, len(horizon)).T
            rows.append(packed(labels.reshape(-1, len(horizon)).T, flat))
        labels, factors = alike(rows)
        given = np.array([self.under_way[self.owner == p].sum(axis=0) for p in range(len(self.ids))])
        add_rows(model, "process_batches", [process, horizon.index],
                 [(self.power_now.labels.values, 1.0), (labels, -factors)], "=", given)  # fmt: skip

    def links(self) -> Iterator[tuple[int, int, float, float]]:
        """Stages as (task, the one that follows, least and most hours between their begins; infinite without one)."""
        for p, process in enumerate(self.processes):
            mine = np.flatnonzero(self.owner == p).tolist()
            at = {task.id: k for task, k in zip(process.tasks, mine, strict=True)}
            for j, task in zip(mine, process.tasks, strict=True):
                for stage in task.stages:
                    i = at[stage.task]
                    takes = self.tasks[i].hours
                    yield i, j, takes + stage.least / HOUR, np.inf if stage.most is None else takes + stage.most / HOUR

    def _add_stages(self, model: LabelledModel, horizon: Horizon) -> None:
        """Z[j, t] ≤ Z[i, by t − d_i − least]; Z[i, t] ≤ Z[j, by t + d_i + most]."""
        n = len(horizon)
        follows: list[tuple[IntArray, IntArray]] = []
        for i, j, least, most in self.links():
            if self.fixed[i] or self.fixed[j]:
                continue  # the window of the other one has it
            row = np.searchsorted(horizon.waiting, horizon.waiting - least + SAME_H, side="right") - 1
            before = np.where(row >= 0, self.begun[i][np.maximum(row, 0)], NO_VARIABLE)
            follows.append((self.begun[j], before))
            if np.isinf(most):
                continue
            row = np.searchsorted(horizon.waiting, horizon.waiting + most + SAME_H, side="right") - 1
            inside = horizon.waiting + most < self.whole_h - SAME_H  # later it may begin after the plan
            follows.append((np.where(inside, self.begun[i], NO_VARIABLE), self.begun[j][row]))
        if not follows:
            return
        link = pd.RangeIndex(len(follows), name="process_link")
        first, second = (np.array([each[k] for each in follows]).reshape(-1, n) for k in (0, 1))
        second = np.where(first == NO_VARIABLE, NO_VARIABLE, second)
        add_rows(model, "process_stage", [link, horizon.index], [(first, 1.0), (second, -1.0)], "<=", 0.0)

    def resource_units(self) -> list[tuple[FloatArray, float]]:
        """Of every resource what each task holds [task], and how much there is."""
        return [
            (np.array([t.holds.get(name, 0.0) * (self.owner[k] == p) for k, t in enumerate(self.tasks)]), capacity)
            for p, process in enumerate(self.processes)
            for name, capacity in process.resources.items()
        ]

    def _add_resources(self, model: LabelledModel, horizon: Horizon) -> None:
        """Σ units · present ≤ capacity, in every interval."""
        rows, right = [], []
        for units, capacity in self.resource_units():
            mine = np.flatnonzero(units)
            if not mine.size:
                continue
            factors = by_begin(self.holding[mine], axis=1) * units[mine][:, None, None]
            labels = np.broadcast_to(self.begun[mine][:, :, None], factors.shape)
            rows.append(packed(labels.reshape(-1, len(horizon)).T, factors.reshape(-1, len(horizon)).T))
            right.append(capacity - units[mine] @ self.held[mine])
        if not rows:
            return
        labels, factors = alike(rows)
        resource = pd.RangeIndex(len(rows), name="process_resource")
        add_rows(model, "process_capacity", [resource, horizon.index], [(labels, factors)], "<=", np.array(right))

    def _add_stocks(self, model: LabelledModel, horizon: Horizon) -> None:
        """least ≤ start + Σ gives · ended − Σ takes · begun ≤ most, from the begin of every interval on."""
        for p, process in enumerate(self.processes):
            for name, stock in process.stocks.items():
                labels, factors = [], []
                level = np.full(len(horizon), float(stock.start))
                for k in np.flatnonzero(self.owner == p):
                    task = self.tasks[k]
                    takes, gives = task.takes.get(name, 0.0), task.gives.get(name, 0.0)
                    if task.started is not None:
                        end = (task.started - horizon.starts[0]) / HOUR + task.hours
                        begin = end - task.hours
                        # What began before the plan has taken already.
                        level += gives * (horizon.waiting >= end - SAME_H) * (end > SAME_H) - takes * (begin > SAME_H)
                        continue
                    if takes:
                        labels.append(self.begun[k])
                        factors.append(np.full(len(horizon), -takes))
                    if gives:
                        row = np.searchsorted(horizon.waiting, horizon.waiting - task.hours + SAME_H, side="right") - 1
                        labels.append(np.where(row >= 0, self.begun[k][np.maximum(row, 0)], NO_VARIABLE))
                        factors.append(np.full(len(horizon), gives))
                if not labels:
                    continue
                wide, weight = np.array(labels).T, np.array(factors).T
                for sign, end, what in ((">=", stock.least, "least"), ("<=", stock.most, "most")):
                    if np.isfinite(end):
                        add_rows(model, f"process_stock_{what}:{process.id}/{name}", [horizon.index],
                                 [(wide, weight)], sign, end - level)  # fmt: skip

    def terms(self) -> list[Term]:
        return [Term(self.power_now.labels.values, self.bus, p=-1.0)]

    def cost(self) -> dict[str, Sum]:
        """Waiting, what comes after the horizon, and lateness."""
        early = np.array([task.early_cost for task in self.tasks]) * self.energy
        wait = early[:, None] * self.horizon.waiting[None, :]
        after = self.later_price * self.after_h
        self.own_cost = wait + after + self.lateness()
        free = ~self.fixed
        found = {
            "process_waiting": Sum(self.begun[free].ravel(), by_begin(wait[free], axis=1).ravel()),
            "process_later": Sum(
                np.concatenate([self.begun[free].ravel(), self.later.labels.values[free]]),
                np.concatenate([by_begin(after[free], axis=1).ravel(), self.later_price * self.energy[free]]),
            ),
        }
        if any(task.late_cost is not None for task in self.tasks):
            late = by_begin(self.lateness()[free], axis=1)
            found["process_late"] = Sum(self.begun[free].ravel(), late.ravel())
        return found

    def lateness(self) -> FloatArray:
        """Money for ending late, by begin. [task, begin]"""
        cost = np.zeros((len(self.tasks), len(self.horizon)))
        for k, task in enumerate(self.tasks):
            if task.late_cost is not None and task.due is not None:
                due = (task.due - self.horizon.starts[0]) / HOUR
                cost[k] = task.late_cost * np.clip(self.horizon.waiting + task.hours - due, 0, None)
        return cost

    def sent(self) -> list[Sent]:
        return [Sent("p_mw", self.ids, self.power_now.labels.values[:, :1], (1.0,))]

    def begin_with(self, rest: Rest) -> list[Fix]:
        """Begins that go well together at the connection, for the search to begin with."""
        begins = good_begins(self, rest)
        if begins is None:
            return []
        free = np.flatnonzero(~self.fixed)
        begun = (np.arange(len(self.horizon))[None, :] >= begins[free][:, None]).astype(float)
        return [Fix(self.begun[free].ravel(), begun.ravel(), begun.ravel())]

    def least_cost(self, rest: Rest, best: float, gap: float) -> float:
        """Money that no plan is under, −inf where nothing is known; everything else as `rest` has it."""
        return least_cost(self, rest, best, gap)

    def read(self, outcome: Outcome, prices: LocalPrices) -> list[Quantity]:
        power = np.where(outcome.value(self.power_now) < MOVING_MW, 0.0, outcome.value(self.power_now))
        begun = np.round(outcome.at(self.begun))
        begins = np.diff(begun, axis=1, prepend=0.0)
        begins[self.fixed] = 0.0
        for k in np.flatnonzero(self.fixed):  # one that begins with an interval of the plan
            at = np.flatnonzero(self.horizon.starts == self.tasks[k].started)
            begins[k, at] = 1.0
        at = prices.rows(self.bus)
        codes, limits = task_reasons(self, begins, prices, at)
        leading = [self._leading(p, codes, begins) for p in range(len(self.ids))]
        shadow = prices.p[at, 0]
        of_task = [self.bus[p] for p in map(int, self.owner)]
        return [
            Quantity(
                "p_mw", self.ids, self.bus, power, [codes[k] for k in leading], [limits[k] for k in leading], shadow
            ),
            Quantity("begins", self.names, of_task, begins, codes, limits, shadow[self.owner]),
        ]

    def _leading(self, p: int, codes: Sequence[str], begins: FloatArray) -> int:
        """The task that says why a process takes what it takes now: the largest that begins, else that is under way,
        else that waits."""
        mine = np.flatnonzero(self.owner == p)
        rank = {"run_under_way": 1, "charged": 3}
        order = [0 if begins[k, 0] > 0.5 else rank.get(codes[int(k)], 2) for k in mine]
        return int(min(zip(order, -self.energy[mine], mine, strict=True))[2])
