"""The page of an optimal power flow: prices and loading on the map, limits that cost money, generators with reasons."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from gridloop.operate.plots import price_map
from gridloop.operate.plots.picture import picture_of_network
from gridloop.operate.report.chart import Part
from gridloop.operate.report.page import document
from gridloop.operate.report.words import count, escaped, number, table
from gridloop.optimize.explain_flow import REASONS
from gridloop.optimize.optimal_flow import OptimalFlow

MOST_ROWS = 100
# A shadow price below this share of the largest is rounding of a solver, not a limit that costs money.
NO_PRICE = 1e-5


def build_optimum_page(flow: OptimalFlow, name: str = "") -> str:
    """One HTML file with everything inside; without an optimum it shows the grid and the diagnosis."""
    loading = pd.concat([flow.line["loading_pct"], flow.transformer["loading_pct"]])
    picture = picture_of_network(flow.network, flow.bus["v_pu"], loading, name)
    limits = binding_limits(flow)
    parts = [price_map.part(picture, flow.lmp, limits), _limits(limits, loading), _generators(flow)]
    return document(picture.name or "grid", _head(flow, picture.name), parts if flow.solved else parts[:1])


def binding_limits(flow: OptimalFlow) -> pd.Series:
    """Branches whose limit costs money → what one more MW of it saves per hour; the dearest first."""
    price = pd.concat([flow.line["shadow_price_per_mwh"], flow.transformer["shadow_price_per_mwh"]]).dropna().abs()
    dear = price[price > NO_PRICE * max(1.0, float(price.max()))] if len(price) else price
    found: pd.Series = dear.sort_values(ascending=False, kind="stable")
    return found


def _head(flow: OptimalFlow, name: str) -> str:
    trouble = ""
    if flow.diagnosis is not None:
        said = [*flow.diagnosis.causes, flow.diagnosis.advice]
        trouble = f'<div class="trouble">{"".join(f"<p>{escaped(text)}</p>" for text in said)}</div>'
    story = (
        f"{number(flow.cost, 2)} per hour, losses {number(flow.losses_mw, 2)} MW"
        + (f", {number(flow.emissions_t, 1)} t of CO₂ per hour" if math.isfinite(flow.emissions_t) else "")
        + "."
        if flow.solved
        else f"No optimum: {flow.status.replace('_', ' ')}."
    )
    net = flow.network
    size = (
        f"{count(len(net.bus), 'bus', 'buses')}, {count(len(net.line), 'line')}, "
        f"{count(len(net.transformer), 'transformer')}, {count(len(net.generator), 'generator')}; solved in "
        f"{number(flow.solve_s, 3)} s"
    )
    return (
        f"<header><h1>{escaped(name or 'Grid')}</h1><p class='day'>cheapest state, {flow.physics.upper()}</p>"
        f"<p class='story'>{escaped(story)}</p>{trouble}<p class='meta'>{size}</p></header>"
    )


def _limits(limits: pd.Series, loading: pd.Series) -> Part:
    heading = "Limits that cost money"
    if limits.empty:
        return Part("limits", heading, "None: no branch holds the cheapest generators back.")
    rows = [
        [f"<b>{escaped(branch)}</b>", number(float(value), 3), f"{number(float(loading[branch]), 1)} %"]
        for branch, value in zip(limits.index.astype(str), limits.head(MOST_ROWS), strict=False)
    ]
    html = f'<div class="scroll">{table(["branch", "one more MW saves, per h", "loading"], rows, numeric=(1, 2))}</div>'
    note = f"The dearest {MOST_ROWS} of {len(limits)}." if len(limits) > MOST_ROWS else ""
    return Part(
        "limits", heading, f"{count(len(limits), 'branch', 'branches')}, the dearest first.", html=html, note=note
    )


def _generators(flow: OptimalFlow) -> Part:
    shown = flow.generator.dropna(subset="p_mw").sort_values("p_mw", ascending=False, kind="stable")
    records: Any = shown.head(MOST_ROWS).to_dict("index")
    rows = [_row(str(name), row) for name, row in records.items()]
    head = ["generator", "MW", "cost per h", "why", "what one more MW of the limit saves, per h"]
    note = f"The largest {MOST_ROWS} of {len(shown)}." if len(shown) > MOST_ROWS else ""
    html = f'<div class="scroll">{table(head, rows, numeric=(1, 2, 4))}</div>'
    codes = shown["reason"].value_counts()
    said = ", ".join(f"{number(int(n), 0)} {str(code).replace('_', ' ')}" for code, n in codes.items())
    return Part("generators", "Generators", f"{count(len(shown), 'generator')}: {said}.", html=html, note=note)


def _row(name: str, row: dict[str, Any]) -> list[str]:
    why = REASONS.get(str(row["reason"]), str(row["reason"]).replace("_", " "))
    kind, _, element = str(row["binding"]).partition(":")
    if kind == "loading":
        why += f" (above all {element})"
    return [
        f"<b>{escaped(name)}</b>",
        number(float(row["p_mw"]), 2),
        number(float(row["cost_per_h"]), 2),
        escaped(why),
        number(float(row["shadow_price"]), 2),
    ]
