"""Columns of CSV files: text to times and numbers, with errors that name the file, the count and the line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import MissingColumn, MissingFile, OutOfRange, UnknownFormat, listed

OFFSET = r"(?:Z|[+-]\d\d:?\d\d)$"
BLANK = ["", "NaN", "nan", "NA", "null", "None"]


def read_text(path: str | Path, what: str, **options: Any) -> pd.DataFrame:
    """All cells of a CSV file as text, column names without spaces around them; empty cells are NaN.

    Raises `MissingFile` and `UnknownFormat` (no text, no table); `what` opens their messages ("prices").
    """
    file = Path(path)
    if not file.is_file():
        raise MissingFile(f"{what}: there is no file {file}.", path=str(file))
    try:
        table: pd.DataFrame = pd.read_csv(
            file, dtype=str, encoding="utf-8-sig", skipinitialspace=True, na_values=BLANK, **options
        )
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError, OSError, EOFError) as problem:
        raise UnknownFormat(
            f"{what}: {file.name} cannot be read as a CSV table: {str(problem).splitlines()[0]}. Write it as "
            "UTF-8 text with one header line.",
            path=str(file),
        ) from problem
    table.columns = pd.Index([str(column).strip() for column in table.columns])
    return table


def need(columns: list[str], table: pd.DataFrame, file: str) -> None:
    """Raises `MissingColumn` where one of `columns` is not in the table."""
    missing = [name for name in columns if name not in table]
    if missing:
        raise MissingColumn(
            f"{file}: column {listed(missing)} is missing; there are {listed(list(table.columns), most=12)}.",
            missing=missing,
            columns=list(table.columns),
        )


def as_times(stamp: pd.Series, file: str, formats: tuple[str, ...] = ("ISO8601",)) -> pd.Series:
    """Text to naive times by the first format that fits each row.

    Raises `OutOfRange` with the count and the first line that no format reads.
    """
    time = pd.Series(pd.NaT, index=stamp.index, dtype="datetime64[ns]")
    for form in formats:
        time = time.fillna(pd.to_datetime(stamp, format=form, errors="coerce").astype("datetime64[ns]"))
    _refuse(time.isna(), stamp, "are not times", file)
    return time


def clock_times(stamp: pd.Series, file: str) -> tuple[pd.Series, pd.Series | None]:
    """ISO times as the clock shows them, and as UTC where they say their offset (else None).

    Raises `OutOfRange` where times cannot be read, or some have an offset and some have none.
    """
    offset = stamp.str.contains(OFFSET, na=False)
    if offset.any() and not offset.all():
        raise OutOfRange(
            f"{file}: {int((~offset).sum())} of {len(stamp)} times in {stamp.name} have no offset while others do, "
            f"first {stamp[~offset].iloc[0]!r} in line {_line(stamp[~offset])}. Write all with an offset "
            "(2016-07-25T00:00:00Z) or all without.",
            count=int((~offset).sum()),
            column=stamp.name,
        )
    clock = as_times(stamp.str.replace(OFFSET, "", regex=True), file)
    utc = pd.to_datetime(stamp, format="ISO8601", utc=True).dt.as_unit("ns") if len(stamp) and offset.all() else None
    return clock, utc


def as_numbers(text: pd.Series, file: str) -> pd.Series:
    """Text to float; an empty cell becomes NaN. Raises `OutOfRange` for anything else that is no finite number."""
    number = pd.to_numeric(text, errors="coerce").astype(float)
    bad = (number.isna() & text.notna()) | number.isin([np.inf, -np.inf])
    _refuse(bad, text, "are not numbers", file)
    return number


def _refuse(bad: pd.Series, text: pd.Series, what: str, file: str) -> None:
    if bad.any():
        raise OutOfRange(
            f"{file}: {int(bad.sum())} of {len(bad)} values in {text.name} {what}, first {str(text[bad].iloc[0])!r} in "
            f"line {_line(text[bad])}.",
            count=int(bad.sum()),
            column=text.name,
            line=_line(text[bad]),
        )


def _line(rows: pd.Series) -> int:
    """Line of the first row; line 1 is the header."""
    return int(rows.index[0]) + 2
