"""Forecast: what is expected of every point, in quantiles, with the time it was issued and the model that made it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import GapInSeries, MissingColumn, OutOfRange, listed
from gridloop.units import BoolArray, FloatArray

QUANTILES = {"p10": 0.1, "p50": 0.5, "p90": 0.9}
"""The quantiles that every forecast carries: column name and probability."""

COLUMNS = list(QUANTILES)

_NAMED = re.compile(r"p\d\d")


def quantile_columns(levels: Sequence[float] | FloatArray) -> list[str]:
    """Names of quantiles by probability: 0.01 is p01, 0.5 is p50.

    Raises `OutOfRange` unless they rise, are whole percents between 1 and 99, and hold 0.1, 0.5 and 0.9.
    """
    percent = np.asarray(levels, dtype=float) * 100.0
    whole = np.rint(percent).astype(int)
    exact = 1e-6  # percent: 0.07 * 100 is not 7 in binary
    if (
        (np.abs(percent - whole) > exact).any()
        or (np.diff(whole) <= 0).any()
        or not {10, 50, 90} <= set(whole.tolist())
        or not (whole.min() >= 1 and whole.max() <= 99)
    ):
        raise OutOfRange(
            f"levels: {listed([f'{level:g}' for level in levels])} must rise, be whole percents from 0.01 to 0.99 and "
            "hold 0.1, 0.5 and 0.9, which every forecast carries.",
            levels=[float(level) for level in levels],
        )
    return [f"p{k:02d}" for k in whole]


@dataclass(frozen=True)
class Forecast:
    """Quantiles per point and interval. [MW]

    issued_at  when it was made (UTC); it knows nothing that became known later
    quantiles  columns p10 ≤ p50 ≤ p90, index (point, valid_at), sorted; the mean over the interval that starts
               at valid_at. Generation as injection, load as consumption: both ≥ 0. There may be further quantiles,
               p01 … p99, in the order of their probability; `arrays`, `wide` and `p50` see the three as ever.
    model      per point: the model that made it, or the fallback that stood in, such as `persistence:week`

    Raises `MissingColumn`, `GapInSeries` where a row or a quantile is missing, `OutOfRange` where quantiles cross.
    """

    issued_at: pd.Timestamp
    quantiles: pd.DataFrame
    model: pd.Series

    def __post_init__(self) -> None:
        missing = [c for c in COLUMNS if c not in self.quantiles.columns]
        if missing:
            raise MissingColumn(
                f"forecast: column {listed(missing)} is missing; needed are p10, p50, p90.", missing=missing
            )
        index = self.quantiles.index
        times = len(index.unique("valid_at"))
        if len(index) != len(self.model) * times or not index.is_monotonic_increasing or not index.is_unique:
            raise GapInSeries(
                f"forecast: {len(index)} rows for {len(self.model)} points and {times} intervals. Every point needs "
                "every interval once, sorted by (point, valid_at).",
                rows=len(index),
            )
        if list(self.quantiles.columns) != sorted(self.quantiles.columns):
            raise OutOfRange(
                f"forecast: columns {listed([str(c) for c in self.quantiles.columns], 8)} are not in the order of "
                "their probability. Sort them.",
                columns=list(self.quantiles.columns),
            )
        quantile_columns(self.levels)
        values = self.quantiles.to_numpy(dtype=float)
        gaps: BoolArray = np.asarray(~np.isfinite(values).all(axis=1))
        if gaps.any():
            points = list(dict.fromkeys(self.quantiles.index[gaps].get_level_values("point")))
            raise GapInSeries(
                f"forecast: {int(gaps.sum())} of {len(gaps)} rows have no value (points {listed(points)}). "
                "Give these points history, or leave them out.",
                points=points,
                count=int(gaps.sum()),
            )
        crossed: BoolArray = np.asarray((np.diff(values, axis=1) < 0.0).any(axis=1))
        if crossed.any():
            names = " ≤ ".join(COLUMNS) if len(values[0]) == len(COLUMNS) else "p01 ≤ … ≤ p99"
            raise OutOfRange(
                f"forecast: {names} fails in {int(crossed.sum())} of {len(crossed)} rows. Sort them.",
                count=int(crossed.sum()),
            )

    @classmethod
    def from_arrays(
        cls,
        issued_at: pd.Timestamp,
        points: Iterable[str],
        valid_at: pd.DatetimeIndex,
        values: FloatArray,
        model: Mapping[str, str],
        *,
        levels: Sequence[float] | None = None,
    ) -> Forecast:
        """A forecast from values [quantile, time, point]; quantiles that cross are sorted.

        levels  probability of each quantile; None: 0.1, 0.5, 0.9
        """
        names = list(points)
        columns = COLUMNS if levels is None else quantile_columns(levels)
        ordered = np.sort(np.asarray(values, dtype=float), axis=0)
        order = np.argsort(np.asarray(names, dtype=object), kind="stable")
        index = pd.MultiIndex.from_product([[names[k] for k in order], valid_at], names=["point", "valid_at"])
        flat = ordered[:, :, order].transpose(2, 1, 0).reshape(-1, len(columns))
        by_point = pd.Series({names[k]: model[names[k]] for k in order}, name="model", dtype=object)
        return cls(issued_at, pd.DataFrame(flat, index=index, columns=columns), by_point.rename_axis("point"))

    @classmethod
    def from_table(cls, table: pd.DataFrame) -> Forecast:
        """The forecast whose `table()` this is, exactly; all rows must have one `issued_at`."""
        missing = [c for c in ["issued_at", "point", "valid_at", *COLUMNS, "model"] if c not in table.columns]
        if missing:
            raise MissingColumn(f"forecast table: column {listed(missing)} is missing.", missing=missing)
        issued = table["issued_at"].unique()
        if len(issued) != 1:
            raise OutOfRange(
                f"forecast table: {len(issued)} issue times; one forecast has one. Select a tick first.",
                count=len(issued),
            )
        columns = sorted(c for c in table.columns if _NAMED.fullmatch(str(c)))
        quantiles = table.set_index(["point", "valid_at"])[columns].sort_index()
        model = table.drop_duplicates("point").set_index("point")["model"].sort_index()
        return cls(pd.Timestamp(issued[0]), quantiles, model.astype(object))

    @property
    def points(self) -> list[str]:
        """Ids of the points, sorted."""
        return list(self.model.index)

    @property
    def valid_at(self) -> pd.DatetimeIndex:
        """Starts of the intervals, sorted."""
        return pd.DatetimeIndex(self.quantiles.index.unique("valid_at"), name="valid_at").sort_values()

    @property
    def levels(self) -> FloatArray:
        """Probabilities of the quantiles, rising: 0.1, 0.5, 0.9, or more. [quantile]"""
        unknown = [str(c) for c in self.quantiles.columns if not _NAMED.fullmatch(str(c))]
        if unknown:
            raise OutOfRange(f"forecast: {listed(unknown)} are no quantiles; those are p01 … p99.", columns=unknown)
        return np.array([int(str(c)[1:]) for c in self.quantiles.columns]) / 100.0

    def at(self, point: str) -> pd.DataFrame:
        """The quantiles of one point, indexed by valid_at. Raises `OutOfRange` where the point is unknown."""
        if point not in self.model.index:
            raise OutOfRange(f"forecast: no point {point!r}; there are {listed(self.points)}.", point=point)
        rows = self.quantiles.index.get_level_values("point") == point
        return self.quantiles[rows].droplevel("point")

    def wide(self, quantile: str) -> pd.DataFrame:
        """One quantile as a table: valid_at × point. [MW]"""
        columns = [str(c) for c in self.quantiles.columns]
        if quantile not in columns:
            raise OutOfRange(f"forecast: no quantile {quantile!r}; there are {listed(columns)}.", quantile=quantile)
        points = pd.Index(self.points, name="point")
        return pd.DataFrame(self.every()[columns.index(quantile)], index=self.valid_at, columns=points)

    def p50(self) -> pd.DataFrame:
        """The medians: valid_at × point. [MW]"""
        return self.wide("p50")

    def arrays(self) -> FloatArray:
        """P10, P50, P90: [3, time, point], in the order of `valid_at` and `points`. [MW]"""
        return self._shaped(COLUMNS)

    def every(self) -> FloatArray:
        """All quantiles, in the order of `levels`: [quantile, time, point]. [MW]"""
        return self._shaped([str(c) for c in self.quantiles.columns])

    def three(self) -> Forecast:
        """The same with P10, P50, P90 alone."""
        return Forecast(self.issued_at, self.quantiles[COLUMNS], self.model)

    def _shaped(self, columns: list[str]) -> FloatArray:
        shape = (len(self.points), len(self.valid_at), len(columns))
        return self.quantiles[columns].to_numpy(dtype=float).reshape(shape).transpose(2, 1, 0)

    def table(self) -> pd.DataFrame:
        """One row per point and interval: issued_at, point, valid_at, the quantiles, model."""
        rows = self.quantiles.reset_index()
        rows.insert(0, "issued_at", self.issued_at)
        return rows.assign(model=rows["point"].map(self.model))


def join(forecasts: Iterable[Forecast]) -> Forecast:
    """Forecasts of different points, issued at the same time, as one; with the quantiles that all of them have.

    Raises `OutOfRange` where the issue times differ or a point comes twice.
    """
    parts = list(forecasts)
    issued = {part.issued_at for part in parts}
    if len(issued) != 1:
        raise OutOfRange(
            f"forecasts of {len(issued)} issue times cannot be joined; there must be one.", count=len(issued)
        )
    model = pd.concat([part.model for part in parts]).sort_index()
    twice = list(model.index[model.index.duplicated()])
    if twice:
        raise OutOfRange(f"forecasts: {len(twice)} points come twice ({listed(twice)}).", points=twice)
    common = [c for c in parts[0].quantiles.columns if all(c in part.quantiles.columns for part in parts)]
    return Forecast(issued.pop(), pd.concat([part.quantiles[common] for part in parts]).sort_index(), model)
