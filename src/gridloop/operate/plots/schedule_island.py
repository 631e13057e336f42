"""Islands of a schedule: what batteries keep for one that may come, and how long the connection is open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from gridloop.operate.plots.schedule_panels import Panels
from gridloop.operate.plots.schedule_words import in_words, scale
from gridloop.operate.report import style
from gridloop.operate.report.chart import Part
from gridloop.operate.report.words import count, escaped
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.island_reserve import IslandReserve
from gridloop.optimize.plan import Plan

MISSED_MWH = 1e-6


def facts(plan: Plan, reserve: IslandReserve) -> dict[str, Any]:
    """Most energy that is kept, most that is missing and when first, and the least that batteries hold above it."""
    kept, short = (plan.of(reserve.id, q) for q in ("reserve_mwh", "short_mwh"))
    missing = short[short.to_numpy(dtype=float) > MISSED_MWH]
    return {
        "batteries": [battery.id for battery in reserve.batteries],
        "duration_h": float(reserve.duration_h),
        "reserve_most_mwh": float(kept.max()),
        "short_most_mwh": float(short.max()),
        "short_h": float(plan.horizon.hours[short.to_numpy(dtype=float) > MISSED_MWH].sum()),
        "short_first": None if missing.empty else pd.Timestamp(missing.index[0]).isoformat(),
        "spare_least_mwh": float((usable(plan, reserve) - kept).min()),
    }


def usable(plan: Plan, reserve: IslandReserve) -> pd.Series:
    """Energy of its batteries above their lowest, at the end of every interval. [step], MWh"""
    found = [(plan.of(b.id, "soc") - b.min_soc) * b.capacity_mwh for b in reserve.batteries]
    total: pd.Series = sum(found[1:], start=found[0])
    return total


def says(reserve: IslandReserve, found: dict[str, Any]) -> list[str]:
    """What a reserve comes to, in sentences."""
    who = " and ".join(found["batteries"])
    said = (
        f"{who} keep{'s' if len(found['batteries']) == 1 else ''} up to "
        f"{in_words(found['reserve_most_mwh'], 'MWh')} so that priority load would be served for "
        f"{found['duration_h']:g} h if the connection were lost"
    )
    if found["short_first"] is None:
        return [f"{said}; at no moment is any of it missing."]
    return [
        f"{said}; for {found['short_h']:g} h that is not to be had: up to "
        f"{in_words(found['short_most_mwh'], 'MWh')} would be missing. More energy or power in the batteries, a "
        "shorter duration_h or less priority load would help."
    ]


def says_of_outages(connection: Connection, plan: Plan) -> list[str]:
    """How long the connection is open, and who holds the island."""
    open_ = connection.open_in(plan.horizon)
    if not open_.any():
        return []
    hours = float(plan.horizon.hours[open_].sum())
    unserved = plan.table[
        (plan.table["quantity"] == "unserved_mw") & (plan.table["valid_at"].isin(plan.horizon.starts[open_]))
    ]
    lost = float((unserved["value"] * unserved["hours"]).sum())
    served = "all load is served then" if lost <= MISSED_MWH else f"{in_words(lost, 'MWh')} of load are not served then"
    return [
        f"For {hours:g} h the connection is open and {', '.join(connection.grid_forming)} forms the island: {served}."
    ]


def part(plan: Plan, reserves: Sequence[IslandReserve], connection: Connection, zone: str) -> Part:
    """Energy of the batteries over what is kept for an island, one panel per reserve."""
    panels = Panels(plan, zone)
    for place, reserve in enumerate(reserves):
        held, kept = usable(plan, reserve), plan.of(reserve.id, "reserve_mwh")
        factor, unit = scale(float(max(held.max(), kept.max())))
        panels.panel(reserve.id[:1].upper() + reserve.id[1:], f"{unit}h", 2.0)
        begin = sum((b.initial_soc - b.min_soc) * b.capacity_mwh for b in reserve.batteries)
        first = place == 0
        panels.states(factor * begin, factor * held.to_numpy(dtype=float), "energy that can be used",
                      color=style.CONTROLLED, showlegend=first)  # fmt: skip
        needed = factor * kept.to_numpy(dtype=float)
        panels.states(needed[0], needed, "kept for an island", color=style.LIMIT, dash="4px,3px", width=1.4,
                      showlegend=first)  # fmt: skip
    said = " ".join(text for reserve in reserves for text in says(reserve, facts(plan, reserve)))
    shown = connection.outages
    note = f" Shaded: the connection is open as announced ({count(len(shown), 'outage')})." if shown else ""
    return Part(
        "island", "Island", f"{escaped(said)}{note} Times are {escaped(zone)}.",
        [panels.chart("island", "Energy of batteries over what is kept for an island", within(shown, plan))],
    )  # fmt: skip


def within(outages: Sequence[tuple[pd.Timestamp, pd.Timestamp]], plan: Plan) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
    """Outages as far as they lie in the plan, by whole intervals as the plan has them."""
    found = []
    for begin, end in outages:
        touched = np.flatnonzero((plan.horizon.starts < end) & (plan.horizon.ends > begin))
        if touched.size:
            found.append((plan.horizon.starts[int(touched[0])], plan.horizon.ends[int(touched[-1])]))
    return found
