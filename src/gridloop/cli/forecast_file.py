"""Files of values over time (CSV, Parquet), read for forecasts; what is wrong in them is counted and shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gridloop.cli.forecast_steps import checked_step, resampled, usual_length
from gridloop.cli.forecast_times import moments
from gridloop.errors import BadInput, MissingColumn, MissingFile, OutOfRange, UnknownFormat, listed
from gridloop.series.gaps import gaps
from gridloop.units import BoolArray

CSV = (".csv", ".csv.gz", ".txt", ".tsv")
PARQUET = (".parquet", ".pq")
TIMES = ("valid_at", "time", "datetime", "timestamp", "date_time", "utc_timestamp", "measured_on", "date")
"""Names that a column of times usually has."""

MISSING = {"", "na", "n/a", "nan", "null", "none", "-", "#n/a", "nat"}
"""Words for a value that is not there, in lower case."""

ROWS = 5


@dataclass(frozen=True)
class RawTable:
    """A file as it is: columns of texts or of what Parquet had, and how its rows are called.

    line  of every row: the line of a CSV file, or the row of a Parquet file, counted from 1
    decimal_comma  False where commas part the columns: a quoted 12,345 may be thousands, and is no number
    """

    name: str
    columns: pd.DataFrame
    line: np.ndarray[Any, np.dtype[np.int64]]
    word: str
    decimal_comma: bool = True

    def where(self, rows: BoolArray) -> str:
        """`line 17`, or `lines 17, 18, 19, 20, 21 and 4 more`."""
        lines = [str(k) for k in self.line[rows]]
        return f"{self.word}{'s' if len(lines) > 1 else ''} {listed(lines, ROWS)}"

    def column(self, wanted: str) -> str:
        """A column by its name. Raises `MissingColumn`."""
        if wanted in self.columns:
            return wanted
        known = [str(c) for c in self.columns]
        near = get_close_matches(wanted.lower(), [k.lower() for k in known], 1)
        meant = next((k for k in known if near and k.lower() == near[0]), "")
        hint = f"; did you mean {meant!r}?" if meant else "."
        raise MissingColumn(
            f"{self.name} has no column {wanted!r}; it has {listed(known, 20)}{hint}", column=wanted, known=known
        )

    def time(self, wanted: str | None) -> str:
        """The column of times: the one that is named, else of a usual name, else with time or date in it, or the first.

        Raises `MissingColumn` where several may be meant.
        """
        if wanted is not None:
            return self.column(wanted)
        lower = {str(c).lower(): str(c) for c in self.columns}
        usual = next((lower[name] for name in TIMES if name in lower), None)
        if usual is not None:
            return usual
        alike = [c for name, c in lower.items() if "time" in name or "date" in name]
        if len(alike) > 1:
            raise MissingColumn(f"{self.name} has {len(alike)} columns of times: {listed(alike)}. Say which by --time.")
        return alike[0] if alike else str(self.columns.columns[0])


@dataclass(frozen=True)
class Series:
    """Values of a file on a regular clock.

    values  UTC valid_at × column; NaN is a gap
    row     length of the file's own intervals, from before rows were averaged; None: of several lengths
    notes   what was found and decided, for people
    """

    values: pd.DataFrame
    step: pd.Timedelta
    row: pd.Timedelta | None
    notes: tuple[str, ...] = ()


def read_table(file: str | Path) -> RawTable:
    """The table of a file. Raises `MissingFile`, `UnknownFormat`, and `BadInput` where it is no table."""
    path, name = Path(file), Path(file).name
    if not path.is_file():
        raise MissingFile(f"no file {str(file)!r}; check the path.", path=str(file))
    ending = name.lower()
    try:
        if ending.endswith(PARQUET):
            table = pd.read_parquet(path)
            named = table.index.name is not None or isinstance(table.index, pd.DatetimeIndex)
            table = table.rename_axis(str(table.index.name or "time")).reset_index() if named else table
            table.columns = table.columns.map(str)
            raw = RawTable(name, table, np.arange(1, len(table) + 1), "row")
        elif ending.endswith(CSV):
            separator = _separator(path)
            table = pd.read_csv(
                path,
                dtype=str,
                keep_default_na=False,
                skip_blank_lines=False,
                sep=separator,
                encoding="utf-8-sig",
            )
            lines = np.arange(2, len(table) + 2)
            full = np.asarray((table != "").any(axis=1))
            raw = RawTable(name, table[full].reset_index(drop=True), lines[full], "line", separator != ",")
        else:
            raise UnknownFormat(f"{name} is of no known kind; allowed are {', '.join((*CSV, *PARQUET))}.", path=name)
    except UnicodeDecodeError as error:
        raise BadInput(f"{name} is no text in UTF-8: {error}.", path=name) from error
    except (ValueError, OSError) as error:
        raise BadInput(f"{name} cannot be read as a table: {' '.join(str(error).split())}", path=name) from error
    if raw.columns.empty or raw.columns.shape[1] < 2:
        raise BadInput(
            f"{name} has {len(raw.columns)} rows and {raw.columns.shape[1]} columns; needed are a column of times and "
            "one of values at least.",
            path=name,
        )
    return raw


def _separator(path: Path) -> str:
    """The one that is most often in the first line."""
    import gzip

    opened = gzip.open if path.name.lower().endswith(".gz") else open
    with opened(path, "rt", encoding="utf-8-sig") as text:
        head = text.readline()
    return max(",;\t", key=head.count)


def numbers(raw: RawTable, column: str) -> pd.Series:
    """A column as numbers, NaN where it says that there is none. Raises `BadInput` where it says something else."""
    given = raw.columns[column]
    if pd.api.types.is_bool_dtype(given) or pd.api.types.is_datetime64_any_dtype(given):
        raise BadInput(f"{raw.name}: column {column!r} holds {given.dtype}, and no numbers.", column=column)
    if pd.api.types.is_numeric_dtype(given):
        values, missing = given.astype(float), np.asarray(given.isna())
    else:
        text = given.fillna("").astype(str).str.strip()
        if raw.decimal_comma:
            comma = text.str.fullmatch(r"[+-]?\d+,\d+")
            text = text.where(~comma, text.str.replace(",", ".", regex=False)) if comma.any() else text
        missing = np.asarray(text.str.lower().isin(MISSING))
        values = pd.to_numeric(text, errors="coerce")
    wrong = ~np.isfinite(values.to_numpy(dtype=float)) & ~missing
    if wrong.any():
        shown = str(given[wrong].iloc[0])
        raise BadInput(
            f"{raw.name}: {int(wrong.sum()):,} of {len(values):,} values of {column!r} are no numbers, the first "
            f"{shown!r} ({raw.where(wrong)}). Mend them, or leave them empty: an empty value is a gap.",
            column=column,
            count=int(wrong.sum()),
        )
    return values.astype(float)


def read_series(
    file: str | Path,
    *,
    time: str | None,
    columns: Sequence[str],
    zone_name: str | None,
    form: str | None = None,
    step: pd.Timedelta | None = None,
) -> Series:
    """One or several columns of a file, on a regular clock.

    columns    names; none: the one that is there beside the times
    zone_name  of times without an offset
    step       length of the intervals that rows are averaged into; None: the file's own

    Raises `BadInput` and its kinds; every message says how many rows, and which come first.
    """
    raw = read_table(file)
    times = raw.time(time)
    chosen = [raw.column(c) for c in columns] or _only(raw, times)
    if twice := sorted({c for c in chosen if chosen.count(c) > 1}):
        raise BadInput(f"--column names {listed(twice)} twice.", columns=twice)
    if times in chosen:
        raise BadInput(f"--column {times!r} is the column of the times; name one of values.", column=times)
    index, notes = moments(raw.columns[times], zone_name=zone_name, form=form, where=raw.where)
    values = pd.DataFrame({c: numbers(raw, c).to_numpy() for c in chosen})
    if empty := [c for c in chosen if not values[c].notna().any()]:
        raise BadInput(f"{raw.name}: {listed(empty)} has no value at all in {len(values):,} rows.", columns=empty)
    values, index, said = single(raw, values, index)
    table = values.set_axis(pd.DatetimeIndex(index, name="valid_at"), axis=0).sort_index()
    row = None
    if step is not None:
        row = usual_length(table.index)
        table, averaged = resampled(table, step, raw.name)
        said = [*said, *averaged]
    own = checked_step(table.index, raw.name)
    return Series(table, own, own if step is None else row, (*notes, *said))


def _only(raw: RawTable, times: str) -> list[str]:
    rest = [str(c) for c in raw.columns if c != times]
    if len(rest) == 1:
        return rest
    raise BadInput(
        f"{raw.name} has {len(rest)} columns beside {times!r}: {listed(rest, 20)}. Name what to forecast by --column.",
        columns=rest,
    )


def single(raw: RawTable, values: pd.DataFrame, index: pd.Series) -> tuple[pd.DataFrame, pd.Series, list[str]]:
    """Every time once: rows that repeat another are dropped and counted. Raises `OutOfRange` where two differ."""
    again = np.asarray(index.duplicated())
    if not again.any():
        return values, index, []
    same = np.asarray(pd.concat([index, values], axis=1).duplicated())
    differs = again & ~same
    if differs.any():
        raise OutOfRange(
            f"{raw.name}: {int(differs.sum()):,} of {len(index):,} times come again with another value, the first "
            f"{index[differs].iloc[0]} ({raw.where(differs)}). Keep one row of each.",
            count=int(differs.sum()),
        )
    kept = ~again
    note = f"{int(again.sum()):,} rows repeat another ({raw.where(again)}); counted once."
    return values[kept], index[kept], [note]


def gap_notes(table: pd.DataFrame, step: pd.Timedelta) -> list[str]:
    """How much is missing, column by column, in words."""
    notes = []
    wanted = round((table.index.max() - table.index.min()) / step) + 1
    found = gaps(table, step)
    for column in table:
        own = [gap for gap in found if gap.point == column]
        if not own:
            continue
        missing = sum(gap.count for gap in own)
        worst = max(own, key=lambda gap: gap.count)
        notes.append(
            f"{column}: {missing:,} of {wanted:,} intervals have no value ({100 * missing / wanted:.2g} %), the "
            f"longest gap from {worst.start:%Y-%m-%d %H:%M} to {worst.until:%Y-%m-%d %H:%M} UTC."
        )
    return notes
