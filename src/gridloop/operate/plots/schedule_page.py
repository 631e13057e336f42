"""The page of a schedule: the connection before and after, every device, prices, what it costs, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from gridloop.operate.plots.schedule_devices import alone_means, device_parts, device_story, device_troubles
from gridloop.operate.plots.schedule_island import within
from gridloop.operate.plots.schedule_panels import shaded
from gridloop.operate.plots.schedule_words import in_words, money_part, scale, setpoint_in_words
from gridloop.operate.report import style
from gridloop.operate.report.chart import Chart, Part, Trace, extended, line
from gridloop.operate.report.page import document
from gridloop.operate.report.words import count, escaped, number, table
from gridloop.optimize.before import Before
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.explain import limit_in_words, sentence
from gridloop.optimize.plan import Plan
from gridloop.optimize.robust.plan import RobustPlan

# Devices that have a colour of their own; more are drawn by kind.
MOST_DEVICES = len(style.CATEGORIES)
MOST_ROWS = 200
NEAR = 2.0
"""A limit beyond so many times the largest power is not drawn: it would flatten everything else."""

PRODUCERS = ("renewable",)
"""Kinds whose p_mw is what they give; all others tell what they take."""


def build_schedule_page(
    plan: Plan,
    prices: pd.DataFrame,
    connection: Connection,
    before: Before | None,
    name: str,
    zone: str,
    *,
    on_network: bool = False,
    carbon: pd.Series | None = None,
    devices: Sequence[Any] = (),
) -> str:
    """One HTML file with everything inside; without a plan it shows the diagnosis.

    carbon   t/MWh of the grid [step]
    devices  those of the plan: what has more to show than a power gets a part of its own
    """
    told = story_of(
        plan, before, on_network=on_network, carbon=carbon, devices=devices, connection=connection, brief=True
    )
    head = _head(plan, told, name, zone)
    if not plan.solved:
        return document(name, head, [Part("profile", "Profile", "There is no plan to show.")])
    parts = [
        _profile(plan, prices, connection, before, zone),
        *device_parts(plan, devices, prices, connection, before, zone),
        _costs(plan, before),
        reasons_part(plan, zone, on_network=on_network),
    ]
    return document(name, head, parts)


def net_mw(plan: Plan) -> pd.Series:
    """Import less export. [step]"""
    sides = plan.table[plan.table["kind"] == "connection"].pivot_table(
        index="valid_at", columns="quantity", values="value", aggfunc="sum"
    )
    return sides["import_mw"] - sides["export_mw"]


def taken_mw(plan: Plan) -> pd.DataFrame:
    """What every device takes; what it gives is negative. [step, device]"""
    rows = plan.table[(plan.table["quantity"] == "p_mw") & (plan.table["kind"] != "connection")]
    signed = rows["value"].where(~rows["kind"].isin(PRODUCERS), -rows["value"])
    rows = rows.assign(value=signed)
    column = "device" if rows["device"].nunique() <= MOST_DEVICES else "kind"
    wide: pd.DataFrame = rows.pivot_table(index="valid_at", columns=column, values="value", aggfunc="sum")
    return wide


def _head(plan: Plan, story: list[str], name: str, zone: str) -> str:
    trouble = ""
    if plan.diagnosis is not None:
        said = [*plan.diagnosis.causes, plan.diagnosis.advice]
        trouble = f'<div class="trouble">{"".join(f"<p>{escaped(text)}</p>" for text in said if text)}</div>'
    first, last = (t.tz_convert(zone) for t in (plan.horizon.starts[0], plan.horizon.ends[-1]))
    span = f"{count(len(plan.horizon), 'interval')} from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} {zone}"
    return (
        f"<header><h1>{escaped(name)}</h1><p class='day'>schedule, {span}</p>"
        f"<p class='story'>{escaped(' '.join(story))}</p>{trouble}</header>"
    )


def emitted_t(net: pd.Series, plan: Plan, carbon: pd.Series) -> float:
    """Carbon dioxide of what is imported [t]; exports take nothing off. net: import less export, carbon [step]"""
    imported = np.clip(net.to_numpy(dtype=float), 0.0, None) * np.asarray(plan.horizon.hours, dtype=float)
    return float(imported @ carbon.to_numpy(dtype=float))


def story_of(
    plan: Plan,
    before: Before | None,
    *,
    on_network: bool = False,
    carbon: pd.Series | None = None,
    devices: Sequence[Any] = (),
    connection: Connection | None = None,
    brief: bool = False,
) -> list[str]:
    """What a plan comes to, in sentences.

    on_network  the plan was made on one, as the devices left alone never are
    brief       of devices only what is not kept
    """
    if not plan.solved:
        return [f"No plan: {plan.status.replace('_', ' ')}."]
    net = net_mw(plan)
    said = [f"Cost {number(plan.cost, 2)}, highest import {in_words(max(0.0, float(net.max())))}."]
    if plan.status == "incumbent":
        least = f"by {100 * plan.gap:.2g} % at most" if np.isfinite(plan.gap) else "by how much is not known"
        said.append(f"This is not proven to be the best: it could be cheaper, {least}.")
    if before is not None:
        open_ = connection is not None and bool(connection.open_in(plan.horizon).any())
        instead = " were the connection never open" if open_ else f" ({_less(before.cost - plan.cost)} with the plan)"
        said.append(
            f"Left alone the same devices would cost {number(before.cost, 2)}{instead} and import "
            f"{in_words(max(0.0, float(before.net_mw.max())))} at most."
        )
        said += [
            f"They would exceed the {key.replace('_', ' ')} by {in_words(mw)}." for key, mw in before.beyond.items()
        ]
        if on_network:
            said.append("Left alone they are reckoned without the network: its losses and limits are in the plan only.")
        said += alone_means(devices)
    if carbon is not None:
        instead = "" if before is None else f" (left alone {number(emitted_t(before.net_mw, plan, carbon), 3)} t)"
        said.append(f"What is imported emits {number(emitted_t(net_mw(plan), plan, carbon), 3)} t of carbon{instead}.")
    for limit, excess in plan.gave_way.items():
        by = in_words(excess) if limit.startswith(("import_limit", "export_limit")) else f"{excess:.3g} %"
        said.append(f"{limit_in_words(limit)[:1].upper()}{limit_in_words(limit)[1:]} gives way by {by}.")
    of_devices = device_troubles if brief else device_story
    return said + of_devices(plan, devices, connection or Connection())


def _less(money: float) -> str:
    """A difference of costs in words."""
    return f"{number(abs(money), 2)} {'less' if money > 0 else 'more'}" if abs(money) >= 5e-3 else "the same"


def _profile(plan: Plan, prices: pd.DataFrame, connection: Connection, before: Before | None, zone: str) -> Part:
    ends = [f"{t.tz_convert(zone):%Y-%m-%dT%H:%M:%S}" for t in [*plan.horizon.starts, plan.horizon.ends[-1]]]
    net, taken, soc = net_mw(plan), taken_mw(plan), _stored(plan)
    panels = ["connection", "devices", *(["state of charge"] if len(soc.columns) else []), "prices"]
    domains = dict(zip(panels, style.stacked([2.4, 2.4, *([1.2] if len(soc.columns) else []), 1.2], 0.09), strict=True))
    axis = {panel: "y" if k == 0 else f"y{k + 1}" for k, panel in enumerate(panels)}
    traces: list[Trace] = []
    most = max(float(net.abs().max()), float(taken.abs().to_numpy().max()) if taken.size else 0.0)
    factor, power = scale(max(most, float(before.net_mw.abs().max()) if before is not None else 0.0))

    def add(values: pd.Series, name: str, panel: str, unit: str, color: str, **more: object) -> None:
        traces.append(
            line(
                ends, extended(values), name=escaped(name), color=color, yaxis=axis[panel],
                hovertemplate=f"%{{y:.3f}} {unit}<extra>{escaped(name)}</extra>", **more,
            )
        )  # fmt: skip

    if before is not None:
        add(factor * before.net_mw, "left alone", "connection", power, style.UNCONTROLLED)
    add(factor * net, "planned", "connection", power, style.CONTROLLED)
    reach = NEAR * float(max(net.abs().max(), before.net_mw.abs().max() if before is not None else 0.0))
    for name, limit in _limits(connection, reach).items():
        held = pd.Series(factor * limit, index=net.index)
        add(held, name, "connection", power, style.LIMIT, dash="4px,3px", width=1.4)
    for k, column in enumerate(taken):
        add(factor * taken[column], str(column), "devices", power, style.CATEGORIES[k % MOST_DEVICES])
    for k, column in enumerate(soc):
        color = style.CATEGORIES[list(taken).index(column) if column in taken else k % MOST_DEVICES]
        add(100.0 * soc[column], f"{column}, stored", "state of charge", "%", color, showlegend=False)
    for column, color in (("import_eur_per_mwh", style.INK), ("export_eur_per_mwh", style.MUTED)):
        if column == "import_eur_per_mwh" or not np.array_equal(prices[column], prices["import_eur_per_mwh"]):
            word = column.removesuffix("_eur_per_mwh")
            add(prices[column], f"price to {word}", "prices", "per MWh", color)
    titles = {"connection": power, "devices": power, "state of charge": "%", "prices": "per MWh"}
    layout = (
        style.base_layout(260 + 130 * len(panels))
        | {
            "modebar": {"orientation": "v"},  # the legend needs the room
            "xaxis": {"type": "date", "anchor": axis[panels[-1]], "tickfont": {"size": 12, "color": style.MUTED}},
            "annotations": [style.panel_title(p[:1].upper() + p[1:], domains[p][1]) for p in panels],
            "shapes": shaded(within(connection.outages, plan), zone),
        }
    )
    for panel in panels:
        whole = {"rangemode": "tozero"} if panel in ("connection", "devices") else {}
        layout[axis[panel].replace("y", "yaxis")] = style.value_axis(
            titles[panel], domain=list(domains[panel]), **whole
        )
    who = "every device" if len(taken.columns) and set(taken.columns) <= set(plan.table["device"]) else "every kind"
    says = f"Import is positive; below, what {who} takes (gives, where negative). Times are {zone}."
    says += " Shaded: the connection is open." if connection.open_in(plan.horizon).any() else ""
    return Part("profile", "Profile", says, [Chart("chart-profile", traces, layout, "Power before and after, prices")])


def _limits(connection: Connection, reach: float) -> dict[str, float]:
    """The limits that are near enough to be worth a line."""
    found = {"import limit": connection.import_limit_mw, "export limit": -connection.export_limit_mw}
    if connection.contracted_peak_mw is not None:
        found["contracted peak"] = connection.contracted_peak_mw
    return {name: limit for name, limit in found.items() if abs(limit) <= reach}


def _stored(plan: Plan) -> pd.DataFrame:
    """State of charge of what has one, where it is few. [step, device]"""
    rows = plan.table[plan.table["quantity"] == "soc"]
    if not 0 < rows["device"].nunique() <= MOST_DEVICES:
        return pd.DataFrame()
    return rows.pivot(index="valid_at", columns="device", values="value")


def _costs(plan: Plan, before: Before | None) -> Part:
    alone: Mapping[str, float] = {} if before is None else before.parts
    names = [n for n in dict.fromkeys([*plan.parts, *alone]) if abs(plan.parts.get(n, 0)) + abs(alone.get(n, 0)) > 5e-3]
    rows = [[escaped(money_part(n)), number(alone.get(n, 0.0), 2), number(plan.parts.get(n, 0.0), 2)] for n in names]
    rows.append(["<b>total</b>", number(sum(alone.values()), 2) if alone else "–", f"<b>{number(plan.cost, 2)}</b>"])
    html = table(["part", "left alone", "planned"], rows, numeric=(1, 2))
    return Part("costs", "Costs", "In money over the horizon; what is earned is negative.", html=html)


def setpoint_rows(plan: Plan | RobustPlan, *, on_network: bool) -> list[tuple[str, str, str, str]]:
    """Device, quantity, value and reason of what is sent now, in words; without a network nothing reactive is set."""
    now = plan.setpoints()
    now = now if on_network else now[now["quantity"] != "q_mvar"]
    return [
        (str(row["device"]), *setpoint_in_words(row["quantity"], float(row["value"])),
         sentence(row["reason"], row["binding"], row["shadow_price"]))
        for row in now.to_dict("records")
    ]  # fmt: skip


def reasons_part(plan: Plan | RobustPlan, zone: str, *, on_network: bool) -> Part:
    """The set-points of the first interval, and why."""
    now = setpoint_rows(plan, on_network=on_network)
    rows = [[f"<b>{escaped(who)}</b>", escaped(what), value, escaped(why)] for who, what, value, why in now[:MOST_ROWS]]
    note = f"The first {MOST_ROWS} of {len(now)}." if len(now) > MOST_ROWS else ""
    html = f'<div class="scroll">{table(["device", "quantity", "value", "why"], rows, numeric=(2,))}</div>'
    says = f"What is sent for {plan.horizon.starts[0].tz_convert(zone):%Y-%m-%d %H:%M}, and why."
    return Part("reasons", "Set-points", says, html=html, note=note)
