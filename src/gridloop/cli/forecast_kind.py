"""Kinds of what is forecast: which models there are for each, in which unit, and which error people compare."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from gridloop.cli.forecast_models import Model
from gridloop.cli.forecast_units import Unit, power_unit


@dataclass(frozen=True)
class Kind:
    """One kind.

    models           by name, as `--model` takes them
    default          the model where none is named
    error            column of the error table that is shown first: mape_pct, nmae_pct or mae
    unit             where the user names none
    needs_capacity   True where errors are shares of a capacity
    usual_reference  the persistence that is drawn beside
    published_before  how long before its local midnight a day becomes known as a whole; None: each interval when over
    """

    name: str
    models: Mapping[str, Model]
    default: str
    error: str
    unit: str = "MW"
    read_unit: Callable[[str], Unit] = power_unit
    needs_capacity: bool = False
    usual_reference: Literal["day", "week"] = "week"
    published_before: pd.Timedelta | None = None
