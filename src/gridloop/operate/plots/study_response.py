"""The page of a programme's study: loads before and after its events, what was delivered, and who bears it."""

from __future__ import annotations

import pandas as pd

from gridloop.market.demand_response.study import DRStudy
from gridloop.operate.plots.study_page import Comparison, Curve, Panel, bars, build_study_page, profile, week_of
from gridloop.operate.report import style
from gridloop.operate.report.chart import Part
from gridloop.operate.report.words import count, escaped, number, table


def build_response_page(
    name: str,
    day: str,
    story: list[str],
    figures: Comparison,
    study: DRStudy,
    recorded: pd.DataFrame,
    price: pd.Series,
    zone: str,
) -> str:
    """recorded: interval × customer, MW, without the programme; price: money per MWh"""
    parts = [_profile(study, recorded, price, zone)]
    if len(study.event):
        parts += [_events(study, zone), _groups(study)]
    return build_study_page(name, day, story, figures, parts)


def _profile(study: DRStudy, recorded: pd.DataFrame, price: pd.Series, zone: str) -> Part:
    before, after = (1e3 * one.sum(axis=1, min_count=1) for one in (recorded, study.meters))
    panels = [
        Panel(
            "All customers",
            "kW",
            [
                Curve("without programme", before, {"color": style.UNCONTROLLED}),
                Curve("with programme", after, {"color": style.CONTROLLED}),
            ],
        ),
        Panel("Less with the programme", "kW", [Curve("less", before - after, {"color": style.CATEGORIES[3]})], 1.2),
        Panel("Tariff", "per MWh", [Curve("tariff", price, {"color": style.INK})], 1.0),
    ]
    chart = profile("response", panels, zone, "Load before and after, and the tariff", week_of(before - after, zone))
    says = f"The week of the strongest answer is shown first. Times are {zone}."
    return Part("profile", "Before and after", says, [chart], note="Double-click to see all of the time.")


def _events(study: DRStudy, zone: str) -> Part:
    labels = [f"{start.tz_convert(zone):%Y-%m-%d}" for start in study.event.index]
    looks = {
        "expected_mw": style.OTHER, "true_mw": style.CONTROLLED, "measured_mw": style.FORECAST,
        "corrected_mw": style.CATEGORIES[3],
    }  # fmt: skip
    words = {"expected_mw": "expected", "true_mw": "truly", "measured_mw": "measured", "corrected_mw": "corrected"}
    sides = {words[c]: (list(1e3 * study.event[c].astype(float)), color) for c, color in looks.items()}
    chart = bars("events", labels, sides, "kW", "Delivered by event: expected, truly, measured, corrected")
    held = study.event[["low_mw", "high_mw"]].notna().all(axis=1)
    says = (
        f"{count(len(labels), 'event')}; the measurement's interval holds the truth in "
        f"{int(study.event.loc[held, 'holds'].sum())} of {int(held.sum())}."
    )
    return Part("events", "Delivered", says, [chart])


def _groups(study: DRStudy) -> Part:
    shown = [
        c
        for c in ("customers", "calls", "most_calls", "share_of_customers", "share_of_calls", "paid")
        if c in study.group
    ]
    rows = [[escaped(name), *(number(float(row[c]), 2) for c in shown)] for name, row in study.group.iterrows()]
    html = table(["group", *(c.replace("_", " ") for c in shown)], rows, numeric=range(1, len(shown) + 1))
    return Part("groups", "Who bears it", "By size of the customer.", html=html)
