"""Load, solar, wind and import against what was forecast for them at a chosen lead, with bands."""

from __future__ import annotations

from typing import Any

import pandas as pd

from gridloop.operate.report import style
from gridloop.operate.report.chart import Chart, Part, Trace, band, extended, line
from gridloop.operate.report.clock import LocalClock
from gridloop.operate.report.facts import net_import
from gridloop.operate.report.info import RunInfo
from gridloop.operate.report.tables import BASELINE, CONTROLLED, RunTables
from gridloop.operate.report.words import number

KINDS = ("load", "solar", "wind")
# Name of the button, and how long before its interval a forecast must have been issued; None: the day's first.
LEADS: tuple[tuple[str, pd.Timedelta | None], ...] = (
    ("issued at the start of the day", None),
    ("issued 4 h ahead", pd.Timedelta(hours=4)),
    ("issued 1 h ahead", pd.Timedelta(hours=1)),
)
QUANTILES = ["p10", "p50", "p90"]
Sums = dict[str, pd.DataFrame]


def totals(tables: RunTables, info: RunInfo, kind: str) -> pd.DataFrame:
    """Sum over the groups of a kind: issued_at, valid_at, p10, p50, p90. [MW]

    An interval for which a group has no forecast is left out: a sum over fewer groups is not the total.
    """
    points = [point for point, of in info.groups.items() if of == kind]
    rows = tables.forecasts[tables.forecasts["point"].isin(points)]
    if rows.empty:
        return pd.DataFrame(columns=["issued_at", "valid_at", *QUANTILES])
    rows = rows.astype(dict.fromkeys(QUANTILES, float))
    grouped = rows.groupby(["issued_at", "valid_at"])
    whole = grouped["point"].nunique() == rows["point"].nunique()
    return grouped[QUANTILES].sum(min_count=1)[whole].reset_index()


def at_lead(rows: pd.DataFrame, lead: pd.Timedelta | None) -> pd.DataFrame:
    """The newest rows issued at least `lead` before their interval; the earliest issue where lead is None.

    Returns them indexed by valid_at.
    """
    if rows.empty:
        return rows.set_index("valid_at")
    if lead is None:
        rows = rows[rows["issued_at"] == rows["issued_at"].min()]
    else:
        rows = rows[rows["issued_at"] <= rows["valid_at"] - lead]
    return rows.sort_values("issued_at").drop_duplicates("valid_at", keep="last").set_index("valid_at").sort_index()


def planned_import(tables: RunTables) -> pd.DataFrame:
    """Import less export of every plan: issued_at, valid_at, p50. [MW]"""
    rows = tables.plans[tables.plans["quantity"].isin(["import_mw", "export_mw"])]
    if rows.empty:
        return pd.DataFrame(columns=["issued_at", "valid_at", "p50"])
    signed = rows["value"].astype(float).where(rows["quantity"] == "import_mw", -rows["value"].astype(float))
    moved = rows.assign(p50=signed).groupby(["issued_at", "valid_at", "hours"], as_index=False)["p50"].sum()
    # Plans are coarser further ahead: a long interval becomes as many short ones, so that leads compare.
    step = float(moved["hours"].min())
    times = (moved["hours"] / step).round().astype(int)
    fine = moved.loc[moved.index.repeat(times)]
    nth = fine.groupby(level=0).cumcount()
    fine["valid_at"] = fine["valid_at"] + pd.to_timedelta(nth * step, unit="h")
    return pd.DataFrame(fine[["issued_at", "valid_at", "p50"]]).reset_index(drop=True)


def part(tables: RunTables, info: RunInfo, clock: LocalClock) -> Part:
    """The section with one panel per kind and one for the import."""
    heading = "Forecast and actual"
    ticks = tables.ticks_of.get(BASELINE, tables.ticks_of.get(CONTROLLED))
    if ticks is None:
        return Part("expected", heading, "No tick was stored.")
    sums = {kind: totals(tables, info, kind) for kind in KINDS}
    plans = planned_import(tables)
    kinds = [kind for kind in KINDS if len(sums[kind]) or ticks[f"{kind}_mw"].astype(float).abs().any()]
    panels = [*kinds, "import"]
    domains = style.stacked([1.0] * len(panels), 0.085)
    height = 140 + 172 * len(panels)
    layout = style.base_layout(height) | {
        "xaxis": clock.axis(anchor="y" if len(panels) == 1 else f"y{len(panels)}"),
        "annotations": [style.panel_title(_title(p), top) for p, (_, top) in zip(panels, domains, strict=True)],
    }
    fixed: list[Trace] = []
    by_lead: list[list[Trace]] = [[] for _ in LEADS]
    for i, panel in enumerate(panels):
        axis = "y" if i == 0 else f"y{i + 1}"
        layout["yaxis" if i == 0 else f"yaxis{i + 1}"] = style.value_axis(
            "MW", domain=list(domains[i]), zeroline=panel == "import", zerolinecolor=style.OTHER
        )
        for k, (_, lead) in enumerate(LEADS):
            expected = _import_band(plans, sums, lead) if panel == "import" else at_lead(sums[panel], lead)
            by_lead[k] += _expected(expected, clock, axis, show=i == 0)
        fixed += _import_lines(tables, clock, axis) if panel == "import" else _actual(ticks, panel, clock, axis, i == 0)
    layout["updatemenus"] = [_buttons(by_lead, len(fixed))]
    layout["margin"] = layout["margin"] | {"t": 106}
    traces = [trace | {"visible": k == 0} for k, group in enumerate(by_lead) for trace in group]
    chart = Chart("chart-expected", traces + fixed, layout, "Actual load, solar, wind and import with forecast bands")
    return Part("expected", heading, _says(sums, ticks, kinds), [chart], note=_NOTE)


