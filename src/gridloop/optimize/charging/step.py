"""One plan of charging in real time: the cheapest powers from now on for the cars that are known, a linear program.

    minimize  Σ energy_i,t · ((1 − gone_i,t) · price_t + gone_i,t · lost_i + waiting_t)
              + Σ lost_i · short_i + peak_price · over
    Σ_t energy_i,t + short_i = need_i           0 ≤ energy_i,t ≤ most_i,t
    Σ_i energy_i,t ≤ h_t · (free_t + over)      0 ≤ over ≤ limit − free

A car may be gone by then: what is planned for an interval is bought with the chance that it is still there, and lost
with the other. That makes a plan hurry as much as its drivers are unsteady, and no more, and it stays linear.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridloop.errors import SolveFailed
from gridloop.optimize.array_model import ArrayModel
from gridloop.optimize.solve.arrays import ArraySession
from gridloop.units import FloatArray


@dataclass(frozen=True)
class Step:
    """What a plan in real time sees.

    need_mwh    that each car is thought to still need. [car]
    most_mwh    at most in each interval from now on. [car, step]
    gone        chance that the car is gone by the middle of an interval. [car, step]
    lost_price  money per MWh that it leaves without. [car]
    price       money per MWh; waiting_price  of an interval, for what is charged then. [step]
    free_mw     power that costs nothing more than its energy; most_over_mw above that. [step]
    peak_price_per_mw  of the highest power above what is free
    """

    need_mwh: FloatArray
    most_mwh: FloatArray
    gone: FloatArray
    lost_price: FloatArray
    price: FloatArray
    waiting_price: FloatArray
    free_mw: FloatArray
    most_over_mw: FloatArray
    peak_price_per_mw: float
    hours: FloatArray


def plan_step(step: Step) -> FloatArray:
    """Energies of the best plan. [car, step], MWh"""
    cars, steps = step.most_mwh.shape
    car, at = np.nonzero(step.most_mwh > 0)
    energy = np.zeros((cars, steps))
    if not car.size:
        return energy
    model = ArrayModel()
    flows = model.add_variables("energy", np.zeros(car.size), step.most_mwh[car, at])
    short = model.add_variables("short", np.zeros(cars), step.need_mwh)
    highest = float(step.most_over_mw.max(initial=0.0))
    over = model.add_variables("over", np.zeros(1), np.full(1, highest))
    model.add_rows(
        "need", np.concatenate([car, np.arange(cars)]), np.concatenate([flows, short]), np.ones(1), step.need_mwh,
        step.need_mwh,
    )  # fmt: skip
    bound = np.flatnonzero(np.isfinite(step.free_mw))
    place = np.full(steps, -1)
    place[bound] = np.arange(bound.size)
    mine = place[at] >= 0
    model.add_rows(
        "site",
        np.concatenate([place[at][mine], np.arange(bound.size)]),
        np.concatenate([flows[mine], np.full(bound.size, over[0])]),
        np.concatenate([np.ones(int(mine.sum())), -step.hours[bound]]),
        np.full(bound.size, -np.inf),
        step.free_mw[bound] * step.hours[bound],
    )
    hard = bound[step.most_over_mw[bound] < highest]
    place[:] = -1
    place[hard] = np.arange(hard.size)
    mine = place[at] >= 0
    model.add_rows(
        "limit", place[at][mine], flows[mine], np.ones(1), np.full(hard.size, -np.inf),
        (step.free_mw + step.most_over_mw)[hard] * step.hours[hard],
    )  # fmt: skip
    gone = step.gone[car, at]
    cost = (1.0 - gone) * step.price[at] + gone * step.lost_price[car] + step.waiting_price[at]
    columns = np.concatenate([flows, short, over])
    money = np.concatenate([cost, step.lost_price, [step.peak_price_per_mw]])
    model.minimize(columns, money, np.zeros(columns.size))
    answer = ArraySession(model.made()[0]).run()
    if answer.status != "optimal":
        raise SolveFailed(f"A plan of charging ended with {answer.status!r}.", status=answer.status)
    energy[car, at] = np.clip(answer.x[flows], 0.0, step.most_mwh[car, at])
    return energy
