"""The page of a dispatch: outputs over time or beside the proportional baseline, prices, savings, and why."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from gridloop.operate.report import style
from gridloop.operate.report.chart import Chart, Part, Trace, extended, line, numbers
from gridloop.operate.report.page import document
from gridloop.operate.report.words import count, escaped, number, table
from gridloop.optimize.dispatch_result import Dispatch
from gridloop.optimize.explain_dispatch import sentence

# Units that have a colour of their own; the others are drawn as one.
MOST_UNITS = len(style.CATEGORIES)
MOST_BARS = 30
MOST_ROWS = 100
OTHERS = "other units"


def build_dispatch_page(found: Dispatch, name: str = "") -> str:
    """One HTML file with everything inside; without an answer it shows the diagnosis."""
    if not found.solved:
        return document(
            name or "dispatch", _head(found, name), [Part("units", "Units", "There is no dispatch to show.")]
        )
    outputs = _over_time(found) if len(found.step) > 1 else _bars(found)
    return document(name or "dispatch", _head(found, name), [outputs, _units(found)])


def _head(found: Dispatch, name: str) -> str:
    trouble = ""
    if found.diagnosis is not None:
        said = [*found.diagnosis.causes, found.diagnosis.advice]
        trouble = f'<div class="trouble">{"".join(f"<p>{escaped(text)}</p>" for text in said)}</div>'
    story = f"No dispatch: {found.status.replace('_', ' ')}."
    if found.solved:
        story = f"{number(found.cost / found.hours, 2)} per hour"
        if math.isfinite(found.baseline_cost):
            story += (
                f", {number(found.savings_per_h, 2)} less than in proportion to capacity: "
                f"{number(found.savings_per_year, 0)} in a year of such hours"
            )
        story += "."
        if math.isfinite(found.renewable_share):
            story += f" Renewable share {number(100 * found.renewable_share, 1)} %."
        if math.isfinite(found.emissions_t):
            story += f" {number(found.emissions_t / found.hours, 1)} t of CO₂ per hour."
    steps = f"{count(len(found.step), 'step')} of {number(float(found.step['hours'].iloc[0]), 2)} h"
    return (
        f"<header><h1>{escaped(name or 'Dispatch')}</h1><p class='day'>economic dispatch, {steps}</p>"
        f"<p class='story'>{escaped(story)}</p>{trouble}</header>"
    )


def _bars(found: Dispatch) -> Part:
    """One step: what every unit gives, beside the baseline, under what it could give."""
    units = found.unit.loc[found.step.index[0]].sort_values("p_mw", ascending=False, kind="stable")
    shown = units.head(MOST_BARS)
    names = [str(n) for n in shown.index]

    def bar(column: str, title: str, color: str) -> Trace:
        return {
            "type": "bar", "x": names, "y": numbers(shown[column]), "name": title, "marker": {"color": color},
            "hovertemplate": f"%{{y:.2f}} MW<extra>{title}</extra>",
        }  # fmt: skip

    limits: Trace = {
        "type": "scatter",
        "mode": "markers",
        "x": names,
        "y": numbers(shown["available_mw"]),
        "name": "most it can give",
        "marker": {"symbol": "line-ew", "size": 26, "line": {"width": 2, "color": style.LIMIT}},
        "hovertemplate": "%{y:.2f} MW<extra>most it can give</extra>",
    }
    layout = style.base_layout(420) | {"barmode": "group", "bargap": 0.35, "yaxis": style.value_axis("MW")}
    layout["xaxis"] = {"type": "category", "tickfont": {"size": 12, "color": style.MUTED}}
    traces = [
        bar("p_mw", "cheapest", style.CONTROLLED),
        bar("baseline_mw", "in proportion to capacity", style.UNCONTROLLED),
        limits,
    ]
    step = found.step.iloc[0]
    says = (
        f"{number(float(step['demand_mw']), 2)} MW of demand"
        + (f" and {number(float(step['losses_mw']), 2)} MW of losses" if step["losses_mw"] else "")
        + f"; one more MWh costs {number(float(step['price_per_mwh']), 2)}."
    )
    note = f"The largest {MOST_BARS} of {len(units)} units." if len(units) > MOST_BARS else ""
    chart = Chart("chart-dispatch", traces, layout, "Outputs of units beside the proportional baseline")
    return Part("dispatch", "Outputs", says, [chart], note=note)


def _over_time(found: Dispatch) -> Part:
    """Several steps: outputs as areas on one another, and the price below."""
    p = found.p_mw
    p.columns = [str(c) for c in p.columns]
    order = list(p.sum().sort_values(ascending=False, kind="stable").index)
    own = order if len(order) <= MOST_UNITS else order[: MOST_UNITS - 1]
    areas = {name: p[name] for name in own}
    if len(own) < len(order):
        areas[OTHERS] = p[order[len(own) :]].sum(axis=1)
    ends = _ends(found)
    traces: list[Trace] = []
    for (name, values), color in zip(areas.items(), style.CATEGORIES, strict=False):
        shade = style.OTHER if name == OTHERS else color
        traces.append(
            line(ends, extended(values), name=name, color=shade, width=0.5)
            | {
                "stackgroup": "p",
                "fillcolor": style.tint(shade, 0.8),
                "hovertemplate": f"%{{y:.1f}} MW<extra>{name}</extra>",
            }
        )
    demand = extended(found.step["demand_mw"])
    traces.append(line(ends, demand, name="demand", hovertemplate="%{y:.1f} MW<extra>demand</extra>"))
    price = extended(found.price)
    traces.append(
        line(
            ends,
            price,
            name="price",
            color=style.LIMIT,
            yaxis="y2",
            hovertemplate="%{y:.2f} per MWh<extra>price</extra>",
        )
    )
    top, bottom = style.stacked([3.0, 1.0], 0.1)
    layout = style.base_layout(560) | {
        "modebar": {"orientation": "v"},  # the legend has a name per unit, and needs the room
        "yaxis": style.value_axis("MW", domain=list(top), rangemode="tozero"),
        "yaxis2": style.value_axis("per MWh", domain=list(bottom)),
        "xaxis": {"anchor": "y2", "tickfont": {"size": 12, "color": style.MUTED}},
    }
    says = (
        f"Demand from {number(float(found.step['demand_mw'].min()), 1)} to "
        f"{number(float(found.step['demand_mw'].max()), 1)} MW; prices from {number(float(found.price.min()), 2)} to "
        f"{number(float(found.price.max()), 2)} per MWh."
    )
    chart = Chart("chart-dispatch", traces, layout, "Outputs of units over time, and the price")
    return Part("dispatch", "Outputs over time", says, [chart])


def _ends(found: Dispatch) -> list[str]:
    """Starts of all steps, and the end of the last."""
    times = found.step.index
    if isinstance(times, pd.DatetimeIndex):
        last = times[-1] + pd.Timedelta(hours=float(found.step["hours"].iloc[-1]))
        return [f"{t:%Y-%m-%dT%H:%M:%S}" for t in [*times, last]]
    return [str(t) for t in [*times, len(times)]]


def _units(found: Dispatch) -> Part:
    first = found.step.index[0]
    shown = found.unit.loc[first].sort_values("p_mw", ascending=False, kind="stable")
    rows = []
    records: Any = shown.head(MOST_ROWS).to_dict("index")
    for name, row in records.items():
        other = str(row["next_best"])
        dearer = number(float(row["next_best_per_mwh"]), 2, sign=True) if other else ""
        rows.append(
            [
                f"<b>{escaped(name)}</b>",
                number(float(row["p_mw"]), 2),
                number(float(row["baseline_mw"]), 2),
                number(float(row["cost_per_h"]), 2),
                number(float(row["marginal_per_mwh"]), 2),
                escaped(sentence(row)),
                f"{escaped(other)} ({dearer} per MWh)" if other else "–",
            ]
        )
    head = ["unit", "MW", "baseline, MW", "cost per h", "next MWh", "why", "next best"]
    says = "" if len(found.step) == 1 else f"In the first step, {first}. "
    note = f"The largest {MOST_ROWS} of {len(shown)}." if len(shown) > MOST_ROWS else ""
    html = f'<div class="scroll">{table(head, rows, numeric=(1, 2, 3, 4))}</div>'
    return Part("units", "Units", says + "Next best is who would give the next MWh instead.", html=html, note=note)
