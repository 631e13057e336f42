"""Forecast: what is expected of every point, in quantiles, with the time it was issued and the model that made it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import GapInSeries, MissingColumn, OutOfRange, listed
from gridloop.units import BoolArray, FloatArray

QUANTILES = {"p10": 0.1, "p50": 0.5, "p90": 0.9}
"""The quantiles that every forecast carries: column name and probability."""

COLUMNS = list(QUANTILES)


@dataclass(frozen=True)
class Forecast:
    """Quantiles per point and interval. [MW]

    issued_at  when it was made (UTC); it knows nothing that became known later
    quantiles  columns p10 ≤ p50 ≤ p90, index (point, valid_at), sorted; the mean over the interval that starts
               at valid_at. Generation as injection, load as consumption: both ≥ 0.
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
        values = self.quantiles[COLUMNS].to_numpy(dtype=float)
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
            raise OutOfRange(
                f"forecast: p10 ≤ p50 ≤ p90 fails in {int(crossed.sum())} of {len(crossed)} rows. Sort them.",
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
    ) -> Forecast:
        """A forecast from values [quantile, time, point]; quantiles that cross are sorted."""
        names = list(points)
        ordered = np.sort(np.asarray(values, dtype=float), axis=0)
        order = np.argsort(np.asarray(names, dtype=object), kind="stable")
        index = pd.MultiIndex.from_product([[names[k] for k in order], valid_at], names=["point", "valid_at"])
        flat = ordered[:, :, order].transpose(2, 1, 0).reshape(-1, len(COLUMNS))
        by_point = pd.Series({names[k]: model[names[k]] for k in order}, name="model", dtype=object)
        return cls(issued_at, pd.DataFrame(flat, index=index, columns=COLUMNS), by_point.rename_axis("point"))

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
        quantiles = table.set_index(["point", "valid_at"])[COLUMNS].sort_index()
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

    def at(self, point: str) -> pd.DataFrame:
        """p10, p50, p90 of one point, indexed by valid_at. Raises `OutOfRange` where the point is unknown."""
        if point not in self.model.index:
            raise OutOfRange(f"forecast: no point {point!r}; there are {listed(self.points)}.", point=point)
        rows = self.quantiles.index.get_level_values("point") == point
        return self.quantiles[rows].droplevel("point")

    def wide(self, quantile: str) -> pd.DataFrame:
        """One quantile as a table: valid_at × point. [MW]"""
        points = pd.Index(self.points, name="point")
        return pd.DataFrame(self.arrays()[COLUMNS.index(quantile)], index=self.valid_at, columns=points)

    def p50(self) -> pd.DataFrame:
        """The medians: valid_at × point. [MW]"""
        return self.wide("p50")

    def arrays(self) -> FloatArray:
        """[quantile, time, point], in the order of `valid_at` and `points`. [MW]"""
        shape = (len(self.points), len(self.valid_at), len(COLUMNS))
        return self.quantiles[COLUMNS].to_numpy(dtype=float).reshape(shape).transpose(2, 1, 0)

    def table(self) -> pd.DataFrame:
        """One row per point and interval: issued_at, point, valid_at, p10, p50, p90, model."""
        rows = self.quantiles.reset_index()
        rows.insert(0, "issued_at", self.issued_at)
        return rows.assign(model=rows["point"].map(self.model))


def join(forecasts: Iterable[Forecast]) -> Forecast:
    """Forecasts of different points, issued at the same time, as one.

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
    return Forecast(issued.pop(), pd.concat([part.quantiles for part in parts]).sort_index(), model)
