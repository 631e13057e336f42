"""Rolling horizon: plan with what is known, carry out the first interval against what comes, and again.

Every interval is carried out by the same models: a problem of one interval with the true numbers, in which what was
sent is given and the rest answers. The state of charge that it ends with is where the next plan begins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from gridloop.diagnosis import Diagnosis
from gridloop.errors import BadInput, OutOfRange, SolveFailed, listed
from gridloop.optimize.before import left_alone
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.connection import Connection, price_table
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.market import Market
from gridloop.optimize.devices.renewable import Renewable
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.problems.schedule import schedule
from gridloop.optimize.robust.measure import Risk
from gridloop.optimize.robust.program import Program
from gridloop.optimize.robust.scenario import Scenario
from gridloop.optimize.robust.schedule import schedule_robust

_SERIES = ("available_mw", "p_mw", "q_mvar")


@dataclass(frozen=True)
class Rolled:
    """What came of planning again in every interval.

    table      index = starts of the intervals; cost [money], import_mw, export_mw, and of every battery "p_mw ID",
               "soc ID" (at the end of the interval)
    cost       in money, less the worth of what is stored at the end
    foresight  the same with everything known at the start; no way of planning does better
    left_alone the same with batteries that rest
    """

    table: pd.DataFrame
    cost: float
    foresight: float
    left_alone: float

    @property
    def share_of_possible(self) -> float:
        """What was saved over leaving alone, of what foresight saves; NaN where there is nothing to save."""
        possible = self.left_alone - self.foresight
        return (self.left_alone - self.cost) / possible if possible > 0 else float("nan")


def roll(
    truth: Scenario,
    known: Callable[[int], Sequence[Scenario]],
    *,
    connection: Connection | None = None,
    risk: float = 0.0,
    level: float = 0.9,
) -> Rolled:
    """Plan at every interval with what is known then, and carry out the first interval.

    truth  what comes, over the whole time; batteries, renewables and loads
    known  number of an interval → scenarios from there on as they were known then, one or more: the ids of `truth`,
           prices that begin with that interval. The batteries' state of charge is set by the roll

    The worth of what is stored at the end is that of `truth`'s batteries; plans on the way take it from their own
    scenarios. A contracted peak is refused: its price is no sum over intervals.

    Raises `BadInput` for devices with another memory than a state of charge, or with services; `OutOfRange` for
    scenarios of another time; `SolveFailed` where there is no plan, or what it sends cannot be carried out.
    """
    limits = connection or Connection()
    other = [str(d.id) for d in truth.devices if not isinstance(d, Battery | Renewable | Load)]
    other += [d.id for d in truth.devices if isinstance(d, Battery) and d.paid_by()]
    if other:
        raise BadInput(
            f"roll carries a state of charge on and nothing else: {listed(other)} would forget what was done."
        )
    if limits.contracted_peak_mw is not None and limits.peak_price_per_mw > 0:
        raise BadInput("roll takes no contracted peak: its price is no sum over intervals.")
    prices = price_table(truth.prices)
    horizon = Horizon.regular(pd.DatetimeIndex(prices.index))
    best = schedule(truth.devices, prices, connection=limits)
    before = left_alone(truth.devices, prices, connection=limits)
    soc = {d.id: d.initial_soc for d in truth.devices if isinstance(d, Battery)}
    rows = []
    for k, at in enumerate(horizon.starts):
        futures = [replace(s, devices=_charged(s.devices, soc)) for s in known(k)]
        wrong = [s for s in futures if s.prices.index[0] != at]
        if wrong:
            raise OutOfRange(
                f"What is known in interval {k} begins at {wrong[0].prices.index[0]}; it must begin at {at}."
            )
        # One start says no length; it is that of the interval. More say it themselves, and may look past the truth.
        now = Horizon(horizon.starts[k : k + 1], horizon.hours[k : k + 1])
        ahead = now if len(futures[0].prices) == 1 else None
        plan = schedule_robust(futures, connection=limits, horizon=ahead, risk=risk, level=level)
        if plan.diagnosis is not None:
            raise SolveFailed(f"There is no plan at {at}: {plan.diagnosis}")
        told = plan.setpoints()
        told = told[told["quantity"] == "p_mw"]
        sent = dict(zip(told["device"].astype(str), told["value"].astype(float), strict=True))
        row = _carried_out(truth, prices, horizon, k, soc, sent, limits)
        soc = {name: row[f"soc {name}"] for name in soc}
        rows.append(row)
    table = pd.DataFrame(rows, index=horizon.starts)
    default = Market(prices, horizon).mean_export
    stored = 0.0
    for battery in truth.devices:
        if isinstance(battery, Battery):
            worth = battery.end_value_per_mwh
            worth = default * battery.discharge_efficiency if worth is None else worth
            stored += worth * battery.capacity_mwh * soc[battery.id]
    alone = float("nan") if before is None else before.cost
    return Rolled(table, float(table["cost"].sum()) - stored, best.cost, alone)


def _carried_out(
    truth: Scenario,
    prices: pd.DataFrame,
    horizon: Horizon,
    k: int,
    soc: dict[str, float],
    sent: Mapping[str, float],
    limits: Connection,
) -> dict[str, float]:
    """One interval with the true numbers and the batteries as they were sent."""
    devices = [_at(device, k) for device in _charged(truth.devices, soc)]
    now = Horizon(horizon.starts[k : k + 1], horizon.hours[k : k + 1])
    program = Program(
        [Scenario(devices, prices.iloc[k : k + 1])], np.ones(1), connection=limits, horizon=now, risk=Risk(0.0, 0.9),
        chance=None, common=1, time_limit_s=60.0,
    )  # fmt: skip
    solved = program.given({key: np.array([sent[key[2]]]) for key in program.in_common() if key[1] == "p_mw"})
    if isinstance(solved, Diagnosis):
        raise SolveFailed(f"What was sent at {now.starts[0]} cannot be carried out: {solved}")
    block, outcome = program.blocks[0], solved.outcomes[0]
    row = {"cost": float(solved.costs[0])}
    row |= {q.name: float(q.value[0, 0]) for q in block.problem.connection.read(outcome)}
    group_prices = block.problem.physics.local_prices(outcome)
    for group in block.problem.groups:
        if group.kind == "battery":
            for q in group.read(outcome, group_prices):
                row |= {f"{q.name} {name}": float(v) for name, v in zip(q.device, q.value[:, 0], strict=True)}
    return row


def _charged(devices: Sequence[Any], soc: dict[str, float]) -> list[Any]:
    return [
        replace(d, initial_soc=min(1.0, max(0.0, soc[d.id]))) if isinstance(d, Battery) and d.id in soc else d
        for d in devices
    ]


def _at(device: Any, k: int) -> Any:
    """A device of one interval; what is stored has no worth of its own there."""
    if isinstance(device, Battery):
        return replace(device, end_value_per_mwh=0.0)
    own = {name: getattr(device, name) for name in _SERIES if np.size(getattr(device, name, 0.0)) > 1}
    return replace(device, **{name: np.asarray(values)[k : k + 1] for name, values in own.items()})
