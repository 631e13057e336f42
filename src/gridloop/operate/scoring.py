"""Scores of a run: its forecasts against what came, beside persistence issued at the same times."""

from __future__ import annotations

import math

import pandas as pd

from gridloop.forecast.tested.scores import score
from gridloop.forecast.value import Forecast
from gridloop.operate.decide.known import Groups
from gridloop.telemetry.store import Store
from gridloop.units import finite_or_none

KINDS = ("load", "solar", "wind")


def forecast_scores(
    store: Store, groups: Groups, capacity: dict[str, float], actual: pd.DataFrame, zone: str
) -> dict[str, float | None]:
    """`load_nmae_pct`, `solar_nmae_pct`, `wind_nmae_pct`, the same of persistence, skill and coverage.

    actual  power of every group that was there to be had, from 8 days before the first tick. [time, group], MW

    Persistence may use everything up to the issue time, the forecasts only what the meters had delivered by then.
    """
    made = [Forecast.from_table(rows.drop(columns="tick")) for _, rows in store.read("forecasts").groupby("tick")]
    summary = score(made, actual, groups.kind, capacity, zone=zone).summary
    wanted = [
        name
        for kind in KINDS
        for name in (f"{kind}_nmae_pct", f"persistence_{kind}_nmae_pct", f"{kind}_skill", f"{kind}_coverage")
    ]
    return {name: finite_or_none(summary.get(name, math.nan)) for name in wanted}
