"""pandapower nets into networks: every table that has a counterpart here, an error for every one that has not.

Works on the net's tables alone and does not import pandapower. What pandapower calls from and hv is the tail here, to
and lv the head; a positive `shift_degree` means in both that the tail leads. One difference remains: a ratio changer
on the lv side scales the impedance in pandapower, while here it stays that of the neutral tap.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, listed
from gridloop.network.model import Network
from gridloop.units import FloatArray

# Tables of pandapower with electrical meaning that networks cannot hold yet; anything else it has is bookkeeping.
# fmt: off
_NO_COUNTERPART = [
    "trafo3w", "impedance", "ward", "xward", "motor", "asymmetric_load", "asymmetric_sgen", "dcline", "svc", "tcsc",
    "ssc", "vsc", "vsc_stacked", "vsc_bipolar", "bi_vsc", "b2b_vsc", "bus_dc", "line_dc", "load_dc", "source_dc",
]
# fmt: on

_SWITCH_KINDS = {"CB": "breaker", "LBS": "load_break", "LS": "load_break", "DS": "disconnector"}
# What the `type` of a generator starts with; lv_ and mv_ are SimBench's aggregates of the grids below.
_GENERATOR_KINDS = {
    "pv": "solar", "solar": "solar", "wind": "wind", "wp": "wind", "hydro": "hydro", "run of river": "hydro",
    "biomass": "biomass", "lv_": "mixed", "mv_": "mixed", "mixed": "mixed", "chp": "thermal", "gas": "thermal",
    "hard coal": "thermal", "coal": "thermal", "lignite": "thermal", "oil": "thermal", "waste": "thermal",
    "nuclear": "thermal", "thermal": "thermal",
}  # fmt: skip
_ELEMENT_KINDS = {"b": "bus", "l": "line", "t": "transformer"}


def from_pandapower(net: Mapping[str, Any], *, name: str | None = None, owner: str = "operator") -> Network:
    """A balanced pandapower net as a network.

    Ids are the elements' names where those are unique in the whole net, else "<table>-<index>" as in "load-3".
    Raises `BadInput` naming every table or setting that has no counterpart.
    """
    _refuse_what_is_lost(net)
    ids = _ids(net)
    f_hz = float(net["f_hz"])
    tables = {
        "bus": _bus(net, ids),
        "line": _line(net, ids, f_hz),
        "transformer": _transformer(net, ids),
        "switch": _switch(net, ids),
        "load": _load(net, ids),
        "generator": _joined(_sgen(net, ids), _gen(net, ids)),
        "storage": _storage(net, ids),
        "shunt": _shunt(net, ids),
        "source": _source(net, ids),
    }
    title = name if name is not None else str(net["name"] or "")
    return Network.from_tables(tables, name=title, owner=owner)


def element_ids(net: Mapping[str, Any]) -> dict[str, pd.Series]:
    """Our id of every element of a pandapower net: table -> Series over its index."""
    return _ids(net)


def generator_kind(kind: str) -> str:
    """solar, wind, hydro, biomass or other, from pandapower's `type` of a static generator."""
    text = kind.strip().lower()
    return next((ours for start, ours in _GENERATOR_KINDS.items() if text.startswith(start)), "other")


def _table(net: Mapping[str, Any], table: str) -> pd.DataFrame:
    found = net.get(table)
    return found if isinstance(found, pd.DataFrame) else pd.DataFrame()


def _refuse_what_is_lost(net: Mapping[str, Any]) -> None:
    lost = [f"{len(_table(net, t))} in {t}" for t in _NO_COUNTERPART if len(_table(net, t))]
    load, switch, trafo = _table(net, "load"), _table(net, "switch"), _table(net, "trafo")
    for column in (
        "const_z_p_percent",
        "const_i_p_percent",
        "const_z_q_percent",
        "const_i_q_percent",
        "const_z_percent",
        "const_i_percent",
    ):
        count = int((_numbers(load, column, 0.0) != 0).sum())
        if count:
            lost.append(f"{count} loads with {column}")
    if len(switch):
        resistive = (_numbers(switch, "z_ohm", 0.0) > 0) & (switch["et"] == "b").to_numpy()
        if resistive.any():
            lost.append(f"{int(resistive.sum())} bus switches with z_ohm")
        odd = ~switch["et"].isin(list(_ELEMENT_KINDS))
        if odd.any():
            lost.append(f"{int(odd.sum())} switches at {listed(sorted(set(switch['et'][odd])))}")
    if len(trafo):
        lost += _lost_taps(trafo)
    if lost:
        raise BadInput(
            f"the pandapower net holds what a network cannot yet: {', '.join(lost)}. Replace these elements by "
            "equivalent ones (lines, transformers, loads, shunts), or remove them.",
            lost=lost,
        )


