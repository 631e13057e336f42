"""Who is served in an island: whole loads in turns in the interval that is sent, and what cannot be survived.

What a plan sheds of many loads is taken from whole ones, the last class first, equals in turns (`Rota`). A load that is
off so that the grid-forming source keeps its floor says so.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from gridloop.operate.decide.devices import Planned
from gridloop.operate.decide.known import Known
from gridloop.operate.decide.restoring import WAITS
from gridloop.operate.island_settings import RANKS, IslandSettings
from gridloop.operate.link import LinkStatus
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.load import Load
from gridloop.optimize.microgrid.rolling import OFF, Circuit, Rota
from gridloop.optimize.plan import Plan

Note = tuple[str, str, str]
TURN_H = 0.5
"""How long a load stays off once it is: two quarters of an hour."""
LEAST_MW = 1e-3
SAME_SOC = 1e-4
FLOOR = "shed_floor"
"""The reason of a load that is off so that the source keeps its floor; its words are in `gridloop.optimize.explain`."""


def in_turns(
    table: pd.DataFrame, planned: Planned, known: Known, island: IslandSettings, link: LinkStatus
) -> tuple[pd.DataFrame, list[Note]]:
    """The plan with whole loads off instead of parts of many, in the interval that is sent."""
    now = _shed(table) & (table["valid_at"] == known.at)
    need = float(table.loc[now, "value"].sum())
    if need <= 1e-6:
        return table, []
    load = {d.id: float(np.asarray(d.p_mw)[0]) for d in planned.devices if isinstance(d, Load)}
    ranks = island.ranks(list(load))
    rota = Rota([Circuit(i, ranks[i]) for i in load], least_h=TURN_H, hours_off=link.hours_off, since=link.off_h)
    step = float(table.loc[now, "hours"].iloc[0])
    turn = rota.turn(need, np.array(list(load.values())), step)
    off = dict(zip(load, turn.off.tolist(), strict=True))
    empty = _comes_to_its_floor(table, planned, link.former, _end(known, island))
    why = (FLOOR, f"min_soc:{link.former}") if empty else (OFF, "")
    told = table.copy()
    ids = told.loc[now, "device"]
    told.loc[now, "value"] = [load[i] if off[i] else 0.0 for i in ids]
    told.loc[now, "reason"] = [why[0] if off[i] else "serve" for i in ids]
    told.loc[now, "binding"] = [why[1] if off[i] else "" for i in ids]
    by = ", ".join(
        f"{sum(off[i] for i in load if ranks[i] == r)} of {sum(ranks[i] == r for i in load)} {name}"
        for r, name in enumerate(RANKS)
    )
    reach = f"; what is stored ends at the floor of {link.former} before the island does" if empty else ""
    return told, [("rolling_shed", "loads", f"{turn.shed_mw:.3f} MW off for {need:.3f} MW: {by}{reach}")]


def off_now(table: pd.DataFrame, at: pd.Timestamp) -> set[str]:
    """Loads that a plan leaves off as a whole in the interval that is sent."""
    rows = table[_shed(table) & (table["valid_at"] == at) & (table["value"] > LEAST_MW)]
    return set(rows["device"])


def waiting(table: pd.DataFrame, waits: Collection[str], planned: Planned, at: pd.Timestamp) -> pd.DataFrame:
    """The plan with the circuits off that wait to be switched on."""
    if not waits or table.empty:
        return table
    load: Mapping[str, float] = {d.id: float(np.asarray(d.p_mw)[0]) for d in planned.devices if isinstance(d, Load)}
    now = _shed(table) & (table["valid_at"] == at) & table["device"].isin(list(waits))
    told = table.copy()
    told.loc[now, "value"] = [max(0.0, load[i]) for i in told.loc[now, "device"]]
    told.loc[now, "reason"] = WAITS
    told.loc[now, "binding"] = ""
    return told


def not_survivable(plan: Plan, planned: Planned, known: Known, island: IslandSettings, link: LinkStatus) -> list[Note]:
    """Told where a plan cannot serve priority load for as long as the island is thought to last."""
    table = plan.table
    ranks = island.ranks([d.id for d in planned.devices if isinstance(d, Load)])
    first = {i for i, rank in ranks.items() if rank == 0}
    end = _end(known, island)
    rows = table[_shed(table) & table["device"].isin(first) & (table["valid_at"] < end) & (table["value"] > LEAST_MW)]
    missing = float((rows["value"] * rows["hours"]).sum())
    if missing <= LEAST_MW:
        return []
    since = (rows["valid_at"].min() - known.at) / pd.Timedelta(hours=1)
    asked = (end - known.at) / pd.Timedelta(hours=1)
    text = (
        f"{asked:g} h more cannot be survived: from {since:g} h on priority load goes short, {missing:.3f} MWh in all; "
        f"{link.former} does not go below its floor"
    )
    return [("not_survivable", link.former, text)]


def _shed(table: pd.DataFrame) -> pd.Series:
    return (table["kind"] == "load") & (table["quantity"] == "unserved_mw")


def _end(known: Known, island: IslandSettings) -> pd.Timestamp:
    return known.at + pd.Timedelta(hours=island.survive_h or island.expect_h)


def _comes_to_its_floor(table: pd.DataFrame, planned: Planned, former: str, end: pd.Timestamp) -> bool:
    """Whether the plan has the source at its floor before the island is thought to end."""
    floor = next((d.min_soc for d in planned.devices if isinstance(d, Battery) and d.id == former), 0.0)
    rows = table[(table["device"] == former) & (table["quantity"] == "soc") & (table["valid_at"] < end)]
    return bool((rows["value"] <= floor + SAME_SOC).any())
