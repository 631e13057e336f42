"""Solar on the command line: the sun's place, the newest sky and the last days, and weather where there is any."""

from __future__ import annotations

from gridloop.cli.forecast_kind import Kind
from gridloop.cli.forecast_models import ANY_KIND, Forecaster, Model, Task
from gridloop.errors import BadInput
from gridloop.forecast.days.daily import Daily
from gridloop.forecast.solar import SolarForecaster

TREES = 200


def _boosting(task: Task) -> Forecaster:
    if task.place is None:
        raise BadInput("a forecast of solar needs where the plant stands: --latitude and --longitude, in degrees.")
    forecaster = SolarForecaster(*task.place, task.capacity, zone=task.zone, trees=task.trees or TREES, seed=task.seed)
    return Daily(forecaster, task.routine, weather=task.weather)


SOLAR = Kind(
    name="solar",
    models={
        "boosting": Model(_boosting, "boosted trees on the sun's place, the newest sky and weather", weather=True),
        **ANY_KIND,
    },
    default="boosting",
    error="nmae_pct",
    needs_capacity=True,
    usual_reference="day",
)