def _lost_taps(trafo: pd.DataFrame) -> list[str]:
    lost = []
    tap2 = _numbers(trafo, "tap2_pos", math.nan) - _numbers(trafo, "tap2_neutral", math.nan)
    if (np.nan_to_num(tap2) != 0).any():
        lost.append(f"{int((np.nan_to_num(tap2) != 0).sum())} transformers with a second tap changer off neutral")
    if "tap_dependency_table" in trafo and trafo["tap_dependency_table"].fillna(False).astype(bool).any():
        lost.append("transformers with a tap dependency table")
    kind = _texts(trafo, "tap_changer_type")
    skewed = (_numbers(trafo, "tap_step_degree", 0.0) != 0) & (_numbers(trafo, "tap_step_percent", 0.0) != 0)
    skewed |= np.isin(kind, ["Symmetrical", "Tabular"])
    if skewed.any():
        lost.append(f"{int(skewed.sum())} transformers whose taps turn and stretch at once")
    return lost


def _ids(net: Mapping[str, Any]) -> dict[str, pd.Series]:
    kinds = ("bus", "line", "trafo", "switch", "load", "sgen", "gen", "storage", "shunt", "ext_grid")
    names = {
        kind: pd.Series(_texts(_table(net, kind), "name"), index=_table(net, kind).index, dtype=object)
        for kind in kinds
    }
    count = pd.concat(list(names.values())).value_counts()
    return {
        kind: pd.Series(
            [text if text and count[text] == 1 else f"{kind}-{i}" for i, text in series.items()],
            index=series.index,
            dtype=object,
        )
        for kind, series in names.items()
    }


def _numbers(table: pd.DataFrame, column: str, missing: float) -> FloatArray:
    """A column as floats, with `missing` where it or a cell of it is absent. [row]"""
    if column not in table:
        return np.full(len(table), missing)
    values = pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=float, na_value=math.nan)
    return np.asarray(np.where(np.isnan(values), missing, values), dtype=float)


def _texts(table: pd.DataFrame, column: str) -> list[str]:
    if column not in table:
        return [""] * len(table)
    return ["" if pd.isna(v) else str(v) for v in table[column]]


def _frame(net: Mapping[str, Any], ids: dict[str, pd.Series], kind: str, data: dict[str, Any]) -> pd.DataFrame:
    table = _table(net, kind)
    common = {"id": ids[kind].to_numpy(), "name": _texts(table, "name")}
    if kind != "switch":
        common["in_service"] = _bools(table, "in_service")
    if "bus" in table and "bus" not in data and kind != "bus":
        common["bus"] = ids["bus"].reindex(table["bus"]).to_numpy()
    return pd.DataFrame({**common, **data})


def _bools(table: pd.DataFrame, column: str, missing: bool = True) -> list[bool]:
    if column not in table:
        return [missing] * len(table)
    return [missing if pd.isna(v) else bool(v) for v in table[column]]


def _bus(net: Mapping[str, Any], ids: dict[str, pd.Series]) -> pd.DataFrame:
    bus = _table(net, "bus")
    longitude, latitude = _places(net, bus)
    zone, subnet = _texts(bus, "zone"), _texts(bus, "subnet")
    return _frame(
        net,
        ids,
        "bus",
        {
            "v_nom_kv": _numbers(bus, "vn_kv", math.nan),
            "v_min_pu": _numbers(bus, "min_vm_pu", 0.9),
            "v_max_pu": _numbers(bus, "max_vm_pu", 1.1),
            "longitude_deg": longitude,
            "latitude_deg": latitude,
            "zone": [z or s for z, s in zip(zone, subnet, strict=True)],
        },
    )


