"""Weather and other people's forecasts from files, as records with two times, on the clock of what is forecast."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from gridloop.cli.forecast_file import RawTable, numbers, read_table
from gridloop.cli.forecast_times import moments
from gridloop.errors import BadInput, OutOfRange, listed
from gridloop.forecast.known.record import Record

KNOWN = ("known_at", "issued_at")


def read_weather(
    file: str | Path,
    *,
    columns: Sequence[str],
    time: str | None,
    zone_name: str | None,
    form: str | None,
    step: pd.Timedelta,
    ahead: pd.Timedelta,
    fill: pd.Timedelta,
) -> tuple[Record, list[str]]:
    """Columns of weather in lower case, each value with the time at which it was known.

    columns  `NAME=COLUMN` or the column itself; none: all that are not times
    step     of what is forecast: coarser weather holds over its interval, finer is averaged
    ahead    how long ahead observed weather is taken as known, where the file does not say when it was
    fill     gaps up to this long are drawn straight across

    Raises `BadInput` and its kinds.
    """
    raw = read_table(file)
    at = raw.time(time)
    lower = {str(c).lower(): str(c) for c in raw.columns}
    known_column = next((lower[name] for name in KNOWN if name in lower and lower[name] != at), None)
    pairs = [part.partition("=") for part in columns]
    names = {(name or column).strip().lower(): raw.column((column or name).strip()) for name, _, column in pairs}
    if not names:
        names = {k: c for k, c in lower.items() if c not in (at, known_column)}
    index, notes = moments(raw.columns[at], zone_name=zone_name, form=form, where=raw.where)
    values = pd.DataFrame({name: numbers(raw, column).to_numpy() for name, column in names.items()})
    known = None
    if known_column is not None:
        known, said = moments(raw.columns[known_column], zone_name=zone_name, form=form, where=raw.where)
        notes += said
    _once(raw, index, known)
    table = values.set_axis(pd.DatetimeIndex(index, name="valid_at"), axis=0)
    table, known_at, said = _on_clock(table, known, step, raw.name)
    if fill > pd.Timedelta(0):
        if known_at is not None:
            raise BadInput("--fill-weather is of one row per time; mend the file where each has its own known_at.")
        table, filled = _filled(table, fill, step)
        notes += filled
    notes = [f"{raw.name}: {note}" for note in (*notes, *said)]
    if known_at is None:
        return Record.foreseen(table, ahead), notes
    return Record.issued(table, known_at), notes


def _once(raw: RawTable, index: pd.Series, known: pd.Series | None) -> None:
    twice = np.asarray((index.to_frame("v") if known is None else pd.DataFrame({"v": index, "k": known})).duplicated())
    if twice.any():
        what = "times" if known is None else "pairs of valid_at and known_at"
        hint = ", or name when each was known in a column known_at." if known is None else "."
        raise OutOfRange(
            f"{raw.name}: {int(twice.sum()):,} {what} come twice, the first {index[twice].iloc[0]} "
            f"({raw.where(twice)}). Keep one row of each{hint}",
            count=int(twice.sum()),
        )


def _on_clock(
    table: pd.DataFrame, known: pd.Series | None, step: pd.Timedelta, name: str
) -> tuple[pd.DataFrame, pd.DatetimeIndex | None, list[str]]:
    """Rows repeated or averaged until they are `step` apart."""
    times = pd.DatetimeIndex(table.index)
    unique = times.unique().sort_values()
    if len(unique) < 2:
        raise OutOfRange(f"{name} has {len(unique)} times of weather; at least two are needed.")
    lengths, counts = np.unique(np.diff(unique.as_unit("ns").asi8), return_counts=True)
    own = pd.Timedelta(int(lengths[counts.argmax()]), "ns")
    known_at = None if known is None else pd.DatetimeIndex(known)
    notes: list[str] = []
    if own > step:
        if own % step != pd.Timedelta(0):
            raise OutOfRange(f"{name}: weather is {own} apart, no multiple of the {step} of the values.")
        times_over = own // step
        parts = [table.set_axis(times + k * step, axis=0) for k in range(times_over)]
        table = pd.concat(parts).rename_axis("valid_at")
        known_at = None if known_at is None else pd.DatetimeIndex(np.tile(known_at, times_over), tz="UTC")
        notes = [f"weather is {_minutes(own)} min apart and holds over each of {times_over} intervals."]
    elif own < step:
        floored = times.floor(step)
        keys = [floored] if known_at is None else [floored, known_at]
        table = table.groupby(keys).mean()
        known_at = None if known_at is None else pd.DatetimeIndex(table.index.get_level_values(1))
        table = table.set_axis(pd.DatetimeIndex(table.index.get_level_values(0), name="valid_at"), axis=0)
        notes = [f"weather is {_minutes(own)} min apart and averaged over {_minutes(step)} min."]
    order = np.lexsort((times_of(known_at, table), pd.DatetimeIndex(table.index).asi8))
    return table.iloc[order], None if known_at is None else known_at[order], notes


def times_of(known_at: pd.DatetimeIndex | None, table: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """What rows of one time are ordered by."""
    return np.zeros(len(table), dtype=np.int64) if known_at is None else np.asarray(known_at.asi8)


def _filled(table: pd.DataFrame, longest: pd.Timedelta, step: pd.Timedelta) -> tuple[pd.DataFrame, list[str]]:
    """Gaps of at most `longest` filled by a straight line."""
    full = table.reindex(pd.date_range(table.index.min(), table.index.max(), freq=step, name="valid_at"))
    missing = full.isna()
    line = full.interpolate(limit_area="inside")
    run = missing.apply(lambda gap: gap.groupby((~gap).cumsum()).transform("sum"))
    short = missing & (run <= longest // step)
    full = full.where(~short, line)
    count = int(short.to_numpy().sum())
    return full, [f"{count:,} values filled by a straight line (--fill-weather)."] if count else []


def read_outside(
    raw: RawTable, columns: Sequence[str], index: pd.Series, point: str, *, zone_name: str, before: pd.Timedelta
) -> dict[str, Record]:
    """Forecasts made elsewhere, in columns of the file itself; each local day known `before` its midnight. [MW]"""
    found = {}
    for column in columns:
        table = numbers(raw, raw.column(column)).to_frame(point).set_axis(pd.DatetimeIndex(index), axis=0)
        table = table[~table.index.duplicated()].sort_index().rename_axis("valid_at")
        midnight = pd.DatetimeIndex(table.index).tz_convert(zone_name).normalize().tz_convert("UTC")
        found[column] = Record.issued(table, midnight - before)
    return found


def _minutes(length: pd.Timedelta) -> str:
    return listed([f"{length / pd.Timedelta(minutes=1):g}"])
