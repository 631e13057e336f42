"""Fan charts: the band P10 to P90 and the median over time, beside what came and the days before."""

from __future__ import annotations

import pandas as pd

from gridloop.operate.plots.forecast_axis import Days
from gridloop.operate.report import style
from gridloop.operate.report.chart import Chart, Trace, band, extended, line

HEIGHT = 420
GAP = 1.5
"""Rows further apart than so many steps are drawn apart."""


def fan(
    name: str,
    rows: pd.DataFrame,
    actual: pd.Series,
    *,
    zone: str,
    step: pd.Timedelta,
    unit: str,
    reference: pd.Series | None = None,
    issued: bool = True,
    title: str = "",
) -> Chart:
    """One point's forecast.

    rows       valid_at (UTC), p10, p50, p90, and issued_at where `issued`, in order
    actual     UTC valid_at → value; from where the picture shall begin; NaN is a gap
    reference  what persistence said, at the times of `rows`
    issued     True where one issue is drawn: a line marks it
    """
    times = pd.DatetimeIndex(rows["valid_at"])
    start = min(times.min(), pd.Timestamp(actual.index.min())) if len(actual) else times.min()
    end = max(times.max(), pd.Timestamp(actual.index.max()) if len(actual) else times.max()) + step
    days = Days(zone, start, end)
    x = days.steps(times, step)
    form = f",.{_digits(rows['p50'].abs().max())}f"
    traces: list[Trace] = band(
        x, extended(rows["p10"]), extended(rows["p90"]), name="P10 to P90", color=style.FORECAST, alpha=0.26,
        unit=unit, ends=("P10", "P90"), form=form,
    )  # fmt: skip
    if reference is not None and reference.notna().any():
        traces.append(
            line(x, extended(reference), name="persistence", color=style.UNCONTROLLED, dash="dot", width=1.4)
            | {"hovertemplate": f"%{{y:{form}}} {unit}<extra>persistence</extra>"}
        )
    traces.append(
        line(x, extended(rows["p50"]), name="P50", color=style.FORECAST)
        | {"hovertemplate": f"%{{y:{form}}} {unit}<extra>P50</extra>"}
    )
    if len(actual):
        known = actual.reindex(pd.date_range(actual.index.min(), actual.index.max(), freq=step))
        traces.append(
            line(days.steps(pd.DatetimeIndex(known.index), step), extended(known), name="actual", color=style.INK)
            | {"hovertemplate": f"%{{y:{form}}} {unit}<extra>actual</extra>"}
        )
    layout = style.base_layout(HEIGHT) | {"xaxis": days.axis(), "yaxis": style.value_axis(unit)}
    if issued:
        at = pd.Timestamp(rows["issued_at"].iloc[0])
        if start <= at <= end:
            layout["shapes"] = [vertical(days.x(pd.DatetimeIndex([at]))[0])]
            layout["annotations"] = [issue_mark(days.x(pd.DatetimeIndex([at]))[0])]
    says = title or f"Forecast of {name} in quantiles, beside what came"
    return Chart(f"chart-fan-{_id(name)}", traces, layout, says)


def vertical(x: str) -> dict[str, object]:
    """A line from top to bottom."""
    return {
        "type": "line", "x0": x, "x1": x, "xref": "x", "y0": 0, "y1": 1, "yref": "paper",
        "line": {"color": style.MUTED, "width": 1, "dash": "dot"},
    }  # fmt: skip


def issue_mark(x: str) -> dict[str, object]:
    """The word at the line of the issue."""
    return {
        "text": "issued", "x": x, "y": 1, "xref": "x", "yref": "paper", "xanchor": "left", "yanchor": "top",
        "xshift": 4, "showarrow": False, "font": {"size": 11, "color": style.MUTED},
    }  # fmt: skip


def _digits(size: float) -> int:
    for digits, least in ((0, 1000.0), (1, 100.0), (2, 1.0)):
        if size >= least:
            return digits
    return 4


def _id(name: str) -> str:
    """Letters and digits only."""
    return "".join(c if c.isalnum() else "-" for c in name).strip("-").lower() or "fan"
