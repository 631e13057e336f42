"""Weather as an input: gaps, values that no weather has here, columns that hang; old gaps are filled, by name."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd

from gridloop.forecast.known.past import Past, known_past
from gridloop.forecast.known.record import Record
from gridloop.forecast.operation.finding import Finding
from gridloop.forecast.operation.frozen import Frozen
from gridloop.units import BoolArray

ROOM = 0.5
"""How far beyond the range of the training a value may be, in widths of that range."""

SHORT_H = 6.0
"""Old gaps up to this long are bridged by a line; longer ones take the same time of the nearest day that has one."""

DAYS = 7


class WeatherCheck:
    """The columns of the training's weather, their ranges, and how long they usually repeat a value."""

    def fit(self, weather: pd.DataFrame | Record, step: pd.Timedelta, until: pd.Timestamp) -> Self:
        """Learn what is usual from UTC valid_at × column; of a record, what was known at `until`."""
        self._step = step
        table = _plain(weather, until)
        self._columns = tuple(table.columns)
        past = self._past(table, pd.Timestamp(table.index.max()) + step)
        low, high = np.nanmin(past.values, axis=0), np.nanmax(past.values, axis=0)
        self._low, self._high = low - ROOM * (high - low), high + ROOM * (high - low)
        self._frozen = Frozen().fit(past)
        return self

    def look(
        self, weather: pd.DataFrame | Record | None, issued_at: pd.Timestamp, valid_at: pd.DatetimeIndex
    ) -> tuple[list[Finding], pd.DataFrame | Record | None]:
        """What is wrong from the first row to the last of `valid_at`, and the weather with its old gaps filled.

        A fault of an interval that is to be forecast is not mended; one before the issue is filled. Columns that are
        missing are left for the forecaster to refuse.
        """
        if weather is None:
            nothing = np.zeros(0, dtype=bool)
            return [Finding("weather", "weather", nothing, "No weather was given.", mended=False)], None
        table = _plain(weather, issued_at)
        if not set(self._columns) <= set(table.columns):
            return [], weather
        past = self._past(table, valid_at.max() + self._step)
        if not len(past.values):
            nothing = np.zeros(0, dtype=bool)
            return [Finding("weather", "weather", nothing, "The weather ends before the horizon.", mended=False)], None
        values = past.values
        bad = {
            "missing": np.isnan(values),
            "outside of what was seen here": (values < self._low) | (values > self._high),
            "frozen": self._frozen.rows(past),
        }
        ahead = np.asarray(past.times(past.first + np.arange(len(values))) >= issued_at)
        findings = [
            self._finding(past, column, word, rows[:, k], ahead)
            for word, rows in bad.items()
            for k, column in enumerate(self._columns)
            if rows[:, k].any()
        ]
        if not findings or isinstance(weather, Record) or weather.columns.nlevels > 1:
            return findings, weather  # whoever takes weather in these forms knows what to do about old gaps
        gone = np.any(list(bad.values()), axis=0)
        clean = pd.DataFrame(
            np.where(gone, np.nan, values), index=past.times(past.first + np.arange(len(values))), columns=self._columns
        )
        return findings, self._filled(clean)

    def _finding(self, past: Past, column: str, word: str, rows: BoolArray, ahead: BoolArray) -> Finding:
        decides = bool((rows & ahead).any())
        place = f"{int((rows & ahead).sum())} of {int(ahead.sum())} intervals ahead" if decides else "old rows, filled"
        text = f"weather {column}: {int(rows.sum())} values are {word} ({place})."
        return Finding("weather", column, rows, text, mended=not decides)

    def _filled(self, table: pd.DataFrame) -> pd.DataFrame:
        day = int(pd.Timedelta("1D") / self._step)
        short = max(1, int(SHORT_H * day / 24))
        gaps = table.isna()
        filled = table.interpolate(limit=short, limit_area="inside").where(_short(gaps, short), table)
        for back in range(1, DAYS + 1):
            filled = filled.fillna(table.shift(back * day)).fillna(table.shift(-back * day))
        return filled.fillna(table.median())

    def _past(self, weather: pd.DataFrame, until: pd.Timestamp) -> Past:
        return known_past(weather, self._columns, until, step=self._step)


def _plain(weather: pd.DataFrame | Record, moment: pd.Timestamp) -> pd.DataFrame:
    """One row per time, the newest that was known at a moment, and one word per column."""
    table = weather.at(moment) if isinstance(weather, Record) else weather
    table = table[~table.index.duplicated(keep="last")]
    flat = [
        c if isinstance(c, str) else " ".join(map(str, c)) if isinstance(c, tuple) else str(c) for c in table.columns
    ]
    return table.set_axis(flat, axis=1)


def _short(gaps: pd.DataFrame, most: int) -> pd.DataFrame:
    """True where there is no gap, or one of at most so many rows."""
    lengths = {c: gaps[c].groupby((~gaps[c]).cumsum()).transform("sum") for c in gaps.columns}
    return pd.DataFrame(lengths) <= most
