"""Key figures of an island: how long, who was served, its frequency, how it came back; and the laws it must keep."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from gridloop.operate.island_settings import RANKS

SAME_MW = 1e-5
"""Ten watts: the AC flow of every bus is solved to a tenth of one."""


def island_table(flows: pd.DataFrame) -> pd.DataFrame:
    """The rows of kind "island" of one run as a table: index valid_at, columns (id, quantity)."""
    mine = flows[flows["kind"] == "island"].drop_duplicates(["valid_at", "id", "quantity"], keep="last")
    if mine.empty:
        return pd.DataFrame()
    wide = mine.pivot(index="valid_at", columns=["id", "quantity"], values="value").sort_index()
    return wide.astype(float)


def former_of(table: pd.DataFrame) -> str:
    """Id of the source that holds the island."""
    return str(next(column[0] for column in table.columns if column[1] == "soc"))


def island_facts(table: pd.DataFrame, hours: float) -> dict[str, Any]:
    """What an islanded run came to. hours: length of an interval. Missing where it did not happen (None)."""
    if table.empty:
        return {}
    open_ = table["connection", "closed"] < 0.5
    inside = table[open_]
    facts: dict[str, Any] = {"open_h": hours * int(open_.sum()), "former": former_of(table)}
    if inside.empty:
        return facts
    for name in RANKS:
        wanted, served = (float(inside[name, q].sum()) * hours for q in ("wanted_mw", "served_mw"))
        facts[f"{name}_wanted_mwh"], facts[f"{name}_unserved_mwh"] = wanted, wanted - served
    facts["hz_min"] = float(inside["connection", "hz_min"].min())
    facts["hz_max"] = float(inside["connection", "hz_max"].max())
    facts["rocof_hz_per_s"] = _first(inside, "connection", "rocof_hz_per_s")
    facts["balance_max_mw"] = float(inside["connection", "balance_mw"].abs().max())
    soc = inside[facts["former"], "soc"]
    facts["soc_min"], facts["soc_max"] = float(soc.min()), float(soc.max())
    back = _last(inside, "closing", "closed_s")
    if back is not None and not bool(open_.iloc[-1]):
        facts["open_h"] -= hours - back / 3600.0
    dark = ("connection", "tie_v_pu")
    facts["dark_h"] = hours * (int(inside[dark].isna().sum()) if dark in inside else len(inside))
    for name in ("closed_s", "frequency_hz", "voltage_pu", "angle_deg"):
        facts[f"closing_{name}"] = _last(inside, "closing", name)
    return facts


def broken(table: pd.DataFrame) -> list[str]:
    """Laws of an island that do not hold; nothing where all do.

    Balance in every interval; the source within its room; nobody of a lower class served while a higher one is not
    (but for a load that is larger than what is left); the breaker closed within its window only.
    """
    if table.empty:
        return []
    found = []
    former = former_of(table)
    for at, row in table[table["connection", "closed"] < 0.5].iterrows():
        if not abs(row["connection", "balance_mw"]) <= SAME_MW:
            found.append(f"{at}: {row['connection', 'balance_mw']:.3g} MW are missing in the balance")
        for way in ("up", "down"):
            room = row.get((former, f"room_{way}_mw"), math.nan)
            if room < -SAME_MW:
                found.append(f"{at}: {former} is {-room:.3g} MW beyond what it can {'give' if way == 'up' else 'take'}")
        off = [row[name, "wanted_mw"] - row[name, "served_mw"] for name in RANKS]
        served = [row[name, "served_mw"] for name in RANKS]
        for high in range(len(RANKS)):
            lower = sum(served[high + 1 :])
            if off[high] > SAME_MW and lower > SAME_MW:
                found.append(
                    f"{at}: {off[high]:.3g} MW of {RANKS[high]} load are off while {lower:.3g} MW below it are served"
                )
        angle = row.get(("closing", "closed_s"), math.nan)
        if not math.isnan(angle):
            found += [
                f"{at}: closed at {row['closing', q]:.3g} of {q}, allowed is {row['window', q]:g}"
                for q in ("frequency_hz", "voltage_pu", "angle_deg")
                if not abs(row["closing", q]) <= row["window", q]
            ]
    return found


def _first(table: pd.DataFrame, *column: str) -> float | None:
    values = table[column].dropna() if column in table else pd.Series(dtype=float)
    return float(values.iloc[0]) if len(values) else None


def _last(table: pd.DataFrame, *column: str) -> float | None:
    values = table[column].dropna() if column in table else pd.Series(dtype=float)
    return float(values.iloc[-1]) if len(values) else None
