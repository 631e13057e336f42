"""Load on the command line: the experts of whole days, or boosted trees for the hours ahead."""

from __future__ import annotations

import pandas as pd

from gridloop.cli.forecast_kind import Kind
from gridloop.cli.forecast_models import ANY_KIND, Forecaster, Model, Task
from gridloop.forecast.day_ahead import DayAheadForecaster
from gridloop.forecast.days.daily import Daily
from gridloop.forecast.load import LoadForecaster
from gridloop.forecast.week_ahead import CLOCK_CHANGE, WeekAheadForecaster

TREES = 400


def _experts(task: Task) -> Forecaster:
    """Of several days at once each is a model of its own."""
    trees = task.trees or TREES
    if task.days == 1:
        return DayAheadForecaster(
            zone=task.zone, holidays=task.holidays, before=task.before, trees=trees, seed=task.seed
        )
    horizon = task.before + pd.Timedelta(hours=24 * task.days) + CLOCK_CHANGE
    return WeekAheadForecaster(
        zone=task.zone, holidays=task.holidays, before=task.before, horizon=horizon, trees=trees, seed=task.seed
    )


def _boosting(task: Task) -> Forecaster:
    return Daily(LoadForecaster(capacity=task.capacity, zone=task.zone, seed=task.seed), task.routine)


LOAD = Kind(
    name="load",
    models={
        "experts": Model(_experts, "several models, weighted online", days=7, by_day=True, weather=True, outside=True),
        "boosting": Model(_boosting, "one boosted model for all hours ahead"),
        **ANY_KIND,
    },
    default="experts",
    error="mape_pct",
)
