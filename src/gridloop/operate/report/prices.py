"""Prices, and where in time control moved consumption to and from."""

from __future__ import annotations

import pandas as pd

from gridloop.operate.report import facts, style
from gridloop.operate.report.chart import Chart, Part, Trace, extended, line, numbers
from gridloop.operate.report.clock import LocalClock
from gridloop.operate.report.tables import BASELINE, CONTROLLED, RunTables
from gridloop.operate.report.words import number

IMPORT, EXPORT = "price_import_eur_per_mwh", "price_export_eur_per_mwh"


def part(tables: RunTables, clock: LocalClock) -> Part:
    """The section with the prices above and the moved power below."""
    heading = "Prices and moved energy"
    ticks = tables.ticks_of.get(CONTROLLED, tables.ticks_of.get(BASELINE))
    if ticks is None:
        return Part("prices", heading, "No tick was stored.")
    x = clock.steps(ticks["valid_at"], float(ticks["hours"].iloc[-1]))
    traces: list[Trace] = []
    for column, name, color in ((IMPORT, "import price", style.INK), (EXPORT, "export price", "#009e73")):
        traces.append(
            line(
                x,
                extended(ticks[column]),
                name=name,
                color=color,
                digits=2,
                hovertemplate=f"%{{y:.1f}} EUR/MWh<extra>{name}</extra>",
            )
        )
    moved = facts.moved_power(tables)
    domains = style.stacked([1.0, 0.9], 0.12) if len(moved) else [(0.0, 1.0)]
    layout = style.base_layout(500 if len(moved) else 320) | {
        "xaxis": clock.axis(anchor="y2" if len(moved) else "y"),
        "yaxis": style.value_axis("EUR/MWh", domain=list(domains[0]), zeroline=True, zerolinecolor=style.OTHER),
        "annotations": [style.panel_title("Price at the connection", domains[0][1])],
        "bargap": 0,
    }
    if len(moved):
        layout["yaxis2"] = style.value_axis("MW", domain=list(domains[1]), zeroline=True, zerolinecolor=style.OTHER)
        title = "Consumption of batteries and EVs, controlled less uncontrolled"
        layout["annotations"].append(style.panel_title(title, domains[1][1]))
        traces += _bars(moved, clock, float(ticks["hours"].iloc[0]))
    chart = Chart("chart-prices", traces, layout, "Import and export price, and the power that control moved")
    return Part("prices", heading, _says(tables, moved), [chart])


def _bars(moved: pd.Series, clock: LocalClock, hours: float) -> list[Trace]:
    """Bars that fill their interval; up: consumption brought here, down: taken away."""
    width = hours * 3_600_000
    x = clock.x(pd.DatetimeIndex(moved.index))
    sides = (
        ("moved here", moved.clip(lower=0), style.CONTROLLED),
        ("moved away", moved.clip(upper=0), style.CATEGORIES[1]),
    )
    return [
        {
            "type": "bar",
            "x": x,
            "y": [v or None for v in numbers(values)],
            "width": width,
            "offset": 0,
            "name": name,
            "yaxis": "y2",
            "marker": {"color": color, "line": {"width": 0}},
            "hovertemplate": f"%{{y:.2f}} MW<extra>{name}</extra>",
        }
        for name, values, color in sides
    ]


def _says(tables: RunTables, moved: pd.Series) -> str:
    if moved.empty:
        return "Only one run was stored, so nothing can be compared."
    ticks = tables.ticks_of[CONTROLLED].set_index("valid_at").loc[moved.index]
    energy = moved * ticks["hours"].astype(float)
    price = ticks[IMPORT].astype(float)
    here, away = energy.clip(lower=0), -energy.clip(upper=0)
    if here.sum() < 1e-9 or away.sum() < 1e-9:
        return "Control moved no energy between intervals."
    return (
        f"{number(here.sum(), 1)} MWh were consumed when the import price was "
        f"{number((here * price).sum() / here.sum(), 1)} EUR/MWh on average, and {number(away.sum(), 1)} MWh less "
        f"when it was {number((away * price).sum() / away.sum(), 1)} EUR/MWh."
    )
