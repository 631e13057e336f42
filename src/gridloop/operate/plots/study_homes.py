"""The page of a community's study: its meter before and after, what is stored, the tariff, peaks, and who pays what."""

from __future__ import annotations

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
from gridloop.operate.report.words import escaped, number, table
from gridloop.optimize.studies.community import CommunityYear


def build_homes_page(
    name: str,
    day: str,
    story: list[str],
    figures: Comparison,
    year: CommunityYear,
    price: pd.Series,
    capacity_mwh: float,
    zone: str,
) -> str:
    """price: tariff of the year's hours; capacity_mwh: of all batteries together"""
    hours = year.hours
    before, after = 1e3 * hours["baseline_mw"], 1e3 * hours["net_mw"]
    panels = [
        Panel(
            "Common meter, import positive",
            "kW",
            [
                Curve("batteries rest", before, {"color": style.UNCONTROLLED}),
                Curve("planned", after, {"color": style.CONTROLLED}),
                Curve("highest import, planned", pd.Series(after.max(), index=hours.index), LIMIT),
            ],
        ),
        Panel(
            "Stored",
            "kWh",
            [
                Curve("stored", 1e3 * hours["stored_mwh"], {"color": style.CATEGORIES[3]}),
                Curve("capacity", pd.Series(1e3 * capacity_mwh, index=hours.index), LIMIT | {"showlegend": False}),
            ],
            1.3,
        ),
        Panel("Tariff", "per MWh", [Curve("tariff", price, {"color": style.INK})], 1.0),
    ]
    week = profile("homes", panels, zone, "Import before and after, energy stored, tariff", week_of(before, zone))
    highest = {way: by_period(one, zone, "max") for way, one in (("batteries rest", before), ("planned", after))}
    looks = {"batteries rest": style.UNCONTROLLED, "planned": style.CONTROLLED}
    peaks = bars(
        "peaks", list(highest["planned"].index), {way: (list(v), looks[way]) for way, v in highest.items()}, "kW",
        "Highest import by month or day, before and after",
    )  # fmt: skip
    rows = [
        [f"<b>{escaped(home)}</b>", *(number(float(row[c]), 2) for c in ("baseline_alone", "baseline", "cost")),
         number(100 * float(row["saved_share"]), 1)]
        for home, row in year.homes.iterrows()
    ]  # fmt: skip
    head = ["home", "meter of its own", "community, batteries rest", "community, planned", "saved, %"]
    bills = f'<div class="scroll">{table(head, rows, numeric=(1, 2, 3, 4))}</div>'
    parts = [
        Part("profile", "Before and after", f"The week of the highest import is shown first. Times are {zone}.", [week],
             note="Double-click to see all of the time."),
        Part("peaks", "Peaks", "Highest import of an hour, by month (by day where it is short).", [peaks]),
        Part("bills", "Who pays what", "Money over the time of the study.", html=bills),
    ]  # fmt: skip
    return build_study_page(name, day, story, figures, parts)
