"""Times of a file as moments in UTC: with offsets, without, on clocks that change; what cannot be read is named."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, OutOfRange
from gridloop.series.clock import require_utc, to_utc, zone
from gridloop.units import BoolArray

OFFSET = r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?\s*(?:Z|z|UTC|[+-]\d{2}(?::?\d{2})?)$"
"""A time of day with an offset behind it."""

Where = Callable[[BoolArray], str]
"""Names the rows of a mask, such as `lines 17, 18 and 4 more`."""


def moments(given: pd.Series, *, zone_name: str | None, form: str | None, where: Where) -> tuple[pd.Series, list[str]]:
    """Times in UTC, row by row in their order, and what had to be decided.

    given      texts or times of a column
    zone_name  of the clock that times without an offset were read from; None: there must be none of these
    form       as `strptime` has it; None: ISO 8601 only, since 1/2/2022 is two days

    Raises `BadInput` where a time is missing, cannot be read, or has an offset only in some rows, `OutOfRange` where
    the clock never showed it.
    """
    if isinstance(given.dtype, pd.DatetimeTZDtype):
        _complete(np.asarray(given.isna()), len(given), where)
        return pd.Series(require_utc(given, "times")), []
    if pd.api.types.is_datetime64_dtype(given.dtype):
        _complete(np.asarray(given.isna()), len(given), where)
        return _of_a_clock(pd.DatetimeIndex(given), zone_name, where)
    text = given.fillna("").astype(str).str.strip()
    _complete(np.asarray(text == ""), len(text), where)
    offset = np.asarray(text.str.contains(OFFSET, regex=True))
    if offset.any() and not offset.all():
        rare = offset if 2 * offset.sum() < len(offset) else ~offset
        first = text[rare].iloc[0]
        raise BadInput(
            f"times: {int(offset.sum()):,} of {len(text):,} have an offset from UTC and {int((~offset).sum()):,} have "
            f"none; {where(rare)} differ from the rest, the first {first!r}. Write all with their offset, or none.",
            with_offset=int(offset.sum()),
        )
    read = pd.to_datetime(
        text.str.replace(r"\s*UTC$", "Z", regex=True), format=form or "ISO8601", errors="coerce", utc=bool(offset.any())
    )
    wrong = np.asarray(read.isna())
    if wrong.any():
        raise BadInput(
            f"times: {int(wrong.sum()):,} of {len(text):,} cannot be read, the first {text[wrong].iloc[0]!r} "
            f"({where(wrong)}). "
            + (
                f"--time-format is {form!r}; write it as the file has them."
                if form
                else "Times are read as 2022-02-01 13:30; say otherwise by --time-format, such as '%d/%m/%Y %H:%M'."
            ),
            count=int(wrong.sum()),
        )
    index = pd.DatetimeIndex(read)
    if offset.any():
        return pd.Series(require_utc(index, "times")), []
    return _of_a_clock(index, zone_name, where)


def _complete(missing: BoolArray, rows: int, where: Where) -> None:
    if missing.any():
        raise BadInput(
            f"times: {int(missing.sum()):,} of {rows:,} rows have none ({where(missing)}). Mend or remove these rows.",
            count=int(missing.sum()),
        )


def _of_a_clock(local: pd.DatetimeIndex, name: str | None, where: Where) -> tuple[pd.Series, list[str]]:
    """Times without an offset, through both changes of the clock."""
    if name is None:
        raise BadInput(
            f"times: none of the {len(local):,} says its zone, the first {local[0]}. Name it by --zone, such as "
            "Europe/Madrid; by --time-zone UTC where the times are UTC and days are counted elsewhere."
        )
    local = local.as_unit("ns")
    place = zone(name)
    early, late = (
        local.tz_localize(place, ambiguous=np.full(len(local), summer), nonexistent="NaT") for summer in (True, False)
    )
    never = np.asarray(early.isna())
    if never.any():
        raise OutOfRange(
            f"times: {int(never.sum()):,} of {len(local):,} never were in {name}, the first {local[never][0]} "
            f"({where(never)}): the clocks went forward over it. Where the file keeps one clock all year, name that "
            "by --time-zone, such as UTC or Etc/GMT-1; otherwise remove these rows.",
            count=int(never.sum()),
        )
    twice_shown = np.asarray(early != late)
    if not twice_shown.any():
        return pd.Series(early.tz_convert("UTC")), []
    back = np.flatnonzero(np.diff(local.asi8) < 0)
    disordered = [k for k in back if not (twice_shown[k] and twice_shown[k + 1])]
    if disordered:
        at = int(disordered[0])
        raise OutOfRange(
            f"times: {len(disordered):,} of {len(local):,} go back, the first from {local[at]} to {local[at + 1]}. "
            "Times without an offset must be in order, for the hour that comes twice in autumn. Sort the rows.",
            count=len(disordered),
        )
    # One of each where a time comes twice for another reason than the clock: named later as what it is.
    plain = ~(np.asarray(local.duplicated()) & ~twice_shown)
    stamps = pd.Series(early.tz_convert("UTC"))
    notes = []
    try:
        stamps[plain] = to_utc(local[plain], name)
    except BadInput as unclear:
        if "first" not in unclear.facts or isinstance(unclear, OutOfRange):
            raise
        count = int(unclear.facts["count"])
        notes.append(
            f"{count:,} times come once although the clocks of {name} show them twice, the first "
            f"{unclear.facts['first']}; taken as the first of the two."
        )
        stamps[plain] = to_utc(local[plain], name, ambiguous="first")
    return stamps, notes
