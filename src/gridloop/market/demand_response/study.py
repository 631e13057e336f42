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

from gridloop.errors import GapInSeries, OutOfRange
from gridloop.market.demand_response.baseline import TEN_OF_TEN, BaselineMethod
from gridloop.market.demand_response.day_windows import offsets_of, on_days, step_of, tidy
from gridloop.market.demand_response.equity import by_group
from gridloop.market.demand_response.event import DREvent, call_event
from gridloop.market.demand_response.measure import MeasuredDelivery, measure_event
from gridloop.market.demand_response.program import HOUR, DRProgram
from gridloop.market.demand_response.response import Response, answer
from gridloop.units import FloatArray

DAY = pd.Timedelta(days=1)
# Share of what somebody takes in an event's hours that the operator counts on; it knows no more of its customers.
EXPECTED_SHARE = 0.15
# Days whose event hours the operator compares today's with.
COMPARED_DAYS = 60
# Days that an expectation is the mean of.
EXPECTED_DAYS = 10
COLUMNS = (
    "called", "measured", "expected_mw", "true_mw", "measured_mw", "corrected_mw", "low_mw", "high_mw", "holds",
    "peak_without_mw", "peak_mw", "paid",
)  # fmt: skip


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
    deliveries: tuple[MeasuredDelivery, ...]
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
            "peak_reduction_mw": float((table["peak_without_mw"] - table["peak_mw"]).astype(float).mean()),
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

    Customers are chosen by what is known before the event. Whose record lacks a value in the event or in the hours of
    the shift after it answers in a way that nobody knows: it counts as not measured. A day without an hour at
    `begin_h` on its clock has no event.
    Raises `GapInSeries` where the price is missing, `OutOfRange` where the programme allows such an event on no day.
    """
    if price.isna().any() or not price.index.equals(load_mw.index):
        raise GapInSeries("The study needs a price for every interval of the load.", missing=int(price.isna().sum()))
    response = response or Response()
    recorded = tidy(load_mw)
    meters = recorded.copy()
    tariff = pd.Series(price.to_numpy(dtype=float), index=recorded.index)
    customers = pd.DataFrame({"group": groups_by_size(recorded)})
    rng = np.random.default_rng(seed)
    step = step_of(recorded)
    refused: list[str] = []
    allowed = False
    events: list[DREvent] = []
    deliveries: list[MeasuredDelivery] = []
    rows = []
    for day in _days(recorded, program, first_day):
        start = _moment(day + begin_h * HOUR, program.zone)
        if program.is_off(day.date()) or program.local(start).tz_localize(None) != day + begin_h * HOUR:
            continue
        # Called in the evening before, when that day's own hours are over.
        issued_at = _moment(day - DAY + begin_h * HOUR, program.zone) + hours * HOUR
        so_far = _in_year(events, program, start)
        if so_far >= program.max_events:
            continue
        refused = program.problems(start, hours, issued_at, so_far)
        if refused:
            continue
        allowed = True
        past = _past(meters, day, start, hours, program.zone)
        load = pd.DataFrame(past).sum(axis=1, min_count=1).to_numpy()
        recent = load[:-1][~np.isnan(load[:-1])]
        if not recent.size or not load[-1] > np.quantile(recent, busy):
            continue
        expected = EXPECTED_SHARE * pd.DataFrame(past[-EXPECTED_DAYS:], columns=recorded.columns).mean()
        known = customers[expected.notna()].assign(expected_mw=expected[expected.notna()])
        event = call_event(
            program, known, start, need_mw=need_share * float(load[-1]), hours=hours, issued_at=issued_at,
            history=events,
        )  # fmt: skip
        if event.called.empty:
            continue
        after = event.end + response.shift_hours * HOUR
        during = (recorded.index >= start) & (recorded.index < after)
        would_have = recorded.loc[during, list(event.called.index)]
        whole = would_have.notna().all(axis=0)
        answers = (rng.random(len(event.called)) < response.answers) & whole.to_numpy()
        took = answer(would_have, tariff[during], event, response, answers, step=step)
        meters.loc[during, list(event.called.index)] = took
        events.append(event)
        seen = meters[meters.index < event.end].copy()
        seen.loc[seen.index >= start, list(whole.index[~whole])] = np.nan
        delivery = measure_event(
            event, seen, method=method, level=level,
            event_days=[other.day.date() for other in events],
        )  # fmt: skip
        deliveries.append(delivery)
        rows.append(_row(event, delivery, would_have, took, recorded, meters))
    if refused and not allowed:
        raise OutOfRange(
            f"No event of {program.id} can be called on any day: {'; '.join(refused)}.", problems=list(refused)
        )
    step_h = step / HOUR
    bought = [float(np.nansum(table.mul(tariff, axis=0).to_numpy()) * step_h) for table in (recorded, meters)]
    paid = float(sum(delivery.total["paid"] for delivery in deliveries))
    table = pd.DataFrame(rows, columns=["start", *COLUMNS]).set_index("start")
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


def _moment(clock: pd.Timestamp, zone: str) -> pd.Timestamp:
    """A time on the local clock in UTC: the first where there are two, the next one where its day does not have it."""
    return clock.tz_localize(zone, ambiguous=True, nonexistent="shift_forward").tz_convert("UTC")


def _past(meters: pd.DataFrame, day: pd.Timestamp, start: pd.Timestamp, hours: float, zone: str) -> FloatArray:
    """Mean power in the same clock hours of the days before, the last of them last; NaN with a gap. [day, customer]"""
    offsets = offsets_of(meters, start, start + hours * HOUR, zone)
    days = pd.date_range(day - (COMPARED_DAYS + 1) * DAY, day - DAY, freq="D")
    return np.asarray(on_days(meters, days, offsets, zone).mean(axis=1))


def _row(
    event: DREvent,
    delivery: MeasuredDelivery,
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
