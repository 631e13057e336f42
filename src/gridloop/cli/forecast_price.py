"""Prices on the command line: those of the day-ahead auction, known as a whole long before their day begins."""

from __future__ import annotations

from gridloop.cli.forecast_kind import Kind
from gridloop.cli.forecast_models import ANY_KIND, Forecaster, Model, Task
from gridloop.cli.forecast_units import price_unit
from gridloop.forecast.price import PUBLISHED, PriceForecaster

TREES = 200


def _experts(task: Task) -> Forecaster:
    return PriceForecaster(
        zone=task.zone, holidays=task.holidays, before=task.before, trees=task.trees or TREES, seed=task.seed
    )


PRICE = Kind(
    name="price",
    models={
        "experts": Model(_experts, "LEAR over several windows and trees, weighted online", weather=True),
        **ANY_KIND,
    },
    default="experts",
    error="mae",
    unit="EUR/MWh",
    read_unit=price_unit,
    published_before=PUBLISHED,
)
