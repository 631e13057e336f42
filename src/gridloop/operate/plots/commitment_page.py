"""The page of a commitment: what covers the demand, what it costs at the margin, and which unit runs when."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridloop.operate.plots.commitment_hours import hour_axis, rows_by_hour
from gridloop.operate.plots.commitment_network import network_parts
from gridloop.operate.report import style
from gridloop.operate.report.chart import Chart, Part, Trace, extended, line, numbers
from gridloop.operate.report.page import document
from gridloop.operate.report.words import count, escaped, number, table
from gridloop.optimize.commitment.result import REASONS, Commitment

MOST_ROWS = 90
# From off to full: white stays for off.
_SHADES = [[0.0, "#dbe9f4"], [0.5, "#4a8dbb"], [1.0, "#0b3c5d"]]


def build_commitment_page(plan: Commitment) -> str:
    """One HTML file with everything inside; without a plan it shows the diagnosis."""
    name = plan.system.name or "commitment"
    if not plan.solved:
        return document(name, _head(plan), [Part("plan", "Plan", "There is no plan to show.")])
    return document(
        name, _head(plan), [_stack(plan), _prices(plan), *network_parts(plan), _chart(plan), _reasons(plan)]
    )


def _head(plan: Commitment) -> str:
    trouble = ""
    if plan.diagnosis is not None:
        said = [*plan.diagnosis.causes, plan.diagnosis.advice]
        trouble = f'<div class="trouble">{"".join(f"<p>{escaped(text)}</p>" for text in said)}</div>'
    story = f"No plan: {plan.status.replace('_', ' ')}."
    if plan.solved:
        starts = count(int(plan.start.to_numpy().sum()), "start")
        certain = "" if np.isinf(plan.gap) else f", at most {number(100 * plan.gap, 3)} % above the best there can be"
        story = f"The plan costs {number(plan.objective, 0)}{certain}; {starts}."
    size = f"{count(len(plan.system.unit), 'unit')}, {count(plan.system.hours, 'hour')}"
    return (
        f"<header><h1>{escaped(plan.system.name or 'Commitment')}</h1><p class='day'>unit commitment</p>"
        f"<p class='story'>{escaped(story)}</p>{trouble}<p class='meta'>{size}</p></header>"
    )


def _hours(plan: Commitment) -> list[str]:
    return [str(t) for t in range(plan.system.hours + 1)]


def _stack(plan: Commitment) -> Part:
    """What covers the demand: areas on one another, what runs throughout at the bottom."""
    on, p = plan.on, plan.p_mw
    throughout = on.columns[on.all()]
    switching = on.columns[~on.all() & on.any()]
    areas = {
        f"units that run throughout ({len(throughout)})": p[throughout].sum(axis=1),
        f"units that start or stop ({len(switching)})": p[switching].sum(axis=1),
        "renewables": plan.renewable_mw.sum(axis=1),
        "storage": plan.discharge_mw.sum(axis=1),
        "load that gives way": plan.curtailed_mw.sum(axis=1) + plan.left_out_mw.sum(axis=1),
    }
    traces: list[Trace] = []
    for (name, values), color in zip(areas.items(), style.CATEGORIES, strict=False):
        if float(np.nanmax(values.to_numpy(dtype=float), initial=0.0)) <= 0.0:
            continue
        traces.append(
            line(_hours(plan), extended(values), name=name, color=color, width=0.5)
            | {
                "stackgroup": "p",
                "fillcolor": style.tint(color, 0.85),
                "hovertemplate": f"%{{y:,.0f}} MW<extra>{name}</extra>",
            }
        )
    capacity = (on * plan.system.unit["p_max_mw"]).sum(axis=1) + plan.system.renewable_max_mw.sum(axis=1).to_numpy()
    for name, values, dash, color in (
        ("demand", plan.system.demand_mw, "solid", style.INK),
        ("capacity that runs", capacity, "dot", style.LIMIT),
    ):
        traces.append(
            line(_hours(plan), extended(values), name=name, dash=dash, color=color)
            | {"hovertemplate": f"%{{y:,.0f}} MW<extra>{name}</extra>"}
        )
    layout = style.base_layout(460) | {
        "yaxis": style.value_axis("MW", rangemode="tozero"),
        "xaxis": hour_axis(plan.system.hours),
    }
    curtailed = float((plan.system.renewable_max_mw.to_numpy() - plan.renewable_mw.to_numpy()).sum())
    says = (
        f"{number(float(plan.system.demand_mw.sum()), 0)} MWh of demand; "
        f"{number(float(plan.renewable_mw.to_numpy().sum()), 0)} MWh of it from renewables, "
        f"{number(max(curtailed, 0.0), 0)} MWh more could not be used."
    )
    return Part("stack", "What covers the demand", says, [Chart("chart-stack", traces, layout, "Output by kind")])


def _prices(plan: Commitment) -> Part:
    """What one more MWh, and one more MW of reserve, would cost with these units on."""
    traces = [
        line(_hours(plan), extended(plan.price_per_mwh), name="energy", color=style.CONTROLLED)
        | {"hovertemplate": "%{y:,.2f} per MWh<extra>energy</extra>"}
    ]
    reserve = plan.reserve_price_per_mw
    if (reserve > 0.0).any():
        traces.append(
            line(_hours(plan), extended(reserve), name="reserve", color=style.FORECAST)
            | {"hovertemplate": "%{y:,.2f} per MW<extra>reserve</extra>"}
        )
    layout = style.base_layout(280) | {"yaxis": style.value_axis("per MWh"), "xaxis": hour_axis(plan.system.hours)}
    price = plan.price_per_mwh
    says = (
        f"From {number(float(price.min()), 2)} in hour {int(price.argmin())} to {number(float(price.max()), 2)} in "
        f"hour {int(price.argmax())}; starts and no-load costs are not in it."
    )
    return Part("prices", "What one more MWh costs", says, [Chart("chart-prices", traces, layout, "Prices by hour")])


def _chart(plan: Commitment) -> Part:
    """Units by hour: white is off, the darker the nearer to full output."""
    on = plan.on
    hours_on = on.sum()
    size = plan.system.unit["p_max_mw"]
    order = sorted(on.columns, key=lambda i: (-int(hours_on[i]), -float(size[i]), str(i)))
    running = [i for i in order if hours_on[i] > 0]
    # those that switch tell more than those that never do
    switching = [i for i in running if not on[i].all()]
    throughout = [i for i in running if on[i].all()]
    kept_switching = switching[:MOST_ROWS]
    kept = set(throughout[: MOST_ROWS - len(kept_switching)]) | set(kept_switching)
    shown = [i for i in running if i in kept]
    share = (plan.p_mw[shown] / size[shown].clip(lower=1e-9)).where(on[shown])
    heat, layout = rows_by_hour({str(i): numbers(share[i]) for i in shown}, plan.system.hours, _SHADES, (0.0, 1.0))
    heat |= {
        "hoverongaps": False,
        "colorbar": {"title": {"text": "of most output"}, "tickformat": ".0%", "thickness": 12, "len": 0.6},
        "hovertemplate": "%{y}, hour %{x:.0f}: %{z:.0%}<extra></extra>",
    }
    says = (
        f"{count(len(running), 'unit')} of {len(on.columns)} run at some time, {len(switching)} of them start or stop."
    )
    note = f"Shown are {len(shown)} of those that run." if len(shown) < len(running) else ""
    chart = Chart("chart-units", [heat], layout, "Output of every unit that runs, by hour")
    return Part("units", "Which unit runs when", says, [chart], note=note)


def _reasons(plan: Commitment) -> Part:
    """How often which reason decides, in words."""
    codes = pd.Series(plan.reasons.to_numpy().ravel()).value_counts()
    rows = [
        [f"<b>{escaped(str(code))}</b>", f"A unit {escaped(REASONS[str(code)])}.", number(int(n), 0)]
        for code, n in codes.items()
    ]
    html = f'<div class="scroll">{table(["code", "what it means", "hours of units"], rows, numeric=(2,))}</div>'
    return Part("reasons", "Why units are where they are", "Every unit has a reason in every hour.", html=html)
