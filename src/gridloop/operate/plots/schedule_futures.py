"""The page of a schedule for several futures: import and prices of each, what each costs, and what is sent now."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from gridloop.operate.plots.schedule_page import net_mw, reasons_part
from gridloop.operate.plots.schedule_panels import Panels
from gridloop.operate.plots.schedule_words import scale
from gridloop.operate.report import style
from gridloop.operate.report.chart import Part
from gridloop.operate.report.page import document
from gridloop.operate.report.words import count, escaped, number, table
from gridloop.optimize.robust.plan import RobustPlan
from gridloop.optimize.robust.scenario import Scenario

MOST_FUTURES = len(style.CATEGORIES)


def futures_story(plan: RobustPlan) -> list[str]:
    """What a plan for several futures comes to, in sentences."""
    if plan.status != "optimal":
        return [f"No plan: {plan.status.replace('_', ' ')}."]
    said = [
        f"What is done now is best for {count(len(plan.scenarios), 'future')} together: {number(plan.mean, 2)} on "
        f"average, {number(plan.cvar, 2)} where it comes dear."
    ]
    if math.isinf(plan.on_the_mean):
        said.append("Who plans for their mean only is left without any plan in one of them.")
    elif not math.isnan(plan.on_the_mean):
        said.append(f"Who plans for their mean only pays {number(plan.value_of_stochastic, 2)} more.")
    if not math.isnan(plan.knowing):
        said.append(f"To know which one comes would save {number(plan.value_of_information, 2)}.")
    if plan.kept_weight < 1 - 1e-9:
        said.append(f"The connection's limits are kept in {number(100 * plan.kept_weight, 1)} % of the weight.")
    return said


def build_futures_page(
    plan: RobustPlan, scenarios: Sequence[Scenario], name: str, zone: str, *, on_network: bool
) -> str:
    """One HTML file with everything inside; without a plan it shows the diagnosis."""
    trouble = "" if plan.diagnosis is None else f'<div class="trouble"><p>{escaped(plan.diagnosis)}</p></div>'
    first, last = (t.tz_convert(zone) for t in (plan.horizon.starts[0], plan.horizon.ends[-1]))
    head = (
        f"<header><h1>{escaped(name)}</h1><p class='day'>schedule for {count(len(scenarios), 'future')}, "
        f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} {escaped(zone)}</p>"
        f"<p class='story'>{escaped(' '.join(futures_story(plan)))}</p>{trouble}</header>"
    )
    if plan.status != "optimal":
        return document(name, head, [Part("profile", "Profile", "There is no plan to show.")])
    parts = [_profile(plan, scenarios, zone), _costs(plan), reasons_part(plan, zone, on_network=on_network)]
    return document(name, head, parts)


def _profile(plan: RobustPlan, scenarios: Sequence[Scenario], zone: str) -> Part:
    shown = list(plan.plans)[:MOST_FUTURES]
    nets = {name: net_mw(plan.plans[name]) for name in shown}
    factor, unit = scale(max(float(net.abs().max()) for net in nets.values()))
    panels = Panels(plan.plans[shown[0]], zone)
    panels.panel("Connection", unit, 2.2)
    for k, name in enumerate(shown):
        panels.means(factor * nets[name], name, color=style.CATEGORIES[k])
    socs = {name: plan.plans[name].wide("soc") for name in shown}
    stores = [str(column) for column in socs[shown[0]].columns][:3]
    for store in stores:
        panels.panel(f"State of charge of {store}", "%", 1.4)
        for k, name in enumerate(shown):
            panels.means(100.0 * socs[name][store], name, color=style.CATEGORIES[k], showlegend=False)
    panels.panel("Price to import", "per MWh", 1.4)
    for k, name in enumerate(shown):
        prices = scenarios[k].prices
        column = prices["import_eur_per_mwh"] if isinstance(prices, pd.DataFrame) else prices
        panels.means(column, name, color=style.CATEGORIES[k], showlegend=False)
    note = f"The first {len(shown)} of {len(plan.plans)} futures." if len(plan.plans) > len(shown) else ""
    says = f"Import is positive. What is sent first is the same in every future. Times are {escaped(zone)}."
    return Part("profile", "Profile", says, [panels.chart("futures", "Import, stores and prices by future")], note=note)


def _costs(plan: RobustPlan) -> Part:
    rows = [
        [escaped(name), f"{number(100 * row['weight'], 1)} %", number(row["cost"], 2), number(row["cost_knowing"], 2)]
        for name, row in plan.scenarios.iterrows()
    ]
    html = table(["future", "weight", "cost", "had it been known"], rows, numeric=(1, 2, 3))
    return Part("costs", "Costs", "In money over the horizon, by future; what is earned is negative.", html=html)
