"""Daily: any forecaster with fit and predict, asked for whole local days, as a backtest wants it."""

from __future__ import annotations

import copy
import inspect
from typing import Any, Protocol, Self

import numpy as np
import pandas as pd

from gridloop.forecast.known.record import Record
from gridloop.forecast.known.routine import Routine
from gridloop.forecast.value import Forecast


class AnyForecaster(Protocol):
    """What is wrapped; `weather` and `outside` are given where its methods name them."""

    def fit(self, history: pd.DataFrame, *, until: pd.Timestamp) -> Any: ...

    def predict(self, history: pd.DataFrame, issued_at: pd.Timestamp, valid_at: pd.DatetimeIndex) -> Forecast: ...


class Daily:
    """A forecaster and the fixed moment at which its days are issued.

    weather  for a forecaster that wants the times at which weather was known: given to it, cut at the issue, in place
             of a table

    Inputs that the forecaster does not name are not given to it: whoever asks says so where that matters.
    """

    def __init__(self, inner: AnyForecaster, routine: Routine, *, weather: Record | None = None) -> None:
        self.inner = inner
        self.routine = routine
        self._weather = weather

    def fit(self, history: pd.DataFrame, *, until: pd.Timestamp, **inputs: Any) -> Self:
        """As the forecaster does."""
        self.inner.fit(history, until=until, **taken(self.inner.fit, self._seen(inputs, until)))
        return self

    def predict(
        self, history: pd.DataFrame, issued_at: pd.Timestamp, valid_at: pd.DatetimeIndex, **inputs: Any
    ) -> Forecast:
        """As the forecaster does."""
        given = taken(self.inner.predict, self._seen(inputs, issued_at))
        return self.inner.predict(history, issued_at, valid_at, **given)

    def copy(self) -> Self:
        """The same forecaster in the same state; going on with one leaves the other."""
        return copy.deepcopy(self)

    def _seen(self, inputs: dict[str, Any], moment: pd.Timestamp) -> dict[str, Any]:
        """Inputs with the record of the weather that was known by a moment."""
        if self._weather is None or "weather" not in inputs:
            return inputs
        known = np.asarray(self._weather.known_at <= moment)
        record = type(self._weather)(self._weather.values[known], self._weather.known_at[known], self._weather.note)
        return inputs | {"weather": record}


def taken(method: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    """The inputs that a method names, or takes whatever they are called."""
    return {name: value for name, value in inputs.items() if names(method, name)}


def names(method: Any, argument: str) -> bool:
    """True where a method has an argument of this name, or takes any."""
    known = inspect.signature(method).parameters
    return argument in known or any(p.kind is inspect.Parameter.VAR_KEYWORD for p in known.values())
