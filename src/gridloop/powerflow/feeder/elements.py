"""What flows in every element of a feeder at given voltages: lines, transformers, loads and sources as tables."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridloop.network.feeder.model import Feeder
from gridloop.powerflow.feeder.arrays import BASE_PHASE_MVA, FeederArrays
from gridloop.powerflow.feeder.loads import load_currents
from gridloop.powerflow.feeder.nodes import GROUND
from gridloop.powerflow.feeder.primitives import Group
from gridloop.units import SQRT3, ComplexArray, FloatArray, IntArray


def branch_tables(
    arrays: FeederArrays, v_kv: ComplexArray, taps: IntArray
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, float]:
    """Tables of lines, of their conductors and of transformers, and the losses of everything. [MW]

    v_kv  [node] voltages to ground; taps [control]
    """
    feeder = arrays.feeder
    line = _blank(
        feeder.line.index, ["p_tail_mw", "q_tail_mvar", "p_head_mw", "q_head_mvar", "losses_mw", "loading_pct"]
    )
    rating_ka = feeder.line["i_max_ka"].to_numpy(dtype=float)
    rated_ka = coil_rating_ka(feeder)
    conductors: list[pd.DataFrame] = []
    units: list[pd.DataFrame] = []
    losses = 0.0
    for group in [*arrays.groups, regulator_group(arrays, taps)]:
        i, s = _ends(group, v_kv)
        losses += float(s.real.sum()) if group.table != "source" else 0.0
        if group.table == "line":
            half = i.shape[1] // 2
            tail, head = s[:, :half].sum(axis=1), s[:, half:].sum(axis=1)
            loading = 100.0 * np.max(np.abs(i), axis=1, initial=0.0) / rating_ka[group.row]
            line.iloc[group.row] = np.stack(
                [tail.real, tail.imag, head.real, head.imag, (tail + head).real, loading], axis=1
            )
            conductors.append(_conductors(feeder.line.index[group.row], np.abs(i), half))
        elif group.table == "transformer":
            units.append(_units(group, i, s, rated_ka))
    empty = pd.MultiIndex.from_arrays([[], []], names=["line", "conductor"])
    every = pd.concat(conductors) if conductors else _blank(empty, ["i_tail_ka", "i_head_ka"])
    return line, every, _transformers(feeder, units), losses


def _units(group: Group, i_ka: ComplexArray, s: ComplexArray, rated_ka: FloatArray) -> pd.DataFrame:
    """Powers and loading of single-phase units, by row of the transformer table."""
    first, coils = s[:, :2].sum(axis=1), np.abs(i_ka[:, ::2])
    return pd.DataFrame(
        {
            "row": group.row,
            "p_1_mw": first.real,
            "q_1_mvar": first.imag,
            "losses_mw": s.sum(axis=1).real,
            "loading_pct": 100.0 * np.max(coils / rated_ka[group.row, : coils.shape[1]], axis=1, initial=0.0),
        }
    )


def _transformers(feeder: Feeder, units: list[pd.DataFrame]) -> pd.DataFrame:
    """Sums of the units; the loading is that of the coil with most current. A regulator's shunts are units as well."""
    columns = ["p_1_mw", "q_1_mvar", "losses_mw", "loading_pct"]
    values = np.full((len(feeder.transformer), 4), np.nan)
    every = pd.concat(units) if units else _blank(pd.Index([]), ["row", *columns])
    rows = every["row"].to_numpy(dtype=np.int64)
    values[rows] = 0.0
    np.add.at(values[:, :3], rows, every[columns[:3]].to_numpy(dtype=float))
    with np.errstate(invalid="ignore"):  # numpy warns where a flow without a solution brings NaN
        np.maximum.at(values[:, 3], rows, every["loading_pct"].to_numpy(dtype=float))
    return pd.DataFrame(values, index=feeder.transformer.index, columns=columns)


def coil_rating_ka(feeder: Feeder) -> FloatArray:
    """Rated current of the coils of every winding. [transformer, winding]; NaN where there is no such winding"""
    found = np.full((len(feeder.transformer), 3), np.nan)
    w = feeder.winding
    row = feeder.transformer.index.get_indexer(pd.Index(w["transformer"]))
    phases = feeder.transformer["n_phases"].to_numpy(dtype=float)[row]
    in_wye = (w["connection"] == "wye").to_numpy() & (phases > 1)
    v_kv = w["v_rated_kv"].to_numpy(dtype=float) / np.where(in_wye, SQRT3, 1.0)
    found[row, w["number"].to_numpy(dtype=np.int64) - 1] = w["s_rated_mva"].to_numpy(dtype=float) / phases / v_kv
    return found


