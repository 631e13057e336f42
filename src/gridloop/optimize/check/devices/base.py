"""What the rules of every kind of device share: where a plan's values are and where findings go."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from gridloop.optimize.check.checked import Ledger
from gridloop.units import FloatArray

NS_PER_HOUR = 3.6e12

Values = dict[tuple[str, str], FloatArray]  # (kind, quantity) → [device, step], in the order of the case's devices
Owners = list[tuple[str, str]]  # (id, bus) of everything that has rows in the plan's table


@dataclass(frozen=True)
class Span:
    """The intervals of a plan. [step]

    prices       as the case has them: one row per interval, and whatever columns its services need
    mean_export  mean price to export, the worth of stored energy where a battery names none
    """

    starts: pd.DatetimeIndex
    hours: FloatArray
    prices: pd.DataFrame
    mean_export: float


@dataclass
class Found:
    """What the devices of a plan come to.

    taken_mw  [step]  consumption less injection
    cost      by part, in money
    soc       battery → state of charge at the end of every interval [step]
    sent      (device, quantity) → value of the first interval, of all that a new plan keeps steady
    import_by_calls, export_by_calls  [step]  what is taken or injected on top where all that is held ready is called
    taken_at  where it is taken: buses, MW and Mvar [device, step] of several devices at a time
    """

    taken_mw: FloatArray
    cost: dict[str, float] = field(default_factory=dict)
    sent: dict[tuple[str, str], float] = field(default_factory=dict)
    soc: dict[str, FloatArray] = field(default_factory=dict)
    import_by_calls: FloatArray | float = 0.0
    export_by_calls: FloatArray | float = 0.0
    taken_at: list[tuple[list[str], FloatArray, FloatArray]] = field(default_factory=list)

    def take(self, buses: Sequence[Any], p_mw: FloatArray, q_mvar: FloatArray | float = 0.0) -> None:
        """Devices at these buses take so much. [device, step]"""
        self.taken_mw += p_mw.sum(axis=0)
        self.taken_at.append(([str(bus) for bus in buses], p_mw, np.broadcast_to(q_mvar, p_mw.shape)))


def one_each(devices: Sequence[Any]) -> Owners:
    """Devices that have rows under their own id."""
    return [(str(device.id), str(device.bus)) for device in devices]


@dataclass(frozen=True)
class Kind:
    """The rules of one kind of device.

    made        the class of its devices
    name        as in the plan's table
    quantities  what a plan has of each, and whether it is sent and needs a reason
    check       notes every broken rule and adds what the devices come to
    owners      who has rows: the devices themselves where nothing else is said
    some        quantities that not all have: whether a device does
    """

    made: type
    name: str
    quantities: tuple[tuple[str, bool], ...]
    check: Callable[[Sequence[Any], Values, Span, Ledger, Found], None]
    owners: Callable[[Sequence[Any]], Owners] = one_each
    some: Mapping[str, Callable[[Any], bool]] = field(default_factory=dict)

    def owners_of(self, quantity: str, devices: Sequence[Any]) -> Owners:
        """Who of these devices has rows of a quantity."""
        has = self.some.get(quantity)
        mine = self.mine(devices)
        return self.owners(mine if has is None else [device for device in mine if has(device)])

    def mine(self, devices: Sequence[Any]) -> list[Any]:
        """The devices of this kind, in their order."""
        return [device for device in devices if isinstance(device, self.made)]


def number(devices: Sequence[Any], name: str) -> FloatArray:
    """[device, 1]"""
    return np.array([[float(getattr(device, name))] for device in devices])


def hours_from(span: Span, times: pd.Series) -> FloatArray:
    """Hours from the start of the plan."""
    since = pd.DatetimeIndex(times).as_unit("ns").asi8 - span.starts.as_unit("ns").asi8[0]
    return np.asarray(since / NS_PER_HOUR)


def served_reactive(q: FloatArray, wanted: FloatArray, left_out: FloatArray) -> FloatArray:
    """Reactive power of loads of which a part is left out: the same share of it is. [device, step], Mvar"""
    share = np.where(wanted > 0, left_out / np.where(wanted > 0, wanted, 1.0), 0.0)
    return np.asarray(q * (1.0 - share))
