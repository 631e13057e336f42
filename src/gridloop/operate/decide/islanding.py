"""Decisions of an island: who is served from what the source can give, taking turns, and the way back to the grid.

The breaker says that it is open; nobody says for how long. The plan reckons with `expect_h` more, always, and looks
beyond that with the connection closed, so that what is stored is neither hoarded nor spent. It is the same `schedule`
with the same AC tangents as on any other day: the network has its slack at the grid-forming source, the connection is
open, loads are worth what their class is, and the source keeps its headroom. What the plan sheds in the interval that
is sent is turned into whole loads, equals taking turns. No load is served from below the source's floor; above it
the plan keeps room for what the forecast may be wrong by until the next tick but one, worth more than loads of the last
class. Where priority load cannot be served to the end, that is said. An island that went dark is started again
(`restoring.py`). When the grid is back, the source is led to its voltage and frequency, and the breaker is let close.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from gridloop.errors import GridloopError
from gridloop.network.model import Network
from gridloop.operate.decide.decide import (
    INCUMBENT,
    NOTHING,
    Decision,
    checked,
    decide,
    to_setpoints,
    with_taps,
)
from gridloop.operate.decide.devices import Planned, describe
from gridloop.operate.decide.known import Groups, Known, horizon_of
from gridloop.operate.decide.restoring import Restored, restore, with_waits
from gridloop.operate.decide.serving import Note, in_turns, not_survivable, off_now, waiting
from gridloop.operate.island_settings import WORTH, IslandSettings
from gridloop.operate.link import LinkStatus
from gridloop.operate.settings import SiteSettings
from gridloop.operate.site import Setpoints
from gridloop.optimize.check import ScheduleCase
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.battery_depth import dearer
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.island_reserve import IslandReserve
from gridloop.optimize.devices.kinds import Device
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.renewable import Renewable
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.physics.ac_tangent import AcTangent
from gridloop.optimize.plan import Plan
from gridloop.optimize.problems.schedule import schedule
from gridloop.units import FloatArray

ISLAND = "island"
SLIP_HZ = 0.05
FORM_V_PU = (0.95, 1.05)
Q_SHARE = 0.4
"""Part of the source's rating that the plants' reactive power may add up to."""
HOLDING_COST = 150.0
"""Money per MWh that the source gives: it holds the island and is not there to move energy between batteries. Far below
what any load is worth."""
NEARLY_NOTHING = 0.1
"""Money per MWh of sun and wind that is not used: in an island nobody else could have had it."""
ROOM = "room for the forecast"
KEPT = "held_for_forecast"
ROOM_H = 0.5
"""So long the source alone carries what the forecast is wrong by: what is decided now ends in a quarter of an hour, and
what is decided then knows of it."""
ROOM_WORTH, FLOOR_WORTH = 0.4, 0.75
"""What a MWh of that room, and of what is missing below the floor, is worth over the whole island, as a share of the
value of priority load: more than loads of the last class, and of the last two."""


def decide_now(network: Network, groups: Groups, settings: SiteSettings, known: Known) -> Decision:
    """The decision of a tick: that of an island where the breaker says so, else as ever."""
    link, island = known.status.link, settings.island
    if link is None or island is None or link.closed:
        return decide(network, groups, settings, known)
    return decide_island(network, groups, settings, known, island, link)


def decide_island(
    network: Network, groups: Groups, settings: SiteSettings, known: Known, island: IslandSettings, link: LinkStatus
) -> Decision:
    """Set-points of an island for the interval that begins now. Always returns."""
    form, back = _form(link, network)
    notes = [(ISLAND, "connection", _says(link, back))]
    horizon = horizon_of(known.at, settings.loop.horizon)
    restored = Restored({}, ())
    plan = None
    try:
        behind = with_taps(_behind(network, known, form.form_v_pu[link.former]), known)
        planned = _as_island(describe(network, groups, settings, known, horizon.starts), settings, known, island, link)
        plan = _plan(behind, settings, planned, horizon)
        told, turn = NOTHING, list[Note]()
        if plan.solved:
            mine = plan.table["device"] == ROOM
            named = plan.table.assign(reason=plan.table["reason"].mask(mine & (plan.table["reason"] != ""), KEPT))
            told, turn = in_turns(named, planned, known, island, link)
        restored = restore(
            behind, groups, planned, known, island, link, off_now(told, known.at),
            step_h=settings.loop.step_min / 60.0, limit_pct=settings.limits.loading_pct, back=back,
        )  # fmt: skip
        notes += restored.notes
        form = replace(form, pick_up=restored.pick_up)
    except GridloopError as error:
        notes.append(("degraded", "plan", str(error)))
    if plan is None or not plan.solved:
        if plan is not None and plan.diagnosis is not None:
            notes.append(("degraded", "plan", str(plan.diagnosis)))
        text = "no plan for the island: batteries idle, vehicles wait, the source and its relays hold what they can"
        waits = {str(i): 0.0 for i in known.status.sessions.index}
        return Decision(known.tick, known.at, NOTHING, replace(form, ev_mw=waits), "safe",
                        notes=(*notes, ("degraded", "safe", text)))  # fmt: skip
    notes += [*turn, *not_survivable(plan, planned, known, island, link)]
    table = waiting(told, restored.waits, planned, known.at)
    asked = to_setpoints(table, known.at)
    whole = _whole(asked.unserved_mw, network) if turn else asked.unserved_mw
    sent = replace(asked, unserved_mw=with_waits(whole, restored.waits, network), form_hz=form.form_hz,
                   form_v_pu=form.form_v_pu, close_tie=form.close_tie, pick_up=form.pick_up)  # fmt: skip
    return Decision(
        known.tick, known.at, table, sent, INCUMBENT, plan.rounds, plan.solver_s, plan.cost, dict(plan.gave_way),
        (*notes, *(("limit_gave_way", n, f"{n} is exceeded by {x:.4g}") for n, x in plan.gave_way.items())),
        {} if plan.check.empty else {str(k): v for k, v in plan.check.iloc[0].items()}, plan.check_s,
    )  # fmt: skip


def _whole(unserved_mw: Mapping[str, float], network: Network) -> dict[str, float]:
    """What is switched off is off, however much it wants: asked for is what it can ever take."""
    most = network.load["p_mw"]
    return {i: max(2.0 * p, float(most[i])) for i, p in unserved_mw.items()}


# ----- the way back ------------------------------------------------------------------------------


def _form(link: LinkStatus, network: Network) -> tuple[Setpoints, bool]:
    """What the source is set to, and whether the grid is back: then it is led there, and the breaker may close."""
    back = link.grid_v_pu > 0.5 and link.grid_hz > 0
    volt, hz = link.form_v_pu, 50.0
    if back and link.island_v_pu > 0.5:
        # What is missing at the breaker is added at the source; the ratio between them hardly changes.
        volt = float(np.clip(volt * link.grid_v_pu / link.island_v_pu, *FORM_V_PU))
        hz = link.grid_hz + SLIP_HZ
    return Setpoints(
        form_hz={link.former: hz}, form_v_pu={link.former: volt}, close_tie={"connection": 1.0 if back else 0.0}
    ), back


def _says(link: LinkStatus, back: bool) -> str:
    state = "dark" if link.dark else f"{link.former} gives {link.former_mw:.3f} MW"
    told = f"open for {link.open_h:.2f} h, {state}"
    return f"{told}; the grid is back: led to it, the breaker may close" if back else told


def _behind(network: Network, known: Known, volt: float) -> Network:
    """The network as it is behind the open connection: its slack is at the grid-forming source."""
    link = known.status.link
    assert link is not None
    bus = str(network.storage.at[link.former, "bus"])
    names = [str(i) for i in network.source.index]
    moved: dict[str, dict[str, object]] = {names[0]: {"bus": bus, "v_set_pu": volt, "angle_deg": 0.0}}
    moved |= {name: {"in_service": False} for name in names[1:]}
    return network.edit("source", moved, author="loop", time=known.at, reason="the connection is open")


# ----- who is served -----------------------------------------------------------------------------


def _as_island(
    planned: Planned, settings: SiteSettings, known: Known, island: IslandSettings, link: LinkStatus
) -> Planned:
    """The devices as an island sees them: loads by class, the source with its headroom, no connection for a while."""
    ranks = island.ranks([d.id for d in planned.devices if isinstance(d, Load)])
    worth = settings.devices.value_of_lost_load
    free_mvar = sum(d.q_limit_mvar for d in planned.devices if isinstance(d, Renewable))
    source = next((d for d in planned.devices if isinstance(d, Battery) and d.id == link.former), None)
    rated = 0.0 if source is None else max(source.max_charge_mw, source.max_discharge_mw)
    # What plants exchange, the source has to balance: together they stay within a part of its rating.
    share = min(1.0, Q_SHARE * rated / free_mvar) if free_mvar > 0 else 1.0
    lasts_h = island.survive_h or island.expect_h
    devices: list[Device] = []
    for device in planned.devices:
        if isinstance(device, Load):
            over = _still_cold(link.warm_h.get(device.id), island, settings)
            devices.append(
                replace(device, p_mw=device.p_mw * over, q_mvar=device.q_mvar * over,
                        value_of_lost_load=worth * WORTH[ranks[device.id]])
            )  # fmt: skip
        elif isinstance(device, Battery) and device.id == link.former:
            kept = island.headroom_pct / 100.0
            floor = island.floor(device.min_soc, device.max_soc)
            former = replace(
                device,
                max_charge_mw=(1.0 - kept) * device.max_charge_mw,
                max_discharge_mw=(1.0 - kept) * device.max_discharge_mw,
                min_soc=floor,
                max_soc=max(floor, device.max_soc - 0.5 * kept),
                degradation_cost=dearer(device.degradation_cost, HOLDING_COST),
                band_price=FLOOR_WORTH * worth / lasts_h,
            )
            devices += [former, *_room(former, planned, ROOM_WORTH * worth / lasts_h)]
        elif isinstance(device, Renewable):
            devices.append(replace(device, q_limit_mvar=share * device.q_limit_mvar, curtailment_cost=NEARLY_NOTHING))
        else:
            devices.append(device)
    outage = (known.at, known.at + pd.Timedelta(hours=lasts_h))
    connection: Connection = replace(planned.connection, outages=(outage,), grid_forming=(link.former,))
    return replace(planned, devices=devices, connection=connection)


def _room(former: Battery, planned: Planned, price: float) -> list[IslandReserve]:
    """What the source keeps above its floor in every hour planned: what the forecasts may be wrong by together."""
    apart: dict[str, FloatArray] = {}
    for spread in planned.spreads:
        apart[spread.cause] = apart.get(spread.cause, np.zeros(1)) + spread.width_mw
    wrong = np.sqrt(sum((width**2 for width in apart.values()), np.zeros(1)))
    most = (former.max_soc - former.min_soc) * former.capacity_mwh * former.discharge_efficiency / ROOM_H
    return [IslandReserve([former], ROOM_H, np.minimum(wrong, 0.5 * most), shortfall_price=price, id=ROOM)]


def _still_cold(on_h: float | None, island: IslandSettings, settings: SiteSettings) -> FloatArray | float:
    """By how much a circuit that came back from black takes more than its forecast, interval by interval."""
    if on_h is None:
        return 1.0
    length = np.array([minutes / 60.0 for count, minutes in settings.loop.horizon for _ in range(count)])
    return island.over_warm(on_h + np.cumsum(length) - length, length)


def _plan(network: Network, settings: SiteSettings, planned: Planned, horizon: Horizon) -> Plan:
    physics = AcTangent(network, loading_limit_pct=settings.limits.loading_pct)
    plan = schedule(planned.devices, planned.prices, connection=planned.connection, physics=physics, horizon=horizon)
    return checked(ScheduleCase(planned.devices, planned.prices, planned.connection, horizon), plan)
