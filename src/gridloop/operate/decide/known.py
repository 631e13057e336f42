"""What a decision knows: everything, and nothing that became known later.

A decision is a function of the network, the settings and one `Known`; the store keeps its parts exactly, so that any
past decision can be made again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.forecast.feeder import Kind
from gridloop.forecast.value import Forecast
from gridloop.operate.site import Status
from gridloop.optimize.horizon import Horizon
from gridloop.units import FloatArray


@dataclass(frozen=True)
class Known:
    """The state of knowledge at one tick.

    at            time of the decision (UTC)
    forecast      power of every group on the fine grid of the loop, as far as the horizon reaches
    reactive      reactive over active power of every load group (from the newest day of readings)
    status        what devices said when asked
    prices        import_eur_per_mwh and export_eur_per_mwh on the fine grid (known or expected)
    previous      table of the newest plan that was made and sent, None before the first; its age may be many ticks
    import_peak_mw  highest import so far
    """

    tick: int
    at: pd.Timestamp
    forecast: Forecast
    reactive: Mapping[str, float]
    status: Status
    prices: pd.DataFrame
    previous: pd.DataFrame | None = None
    import_peak_mw: float = 0.0


@dataclass(frozen=True)
class Groups:
    """How groups of elements that follow one profile map to elements.

    kind        load, solar, wind or other, by point of the group ("group:NAME/p_mw")
    members     element ids by point
    share       of the group's power, in the order of the members
    """

    kind: Mapping[str, Kind]
    members: Mapping[str, tuple[str, ...]]
    share: Mapping[str, FloatArray]


def horizon_of(at: pd.Timestamp, blocks: tuple[tuple[int, int], ...]) -> Horizon:
    """Intervals of a plan made at `at`."""
    return Horizon.blocks(at, [(count, pd.Timedelta(minutes=minutes)) for count, minutes in blocks])


def fine_grid(at: pd.Timestamp, blocks: tuple[tuple[int, int], ...], step_min: int) -> pd.DatetimeIndex:
    """Starts of the loop's own intervals over the whole horizon."""
    count = sum(n * minutes for n, minutes in blocks) // step_min
    return pd.date_range(at, periods=count, freq=pd.Timedelta(minutes=step_min), unit="ns")


def block_mean(values: FloatArray, blocks: tuple[tuple[int, int], ...], step_min: int) -> FloatArray:
    """Means over the horizon's intervals of values on the fine grid. [fine, …] → [step, …]"""
    sizes = np.array([minutes // step_min for count, minutes in blocks for _ in range(count)])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    weights = sizes.reshape(-1, *([1] * (values.ndim - 1)))
    return np.asarray(np.add.reduceat(values, starts, axis=0) / weights)
