"""Wind on the command line: where it is, where it was heading, how long such wind lasts, and the weather."""

from __future__ import annotations

from gridloop.cli.forecast_kind import Kind
from gridloop.cli.forecast_models import ANY_KIND, Forecaster, Model, Task
from gridloop.forecast.days.daily import Daily, names
from gridloop.forecast.wind import WindForecaster


def _boosting(task: Task) -> Forecaster:
    return Daily(WindForecaster(task.capacity, zone=task.zone, seed=task.seed), task.routine, weather=task.weather)


WIND = Kind(
    name="wind",
    models={
        "boosting": Model(_boosting, "boosted trees on the newest hours", weather=names(WindForecaster.fit, "weather")),
        **ANY_KIND,
    },
    default="boosting",
    error="nmae_pct",
    needs_capacity=True,
    usual_reference="day",
)
