"""How customers answer a call, for studies: each plans its day against the tariff and the payment, as `schedule` does.

A part of what a customer takes in the event's hours can be moved to the hours after it (`Shiftable`); of the rest it
gives up what is worth less to it than the price with the payment (`Reducible`). Who does not answer stays as recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange, SolveFailed
from gridloop.market.demand_response.event import DREvent
from gridloop.market.demand_response.program import HOUR
from gridloop.optimize.devices.kinds import Device
from gridloop.optimize.devices.reducible import Reducible
from gridloop.optimize.devices.shiftable import Shiftable
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.problems.schedule import schedule
from gridloop.units import BoolArray, FloatArray


@dataclass(frozen=True)
class Response:
    """What a customer is assumed to do when called.

    shiftable_share  of its energy in the event's hours, which it can take up to `shift_hours` later instead
    elasticity       of the rest, at the tariff's price in the event; no more than max_reduction of it is given up
    answers          share of the calls that a customer answers
    """

    shiftable_share: float = 0.10
    shift_hours: float = 4.0
    elasticity: float = -0.15
    max_reduction: float = 0.3
    answers: float = 0.8

    def __post_init__(self) -> None:
        for name in ("shiftable_share", "answers", "max_reduction"):
            if not 0 <= getattr(self, name) <= 1:
                raise OutOfRange(f"response: {name} is {getattr(self, name)}; allowed is a share of 0 … 1.")


def answer(
    load_mw: pd.DataFrame,
    price: pd.Series,
    event: DREvent,
    response: Response,
    answering: BoolArray,
    *,
    step: pd.Timedelta,
) -> pd.DataFrame:
    """What those who are called take instead, from the event to the end of the shift. interval × customer, MW

    load_mw    interval × customer of these hours, as it would have been; regular, UTC, without gaps
    price      the tariff [money per MWh], same index
    answering  [customer] who follows the call
    step       length of the intervals
    """
    followers = [str(name) for name, yes in zip(load_mw.columns, answering, strict=True) if yes]
    if not followers:
        return load_mw.copy()
    inside = np.asarray((load_mw.index >= event.start) & (load_mw.index < event.end))
    hours = step / HOUR
    offered = price + np.where(inside, event.program.payment_per_mwh, 0.0)
    devices: list[Device] = []
    for name in followers:
        devices += _devices(name, load_mw[name].to_numpy(dtype=float), price, event, response, inside, hours)
    plan = schedule(devices, offered, horizon=Horizon(pd.DatetimeIndex(load_mw.index), np.full(len(load_mw), hours)))
    if not plan.solved:
        raise SolveFailed(f"the answer to a call could not be planned: {plan.diagnosis}", status=plan.status)
    reduced, moved = plan.wide("reduced_mw"), plan.wide("p_mw", "shiftable")
    after = load_mw.copy()
    for name in followers:
        rest = _rest(load_mw[name].to_numpy(dtype=float), response, inside)
        shifted = moved[_moved(name)].to_numpy() if _moved(name) in moved else 0.0
        after[name] = rest - reduced[name].to_numpy() + shifted
    return after


def _rest(load: FloatArray, response: Response, inside: BoolArray) -> FloatArray:
    """What is not moved."""
    return np.asarray(load * (1.0 - response.shiftable_share * inside))


def _moved(name: str) -> str:
    return f"{name} moved"


def _devices(
    name: str,
    load: FloatArray,
    price: pd.Series,
    event: DREvent,
    response: Response,
    inside: BoolArray,
    hours: float,
) -> Sequence[Device]:
    reference = float(price.to_numpy(dtype=float)[inside].max())
    devices: list[Device] = [
        Reducible(
            _rest(load, response, inside),
            elasticity=response.elasticity,
            reference_price=reference,
            max_reduction=response.max_reduction,
            id=name,
        )
    ]
    energy = float(response.shiftable_share * load[inside].sum() * hours)
    if energy > 0:
        devices.append(
            Shiftable(
                energy,
                # It takes what is moved over an hour at the least, which is how long a machine runs.
                max(energy, response.shiftable_share * float(load[inside].max())),
                earliest=event.start,
                latest=event.end + response.shift_hours * HOUR,
                id=_moved(name),
            )
        )
    return devices
