"""Reliability of a backtest as a chart: nominal against observed shares, and where what came fell in the band."""

from __future__ import annotations

import math

import pandas as pd

from gridloop.operate.report import style
from gridloop.operate.report.chart import Chart, Trace, numbers
from gridloop.operate.report.words import number

RIGHT = (0.1, 0.4, 0.4, 0.1)
"""Shares of the four parts, were every quantile right."""


def reliability_chart(table: pd.DataFrame, parts: pd.Series) -> Chart:
    """Left the diagram with the band of chance, right the shares of the parts.

    table  as `reliability` has it; parts as `bins` has them
    """
    x, y = [100 * v for v in table["nominal"]], [100 * v for v in table["observed"]]
    low, high = [100 * v for v in table["low"]], [100 * v for v in table["high"]]
    traces: list[Trace] = []
    known = not any(math.isnan(v) for v in low)
    if known:
        edge = {"shape": "linear", "color": style.tint(style.UNCONTROLLED, 0.4), "width": 0.6}
        common: Trace = {"type": "scatter", "mode": "lines", "line": edge, "x": [0.0, *x, 100.0], "hoverinfo": "skip"}
        traces += [
            common | {"y": numbers([0.0, *low, 100.0], 2), "showlegend": False, "name": "chance, low"},
            common | {"y": numbers([0.0, *high, 100.0], 2), "fill": "tonexty", "name": "chance alone, 9 times in 10",
                      "fillcolor": style.tint(style.UNCONTROLLED, 0.28)},
        ]  # fmt: skip
    traces += [
        {
            "type": "scatter", "mode": "lines", "x": [0, 100], "y": [0, 100], "name": "right",
            "line": {"color": style.MUTED, "width": 1, "dash": "dot"}, "hoverinfo": "skip",
        },
        {
            "type": "scatter", "mode": "lines+markers", "x": x, "y": numbers(y, 2), "name": "observed",
            "line": {"color": style.FORECAST, "width": 2, "shape": "linear"},
            "marker": {"color": style.FORECAST, "size": 9},
            "hovertemplate": "P%{x:.0f}: %{y:.1f} % stayed below<extra></extra>",
        },
        {
            "type": "bar", "x": [0, 1, 2, 3], "y": numbers([100 * v for v in parts], 2), "name": "share of what came",
            "showlegend": False, "xaxis": "x2", "yaxis": "y2",
            "marker": {"color": style.tint(style.FORECAST, 0.55)}, "text": [f"{number(100 * v, 1)} %" for v in parts],
            "textposition": "inside", "insidetextanchor": "start", "textfont": {"color": style.INK},
            "hovertemplate": "%{y:.1f} %<extra></extra>",
        },
        {
            "type": "scatter", "mode": "markers", "x": [0, 1, 2, 3], "y": [100 * v for v in RIGHT], "name": "right",
            "showlegend": False, "xaxis": "x2", "yaxis": "y2",
            "marker": {"symbol": "line-ew", "size": 58, "color": style.INK, "line": {"width": 2, "color": style.INK}},
            "hovertemplate": "right: %{y:.0f} %<extra></extra>",
        },
    ]  # fmt: skip
    small = {"size": 12, "color": style.MUTED}

    def words(text: str) -> dict[str, object]:
        return {"text": text, "font": small, "standoff": 6}

    layout = style.base_layout(420) | {
        "hovermode": "closest",
        "bargap": 0.35,
        "xaxis": {
            "domain": [0.0, 0.44], "zeroline": False, "range": [0, 100], "dtick": 20, "type": "linear",
            "tickfont": small, "gridcolor": style.GRID, "title": words("probability that the forecast names, %"),
        },
        "yaxis": style.value_axis("stayed below it, %", range=[0, 100], dtick=20),
        "xaxis2": {
            "domain": [0.56, 1.0], "anchor": "y2", "tickvals": [0, 1, 2, 3], "ticktext": list(parts.index),
            "tickfont": small, "range": [-0.6, 3.6], "showgrid": False, "title": words("where what came fell"),
        },
        "yaxis2": style.value_axis("share, %", anchor="x2", range=[0, max(50.0, 115 * float(parts.max()))]),
    }  # fmt: skip
    return Chart("chart-reliability", traces, layout, "Observed against nominal shares, and shares of the band's parts")


def reliability_said(table: pd.DataFrame) -> str:
    """Which quantiles are off by more than chance, and the coverage."""
    low, high = (float(table["observed"][name]) for name in ("p10", "p90"))
    text = f"{number(100 * (high - low), 1)} % fell between P10 and P90, where 80 % should."
    off = [
        f"{str(name).upper()} ({number(100 * float(row['observed']), 1)} % below it)"
        for name, row in table.iterrows()
        if not math.isnan(row["low"]) and not row["low"] <= row["observed"] <= row["high"]
    ]
    if off:
        text += f" Off by more than chance: {', '.join(off)}."
    elif not table["low"].isna().any():
        text += " All quantiles are within what chance alone would do."
    return text