def _places(net: Mapping[str, Any], bus: pd.DataFrame) -> tuple[FloatArray, FloatArray]:
    """Longitude and latitude of every bus; NaN where there is none, or where the net uses a plane of its own."""
    place = np.full((len(bus), 2), math.nan)
    if "geo" in bus:
        for row, text in enumerate(bus["geo"]):
            if isinstance(text, str) and text:
                place[row] = json.loads(text)["coordinates"][:2]
    elif len(_table(net, "bus_geodata")):
        place = _table(net, "bus_geodata").reindex(bus.index)[["x", "y"]].to_numpy(dtype=float)
    on_earth = (np.abs(place[:, 0]) <= 180) & (np.abs(place[:, 1]) <= 90)
    place[~on_earth] = math.nan
    return place[:, 0], place[:, 1]


def _line(net: Mapping[str, Any], ids: dict[str, pd.Series], f_hz: float) -> pd.DataFrame:
    line = _table(net, "line")
    # ω C: nF/km -> µS/km is 1e-3.
    b_us = 2 * math.pi * f_hz * _numbers(line, "c_nf_per_km", 0.0) * 1e-3
    return _frame(
        net,
        ids,
        "line",
        {
            "tail_bus": _ends(line, "from_bus", ids),
            "head_bus": _ends(line, "to_bus", ids),
            "length_km": _numbers(line, "length_km", math.nan),
            "r_ohm_per_km": _numbers(line, "r_ohm_per_km", math.nan),
            "x_ohm_per_km": _numbers(line, "x_ohm_per_km", math.nan),
            "g_us_per_km": _numbers(line, "g_us_per_km", 0.0),
            "b_us_per_km": b_us,
            "parallel": _numbers(line, "parallel", 1.0),
            "i_max_ka": _numbers(line, "max_i_ka", math.nan) * _numbers(line, "df", 1.0),
        },
    )


def _ends(table: pd.DataFrame, column: str, ids: dict[str, pd.Series]) -> Any:
    return ids["bus"].reindex(table[column]).to_numpy() if column in table else []


def _transformer(net: Mapping[str, Any], ids: dict[str, pd.Series]) -> pd.DataFrame:
    trafo = _table(net, "trafo")
    s_rated = _numbers(trafo, "sn_mva", math.nan)
    vk, vkr = _numbers(trafo, "vk_percent", math.nan) / 100, _numbers(trafo, "vkr_percent", math.nan) / 100
    g = _numbers(trafo, "pfe_kw", 0.0) / 1000 / s_rated
    i0 = _numbers(trafo, "i0_percent", 0.0) / 100
    neutral = np.round(_numbers(trafo, "tap_neutral", 0.0))
    # A step without a declared type of changer is a ratio changer: SimBench leaves the type out.
    ratio = _numbers(trafo, "tap_step_percent", 0.0) / 100
    turn = _numbers(trafo, "tap_step_degree", 0.0)
    position = _limit(trafo, "tap_pos", neutral)
    on_load = np.array(_bools(trafo, "autoTap", False), dtype=bool) | np.array(_bools(trafo, "oltc", False), dtype=bool)
    return _frame(
        net,
        ids,
        "trafo",
        {
            "tail_bus": _ends(trafo, "hv_bus", ids),
            "head_bus": _ends(trafo, "lv_bus", ids),
            "s_rated_mva": s_rated,
            "v_tail_kv": _numbers(trafo, "vn_hv_kv", math.nan),
            "v_head_kv": _numbers(trafo, "vn_lv_kv", math.nan),
            "r_pu": vkr,
            # A negative vk (star equivalents have them) is a negative reactance.
            "x_pu": np.sign(vk) * np.sqrt(np.maximum(vk**2 - vkr**2, 0.0)),
            "g_pu": g,
            "b_pu": -np.sqrt(np.maximum(i0**2 - g**2, 0.0)),
            "shift_deg": (_numbers(trafo, "shift_degree", 0.0) + 180) % 360 - 180,
            "parallel": _numbers(trafo, "parallel", 1.0),
            "tap_side": ["head" if side == "lv" else "tail" for side in _texts(trafo, "tap_side")],
            "tap_pos": position,
            "tap_neutral": neutral,
            "tap_min": _limit(trafo, "tap_min", np.minimum(neutral, position)),
            "tap_max": _limit(trafo, "tap_max", np.maximum(neutral, position)),
            "tap_step_pu": ratio,
            "tap_step_deg": turn,
            "tap_on_load": on_load,
            "s_max_mva": s_rated * _numbers(trafo, "df", 1.0),
        },
    )


