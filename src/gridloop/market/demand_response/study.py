"""Study of a programme on recorded loads: events are called as an operator would, answered, measured and paid.

What the recorded meters do not know is how their customers would have answered: that is assumed (`Response`) and
planned by `schedule`. So what was truly delivered is known here, and the measurement can be held against it. The
baseline of the study is the same record without a programme.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import GapInSeries
from gridloop.market.demand_response.baseline import TEN_OF_TEN, BaselineMethod
from gridloop.market.demand_response.day_windows import step_of, tidy
from gridloop.market.demand_response.equity import by_group
from gridloop.market.demand_response.event import DREvent, call_event
from gridloop.market.demand_response.measure import Delivery, measure_event
from gridloop.market.demand_response.program import HOUR, DRProgram
from gridloop.market.demand_response.response import Response, answer

DAY = pd.Timedelta(days=1)
# Share of what somebody takes in an event's hours that the operator counts on; it knows no more of its customers.
EXPECTED_SHARE = 0.15
# Days whose event hours the operator compares today's with.
COMPARED_DAYS = 60


@dataclass(frozen=True, eq=False)
class DRStudy:
    """What a year with a programme came to, beside the same year without.

    event       one row per event: called, measured (customers), expected_mw, true_mw, measured_mw, corrected_mw,
                low_mw, high_mw, holds (whether the interval held the truth), peak_mw and peak_without_mw (highest mean
                power of all customers in the event's hours), paid
    group       `by_group` of all events and deliveries
    energy      money for energy at the tariff, of all customers: without and with the programme
    meters      what the meters showed with the programme
    """

    event: pd.DataFrame
    group: pd.DataFrame
    energy_cost_without: float
    energy_cost: float
    paid: float
    events: tuple[DREvent, ...]
    deliveries: tuple[Delivery, ...]
    meters: pd.DataFrame

    def facts(self) -> dict[str, Any]:
        """The study in figures."""
        table = self.event
        hours = np.array([event.hours for event in self.events])
        interval = table[["low_mw", "high_mw"]].notna().all(axis=1)
        return {
            "events": len(table),
            "calls": int(table["called"].sum()),
            "expected_mwh": float(table["expected_mw"].to_numpy(dtype=float) @ hours),
            "true_mwh": float(table["true_mw"].to_numpy(dtype=float) @ hours),
            "measured_mwh": float(np.nansum(table["measured_mw"].to_numpy(dtype=float) * hours)),
            "corrected_mwh": float(np.nansum(table["corrected_mw"].to_numpy(dtype=float) * hours)),
            "with_interval": int(interval.sum()),
            "held": int(table.loc[interval, "holds"].sum()),
            "peak_reduction_mw": float((table["peak_without_mw"] - table["peak_mw"]).mean()),
            "paid": self.paid,
            "energy_cost_without": self.energy_cost_without,
            "energy_cost": self.energy_cost,
            "groups": self.group.to_dict("index"),
        }


def study_program(
    load_mw: pd.DataFrame,
    price: pd.Series,
    program: DRProgram,
    *,
    begin_h: float,
    hours: float,
    need_share: float = 0.05,
    busy: float = 0.8,
    first_day: pd.Timestamp,
    response: Response | None = None,
    method: BaselineMethod = TEN_OF_TEN,
    level: float = 0.9,
    seed: int = 0,
) -> DRStudy:
    """Run a programme through a record.

    load_mw     interval × customer, mean power in MW, regular, UTC; NaN where missing
    price       the tariff [money per MWh], same index
    begin_h, hours  when events begin on the local clock, and how long they are
    need_share  of the load of those hours, that the operator calls for
    busy        it calls for the next day when today's load in those hours is above this quantile of the last 60 days
    first_day   local midnight without a zone, from which on it calls; before it lies what baselines need

    Raises `GapInSeries` where the price is missing.
    """
    if price.isna().any() or not price.index.equals(load_mw.index):
        raise GapInSeries("The study needs a price for every interval of the load.", missing=int(price.isna().sum()))
    response = response or Response()
    recorded = tidy(load_mw)
    meters = recorded.copy()
    tariff = pd.Series(price.to_numpy(dtype=float), index=recorded.index)
    customers = pd.DataFrame({"group": groups_by_size(recorded)})
    rng = np.random.default_rng(seed)
    events: list[DREvent] = []
    deliveries: list[Delivery] = []
    rows = []
    for day in _days(recorded, program, first_day):
        start = (day + begin_h * HOUR).tz_localize(program.zone).tz_convert("UTC")
        # Called in the evening before, when that day's own hours are over.
        issued_at = start - DAY + hours * HOUR
        if program.problems(start, hours, issued_at, _in_year(events, program, start)):
            continue
        today = _window(meters, start - DAY, hours)
        recent = [_window(meters, start - k * DAY, hours).sum() for k in range(2, COMPARED_DAYS + 2)]
        if not today.sum() > np.quantile(recent, busy):
            continue
        last_days = pd.concat([_window(meters, start - k * DAY, hours).rename(k) for k in range(1, 11)], axis=1)
        expected = EXPECTED_SHARE * last_days.mean(axis=1)
        usable = expected.notna() & _whole(recorded, start, start + (hours + response.shift_hours) * HOUR)
        known = customers[usable].assign(expected_mw=expected[usable])
        event = call_event(
            program, known, start, need_mw=need_share * float(today.sum()), hours=hours, issued_at=issued_at,
            history=events,
        )  # fmt: skip
        if event.called.empty:
            continue
        after = event.end + response.shift_hours * HOUR
        during = (recorded.index >= start) & (recorded.index < after)
        would_have = recorded.loc[during, list(event.called.index)]
        answers = rng.random(len(event.called)) < response.answers
        took = answer(would_have, tariff[during], event, response, answers)
        meters.loc[during, list(event.called.index)] = took
        events.append(event)
        delivery = measure_event(
            event, meters[meters.index < event.end], method=method, level=level,
            event_days=[other.day.date() for other in events],
        )  # fmt: skip
        deliveries.append(delivery)
        rows.append(_row(event, delivery, would_have, took, recorded, meters))
    step_h = step_of(recorded) / HOUR
    bought = [float(np.nansum(table.mul(tariff, axis=0).to_numpy()) * step_h) for table in (recorded, meters)]
    paid = float(sum(delivery.total["paid"] for delivery in deliveries))
    table = pd.DataFrame(rows).set_index("start") if rows else pd.DataFrame(columns=["start"]).set_index("start")
    groups = by_group(customers, events, deliveries)
    return DRStudy(table, groups, bought[0], bought[1], paid, tuple(events), tuple(deliveries), meters)


def groups_by_size(load_mw: pd.DataFrame) -> pd.Series:
    """Three groups of customers alike in number, by what they take on average: small, medium, large."""
    order = load_mw.mean().sort_values(kind="stable").index
    third = np.array_split(np.arange(len(order)), 3)
    names = np.concatenate([np.full(part.size, name) for part, name in zip(third, GROUPS, strict=True)])
    return pd.Series(names, index=order).reindex(load_mw.columns)


GROUPS = ("small", "medium", "large")


def _days(load_mw: pd.DataFrame, program: DRProgram, first: pd.Timestamp) -> pd.DatetimeIndex:
    last = pd.Timestamp(load_mw.index[-1]).tz_convert(program.zone).tz_localize(None).normalize()
    return pd.date_range(first, last - DAY, freq="D")


def _in_year(events: Sequence[DREvent], program: DRProgram, start: pd.Timestamp) -> int:
    return sum(program.local(event.start).year == program.local(start).year for event in events)


def _window(meters: pd.DataFrame, start: pd.Timestamp, hours: float) -> pd.Series:
    """Mean power of each customer in some hours; NaN where a value is missing."""
    part = meters[(meters.index >= start) & (meters.index < start + hours * HOUR)]
    return part.mean(axis=0, skipna=False)


def _whole(load_mw: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp) -> pd.Series:
    """Whose record has every value between two moments."""
    return load_mw[(load_mw.index >= start) & (load_mw.index < end)].notna().all(axis=0)


def _row(
    event: DREvent,
    delivery: Delivery,
    would_have: pd.DataFrame,
    took: pd.DataFrame,
    recorded: pd.DataFrame,
    meters: pd.DataFrame,
) -> dict[str, object]:
    inside = would_have.index < event.end
    measured = delivery.customer.index[delivery.customer["delivered_mw"].notna()]
    true_mw = float((would_have - took).loc[inside, list(measured)].mean().sum())
    total = delivery.total
    low, high = float(total["low_mw"]), float(total["high_mw"])
    hours = (recorded.index >= event.start) & (recorded.index < event.end)
    return {
        "start": event.start,
        "called": len(event.called),
        "measured": len(measured),
        "expected_mw": event.expected_mw,
        "true_mw": true_mw,
        "measured_mw": float(total["delivered_mw"]),
        "corrected_mw": float(total["corrected_mw"]),
        "low_mw": low,
        "high_mw": high,
        "holds": low <= true_mw <= high,
        "peak_without_mw": float(recorded[hours].sum(axis=1).max()),
        "peak_mw": float(meters[hours].sum(axis=1).max()),
        "paid": float(total["paid"]),
    }
