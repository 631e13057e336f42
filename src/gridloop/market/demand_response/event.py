"""Events: who is called, in fair turns, and what that is expected to bring.

Whose turn it is: whoever was called least often in the year, among those whoever was called longest ago, then by id.
Customers are taken in that order until the need is met. Where all can answer, the numbers of calls of any two
customers thus never differ by more than one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.diagnosis import Diagnosis
from gridloop.errors import GapInSeries, MissingColumn, OutOfRange, listed
from gridloop.market.demand_response.program import HOUR, DRProgram
from gridloop.series.clock import utc

COLUMNS = ("group", "expected_mw")
# Less than this is rounding of a sum of expectations: a milliwatt.
MET_MW = 1e-9


@dataclass(frozen=True, eq=False)
class DREvent:
    """A call as it went out.

    called     index customer; group, expected_mw, calls_before (in the year)
    at_cap     customers who could not be called because they had been called as often as is allowed
    diagnosis  what is missing where those who are left do not meet the need; None where they do
    """

    program: DRProgram
    start: pd.Timestamp
    end: pd.Timestamp
    issued_at: pd.Timestamp
    need_mw: float
    called: pd.DataFrame
    at_cap: tuple[str, ...]
    diagnosis: Diagnosis | None = None

    @property
    def hours(self) -> float:
        """How long it lasts."""
        return float((self.end - self.start) / HOUR)

    @property
    def expected_mw(self) -> float:
        """What those who are called are expected to deliver together."""
        return float(self.called["expected_mw"].sum())

    @property
    def day(self) -> pd.Timestamp:
        """Its local day: a midnight without a zone."""
        return self.program.local(self.start).tz_localize(None).normalize()


def call_event(
    program: DRProgram,
    customers: pd.DataFrame,
    start: pd.Timestamp,
    *,
    need_mw: float,
    hours: float,
    issued_at: pd.Timestamp,
    history: Sequence[DREvent] = (),
) -> DREvent:
    """Call as many customers as the need takes, in fair turns.

    customers  index id; group, expected_mw; optionally max_calls, a lower cap of one's own, and available (bool)
    start      with its zone; hours long
    issued_at  when the call goes out
    history    the events before, of this programme

    Raises `OutOfRange` for a call that the programme does not allow, saying what it allows; `MissingColumn`,
    `GapInSeries` for customers without a group or an expectation. A need that cannot be met is no error: all who may
    be called are, and `diagnosis` says what is missing.
    """
    _check(customers)
    start, issued_at = utc(start), utc(issued_at)
    year = program.local(start).year
    before = [event for event in history if program.local(event.start).year == year]
    problems = program.problems(start, hours, issued_at, len(before))
    if not 0 < need_mw < np.inf:
        problems.append(f"need_mw is {need_mw}; it must be positive")
    if problems:
        raise OutOfRange(f"This event of {program.id} cannot be called: {'; '.join(problems)}.", problems=problems)
    turns = turns_of(program, customers, before)
    chosen = turns[turns["may"]]
    met = chosen["expected_mw"].cumsum().to_numpy() - chosen["expected_mw"].to_numpy() >= need_mw - MET_MW
    called = chosen.loc[~met, ["group", "expected_mw", "calls_before"]]
    at_cap = tuple(str(i) for i in turns.index[turns["at_cap"]])
    short = need_mw - float(called["expected_mw"].sum())
    return DREvent(
        program,
        start,
        start + hours * HOUR,
        issued_at,
        need_mw,
        called,
        at_cap,
        _short(short, need_mw, at_cap, len(called)) if short > MET_MW else None,
    )


def turns_of(program: DRProgram, customers: pd.DataFrame, before: Sequence[DREvent]) -> pd.DataFrame:
    """Customers in the order of their turns: group, expected_mw, calls_before, may, at_cap."""
    table = customers[list(COLUMNS)].copy()
    ids = [str(i) for i in table.index]
    table.index = pd.Index(ids, name="customer")
    calls, last = dict.fromkeys(ids, 0), dict.fromkeys(ids, np.iinfo(np.int64).min)
    for event in before:
        for customer in event.called.index:
            if customer in calls:
                calls[customer] += 1
                last[customer] = max(last[customer], event.start.as_unit("ns").value)
    table["calls_before"] = list(calls.values())
    cap = np.full(len(ids), float(program.max_calls))
    if "max_calls" in customers:
        cap = np.fmin(cap, customers["max_calls"].to_numpy(dtype=float))
    available = customers["available"].to_numpy(dtype=bool) if "available" in customers else np.ones(len(ids), bool)
    table["at_cap"] = table["calls_before"].to_numpy() >= cap
    table["may"] = ~table["at_cap"].to_numpy() & available & (table["expected_mw"].to_numpy(dtype=float) > 0)
    order = sorted(ids, key=lambda customer: (calls[customer], last[customer], customer))
    return table.loc[order]


def _check(customers: pd.DataFrame) -> None:
    absent = [name for name in COLUMNS if name not in customers]
    if absent:
        raise MissingColumn(f"The customers lack {listed(absent)}; needed are {', '.join(COLUMNS)}.", missing=absent)
    if customers.index.has_duplicates:
        twice = sorted({str(i) for i in customers.index[customers.index.duplicated()]})
        raise OutOfRange(f"Every customer stands once; there twice: {listed(twice)}.", customers=twice)
    unknown = [str(i) for i in customers.index[customers[list(COLUMNS)].isna().any(axis=1)]]
    if unknown:
        raise GapInSeries(
            f"{len(unknown)} customers have no group or no expected_mw ({listed(unknown)}). What is not known is not "
            "zero: give a figure, or leave them out by name.",
            customers=unknown,
        )


def _short(short: float, need: float, at_cap: Sequence[str], called: int) -> Diagnosis:
    capped = f" {len(at_cap)} more have been called as often as is allowed ({listed(list(at_cap))})." if at_cap else ""
    return Diagnosis(
        "short",
        [f"All {called} customers who may be called are, and {short:.3g} of {need:.3g} MW are missing.{capped}"],
        "Call for less, enrol more customers, or spread the need over more events.",
        {"short_mw": short, "at_cap": list(at_cap)},
    )
