"""Backtest: issue times replayed one after the other, each with what was known by then, and the scores of it all.

The protocol: a forecaster is fitted on what was known at the first issue, then asked at every issue for the next local
day or days, and fitted again every `retrain_days` days. It is handed only rows of its inputs whose `known_at` is not
after the issue; to learn from, of inputs with several runs each local day as its own issue saw it. On the first issues
it is asked twice, the second time with every unknown value present and turned to nonsense: one whose answer moves has
looked, and is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, Self

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.forecast.known.past import known_past, usual_step
from gridloop.forecast.known.record import Record
from gridloop.forecast.known.routine import Routine
from gridloop.forecast.tested.backtest_scores import Backtest, references
from gridloop.forecast.value import Forecast

PROBES = 2
"""Issues at which the forecaster is asked twice."""

MEMORY_DAYS = 70.0
"""Days of the past that are handed to `predict`."""


class DayForecaster(Protocol):
    """What is tested: `fit` once, `predict` at every issue; further inputs come by their names."""

    @property
    def routine(self) -> Routine: ...

    def fit(self, history: pd.DataFrame, *, until: pd.Timestamp, **inputs: Any) -> Any: ...

    def predict(
        self, history: pd.DataFrame, issued_at: pd.Timestamp, valid_at: pd.DatetimeIndex, **inputs: Any
    ) -> Forecast: ...

    def copy(self) -> Self: ...


def backtest(
    make: Callable[[], DayForecaster],
    load: Record,
    *,
    first: str,
    last: str,
    weather: Record | None = None,
    outside: Mapping[str, Record] | None = None,
    retrain_days: int | None = None,
    days_ahead: int = 1,
    say: Callable[[str], None] = lambda text: None,
) -> Backtest:
    """Forecasts of the local days `first` … `last`, and what came.

    make          an untrained forecaster; its routine says when a day is issued
    load          UTC valid_at × point [MW]
    weather       columns as the forecaster wants them; `Record.foreseen` where observations stand in for forecasts
    outside       other people's forecasts by name, valid_at × point [MW]
    retrain_days  days between fits; None: one fit before the first issue
    days_ahead    local days that each issue covers, the first of them `first` … `last`

    Raises `OutOfRange` where load is said to be known before it is over, where there is no day, or where the forecaster
    looks at what was not known at issue.
    """
    step = usual_step(load.values.index)
    forecaster = make()
    early = int((load.known_at < pd.DatetimeIndex(load.values.index) + step).sum())
    if early and not getattr(forecaster, "published_ahead", False):  # as day-ahead prices are
        raise OutOfRange(
            f"load: {early} of {len(load.values)} rows are said to be known before their interval is over. That is a "
            "leak; use Record.measured.",
            count=early,
        )
    routine = forecaster.routine
    days = [int(day.value // 86_400_000_000_000) for day in pd.date_range(first, last)]
    if not days:
        raise OutOfRange(f"backtest: no day from {first} to {last}.", first=first, last=last)

    def inputs(see: Callable[[Record], pd.DataFrame]) -> dict[str, Any]:
        given: dict[str, Any] = {} if weather is None else {"weather": see(weather)}
        return given if outside is None else given | {"outside": {name: see(r) for name, r in outside.items()}}

    made: list[Forecast] = []
    for k, day in enumerate(days):
        issue = routine.issue(day)
        recent = issue - pd.Timedelta(days=MEMORY_DAYS)
        if k == 0 or (retrain_days is not None and k % retrain_days == 0):
            say(f"fit {k // (retrain_days or len(days)) + 1}, until {issue}")
            forecaster = make()
            forecaster.fit(load.at(issue), until=issue, **inputs(lambda record: record.as_issued(routine, issue)))  # noqa: B023
        valid_at = pd.date_range(routine.midnight(day), routine.midnight(day + days_ahead), freq=step, inclusive="left")
        probed = forecaster.copy() if k < PROBES else None

        def seen(record: Record) -> pd.DataFrame:
            known = record.at(issue)  # noqa: B023  # called before the loop goes on
            return known[known.index >= recent]  # noqa: B023

        forecast = forecaster.predict(seen(load), issue, valid_at, **inputs(seen))
        if probed is not None:
            _refuse_a_leak(probed, forecast, load, inputs(lambda record: record.spoilt(issue)))  # noqa: B023
        made.append(forecast)
        if k % 30 == 0:
            say(f"day {k + 1} of {len(days)}")
    past = known_past(load.values, tuple(made[0].points), load.values.index.max() + step, step=step)
    notes = tuple(f"{name}: {r.note}" for name, r in {"weather": weather, **(outside or {})}.items() if r and r.note)
    known = [max(f.issued_at, load.at(f.issued_at).index.max() + step) for f in made] if early else None
    return Backtest(references(made, past, routine.zone, known), routine.zone, notes)


def _refuse_a_leak(forecaster: DayForecaster, honest: Forecast, load: Record, spoilt: dict[str, Any]) -> None:
    """Ask again with the unknown values present and spoilt. Raises `OutOfRange` where the answer moves."""
    again = forecaster.predict(load.spoilt(honest.issued_at), honest.issued_at, honest.valid_at, **spoilt)
    if not np.array_equal(again.arrays(), honest.arrays()):
        moved = int((again.arrays() != honest.arrays()).any(axis=0).sum())
        raise OutOfRange(
            f"leak: {moved} of {honest.arrays()[0].size} values of the forecast issued at {honest.issued_at} change "
            "with what was not known then. Let every feature look at what was over at issue only, such as by `look`.",
            count=moved,
            issued_at=honest.issued_at,
        )
