"""The page of a battery's study: a week of power, charge, offers and prices, and what each month earned."""

from __future__ import annotations

from collections.abc import Mapping

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
)
from gridloop.operate.report import style
from gridloop.operate.report.chart import Part
from gridloop.optimize.devices.connection import PRICES
from gridloop.optimize.devices.services import PRICE
from gridloop.optimize.studies.battery_year import BatteryYear

COLORS = (
    style.CATEGORIES[5], style.CONTROLLED, style.CATEGORIES[1], style.CATEGORIES[2], style.CATEGORIES[3],
    style.CATEGORIES[4],
)  # fmt: skip
WAYS_WITHOUT_FORECASTS = 2
SERVICES = {"regulation_up": "regulation up", "regulation_down": "regulation down", "reserve": "reserve"}
LOOKS = dict(zip(SERVICES, (style.CATEGORIES[0], style.CATEGORIES[3], style.CATEGORIES[5]), strict=True))


def build_battery_page(
    name: str,
    day: str,
    story: list[str],
    figures: Comparison,
    years: Mapping[str, BatteryYear],
    told: str,
    real: pd.DataFrame,
    expected: pd.DataFrame,
    zone: str,
    currency: str,
) -> str:
    """years: way → what it did; told: the way that is drawn; real, expected: prices that came, and of that way."""
    shown = years[told]
    battery, index = shown.battery, shown.table.index
    resting = pd.Series(0.0, index=index)
    sold = [service for service in SERVICES if shown.table[f"{service}_mw"].any()]

    def flat(value: float) -> pd.Series:
        return pd.Series(value, index=index)

    panels = [
        Panel(
            "Power, charging positive",
            "MW",
            [
                Curve("rests", resting, {"color": style.UNCONTROLLED}),
                Curve(told, shown.table["p_mw"], {"color": style.CONTROLLED}),
                Curve("power limits", flat(battery.max_charge_mw), LIMIT),
                Curve("lower limit", flat(-battery.max_discharge_mw), LIMIT | {"showlegend": False}),
            ],
        ),
        Panel(
            "State of charge",
            "%",
            [
                Curve("state of charge", 100 * shown.table["soc"], {"color": style.CATEGORIES[3]}),
                Curve("highest", flat(100 * battery.max_soc), LIMIT | {"showlegend": False}),
                Curve("lowest", flat(100 * battery.min_soc), LIMIT | {"showlegend": False}),
            ],
            1.4,
        ),
        *_offers(shown, sold),
        Panel(
            "Prices",
            f"{currency}/MWh",
            [
                Curve("price that came", real[PRICES[0]], {"color": style.INK}),
                Curve("price expected", expected[PRICES[0]], {"color": style.FORECAST, "width": 1.4}),
            ],
            1.4,
        ),
        *_paid(real, sold, currency),
    ]
    spread = shown.table["price_per_mwh"].groupby(pd.DatetimeIndex(index).tz_convert(zone).normalize())
    width = (spread.max() - spread.min()).to_numpy()
    busiest = pd.DatetimeIndex(spread.max().index)[int(width.argmax())] - pd.Timedelta(days=3)
    week = profile(
        "battery", panels, zone, "Power, state of charge and prices", max(busiest.tz_convert("UTC"), index[0])
    )
    sums = {way: by_period(_earned(year), zone, "sum") for way, year in years.items()}
    looks = dict(zip(years, COLORS[1:] if len(years) == WAYS_WITHOUT_FORECASTS else COLORS, strict=False))
    months = bars(
        "months", list(next(iter(sums.values())).index),
        {way: (list(values), looks[way]) for way, values in sums.items()}, currency,
        "Revenue less wear by month, by way of planning",
    )  # fmt: skip
    says = (
        f"Planned on what was known ({told}), at rest in grey. The week of the widest prices is shown first. "
        f"Times are {zone}."
    )
    parts = [
        Part("profile", "Before and after", says, [week], note="Double-click to see all of the time."),
        Part("months", "Money", "Revenue less wear; what is stored meanwhile is not in it. At rest: zero.", [months]),
    ]
    return build_study_page(name, day, story, figures, parts)


def _offers(year: BatteryYear, sold: list[str]) -> list[Panel]:
    """What is held ready, where anything is sold."""
    curves = [Curve(SERVICES[one], year.table[f"{one}_mw"], {"color": LOOKS[one]}) for one in sold]
    return [Panel("Held ready", "MW", curves, 1.4)] if curves else []


def _paid(real: pd.DataFrame, sold: list[str], currency: str) -> list[Panel]:
    """What came of the prices of that."""
    look = {"width": 1.4, "showlegend": False}
    curves = [Curve(f"price of {SERVICES[one]}", real[PRICE[one]], look | {"color": LOOKS[one]}) for one in sold]
    return [Panel("Prices of what is held ready, same colours", f"{currency}/MW", curves, 1.4)] if curves else []


def _earned(year: BatteryYear) -> pd.Series:
    table = year.table
    earned: pd.Series = table[["energy_money", "regulation_money", "reserve_money"]].sum(axis=1) - table["wear_money"]
    return earned
