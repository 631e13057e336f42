"""What a commitment of a network is asked: loads, reserve and weather by hour, counted from 0, and pieces of costs.

Series that have the times of the loads are found by them; others count hours as the loads do, from the first on.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, OutOfRange, listed
from gridloop.network.model import Network
from gridloop.optimize.problems.dispatch_inputs import reserve_of
from gridloop.optimize.problems.multi_period_loads import loads_of
from gridloop.units import FloatArray

_ByHour = TypeVar("_ByHour", pd.Series, pd.DataFrame)


def loads_by_hour(net: Network, load_mw: pd.DataFrame | pd.Series | int) -> tuple[pd.Index, FloatArray]:
    """Times, and power of every load: as `loads_of`, or those of the table for so many hours. [load, hour], MW"""
    if isinstance(load_mw, (int, np.integer)):
        if isinstance(load_mw, bool) or load_mw < 1:
            raise OutOfRange(f"load_mw is {load_mw!r}; allowed is 1 hour or more, or a table or series by hour.")
        load_mw = pd.DataFrame(index=pd.RangeIndex(int(load_mw)))  # no load has a column: all stay as in the table
    return loads_of(net, load_mw)


def reserve_by_hour(reserve_mw: float | pd.Series, times: pd.Index) -> pd.Series:
    """Reserve that is wanted. [hour], MW"""
    given = _of_hours("reserve_mw", reserve_mw, times) if isinstance(reserve_mw, pd.Series) else reserve_mw
    return reserve_of(given, pd.RangeIndex(len(times))).reset_index(drop=True)


def available_by_hour(available_mw: pd.DataFrame | None, times: pd.Index, known: pd.Index) -> pd.DataFrame:
    """What the weather lets generators give; no columns where nothing is said. [hour × generator], MW

    known  ids of generators in service
    """
    if available_mw is None:
        return pd.DataFrame(index=pd.RangeIndex(len(times)))
    if not isinstance(available_mw, pd.DataFrame):
        raise BadInput(f"available_mw is a {type(available_mw).__name__}; give a table [hour × generator].")
    names = pd.Index([str(c) for c in available_mw.columns])
    unknown = [c for c in names if c not in known]
    if unknown:
        raise BadInput(f"available_mw has {len(unknown)} columns that are no generators in service: {listed(unknown)}.")
    twice = sorted(set(names[names.duplicated()]))
    if twice:
        raise BadInput(f"{len(twice)} generators of available_mw have more than one column: {listed(twice)}.")
    try:
        given = available_mw.astype(float)
    except (TypeError, ValueError) as error:
        raise BadInput(f"available_mw is no number in places: {error}.") from error
    return _of_hours("available_mw", given.set_axis(names, axis=1), times)


def check_pieces(pieces: int) -> None:
    """Raises `BadInput` for what is no number of pieces."""
    if not isinstance(pieces, (int, np.integer)) or isinstance(pieces, bool) or pieces < 1:
        raise OutOfRange(f"pieces is {pieces!r}; allowed is a whole number of 1 or more.")


def _of_hours(name: str, given: _ByHour, times: pd.Index) -> _ByHour:
    """The same from hour 0 on. Raises `BadInput` where it has other hours than the loads."""
    if len(given) != len(times):
        raise BadInput(f"{name} has {len(given)} hours, the loads {len(times)}; they must be the same.")
    if set(given.index) == set(times):
        given = given.loc[list(times)]
    return given.reset_index(drop=True)
