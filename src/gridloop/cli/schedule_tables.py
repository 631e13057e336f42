"""Tables that a site file names: read once, beside the file, and cut to the intervals of the plan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, GapInSeries, MissingColumn, MissingFile, listed
from gridloop.optimize.horizon import Horizon
from gridloop.units import FloatArray

TIMES = ("valid_at", "time")
MOMENTS = ("arrival", "departure", "start", "end", "earliest", "latest")


class Tables:
    """Files beside a site file. paths: all that were named"""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[str, pd.DataFrame] = {}
        self.paths: set[Path] = set()

    def path(self, name: str) -> str:
        """A file as seen from here; codes such as simbench:… stay as they are."""
        if ":" in name.split("/")[0]:
            return name
        file = Path(name) if Path(name).is_absolute() else self.folder / name
        self.paths.add(file.resolve())
        return str(file)

    def plain(self, name: str) -> pd.DataFrame:
        """A table of comma-separated values. Raises `MissingFile`, `BadInput`."""
        if name not in self._read:
            self._read[name] = self._csv(name)
        return self._read[name]

    def texts(self, name: str) -> pd.DataFrame:
        """A table as it is written, every cell a text: ids may be numbers, such as 007. Raises as `plain`."""
        return self._csv(name, dtype=str, keep_default_na=False)

    def _csv(self, name: str, **how: Any) -> pd.DataFrame:
        file = Path(self.path(name))
        if not file.is_file():
            raise MissingFile(f"There is no file {str(file)!r}; paths are relative to the site file.", path=str(file))
        try:
            table: pd.DataFrame = pd.read_csv(file, **how)
        except (OSError, ValueError) as error:
            raise BadInput(f"{name} cannot be read as CSV: {error}.") from error
        if not isinstance(table.index, pd.RangeIndex):  # the first cells would count as names of the rows
            raise BadInput(f"{name}: its rows have more cells than its first line; a list in a cell is parted by ';'.")
        return table

    def timed(self, name: str) -> pd.DataFrame:
        """A table by time: UTC, in order, each once. Its column is called valid_at or time."""
        table = self.plain(name)
        column = next((c for c in TIMES if c in table.columns), None)
        if column is None:
            raise MissingColumn(f"{name} needs a column valid_at; it has {listed(list(table.columns), 20)}.")
        index = pd.DatetimeIndex(_moments(table[column], name), name="valid_at")
        if index.has_duplicates or not index.is_monotonic_increasing:
            raise BadInput(
                f"{name}: times must rise, each once; see {index[index.duplicated()][:1].tolist() or column}."
            )
        return table.drop(columns=column).set_axis(index)

    def named(self, name: str) -> pd.DataFrame:
        """A table whose first column names its rows, such as sessions; times in it are UTC."""
        table = self.plain(name)
        table = table.set_index(table.columns[0])
        table.index = table.index.astype(str)
        moments = {c: _moments(table[c], name) for c in MOMENTS if c in table.columns}
        return table.assign(**moments)

    def over(self, reference: str, horizon: Horizon, where: str) -> FloatArray:
        """`FILE.csv:column` over the horizon. [step]"""
        name, _, column = reference.rpartition(":")
        if not name:
            raise BadInput(f"{where} is {reference!r}; a number, a list or FILE.csv:column is needed.")
        table = self.timed(name)
        self.need(name, table, [column])
        values = pd.to_numeric(table[column], errors="coerce").reindex(horizon.starts)
        missing = values.isna()
        if missing.any():
            raise GapInSeries(
                f"{where}: {name} has no number in {column} for {int(missing.sum())} of {len(horizon)} intervals, the "
                f"first at {values.index[missing][0]}. Missing is not zero: fill them by name.",
                missing=int(missing.sum()),
            )
        return np.asarray(values.to_numpy(dtype=float))

    @staticmethod
    def need(name: str, table: pd.DataFrame, columns: Sequence[str]) -> None:
        """Raises `MissingColumn`."""
        missing = [c for c in columns if c not in table.columns]
        if missing:
            raise MissingColumn(
                f"{name} has no column {listed(missing)}; it has {listed(list(table.columns), 20)}.", missing=missing
            )


def _moments(values: pd.Series, name: str) -> Any:
    try:
        return pd.to_datetime(values, utc=True)
    except (ValueError, TypeError) as error:
        raise BadInput(f"{name}: {values.name} has a time that cannot be read: {error}.") from error