def _blank(index: pd.Index, columns: list[str]) -> pd.DataFrame:
    return pd.DataFrame(np.nan, index=index, columns=columns, dtype=float)


def _ends(group: Group, v_kv: ComplexArray) -> tuple[ComplexArray, ComplexArray]:
    """Currents [kA] and powers [MVA] that enter every end. [element, end]"""
    v = np.where(group.nodes == GROUND, 0.0, v_kv[group.nodes])
    i = np.einsum("eij,ej->ei", group.y, v)
    return i, v * np.conj(i)


def regulator_group(arrays: FeederArrays, taps: IntArray) -> Group:
    """The regulators' units at their taps, in siemens, as further transformers: ends of winding 1 come first."""
    units = arrays.units
    a = units.v_secondary_kv * (1.0 + arrays.step * taps[arrays.control]) / units.v_primary_kv
    across = np.stack([np.ones(a.size), -np.ones(a.size), -1.0 / a, 1.0 / a], axis=1)
    ends = np.concatenate([arrays.primary, arrays.secondary], axis=1)
    order = np.where(units.tapped[:, None] == 1, [0, 1, 2, 3], [2, 3, 0, 1])
    across, ends = np.take_along_axis(across, order, axis=1), np.take_along_axis(ends, order, axis=1)
    return Group(
        "transformer", units.row, ends, units.y_siemens[:, None, None] * across[:, :, None] * across[:, None, :]
    )


def _conductors(ids: pd.Index, i_ka: FloatArray, half: int) -> pd.DataFrame:
    index = pd.MultiIndex.from_product([ids, range(1, half + 1)], names=["line", "conductor"])
    columns = {"i_tail_ka": i_ka[:, :half].ravel(), "i_head_ka": i_ka[:, half:].ravel()}
    return pd.DataFrame(columns, index=index)


def load_table(arrays: FeederArrays, v: ComplexArray) -> pd.DataFrame:
    """Consumption of every load, then every generator, at voltages v [node] per unit; NaN without supply."""
    loads, feeder = arrays.loads, arrays.feeder
    across = v[loads.tail] - np.where(loads.head == GROUND, 0.0, v[loads.head])
    s = across * np.conj(load_currents(loads, v, loads.s0)) * BASE_PHASE_MVA
    low = np.abs(across) / loads.v_rated
    s, low = np.where(arrays.dark, complex(np.nan, np.nan), s), np.where(arrays.dark, np.nan, low)
    n = loads.s0.size
    smallest = np.full(n, np.inf)
    np.fmin.at(smallest, loads.element, low)
    smallest[~np.isfinite(smallest)] = np.nan
    table = pd.DataFrame(
        {
            "p_mw": np.bincount(loads.element, s.real, n),
            "q_mvar": np.bincount(loads.element, s.imag, n),
            "v_low_pu": smallest,
        },
        index=feeder.load.index.append(feeder.generator.index),
    )
    table.iloc[np.setdiff1d(np.arange(n), loads.element)] = np.nan  # out of service
    return table


def source_table(arrays: FeederArrays, v: ComplexArray, taps: IntArray) -> pd.DataFrame:
    """What every source injects into its bus, behind its impedance where it has one."""
    table = _blank(arrays.feeder.source.index, ["p_mw", "q_mvar"])
    v_kv = v * arrays.v_base_kv
    # Without an impedance the bus itself is held, and gives whatever leaves it.
    drawn = np.zeros(v.size, dtype=complex)
    i = load_currents(arrays.loads, v, arrays.s0)
    np.add.at(drawn, arrays.loads.tail, i)
    inner = arrays.loads.head != GROUND
    np.add.at(drawn, arrays.loads.head[inner], -i[inner])
    direct = v * np.conj(arrays.admittance(taps) @ v + drawn) * BASE_PHASE_MVA
    for row in np.unique(arrays.source_row):
        own = [group for group in arrays.groups if group.table == "source" and group.row[0] == row]
        if own:
            _, s = _ends(own[0], v_kv)
            given = -s[0, s.shape[1] // 2 :].sum()
        else:
            given = direct[arrays.source[arrays.source_row == row]].sum()
        table.iloc[row] = given.real, given.imag
    return table
