"""Key figures of an island: how long, who was served, its frequency, how it came back, from black or to the grid."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from gridloop.operate.island_settings import RANKS

STEP = "step "
STEP_FIGURES = ("hz_min", "v_min_pu", "v_max_pu", "loading_max_pct", "load_mw")
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
    facts["dark_h"] = float(inside["connection", "dark_h"].sum()) if ("connection", "dark_h") in inside else 0.0
    if facts["dark_h"] > 0:
        order = picked_up(table)
        facts["picked_up"] = len(order)
        facts["pick_up_first_h"] = _after(order["at"].min(), inside) if len(order) else None
        facts["pick_up_last_h"] = _after(order["at"].max(), inside) if len(order) else None
        facts["pick_up_hz_min"] = float(order["hz_min"].min()) if len(order) else None
    for name in ("closed_s", "frequency_hz", "voltage_pu", "angle_deg"):
        facts[f"closing_{name}"] = _last(inside, "closing", name)
    return facts


def picked_up(table: pd.DataFrame) -> pd.DataFrame:
    """The order in which circuits came back from black: at, circuit, takes_mw at the switch, and of the AC state after
    it hz_min, v_min_pu, v_max_pu, loading_max_pct, load_mw of all that are on.
    """
    found: list[list[object]] = []
    for at, row in rows_of(table):
        steps = {round(step["at_h"], 9): step for step in steps_of(row)}
        for (name, quantity), begin in row.items():
            if quantity == "picked_up_h" and not math.isnan(begin):
                of = steps.get(round(begin, 9), {})
                figures = [of.get(figure, math.nan) for figure in STEP_FIGURES]
                found.append([at + pd.Timedelta(hours=begin), name, row[name, "picked_up_mw"], *figures])
    order = pd.DataFrame(found, columns=["at", "circuit", "takes_mw", *STEP_FIGURES])
    return order.sort_values(["at", "takes_mw"], ascending=[True, False], ignore_index=True)


def rows_of(table: pd.DataFrame) -> Iterator[tuple[pd.Timestamp, dict[tuple[str, str], float]]]:
    """The rows of a table one by one: when, and the value by id and quantity."""
    columns = [(str(c[0]), str(c[1])) for c in table.columns]
    for at, values in zip(pd.DatetimeIndex(table.index), table.to_numpy(dtype=float), strict=True):
        yield at, dict(zip(columns, values.tolist(), strict=True))


def steps_of(row: Mapping[tuple[str, str], float]) -> list[dict[str, float]]:
    """What is told of every stretch of an interval in which circuits come back, in time."""
    found: dict[str, dict[str, float]] = {}
    for (name, quantity), value in row.items():
        if name.startswith(STEP) and not math.isnan(value):
            found.setdefault(name, {})[quantity] = value
    return [found[name] for name in sorted(found)]


def _after(at: pd.Timestamp, inside: pd.DataFrame) -> float:
    """Hours since it opened."""
    return float((at - inside.index[0]) / pd.Timedelta(hours=1))


def _first(table: pd.DataFrame, *column: str) -> float | None:
    values = table[column].dropna() if column in table else pd.Series(dtype=float)
    return float(values.iloc[0]) if len(values) else None


def _last(table: pd.DataFrame, *column: str) -> float | None:
    values = table[column].dropna() if column in table else pd.Series(dtype=float)
    return float(values.iloc[-1]) if len(values) else None
