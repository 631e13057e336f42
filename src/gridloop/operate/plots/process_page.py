"""The page of a process study: batches with the price, the load before and after with its peak, and the days' bills."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from gridloop.market.savings.savings import Savings
from gridloop.operate.plots.process_gantt import COLORS, WAYS, gantt
from gridloop.operate.plots.study_page import LIMIT, Comparison, Curve, Panel, bars, build_study_page, profile
from gridloop.operate.report import style
from gridloop.operate.report.chart import Part
from gridloop.operate.report.words import escaped
from gridloop.optimize.studies.process_month import ProcessMonth


def build_process_page(
    name: str,
    span: str,
    story: Sequence[str],
    figures: Comparison,
    month: ProcessMonth,
    saved: Savings,
    currency: str,
) -> str:
    """One HTML file; saved: the plan beside the record, as `savings` tells it."""
    table, zone = month.hours, month.zone
    peaks = {way: float(table[column].max()) for way, column in zip(WAYS, ("recorded_mw", "planned_mw"), strict=True)}
    day = (table["recorded_mw"] - table["planned_mw"]).abs().groupby(
        pd.DatetimeIndex(table.index).tz_convert(zone).normalize()
    ).sum()  # fmt: skip
    shown = pd.DatetimeIndex(day.index)[int(day.to_numpy().argmax())]
    flat = [
        Curve(f"peak {way}", pd.Series(peaks[way], index=table.index), LIMIT | {"color": COLORS[way]}) for way in WAYS
    ]
    panels = [
        Panel(
            "Load of the plant", "MW",
            [
                Curve(WAYS[0], table["recorded_mw"], {"color": style.UNCONTROLLED}),
                Curve(WAYS[1], table["planned_mw"], {"color": style.CONTROLLED}),
                Curve("base load", table["base_mw"], {"color": style.OTHER, "width": 1.2}),
                Curve("base load expected", table["base_ahead_mw"],
                      {"color": style.OTHER, "width": 1.2, "dash": "dot"}),
                *flat,
            ],
        ),
        Panel("Price", f"{currency}/MWh", [Curve("price", table["price"], {"color": style.INK, "width": 1.4})], 1.2),
    ]  # fmt: skip
    load = profile(
        "load", panels, zone, "Load before and after, and the price", max(shown - pd.Timedelta(days=1), table.index[0])
    )
    days = month.days
    money = bars(
        "days", [f"{at:%m-%d}" for at in days.index],
        {WAYS[0]: (list(days["recorded_energy_cost"]), COLORS[WAYS[0]]),
         WAYS[1]: (list(days["planned_energy_cost"]), COLORS[WAYS[1]])},
        currency, "Money for energy by day",
    )  # fmt: skip
    promise = "Every batch meets its due time." if not month.late else f"{len(month.late)} batches miss their due time."
    said = "".join(f"<li>{escaped(text)}</li>" for text in saved.assumptions)
    parts = [
        Part("gantt", "Batches", f"{promise} Grey: by itself. The two days from the one that moved most come first.",
             [gantt(month.book, month.began, table["price"], zone, currency, shown)],
             note="Double-click to see all of the time; point at a bar for its batch."),
        Part("load", "Before and after", f"Times are {zone}. Dashed: the highest load of either way.", [load]),
        Part("days", "Money for energy by day", "The peak is paid once, for all days.", [money]),
        Part("assumptions", "What has to hold", "", html=f"<ul>{said}</ul>"),
    ]  # fmt: skip
    return build_study_page(name, span, story, figures, parts)
