"""Errors of a backtest as charts: by month, by local hour and by hours ahead, beside both persistences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.operate.report import style
from gridloop.operate.report.chart import Chart, Trace, line, numbers
from gridloop.operate.report.words import number

NAMES = {"": "forecast", "week": "last week", "day": "last day"}
"""The forecast, and what persistence said: the same time of the newest known week or day."""

LOOKS = {
    "": {"color": style.FORECAST, "width": 2.6},
    "week": {"color": style.UNCONTROLLED, "dash": "dash", "width": 1.8},
    "day": {"color": style.UNCONTROLLED, "dash": "dot", "width": 1.8},
}


NOTHING = 0.005
"""Share of the largest error below which there is none to speak of."""

BARS = {"": style.FORECAST, "week": style.UNCONTROLLED, "day": style.OTHER}


@dataclass(frozen=True)
class Measure:
    """The error that is drawn.

    column  of the error table: mape_pct, nmae_pct or mae
    title   with its unit, for the axis
    unit    behind a number
    """

    column: str
    title: str
    unit: str

    @classmethod
    def of(cls, column: str, unit: str) -> Measure:
        """A column of the error table, and the unit of what is forecast."""
        known = {
            "mape_pct": ("mean absolute error, % of the actual", "%"),
            "nmae_pct": ("mean absolute error, % of capacity", "%"),
            "mae": (f"mean absolute error, {unit}", unit),
        }
        return cls(column, *known[column])

    def digits(self, table: pd.DataFrame) -> int:
        """Decimals that tell the rows of a table apart."""
        size = float(np.nanmax(np.abs(table[self.column].to_numpy(dtype=float)), initial=0.0))
        return 2 if self.unit == "%" or size < 100 else 0


def month_chart(table: pd.DataFrame, measure: Measure) -> Chart:
    """Bars by month, the forecast beside the persistences. table: as `error_table` has it"""
    months = [
        f"{pd.Timestamp(m):%b}" + (f"<br>{pd.Timestamp(m):%Y}" if k == 0 or str(m).endswith("-01") else "")
        for k, m in enumerate(table.index)
    ]
    at = list(range(len(months)))
    traces: list[Trace] = []
    few = len(at) <= 14
    for name in ("day", "week", ""):
        values = table[f"{name}_{measure.column}" if name else measure.column]
        if not values.notna().any():
            continue
        text = [f"{number(v, 1)}" for v in values] if not name and few else []
        bar: Trace = {
            "type": "bar", "x": at, "y": numbers(values), "name": NAMES[name], "marker": {"color": BARS[name]},
            "text": text, "textposition": "outside", "cliponaxis": False,
            "hovertemplate": f"%{{y:.2f}} {measure.unit}<extra>{NAMES[name]}</extra>",
        }  # fmt: skip
        traces.append(bar)
    layout = style.base_layout(340) | {
        "barmode": "group",
        "bargap": 0.28,
        "xaxis": {
            "tickvals": at, "ticktext": months, "tickfont": {"size": 12, "color": style.MUTED},
            "range": [-0.6, len(at) - 0.4], "showgrid": False,
        },
        "yaxis": style.value_axis(measure.title, rangemode="tozero"),
    }  # fmt: skip
    return Chart("chart-month", traces, layout, "Error by month, beside persistence")


def line_chart(table: pd.DataFrame, measure: Measure, *, id_: str, title: str, every: float) -> Chart:
    """Lines over the whole-number index of an error table, such as the local hour. every: between labels"""
    x = [int(k) for k in table.index]
    traces: list[Trace] = []
    for name in ("day", "week", ""):
        values = table[f"{name}_{measure.column}" if name else measure.column]
        if values.notna().any():
            traces.append(
                line(x, values, name=NAMES[name], shape="linear", **LOOKS[name])  # type: ignore[arg-type]
                | {"hovertemplate": f"%{{y:.2f}} {measure.unit}<extra>{NAMES[name]}</extra>"}
            )
    layout = style.base_layout(340) | {
        "xaxis": {
            "title": {"text": title, "font": {"size": 12, "color": style.MUTED}, "standoff": 6},
            "type": "linear", "dtick": every, "tickfont": {"size": 12, "color": style.MUTED}, "gridcolor": style.GRID,
            "range": [min(x) - 0.3, max(x) + 0.3], "zeroline": False,
        },
        "yaxis": style.value_axis(measure.title, rangemode="tozero"),
    }  # fmt: skip
    return Chart(id_, traces, layout, f"Error by {title}, beside persistence")


def said(table: pd.DataFrame, measure: Measure, what: str) -> str:
    """Where the error is smallest and largest, and where persistence was better."""
    rival = table[[f"{n}_{measure.column}" for n in ("day", "week")]].min(axis=1)
    least = NOTHING * table[measure.column].max()
    own = table[measure.column][(table[measure.column] > least) | (rival > least)].dropna()  # not the night
    if own.empty:
        return "Nothing came that it could be compared with."
    digits = measure.digits(table)
    best, worst = int(own.argmin()), int(own.argmax())
    text = (
        f"From {number(float(own.iloc[best]), digits)} {measure.unit} {what.format(own.index[best])} to "
        f"{number(float(own.iloc[worst]), digits)} {measure.unit} {what.format(own.index[worst])}."
    )
    lost = [k for k in own.index if rival[k] < own[k]]
    if lost:
        text += f" Persistence was better {', '.join(what.format(k) for k in lost[:4])}"
        text += f" and {len(lost) - 4} more times." if len(lost) > 4 else "."
    else:
        text += " Better than persistence throughout."
    return text