def _limit(trafo: pd.DataFrame, column: str, missing: FloatArray) -> FloatArray:
    position = _numbers(trafo, column, math.nan)
    return np.asarray(np.round(np.where(np.isnan(position), missing, position)), dtype=float)


def _switch(net: Mapping[str, Any], ids: dict[str, pd.Series]) -> pd.DataFrame:
    switch = _table(net, "switch")
    if not len(switch):
        return pd.DataFrame()
    of = {"b": ids["bus"], "l": ids["line"], "t": ids["trafo"]}
    return _frame(
        net,
        ids,
        "switch",
        {
            "element_kind": [_ELEMENT_KINDS[et] for et in switch["et"]],
            "element": [of[et].get(e, f"{et}-{e}") for et, e in zip(switch["et"], switch["element"], strict=True)],
            "closed": _bools(switch, "closed"),
            "kind": [_SWITCH_KINDS.get(kind, "breaker") for kind in _texts(switch, "type")],
        },
    )


def _load(net: Mapping[str, Any], ids: dict[str, pd.Series]) -> pd.DataFrame:
    load = _table(net, "load")
    scaling = _numbers(load, "scaling", 1.0)
    return _frame(
        net,
        ids,
        "load",
        {
            "p_mw": _numbers(load, "p_mw", math.nan) * scaling,
            "q_mvar": _numbers(load, "q_mvar", 0.0) * scaling,
            "profile": _texts(load, "profile"),
            "kind": _texts(load, "type"),
        },
    )


def _sgen(net: Mapping[str, Any], ids: dict[str, pd.Series]) -> pd.DataFrame:
    sgen = _table(net, "sgen")
    scaling = _numbers(sgen, "scaling", 1.0)
    p, s_rated = _numbers(sgen, "p_mw", math.nan) * scaling, _numbers(sgen, "sn_mva", math.nan)
    p_max = _numbers(sgen, "max_p_mw", math.nan)
    return _frame(
        net,
        ids,
        "sgen",
        {
            "p_mw": p,
            "q_mvar": _numbers(sgen, "q_mvar", 0.0) * scaling,
            "p_min_mw": _numbers(sgen, "min_p_mw", 0.0),
            "p_max_mw": np.where(np.isnan(p_max), s_rated * scaling, p_max),
            "q_min_mvar": _numbers(sgen, "min_q_mvar", math.nan),
            "q_max_mvar": _numbers(sgen, "max_q_mvar", math.nan),
            "s_rated_mva": s_rated,
            "regulates_voltage": False,
            "v_set_pu": 1.0,
            "kind": [generator_kind(kind) for kind in _texts(sgen, "type")],
            "profile": _texts(sgen, "profile"),
            **_cost(net, "sgen", sgen.index),
        },
    )


def _gen(net: Mapping[str, Any], ids: dict[str, pd.Series]) -> pd.DataFrame:
    gen = _table(net, "gen")
    return _frame(
        net,
        ids,
        "gen",
        {
            "p_mw": _numbers(gen, "p_mw", math.nan) * _numbers(gen, "scaling", 1.0),
            "q_mvar": 0.0,
            "p_min_mw": _numbers(gen, "min_p_mw", 0.0),
            "p_max_mw": _numbers(gen, "max_p_mw", math.nan),
            "q_min_mvar": _numbers(gen, "min_q_mvar", math.nan),
            "q_max_mvar": _numbers(gen, "max_q_mvar", math.nan),
            "s_rated_mva": _numbers(gen, "sn_mva", math.nan),
            "regulates_voltage": True,
            "v_set_pu": _numbers(gen, "vm_pu", 1.0),
            "kind": [generator_kind(kind) for kind in _texts(gen, "type")],
            "profile": _texts(gen, "profile"),
            **_cost(net, "gen", gen.index),
        },
    )


def _joined(*frames: pd.DataFrame) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else frames[0]