_NOTE = (
    "The band is the sum of group bands, P10 to P90: it is wider than the band of the sum, because not every group "
    "errs in the same direction at once. Solar and wind are what was available, before curtailment. The band of the "
    "import is the plan of that time, less or more by the bands of load, solar and wind together."
)


def _title(panel: str) -> str:
    return {"load": "Load without EVs", "solar": "Solar", "wind": "Wind", "import": "Import (export below zero)"}[panel]


def _expected(rows: pd.DataFrame, clock: LocalClock, axis: str, show: bool) -> list[Trace]:
    """Band and median of one panel; empty traces keep the count equal, so that a button can switch all of them."""
    hours = _step_hours(rows.index)
    x = clock.steps(pd.DatetimeIndex(rows.index), hours) if len(rows) else []
    low, mid, high = (extended(rows[q]) if q in rows else [float("nan")] * len(x) for q in QUANTILES)
    area = band(
        x,
        low,
        high,
        name="sum of group bands, P10–P90",
        color=style.FORECAST,
        yaxis=axis,
        ends=("P10", "P90"),
        legendgroup="band",
    )
    area[1]["showlegend"] = show
    for trace, end in zip(area, ("P10", "P90"), strict=True):
        trace["hovertemplate"] = f"%{{y:.2f}} MW<extra>{end}</extra>"
    median = line(
        x,
        mid,
        name="forecast, P50",
        color=style.FORECAST,
        width=1.6,
        dash="6px,3px",
        yaxis=axis,
        legendgroup="p50",
        showlegend=show,
        hovertemplate="%{y:.2f} MW<extra>P50</extra>",
    )
    return [*area, median]


def _actual(ticks: pd.DataFrame, kind: str, clock: LocalClock, axis: str, show: bool) -> list[Trace]:
    x = clock.steps(ticks["valid_at"], float(ticks["hours"].iloc[-1]))
    return [
        line(
            x,
            extended(ticks[f"{kind}_mw"]),
            name="actual",
            color=style.INK,
            width=1.8,
            yaxis=axis,
            legendgroup="actual",
            showlegend=show,
            hovertemplate="%{y:.2f} MW<extra>actual</extra>",
        )
    ]


def _import_lines(tables: RunTables, clock: LocalClock, axis: str) -> list[Trace]:
    traces = []
    for run in tables.runs:
        ticks = tables.ticks_of[run]
        name = style.RUN_NAME[run]
        traces.append(
            line(
                clock.steps(ticks["valid_at"], float(ticks["hours"].iloc[-1])),
                extended(net_import(ticks)),
                name=f"import, {name}",
                color=style.RUN_COLOR[run],
                yaxis=axis,
                hovertemplate=f"%{{y:.2f}} MW<extra>{name}</extra>",
            )
        )
    return traces


def _import_band(plans: pd.DataFrame, sums: Sums, lead: pd.Timedelta | None) -> pd.DataFrame:
    """The plan's import at a lead, and around it the widest residual load that the three bands allow."""
    plan = at_lead(plans, lead)
    if plan.empty:
        return plan
    up = pd.Series(0.0, index=plan.index)
    down = pd.Series(0.0, index=plan.index)
    for kind in KINDS:
        rows = at_lead(sums[kind], lead).reindex(plan.index)
        if rows["p50"].notna().any():
            above, below = rows["p90"] - rows["p50"], rows["p50"] - rows["p10"]
            up, down = (up + above, down + below) if kind == "load" else (up + below, down + above)
    return plan.assign(p10=plan["p50"] - down, p90=plan["p50"] + up)


def _step_hours(index: pd.Index) -> float:
    times = pd.DatetimeIndex(index)
    return float((times[-1] - times[-2]) / pd.Timedelta(hours=1)) if len(times) > 1 else 0.25


def _buttons(by_lead: list[list[Trace]], fixed: int) -> dict[str, Any]:
    buttons = []
    for k, (name, _) in enumerate(LEADS):
        visible = [j == k for j, group in enumerate(by_lead) for _ in group] + [True] * fixed
        buttons.append({"label": name, "method": "restyle", "args": [{"visible": visible}]})
    return {
        "type": "buttons",
        "direction": "right",
        "x": 0,
        "xanchor": "left",
        "y": 1,
        "yanchor": "bottom",
        "pad": {"b": 28},
        "showactive": True,
        "bgcolor": "#ffffff",
        "bordercolor": style.OTHER,
        "font": {"size": 12},
        "buttons": buttons,
    }


def _says(sums: Sums, ticks: pd.DataFrame, kinds: list[str]) -> str:
    said = []
    actual = ticks.set_index("valid_at")
    for kind in kinds:
        rows = at_lead(sums[kind], LEADS[-1][1])
        both = rows.join(actual[f"{kind}_mw"].astype(float).rename("actual"), how="inner").dropna()
        if len(both):
            inside = ((both["actual"] >= both["p10"]) & (both["actual"] <= both["p90"])).mean()
            said.append(f"{kind} {number(100 * inside, 0)} %")
    if not said:
        return "No forecast of a group was stored, so only the actual values are drawn."
    return f"Share of the intervals in which the actual value lay inside the band issued 1 h ahead: {', '.join(said)}."
