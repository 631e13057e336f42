"""Batches over time: one row per line or furnace, what the plant did above what is planned, with the price below."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from gridloop.operate.report import style
from gridloop.operate.report.chart import Chart, Trace, extended, line
from gridloop.operate.report.words import escaped
from gridloop.optimize.devices.power_profile import HOUR
from gridloop.optimize.process.orders import OrderBook

WAYS = ("by itself", "planned")
COLORS = {"by itself": style.UNCONTROLLED, "planned": style.CONTROLLED}
BAR_PX = 9
ROW_PX = 46


def gantt(
    book: OrderBook,
    began: Mapping[str, pd.Timestamp],
    price: pd.Series,
    zone: str,
    currency: str,
    shown: pd.Timestamp,
    days: int = 2,
) -> Chart:
    """Two lanes per resource: the baseline above, the plan below; the days from `shown` on are seen first."""
    lanes = [name for name in book.resources if any(_first(task.holds) == name for task in book.tasks)]
    traces: list[Trace] = []
    for way, starts in zip(WAYS, (book.began, began), strict=True):
        x: list[str | None] = []
        y: list[float | None] = []
        text: list[str | None] = []
        for task in book.tasks:
            lane = lanes.index(_first(task.holds))
            at = starts[task.id]
            end = at + task.hours * HOUR
            height = -lane + (0.17 if way == WAYS[0] else -0.17)
            hours = f"{_clock(at, zone, '%H:%M')}–{_clock(end, zone, '%H:%M')}"
            said = f"{escaped(task.id)}: {hours}, {task.energy_mwh:.3f} MWh"
            x += [_clock(at, zone), _clock(end - pd.Timedelta(seconds=90), zone), None]
            y += [height, height, None]
            text += [said, said, None]
        traces.append(
            {"type": "scatter", "mode": "lines", "name": way, "x": x, "y": y, "text": text,
             "line": {"color": COLORS[way], "width": BAR_PX}, "hovertemplate": "%{text}<extra></extra>"}
        )  # fmt: skip
    index = pd.DatetimeIndex(price.index)
    clock = [_clock(at, zone) for at in [*index, index[-1] + (index[1] - index[0])]]
    unit = f"{currency}/MWh"
    traces.append(line(clock, extended(price), name="price", yaxis="y2", hovertemplate=f"%{{y:.1f}} {escaped(unit)}"))
    height = 170 + ROW_PX * len(lanes) + 110
    top, below = style.stacked([ROW_PX * len(lanes), 110], 0.12)
    begin = shown.tz_convert(zone).normalize()
    layout = style.base_layout(height) | {
        "hovermode": "closest",
        "modebar": {"orientation": "v"},
        "xaxis": {"type": "date", "anchor": "y2",
                  "range": [_clock(begin, zone), _clock(begin + pd.DateOffset(days=days), zone)],
                  "tickfont": {"size": 12, "color": style.MUTED}},
        "yaxis": {"domain": list(top), "tickvals": [-k for k in range(len(lanes))], "zeroline": False,
                  "ticktext": [escaped(name) for name in lanes], "range": [-len(lanes) + 0.5, 0.5], "showgrid": False,
                  "automargin": True},
        "yaxis2": style.value_axis(unit, domain=list(below)),
        "annotations": [style.panel_title("Batches", top[1]), style.panel_title("Price", below[1])],
    }  # fmt: skip
    return Chart("chart-gantt", traces, layout, "Batches by line, by itself and as planned, over the price")


def _first(holds: Mapping[str, float]) -> str:
    """The resource whose lane a task is drawn in: the first that it holds."""
    return next(iter(holds), "")


def _clock(at: pd.Timestamp, zone: str, form: str = "%Y-%m-%dT%H:%M:%S") -> str:
    return at.tz_convert(zone).strftime(form)