def _cost(net: Mapping[str, Any], kind: str, index: pd.Index) -> dict[str, FloatArray]:
    columns = {
        "cost_fixed_per_h": "cp0_eur",
        "cost_linear_per_mwh": "cp1_eur_per_mw",
        "cost_quadratic_per_mw2h": "cp2_eur_per_mw2",
    }
    poly = _table(net, "poly_cost")
    if not len(poly):
        return {ours: np.zeros(len(index)) for ours in columns}
    mine = poly[poly["et"] == kind].set_index("element").reindex(index)
    return {ours: _numbers(mine, theirs, 0.0) for ours, theirs in columns.items()}


def _storage(net: Mapping[str, Any], ids: dict[str, pd.Series]) -> pd.DataFrame:
    storage = _table(net, "storage")
    scaling = _numbers(storage, "scaling", 1.0)
    p, rated = _numbers(storage, "p_mw", 0.0) * scaling, _numbers(storage, "sn_mva", math.nan)
    rated = np.where(np.isnan(rated), np.abs(p), rated)
    charge, discharge = _numbers(storage, "max_p_mw", 0.0), -_numbers(storage, "min_p_mw", 0.0)
    capacity = _numbers(storage, "max_e_mwh", math.nan)
    empty = _numbers(storage, "min_e_mwh", 0.0)
    # SimBench writes the round trip as a share into a column called percent.
    both = _numbers(storage, "efficiency_percent", 0.9025)
    both = np.where(both > 1, both / 100, both)
    return _frame(
        net,
        ids,
        "storage",
        {
            "p_mw": p,
            "q_mvar": _numbers(storage, "q_mvar", 0.0) * scaling,
            "capacity_mwh": capacity,
            # A limit of 0 in SimBench is the profile's range, not the machine's: the inverter's rating counts.
            "max_charge_mw": np.where(charge > 0, charge, rated),
            "max_discharge_mw": np.where(discharge > 0, discharge, rated),
            "charge_efficiency": np.sqrt(both),
            "discharge_efficiency": np.sqrt(both),
            "min_soc": np.divide(empty, capacity, out=np.zeros(len(storage)), where=capacity > 0),
            "soc": np.clip(_numbers(storage, "soc_percent", 50.0) / 100, 0, 1),
            "self_discharge_per_day": _numbers(storage, "self-discharge_percent_per_day", 0.0) / 100,
            "s_rated_mva": rated,
            "profile": _texts(storage, "profile"),
        },
    )


def _shunt(net: Mapping[str, Any], ids: dict[str, pd.Series]) -> pd.DataFrame:
    shunt = _table(net, "shunt")
    if not len(shunt):
        return pd.DataFrame()
    at_bus = _table(net, "bus")["vn_kv"].reindex(shunt["bus"]).to_numpy(dtype=float)
    rated = _numbers(shunt, "vn_kv", math.nan)
    scale = _numbers(shunt, "step", 1.0) * (at_bus / np.where(np.isnan(rated), at_bus, rated)) ** 2
    return _frame(
        net,
        ids,
        "shunt",
        {
            "g_mw": _numbers(shunt, "p_mw", 0.0) * scale,
            "b_mvar": -_numbers(shunt, "q_mvar", 0.0) * scale,
        },
    )


def _source(net: Mapping[str, Any], ids: dict[str, pd.Series]) -> pd.DataFrame:
    grid, gen = _table(net, "ext_grid"), _table(net, "gen")
    outer = _frame(
        net,
        ids,
        "ext_grid",
        {
            "v_set_pu": _numbers(grid, "vm_pu", 1.0),
            "angle_deg": _numbers(grid, "va_degree", 0.0),
        },
    )
    slack = np.array(_bools(gen, "slack", False), dtype=bool)
    if not slack.any():
        return outer
    held = gen[slack]
    inner = pd.DataFrame(
        {
            "id": [f"source-{i}" for i in ids["gen"][slack]],
            "name": _texts(held, "name"),
            "bus": ids["bus"].reindex(held["bus"]).to_numpy(),
            "v_set_pu": _numbers(held, "vm_pu", 1.0),
            "in_service": _bools(held, "in_service"),
        }
    )
    return _joined(outer, inner)
