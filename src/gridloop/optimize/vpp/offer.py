"""What a plant can sell: for every interval a staircase of quantity by price, profiles as blocks, and the envelope.

The curve of an interval varies the price of that interval alone; the others stay as expected. So every step can be
kept where the other intervals clear as expected. Where they do not, the steps of several intervals may not fit
together (a battery sells its energy once): that is what blocks are for, whole profiles of which any one can be kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange, SolveFailed
from gridloop.optimize.solve import Outcome
from gridloop.optimize.vpp.curve import Line, Stair, stair
from gridloop.optimize.vpp.model import PlantModel
from gridloop.units import FloatArray

BID_COLUMNS = ["valid_at", "hours", "from_eur_per_mwh", "to_eur_per_mwh", "injection_mw"]


@dataclass(frozen=True)
class Bids:
    """Bids by interval.

    table   one row per step of each interval's stair: `BID_COLUMNS`; the plant injects `injection_mw` (negative where
            it takes) at any price from from_… up to to_…
    solves  how many plans were made for it
    """

    table: pd.DataFrame
    solves: int

    def at(self, prices: pd.Series) -> pd.Series:
        """What the stairs say at prices of some of their intervals. [interval], MW

        Raises `OutOfRange` for an interval without a stair, or a price outside of it.
        """
        rows = self.table
        found = {}
        for time, price in prices.items():
            mine = rows[rows["valid_at"] == time]
            here = mine[(mine["from_eur_per_mwh"] <= price) & (price <= mine["to_eur_per_mwh"])]
            if here.empty:
                told = "no stair" if mine.empty else f"{price} is outside {mine['from_eur_per_mwh'].min()} … "
                end = "" if mine.empty else f"{mine['to_eur_per_mwh'].max()}"
                raise OutOfRange(f"Bids at {time}: {told}{end}. Ask for this interval, or a wider range of prices.")
            found[time] = float(here["injection_mw"].iloc[-1])
        return pd.Series(found, name="injection_mw")


def stairs(model: PlantModel, expected: FloatArray, steps: Sequence[int], low: float, high: float) -> Bids:
    """The stair of each of some intervals. expected [step], money per MWh"""
    _finite(expected, low, high)
    if not low < high:
        raise OutOfRange(f"Prices from {low} to {high}: the lowest must be below the highest.")
    rows: list[tuple[object, float, float, float, float]] = []
    solves = 0
    for step in steps:
        hours = float(model.horizon.hours[step])

        def ask(price: float, step: int = step) -> Line:
            nonlocal solves
            solves += 1
            prices = expected.copy()
            prices[step] = price
            outcome = solved(model, prices)
            energy = float(model.exchange.injection_mw(outcome)[step] * model.horizon.hours[step])
            return Line(outcome.objective + price * energy, energy)

        found: Stair = stair(ask, low, high)
        ends = [*found.begin[1:], found.end]
        for begin, end, line in zip(found.begin, ends, found.lines, strict=True):
            rows.append((model.horizon.starts[step], hours, begin, end, line.energy / hours))
    return Bids(pd.DataFrame(rows, columns=BID_COLUMNS), solves)


def blocks(model: PlantModel, scenarios: pd.DataFrame) -> pd.DataFrame:
    """The best profile for each of several courses of prices: an exclusive group, of which one can be taken.

    scenarios  money per MWh, interval × scenario

    Returns block, valid_at, hours, injection_mw, and `cost`: the money it costs the devices without the trade, the same
    in all rows of a block. Profiles that come twice are one block, named after the first scenario that wants it.
    """
    for name, course in scenarios.items():
        _finite_course(str(name), course.to_numpy(dtype=float))
    found: list[tuple[str, FloatArray, float]] = []
    for name in scenarios.columns:
        prices = scenarios[name].to_numpy(dtype=float)
        outcome = solved(model, prices)
        profile = model.exchange.injection_mw(outcome)
        cost = outcome.objective + float((prices * model.horizon.hours) @ profile)
        if not any(np.abs(profile - known).max() <= 1e-6 for _, known, _ in found):  # 1e-7 is the solver's tolerance
            found.append((str(name), profile, cost))
    steps = len(model.horizon)
    return pd.DataFrame(
        {
            "block": np.repeat([name for name, _, _ in found], steps),
            "valid_at": np.tile(model.horizon.starts, len(found)),
            "hours": np.tile(model.horizon.hours, len(found)),
            "injection_mw": np.concatenate([profile for _, profile, _ in found]),
            "cost": np.repeat([cost for _, _, cost in found], steps),
        }
    )


def envelope(model: PlantModel, expected: FloatArray, low: float, high: float) -> pd.DataFrame:
    """The least and the most that a plant injects where energy is worth `low` or `high`.

    Returns, by interval, least_mw and most_mw (that price in this interval alone, the others as expected), and
    least_mwh and most_mwh: energy from the start to the end of the interval, with that price all the way.
    """
    _finite(expected, low, high)
    hours, found = model.horizon.hours, {}
    for side, price in (("least", low), ("most", high)):
        power, energy = np.empty(len(hours)), np.empty(len(hours))
        for step in range(len(hours)):
            alone, until = expected.copy(), expected.copy()
            alone[step] = price
            until[: step + 1] = price
            power[step] = model.exchange.injection_mw(solved(model, alone))[step]
            energy[step] = float(hours[: step + 1] @ model.exchange.injection_mw(solved(model, until))[: step + 1])
        found[f"{side}_mw"], found[f"{side}_mwh"] = power, energy
    order = ["least_mw", "most_mw", "least_mwh", "most_mwh"]
    return pd.DataFrame(found, index=model.horizon.starts)[order]


def solved(model: PlantModel, prices: FloatArray) -> Outcome:
    """The plan at prices. Raises `SolveFailed` where the solver finds none."""
    model.reprice(prices)
    outcome = model.solve().outcome
    if not outcome.solved:
        advice = (
            "Its devices' own limits must contradict each other: `gl.schedule` with the same devices names them."
            if outcome.status == "infeasible"
            else "Look for costs of the wrong sign, or numbers of very different size, in its devices and prices."
        )
        raise SolveFailed(
            f"The plant has no plan at these prices: the solver says {outcome.status!r}. {advice}",
            status=outcome.status,
        )
    return outcome


def _finite(expected: FloatArray, low: float, high: float) -> None:
    _finite_course("expected", expected)
    for name, price in (("low", low), ("high", high)):
        if not np.isfinite(price):
            raise OutOfRange(f"The price {name} is {price}; it must be finite, such as a limit of the market.")


def _finite_course(name: str, prices: FloatArray) -> None:
    wrong = int((~np.isfinite(prices)).sum())
    if wrong:
        raise OutOfRange(f"{wrong} of {prices.size} prices of {name!r} are not finite; a plan needs all of them.")
