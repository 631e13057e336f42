"""Readings: values with two times, the one they are for and the one at which they were known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, MissingColumn, OutOfRange, listed
from gridloop.series.clock import require_utc, utc
from gridloop.series.quality import Quality, quality_of
from gridloop.units import BoolArray

COLUMNS = ["point", "valid_at", "known_at", "value", "quality"]


@dataclass(frozen=True)
class Readings:
    """One row per point, time and moment of knowing.

    frame   point     "<element id>/<quantity>", such as "mill load/p_mw"
            valid_at  UTC; the value is the mean over the interval that starts here
            known_at  UTC; a correction is a new row with a later known_at
            value     float, in the unit that the quantity wears; NaN where it is missing
            quality   int8, see `Quality`; `MISSING` exactly where the value is NaN. May be left out: good or missing.

    Rows may come in any order; they are kept sorted by point, valid_at, known_at.
    Raises `MissingColumn`, `BadInput` where times have no zone or a row comes twice, `OutOfRange` where a value is
    infinite or a quality does not fit.
    """

    frame: pd.DataFrame

    def __post_init__(self) -> None:
        object.__setattr__(self, "frame", _checked(self.frame))

    @classmethod
    def empty(cls) -> Readings:
        """No reading at all."""
        none = pd.DatetimeIndex([], tz="UTC")
        return cls(pd.DataFrame({"point": [], "valid_at": none, "known_at": none, "value": [], "quality": []}))

    @classmethod
    def from_wide(
        cls,
        wide: pd.DataFrame,
        *,
        known_at: str | pd.Timestamp | None = None,
        delay: pd.Timedelta | None = None,
        quality: pd.DataFrame | None = None,
    ) -> Readings:
        """Readings from a table of valid_at (UTC) × point.

        known_at  the moment at which all of them were known, or
        delay     from the start of each interval until its value was known: a mean over 15 minutes that arrives at once
                  has a delay of 15 minutes
        quality   of every cell, same shape; left out, NaN is missing and the rest is good

        Raises `BadInput` unless exactly one of known_at and delay is given.
        """
        if (known_at is None) == (delay is None):
            raise BadInput("Readings.from_wide: give either known_at (one moment) or delay (after each valid_at).")
        valid_at = require_utc(wide.index, "Readings.from_wide: index")
        values = wide.to_numpy(dtype=float)
        rows, points = values.shape
        known = valid_at + delay if delay is not None else pd.DatetimeIndex([utc(known_at or "")] * rows, tz="UTC")
        flags = quality_of(values) if quality is None else quality.to_numpy()
        return cls(
            pd.DataFrame(
                {
                    "point": np.repeat(wide.columns.astype(str).to_numpy(dtype=object), rows),
                    "valid_at": valid_at[np.tile(np.arange(rows), points)],
                    "known_at": known[np.tile(np.arange(rows), points)],
                    "value": values.T.ravel(),
                    "quality": flags.T.ravel(),
                }
            )
        )

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def points(self) -> list[str]:
        """Ids of the points, sorted."""
        return list(self.frame["point"].unique())

    def of(self, points: Iterable[str]) -> Readings:
        """Those of some points. Raises `BadInput` where a point is unknown."""
        wanted = list(points)
        unknown = sorted(set(wanted) - set(self.points))
        if unknown:
            raise BadInput(
                f"readings: {len(unknown)} of {len(wanted)} points are unknown ({listed(unknown)}); "
                f"there are {listed(self.points)}.",
                points=unknown,
            )
        return self._rows(self.frame["point"].isin(wanted).to_numpy())

    def between(self, start: pd.Timestamp, end: pd.Timestamp) -> Readings:
        """Those with start ≤ valid_at < end."""
        valid_at = self.frame["valid_at"]
        return self._rows(((valid_at >= utc(start)) & (valid_at < utc(end))).to_numpy())

    def as_known(self, at: str | pd.Timestamp) -> Readings:
        """What was known at a moment: of every point and valid_at the newest row with known_at ≤ at.

        A newer row that says "missing" takes the value back.
        """
        known = (self.frame["known_at"] <= utc(at)).to_numpy()
        return self._rows(known).newest()

    def newest(self) -> Readings:
        """Of every point and valid_at the row that was known last."""
        later = self.frame.duplicated(["point", "valid_at"], keep="last")
        return self._rows(~later.to_numpy())

    def wide(self) -> pd.DataFrame:
        """The values as a table of valid_at × point, NaN where there is none.

        Raises `BadInput` where a value has several versions.
        """
        return self._wide("value")

    def wide_quality(self) -> pd.DataFrame:
        """The qualities as a table of valid_at × point (int8); `MISSING` where there is no row."""
        return self._wide("quality").fillna(Quality.MISSING).astype(np.int8)

    def fill(self, value: float) -> Readings:
        """The same with missing values replaced by `value` and marked as estimated."""
        if not np.isfinite(value):
            raise OutOfRange(f"readings: gaps cannot be filled with {value}; give a finite number.", value=value)
        missing = self.frame["quality"] == Quality.MISSING
        return Readings(
            self.frame.assign(
                value=self.frame["value"].mask(missing, value),
                quality=self.frame["quality"].mask(missing, Quality.ESTIMATED).astype(np.int8),
            )
        )

    def _wide(self, column: str) -> pd.DataFrame:
        twice = int(self.frame.duplicated(["point", "valid_at"]).sum())
        if twice:
            raise BadInput(
                f"readings: {twice} of {len(self)} rows are further versions of a value. "
                "Choose one with as_known(at) or newest() before wide().",
                count=twice,
            )
        table = self.frame.pivot(index="valid_at", columns="point", values=column).astype(float)
        return table.rename_axis(columns="point")

    def _rows(self, keep: BoolArray) -> Readings:
        # Rows of a checked frame stay in order and need no second check.
        part = object.__new__(Readings)
        object.__setattr__(part, "frame", self.frame[keep].reset_index(drop=True))
        return part


def concat(parts: Iterable[Readings]) -> Readings:
    """Readings of several sources as one. Raises `BadInput` where a row comes twice."""
    frames = [part.frame for part in parts if len(part)]
    return Readings(pd.concat(frames, ignore_index=True)) if frames else Readings.empty()


def _checked(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with its types, sorted; see `Readings` for what is refused."""
    if "quality" not in frame.columns and "value" in frame.columns:
        frame = frame.assign(quality=quality_of(frame["value"].to_numpy(dtype=float)))
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        raise MissingColumn(
            f"readings: column {listed(missing)} is missing; there are {listed([str(c) for c in frame.columns], 8)}. "
            f"Needed are {', '.join(COLUMNS)}.",
            missing=missing,
        )
    value = frame["value"].to_numpy(dtype=float)
    _check_quality(value, frame)
    # No interval is without a point: an absent name would make the newest row of "nan".
    nameless = int(frame["point"].isna().sum())
    if nameless:
        raise BadInput(f"readings: {nameless} of {len(frame)} rows have no point.", count=nameless)
    codes, names = pd.factorize(frame["point"].astype(object), sort=True)
    valid_at = require_utc(frame["valid_at"], "readings: valid_at")
    known_at = require_utc(frame["known_at"], "readings: known_at")
    order = np.lexsort((known_at.asi8, valid_at.asi8, codes))
    key = np.vstack([codes, valid_at.asi8, known_at.asi8])[:, order]
    twice = (np.diff(key, axis=1) == 0).all(axis=0)
    if twice.any():
        at = int(order[np.flatnonzero(twice)[0]])
        raise BadInput(
            f"readings: {int(twice.sum())} of {len(frame)} rows come twice, with the same point, valid_at and known_at "
            f"(first {names[codes[at]]} at {valid_at[at]}). A correction needs its own, later known_at.",
            count=int(twice.sum()),
            point=names[codes[at]],
        )
    return pd.DataFrame(
        {
            "point": np.asarray(names, dtype=object)[codes[order]],
            "valid_at": valid_at[order],
            "known_at": known_at[order],
            "value": value[order],
            "quality": frame["quality"].to_numpy(dtype=np.int8)[order],
        }
    )


def _check_quality(value: np.ndarray, frame: pd.DataFrame) -> None:
    quality = frame["quality"].to_numpy(dtype=float)
    points = frame["point"].to_numpy(dtype=object)
    for wrong, what, do in (
        (np.isinf(value), "have an infinite value", "Write NaN for a missing value."),
        (
            ~np.isin(quality, list(Quality)),
            "have an unknown quality",
            "Allowed are 0 good, 1 estimated, 2 suspect, 3 missing.",
        ),
        (
            np.isnan(value) != (quality == Quality.MISSING),
            "disagree: NaN goes with quality 3 (missing) and with no other",
            "Leave out the column quality to have it set.",
        ),
    ):
        if wrong.any():
            who = sorted({str(p) for p in points[wrong]})
            raise OutOfRange(
                f"readings: {int(wrong.sum())} of {len(value)} rows {what} ({listed(who)}). {do}",
                count=int(wrong.sum()),
                points=who,
            )
