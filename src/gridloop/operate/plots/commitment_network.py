"""A commitment's network on its page: how far prices lie apart by bus, and how loaded the branches are that matter."""

from __future__ import annotations

import numpy as np

from gridloop.operate.plots.commitment_hours import hour_axis, rows_by_hour
from gridloop.operate.report import style
from gridloop.operate.report.chart import Chart, Part, extended, line, numbers
from gridloop.operate.report.words import count, escaped, number, table
from gridloop.optimize.commitment.result import Commitment

MOST_BRANCHES = 40
# From 60 % up to full.
_SHADES = [[0.0, "#f3f5f7"], [0.75, "#e9b872"], [1.0, "#b3261e"]]


def network_parts(plan: Commitment) -> list[Part]:
    """Parts of the page; none where there is no network."""
    if not len(plan.bus_price_per_mwh):
        return []
    return [_spread(plan), _loading(plan)]


def _spread(plan: Commitment) -> Part:
    """The cheapest and the dearest bus of every hour."""
    price = plan.bus_price_per_mwh
    hours = [str(t) for t in range(plan.system.hours + 1)]
    traces = [
        line(hours, extended(values), name=name, color=color)
        | {"hovertemplate": f"%{{y:,.2f}} per MWh<extra>{name}</extra>"}
        for name, values, color in (
            ("dearest bus", price.max(axis=1), style.LIMIT),
            ("cheapest bus", price.min(axis=1), style.CONTROLLED),
        )
    ]
    layout = style.base_layout(260) | {"yaxis": style.value_axis("per MWh"), "xaxis": hour_axis(plan.system.hours)}
    apart = (price.max(axis=1) - price.min(axis=1)).to_numpy()
    hour = int(np.nanargmax(apart))
    says = "Prices are the same at all buses in all hours: no limit of the network costs anything."
    if apart[hour] > 0.005:
        says = (
            f"Prices lie up to {number(float(apart[hour]), 2)} per MWh apart, in hour {hour}: between "
            f"{escaped(str(price.loc[hour].idxmin()))} and {escaped(str(price.loc[hour].idxmax()))}."
        )
    return Part("bus-prices", "Prices by bus", says, [Chart("chart-bus-prices", traces, layout, "Prices by bus")])


def _loading(plan: Commitment) -> Part:
    """Loaded branches by hour, those that cost money first."""
    loading, congested = plan.loading_pct, plan.congested()
    worst = loading.max().sort_values(ascending=False, kind="stable")
    shown = [*congested.index, *(b for b in worst.index if b not in congested.index)]
    shown = [b for b in shown if b in loading.columns][:MOST_BRANCHES]
    if not shown:
        return Part("branches", "Loaded branches", "No branch is loaded to 90 % in any hour.")
    heat, layout = rows_by_hour({str(b): numbers(loading[b]) for b in shown}, plan.system.hours, _SHADES, (60.0, 100.0))
    heat |= {
        "colorbar": {"title": {"text": "% of rating"}, "thickness": 12, "len": 0.6},
        "hovertemplate": "%{y}, hour %{x:.0f}: %{z:.1f} %<extra></extra>",
    }
    layout["yaxis"] |= {"type": "category"}
    rows = [
        [escaped(str(b)), number(int(row["hours"]), 0), number(float(row["shadow_price_per_mwh"]), 2)]
        for b, row in congested.to_dict("index").items()
    ]
    html = ""
    if rows:
        heads = ["branch", "hours at its limit", "one more MW would save up to, per h"]
        html = f'<div class="scroll">{table(heads, rows, numeric=(1, 2))}</div>'
    says = f"The limits of {count(len(congested), 'branch', 'branches')} cost money in some hour."
    if not rows:
        says = "No limit costs money; these branches come near theirs."
    chart = Chart("chart-branches", [heat], layout, "Loading of branches, by hour")
    return Part("branches", "Loaded branches", says, [chart], html=html)
