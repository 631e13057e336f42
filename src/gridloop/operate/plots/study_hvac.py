"""The page of a study of heating and cooling: a room before and after, power and prices, residuals of the model."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridloop.operate.plots.study_page import (
    LIMIT,
    Comparison,
    Curve,
    Panel,
    bars,
    build_study_page,
    profile,
)
from gridloop.operate.report import style
from gridloop.operate.report.chart import Part
from gridloop.operate.report.words import number, table
from gridloop.operate.studies.hvac_house import HouseStudy
from gridloop.operate.studies.hvac_result import BASELINE, PLANNED, RULE, WAYS, HvacStudy, Week
from gridloop.operate.studies.hvac_savings import HvacSavings

COLORS = dict(zip(WAYS, (style.UNCONTROLLED, style.CATEGORIES[4], style.CONTROLLED), strict=True))
BEFORE, ALONE, AFTER = {"color": COLORS[BASELINE]}, {"color": COLORS[RULE], "width": 1.4}, {"color": COLORS[PLANNED]}


def build_hvac_page(
    name: str, day: str, story: list[str], figures: Comparison, found: HvacStudy | HouseStudy, saved: HvacSavings,
    zone: str, currency: str,
) -> str:  # fmt: skip
    """One HTML file with everything inside."""
    study = found.study if isinstance(found, HouseStudy) else found
    week = study.weeks[0]
    shown = _moved_most(week)
    room = profile("room", _panels(week, shown, currency), zone, "Temperature with its band, power, prices and weather")
    parts = [
        Part(
            "room", "Before and after",
            f"{shown} is the room that the plan moved most. Grey: thermostats with set-back; violet: the rule alone, "
            f"which modulates without a plan; blue: planned. Times are {zone}.", [room],
            note="The band is that of the end of each hour.",
        )
    ]  # fmt: skip
    days = _daily(week, zone)
    sides = {way: (list(days[way]), color) for way, color in COLORS.items()}
    money = bars(
        "days", list(days.index), sides, currency, "Cost of energy by day",
    )  # fmt: skip
    parts.append(Part("days", "Money by day", "Cost of electricity at the prices of the hour.", [money]))
    parts.append(_saved_part(saved, currency))
    if isinstance(found, HouseStudy):
        parts += _model_parts(found)
    return build_study_page(name, day, story, figures, parts)


def _panels(week: Week, room: str, currency: str) -> list[Panel]:
    before, alone, after = (week.ways[way] for way in WAYS)
    low, high = week.bands[room]
    return [
        Panel(
            f"Temperature of {room}", "°C",
            [Curve("thermostat", before.air_c[room], BEFORE), Curve(RULE, alone.air_c[room], ALONE),
             Curve("planned", after.air_c[room], AFTER),
             Curve("band", low, LIMIT), Curve("upper end", high, LIMIT | {"showlegend": False})], 2.4,
        ),
        Panel(
            "Electric power, all rooms", "MW",
            [Curve("thermostats", before.table["p_mw"], BEFORE | {"showlegend": False}),
             Curve(RULE, alone.table["p_mw"], ALONE | {"showlegend": False}),
             Curve("planned", after.table["p_mw"], AFTER | {"showlegend": False})],
        ),
        Panel("Price", f"{currency}/MWh", [Curve("price", week.prices, {"color": style.INK})], 1.4),
        Panel(
            "Outside", "°C",
            [Curve("came", week.outdoor_c, {"color": style.CATEGORIES[3]}),
             Curve("foretold when planned", week.expected, {"color": style.FORECAST, "width": 1.4})], 1.4,
        ),
    ]  # fmt: skip


def _moved_most(week: Week) -> str:
    moved = (week.ways[PLANNED].heat_mw - week.ways[BASELINE].heat_mw).abs().sum()
    return str(moved.idxmax())


def _daily(week: Week, zone: str) -> pd.DataFrame:
    found = {}
    for way in WAYS:
        money = week.ways[way].table["p_mw"] * week.prices
        found[way] = money.groupby(pd.DatetimeIndex(money.index).tz_convert(zone).strftime("%m-%d"), sort=False).sum()
    return pd.DataFrame(found)


def _saved_part(saved: HvacSavings, currency: str) -> Part:
    """Energy, money and carbon against thermostats, how sure, and a year like it."""
    named = (("energy_mwh", "electricity, MWh", 3), ("cost", f"energy at its prices, {currency}", 2),
             ("carbon_t", "carbon, t", 3), ("peak_mw", "highest power, MW", 4))  # fmt: skip
    rows = []
    for name, words, digits in named:
        if name not in saved.saved.table.index:
            continue
        ends = saved.ends.get(name)
        cells = [number(saved.of(name, part), digits) for part in ("baseline", "actual", "saved")]
        sure = "–" if ends is None else f"{ends[0]:.1%} … {ends[1]:.1%}"
        year = number(saved.of(name, "saved", yearly=True), min(digits, 2))
        rows.append([words, *cells, f"{saved.of(name, 'saved_share'):.1%}", sure, year])
    head = ["", "thermostats", "planned", "saved", "share", "90 % of drawn days", "a year like it"]
    return Part(
        "saved", "Saved, and a year like it", " ".join(saved.saved.assumptions),
        html=table(head, rows, numeric=range(1, len(head))),
        note="The difference of the span is exact; what other days like these would have saved is told by drawing "
        "whole days.",
    )  # fmt: skip


def _model_parts(found: HouseStudy) -> list[Part]:
    """How far ahead the model is right, and whether its errors are white."""
    fitted = found.model.fitted
    assert fitted is not None
    white = fitted.whiteness
    lags = [str(k) for k in range(1, white.autocorrelation.size + 1)]
    residuals = bars(
        "residuals", lags,
        {"autocorrelation": (list(white.autocorrelation), style.CONTROLLED),
         "95 % of white errors": ([float(white.band)] * len(lags), style.UNCONTROLLED)},
        "", "Autocorrelation of one-step errors by hours apart, and the band of white ones",
    )  # fmt: skip
    verdict = "White" if white.white else "Not white"
    habit = "is a habit of the house (sun, people) that no column tells"
    if found.model.structure.habit:
        habit = "is more sudden than the two waves of the day that the model has"
    beyond = f"; beyond the band at {', '.join(map(str, white.beyond))} h" if white.beyond else ""
    rmse = found.ahead.rmse()
    ahead = bars(
        "ahead", [f"{k:g}" for k in rmse.index], {"RMSE": (list(np.asarray(rmse)), style.CONTROLLED)}, "K",
        "Error of the indoor temperature by hours ahead, on the days held back",
    )  # fmt: skip
    low, high = found.ahead.interval()
    return [
        Part(
            "ahead", "The model ahead",
            f"24 h ahead it errs by {found.ahead.rmse_k:.2f} K (90 %: {low:.2f} … {high:.2f}) on days it was not "
            "fitted to; heat and outside temperature as they came.", [ahead],
        ),
        Part(
            "residuals", "Residuals",
            f"{verdict}: Ljung-Box over {len(lags)} lags gives p = {white.p_value:.2g}{beyond}. What is left a day "
            f"apart {habit}.", [residuals],
        ),
    ]  # fmt: skip
