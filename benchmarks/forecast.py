"""Forecasts on recorded data: errors beside persistence and the operators' own, faults that are planted, and speed.

One file per set of data, each with its protocol at its head; the rate of a row is never what is promised, but for the
rows of `forecast_speed`. docs/guides/forecast-skill.md has the figures.
"""

from __future__ import annotations

from benchmarks import (
    forecast_faults,
    forecast_liander,
    forecast_load,
    forecast_models,
    forecast_price,
    forecast_solar,
    forecast_speed,
    forecast_wind,
)
from benchmarks.forecast_data import NAME as NAME
from benchmarks.harness import Bench
from benchmarks.result import Row

PARTS = (
    forecast_load, forecast_solar, forecast_wind, forecast_liander, forecast_price, forecast_faults,
    forecast_models, forecast_speed,
)  # fmt: skip


def run(bench: Bench) -> list[Row]:
    """The rows of all parts, or those of the cases that are asked for."""
    return [row for part in PARTS for row in part.rows(bench)]
