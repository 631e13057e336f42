"""Calm re-plans: what was sent changes only where that is worth something.

A plan is made anew every few minutes from prices and forecasts that differ a little. Where many plans are equally
good, the best one jumps; a small price per MW of change from what the previous plan had for this moment holds it still.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gridloop.optimize.devices.group import Group
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.labelled_model import LabelledModel
from gridloop.optimize.linear import NO_VARIABLE, Sum, add_rows, add_variables
from gridloop.units import FloatArray, IntArray


def add_change_cost(
    model: LabelledModel, groups: Sequence[Group], horizon: Horizon, previous: pd.DataFrame, money_per_mw: float
) -> Sum | None:
    """Price of |set-point − what the previous plan had for this moment|, over all that is sent and was planned before.

    previous  table of the previous plan. None where it has nothing to say about these devices.
    """
    before = _at_moment(previous, horizon.starts[0])
    labels, factors, values = [], [], []
    for group in groups:
        for sent in group.sent():
            had = before.get(sent.quantity)
            if had is None:
                continue
            value = had.reindex(list(sent.device)).to_numpy(dtype=float)
            known = ~np.isnan(value) & (sent.labels != NO_VARIABLE).any(axis=1)
            for k in np.flatnonzero(known):
                labels.append(sent.labels[k])
                factors.append(sent.factors)
                values.append(value[k])
    if not labels:
        return None
    return _add_distance(model, labels, factors, np.array(values), money_per_mw)


def _add_distance(
    model: LabelledModel,
    labels: Sequence[IntArray],
    factors: Sequence[Sequence[float]],
    values: FloatArray,
    money_per_mw: float,
) -> Sum:
    """Σ factor · variable − up + down = value, with up and down priced."""
    index = [pd.RangeIndex(len(labels), name="sent")]
    up = add_variables(model, "change_up", index, 0.0, np.inf)
    down = add_variables(model, "change_down", index, 0.0, np.inf)
    most = max(len(row) for row in labels)
    wide = np.full((len(labels), most), NO_VARIABLE, dtype=np.int64)
    weight = np.zeros((len(labels), most))
    for k, (row, factor) in enumerate(zip(labels, factors, strict=True)):
        wide[k, : len(row)], weight[k, : len(row)] = row, factor
    add_rows(model, "change", index, [(wide, weight), (up.labels.values, -1.0), (down.labels.values, 1.0)], "=", values)
    return Sum.of((up, money_per_mw), (down, money_per_mw))


def _at_moment(table: pd.DataFrame, at: pd.Timestamp) -> dict[str, pd.Series[float]]:
    """What a plan has for the interval that contains a moment: quantity → value per device."""
    ends = table["valid_at"] + pd.to_timedelta(table["hours"], unit="h")
    now = table[(table["valid_at"] <= at) & (at < ends)]
    return {str(name): rows.set_index("device")["value"] for name, rows in now.groupby("quantity", sort=False)}
