"""The page of a charging study: power of the site before and after beside its limit and prices, and days' peaks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from gridloop.operate.plots.study_page import (
    LIMIT,
    Comparison,
    Curve,
    Panel,
    bars,
    build_study_page,
    by_period,
    profile,
    week_of,
)
from gridloop.operate.report import style
from gridloop.operate.report.chart import Part
from gridloop.optimize.charging.result import Charging

COLORS = (style.UNCONTROLLED, style.FORECAST, style.CATEGORIES[3], style.CONTROLLED)


def build_charging_page(
    name: str,
    day: str,
    story: list[str],
    figures: Comparison,
    ways: Mapping[str, Charging],
    prices: pd.Series,
    limit_mw: float,
    zone: str,
) -> str:
    """ways: way → how it charged, without control first and planned last"""
    looks = dict(zip(ways, (*COLORS[: len(ways) - 1], COLORS[-1]), strict=True))
    first, last = next(iter(ways)), list(ways)[-1]
    kw = {way: 1e3 * ways[way].site_mw for way in ways}
    curves = [Curve(way, kw[way], {"color": looks[way]}) for way in (first, last)]
    if np.isfinite(limit_mw):
        curves.append(Curve("limit", pd.Series(1e3 * limit_mw, index=prices.index), LIMIT))
    panels = [
        Panel("Power of all cars", "kW", curves),
        Panel("Price to import", "per MWh", [Curve("price", prices, {"color": style.INK})]),
    ]
    week = profile("charging", panels, zone, "Power before and after, and prices", week_of(kw[first], zone))
    peaks = {way: by_period(kw[way], zone, "max") for way in ways}
    daily = bars(
        "peaks", list(peaks[first].index), {way: (list(values), looks[way]) for way, values in peaks.items()}, "kW",
        "Highest power by day or month, by way of charging",
    )  # fmt: skip
    says = f"Every car at once, and planned. The week of the highest power is shown first. Times are {zone}."
    parts = [
        Part("profile", "Before and after", says, [week], note="Double-click to see all of the time."),
        Part("peaks", "Peaks", "Highest mean power of an interval, by day (by month where it is long).", [daily]),
    ]
    return build_study_page(name, day, story, figures, parts)
