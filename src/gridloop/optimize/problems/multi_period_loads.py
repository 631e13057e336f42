"""The loads of a plan over time: a table by load, or one series that all of them share."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, GapInSeries, listed
from gridloop.network.arrays import build_arrays
from gridloop.network.model import Network
from gridloop.units import FloatArray


def loads_of(net: Network, load_mw: pd.DataFrame | pd.Series) -> tuple[pd.Index, FloatArray]:
    """Times, and power of every load. [load, step], MW"""
    if not isinstance(load_mw, (pd.DataFrame, pd.Series)):
        raise BadInput(f"load_mw is a {type(load_mw).__name__}; give a table [time, load], or one series by time.")
    try:
        load_mw = load_mw.astype(float)
    except (TypeError, ValueError) as error:
        raise BadInput(f"load_mw is no number in places: {error}.") from error
    table = net.load["p_mw"].to_numpy(dtype=float)
    if isinstance(load_mw, pd.DataFrame):
        unknown = [str(c) for c in load_mw.columns if c not in net.load.index]
        if unknown:
            raise BadInput(f"{len(unknown)} loads are not in the network: {listed(unknown)}.", ids=unknown)
        twice = sorted({str(c) for c in load_mw.columns[load_mw.columns.duplicated()]})
        if twice:
            raise BadInput(f"{len(twice)} loads have more than one column: {listed(twice)}.", ids=twice)
        values = np.repeat(table[:, None], len(load_mw), axis=1)
        values[net.load.index.get_indexer(load_mw.columns)] = load_mw.to_numpy(dtype=float).T
    else:
        on = build_arrays(net).element_on["load"]
        total = float(table[on].sum())
        if not total > 0:
            raise BadInput("loads without power have no shares to keep; give load_mw by load.")
        values = table[:, None] * (load_mw.to_numpy(dtype=float) / total)
    if not len(load_mw) or load_mw.index.has_duplicates:
        raise BadInput("load_mw needs one row for each of its times, and at least one.")
    if not np.isfinite(values).all():
        raise GapInSeries("load_mw has values that are missing or infinite; fill them by name first.")
    return load_mw.index.rename("time"), np.asarray(values)
