"""One possible future: devices with their series, prices, and how much it weighs; and the mean of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, OutOfRange, listed
from gridloop.optimize.devices.connection import price_table
from gridloop.optimize.devices.kinds import Device
from gridloop.units import FloatArray


@dataclass(frozen=True)
class Scenario:
    """One possible future.

    devices  as of `schedule`: the same ids in every scenario, with the series of this one
    prices   as of `schedule`, over the same intervals in every scenario
    weight   how much it counts, relative to the others; a probability, say
    name     how answers call it; its number where empty
    """

    devices: Sequence[Device]
    prices: pd.DataFrame | pd.Series
    weight: float = 1.0
    name: str = ""


def scenarios_from(
    devices: Sequence[Device],
    prices: pd.DataFrame | pd.Series | Sequence[pd.DataFrame | pd.Series],
    series: Mapping[tuple[str, str], FloatArray],
    weights: Sequence[float] | FloatArray | None = None,
) -> list[Scenario]:
    """Scenarios that differ in series of some devices, and in prices where there is one table per scenario.

    series   (id, field) → values [scenario, step], as {("roof", "available_mw"): values}
    weights  [scenario]; alike where None

    Raises `BadInput` for ids nobody has, and `OutOfRange` for numbers of scenarios that differ.
    """
    known = {str(device.id) for device in devices}
    unknown = sorted({name for name, _ in series if name not in known})
    if unknown:
        raise BadInput(f"series are given for {listed(unknown)}, but the devices are {listed(sorted(known))}.")
    each = None if isinstance(prices, (pd.DataFrame, pd.Series)) else list(prices)
    counts = {f"{name}.{field}": len(values) for (name, field), values in series.items()}
    counts |= {} if each is None else {"prices": len(each)}
    counts |= {} if weights is None else {"weights": len(weights)}
    if len(set(counts.values())) != 1:
        said = ", ".join(f"{name} {count}" for name, count in counts.items()) or "nothing that differs"
        raise OutOfRange(f"Every series needs one row per scenario; there are: {said}.", counts=counts)
    made = []
    for s in range(next(iter(counts.values()))):
        own = {key: np.asarray(values[s], dtype=float) for key, values in series.items()}
        changed = [
            _with(device, {f: v for (name, f), v in own.items() if name == str(device.id)}) for device in devices
        ]
        table = prices if each is None else each[s]
        assert isinstance(table, (pd.DataFrame, pd.Series))
        made.append(Scenario(changed, table, 1.0 if weights is None else float(weights[s])))
    return made


def _with(device: Any, values: Mapping[str, FloatArray]) -> Any:
    """A device with other numbers in some of its fields."""
    known = [one.name for one in fields(device)]
    unknown = [name for name in values if name not in known]
    if unknown:
        raise BadInput(
            f"{device.id} has no {listed(unknown)}; a {type(device).__name__} has {listed(known, len(known))}."
        )
    return replace(device, **{name: float(v) if np.ndim(v) == 0 else v for name, v in values.items()})


def shares(scenarios: Sequence[Scenario]) -> FloatArray:
    """Weights that sum to one. [scenario]; raises `OutOfRange` for weights that are none."""
    if not scenarios:
        raise OutOfRange("There is no scenario; give at least one.")
    weights = np.array([scenario.weight for scenario in scenarios], dtype=float)
    if not (np.isfinite(weights).all() and (weights > 0).all()):
        raise OutOfRange(f"Weights of scenarios must be positive; the smallest is {weights.min()}.")
    return np.asarray(weights / weights.sum())


def names(scenarios: Sequence[Scenario]) -> list[str]:
    """What the scenarios are called; raises `OutOfRange` for a name used twice."""
    called = [scenario.name or str(k) for k, scenario in enumerate(scenarios)]
    doubled = sorted({name for name in called if called.count(name) > 1})
    if doubled:
        raise OutOfRange(f"Every scenario needs its own name; used twice: {listed(doubled)}.")
    return called


def mean_scenario(scenarios: Sequence[Scenario]) -> Scenario:
    """The future in which every number is the mean of what it is in the scenarios.

    Raises `BadInput` where scenarios differ in more than numbers: other devices, other sessions of vehicles.
    """
    weights = shares(scenarios)
    tables = [price_table(scenario.prices) for scenario in scenarios]
    prices = sum((w * table for w, table in zip(weights[1:], tables[1:], strict=True)), weights[0] * tables[0])
    ids = [[(type(d), str(d.id)) for d in scenario.devices] for scenario in scenarios]
    if any(other != ids[0] for other in ids):
        raise BadInput("The scenarios have different devices; there is no mean of those.")
    devices = [
        _mean([scenario.devices[k] for scenario in scenarios], weights) for k in range(len(scenarios[0].devices))
    ]
    return Scenario(devices, prices, 1.0, "mean")


def _mean(devices: Sequence[Any], weights: FloatArray) -> Any:
    """One device with the mean of every number that differs."""
    first = devices[0]
    changed: dict[str, Any] = {}
    for one in fields(first):
        values = [getattr(device, one.name) for device in devices]
        if all(_same(value, values[0]) for value in values):
            continue
        if all(_parts(value) for value in values) and len({len(value) for value in values}) == 1:
            changed[one.name] = [_mean(parts, weights) for parts in zip(*values, strict=True)]
            continue
        try:
            numbers = np.stack(np.broadcast_arrays(*[np.asarray(value, dtype=float) for value in values]))
        except (TypeError, ValueError) as error:
            raise BadInput(f"{first.id}: {one.name} differs between scenarios and is no number.") from error
        mean = np.tensordot(weights, numbers, axes=1)
        changed[one.name] = float(mean) if np.ndim(mean) == 0 else mean
    return replace(first, **changed)


def _parts(value: Any) -> bool:
    """True for what a device is made of, such as the machines of a building."""
    return isinstance(value, list | tuple) and bool(value) and all(hasattr(part, "id") for part in value)


def _same(value: Any, other: Any) -> bool:
    if value is other:
        return True
    if _parts(value) and _parts(other):
        return len(value) == len(other) and all(map(_same, value, other))
    if is_dataclass(value) and type(value) is type(other):
        return all(_same(getattr(value, one.name), getattr(other, one.name)) for one in fields(value))
    if isinstance(value, pd.DataFrame):
        return isinstance(other, pd.DataFrame) and value.equals(other)
    if isinstance(value, np.ndarray) or isinstance(other, np.ndarray):
        return bool(np.array_equal(value, other))
    return bool(value == other)
