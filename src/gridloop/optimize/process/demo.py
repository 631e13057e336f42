"""A small steelworks made up from nothing: an order book to try the study with. All of it is synthetic.

Heats are melted in one furnace, cast within half an hour and rolled within two hours of casting; powers and lengths
are drawn around those of a small electric arc furnace shop. It is no plant's record, and results of it say so.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridloop.optimize.devices.power_profile import HOUR
from gridloop.optimize.devices.process import After, Task
from gridloop.optimize.process.orders import OrderBook

QUARTER = pd.Timedelta(minutes=15)
SOURCE = "synthetic: a steelworks made up by gridloop, no plant's record"


def demo_orders(days: int, *, first: str = "2018-01-01", zone: str = "UTC", heats: int = 5, seed: int = 0) -> OrderBook:
    """Heats of so many local days, a base load around them, and the order in which the works would make them at once.

    heats  a working day; Sundays rest. Due is midnight of the day
    """
    rng = np.random.default_rng(seed)
    begin = pd.Timestamp(first, tz=zone)
    edges = [(begin + pd.DateOffset(days=k)).tz_convert("UTC").as_unit("ns") for k in range(days + 1)]
    index = pd.date_range(edges[0], edges[-1], freq=QUARTER, inclusive="left", name="valid_at")
    base = pd.Series(1.2 + 0.1 * rng.standard_normal(len(index)), index=index).clip(lower=0.8)
    tasks: list[Task] = []
    began: dict[str, pd.Timestamp] = {}
    for k in range(days):
        day = begin + pd.DateOffset(days=k)
        if day.weekday() == 6:
            continue
        for heat in range(heats):
            name = f"{day:%Y-%m-%d} heat {heat + 1}"
            at = edges[k] + (6 + 2.5 * heat) * HOUR
            melt, cast, roll = (int(rng.integers(low, high)) for low, high in ((5, 8), (3, 5), (3, 6)))
            stages: tuple[tuple[str, str, int, float, list[After]], ...] = (
                ("melt", "furnace", melt, 7.0, []),
                ("cast", "caster", cast, 1.0, [After(f"{name} melt", most=HOUR / 2)]),
                ("roll", "mill", roll, 3.0, [After(f"{name} cast", most=2 * HOUR)]),
            )
            for stage, line, parts, mw, after in stages:
                power = np.round(mw * rng.uniform(0.85, 1.15, parts), 3)
                holds = {line: 1.0, "crew": 2.0 if stage == "melt" else 1.0}
                tasks.append(
                    Task(
                        f"{name} {stage}", tuple(power), QUARTER, holds, after=after, release=edges[k], due=edges[k + 1]
                    )
                )
                began[f"{name} {stage}"] = at
                at = at + parts * QUARTER
    resources = {"furnace": 1.0, "caster": 1.0, "mill": 1.0, "crew": 4.0}
    return OrderBook(tuple(tasks), base.rename("base_mw"), began, resources, source=SOURCE)
