"""Values of a SITE.toml of the study of heating and cooling, each refused with its file and key where it is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import available_timezones

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, OutOfRange, listed


@dataclass(frozen=True)
class Keys:
    """Keys and values of a file, or of a table in it. where: how messages begin"""

    where: str
    given: Mapping[str, Any]

    def only(self, known: tuple[str, ...]) -> None:
        """Raises `BadInput` for a key that is not known."""
        strange = sorted(set(self.given) - set(known))
        if strange:
            raise BadInput(f"{self.where}: {listed(strange)} is not known; known are {listed(list(known), most=20)}.")

    def need(self, keys: tuple[str, ...]) -> None:
        """Raises `BadInput` for a key that is not there."""
        missing = [key for key in keys if key not in self.given]
        if missing:
            raise BadInput(f"{self.where} lacks {listed(missing)}.")

    def number(self, key: str, default: float, *, least: float = -np.inf) -> float:
        """A finite number. Raises `BadInput`, `OutOfRange`."""
        value = self.given.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._refused(key, "a number")
        if not max(least, -1e300) <= value <= 1e300:
            what = "it must not be negative" if least == 0.0 and value < 0 else "a finite number is needed"
            raise OutOfRange(f"{self.where}: {key} is {value:g}; {what}.")
        return float(value)

    def whole(self, key: str, default: int, *, least: int = 0, most: int = 100_000) -> int:
        """A whole number. Raises `BadInput`, `OutOfRange`."""
        value = self.given.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._refused(key, "a whole number")
        if not least <= value <= most:
            raise OutOfRange(
                f"{self.where}: {key} is {value}; at {f'least {least}' if value < least else f'most {most}'} is needed."
            )
        return value

    def text(self, key: str, default: str = "") -> str:
        """A text. Raises `BadInput`."""
        value = self.given.get(key, default)
        if not isinstance(value, str):
            raise self._refused(key, "a text")
        return value

    def zone(self, key: str) -> str:
        """An IANA zone; UTC by itself. Raises `BadInput`."""
        value = self.text(key, "UTC")
        if value not in available_timezones():
            raise BadInput(f"{self.where}: {key} {value!r} is unknown; give an IANA name such as Europe/Berlin.")
        return value

    def tables(self, key: str) -> list[Keys]:
        """Tables that stand once or several times, `[[key]]`. Raises `BadInput`."""
        value = self.given.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
            raise self._refused(key, f"a section [[{key}]] for each")
        return [Keys(f"{self.where}: {key.removesuffix('s')} {k + 1}", each) for k, each in enumerate(value)]

    def table(self, key: str) -> Keys:
        """One table, `[key]`. Raises `BadInput`."""
        value = self.given[key]
        if not isinstance(value, Mapping):
            raise self._refused(key, f"a section [{key}]")
        return Keys(f"{self.where}: [{key}]", value)

    def moment(self, key: str) -> pd.Timestamp | None:
        """A time, with or without its offset; None where there is none. Raises `BadInput`."""
        return None if key not in self.given else moment_of(self.given[key], f"{self.where}: {key}")

    def weekdays(self, key: str) -> tuple[int, ...]:
        """Weekdays as numbers, Monday 0. Raises `BadInput`."""
        value = self.given[key]
        days = range(7)
        if not isinstance(value, list) or not all(isinstance(day, int) and day in days for day in value):
            raise self._refused(key, "a list of weekdays, Monday 0 to Sunday 6,")
        return tuple(int(day) for day in value)

    def _refused(self, key: str, needed: str) -> BadInput:
        return BadInput(f"{self.where}: {key} is {self.given[key]!r}; {needed} is needed.", key=key)


def moment_of(value: Any, where: str) -> pd.Timestamp:
    """A text, day or time of a file as a time. Raises `BadInput`."""
    try:
        found = pd.Timestamp(value) if isinstance(value, str | date) else pd.NaT
    except ValueError:
        found = pd.NaT
    if not isinstance(found, pd.Timestamp) or pd.isna(found):
        raise BadInput(f"{where} is {value!r}; a day such as 2016-08-22, or a time with its offset, is needed.")
    return found


def local_midnight(value: Any, zone: str, where: str) -> pd.Timestamp:
    """Begin of a local day. Raises `BadInput`."""
    try:
        return pd.Timestamp(moment_of(value, where).date(), tz=zone)
    except ValueError as error:
        raise BadInput(f"{where} is {value!r}; a day such as 2016-08-22 is needed ({error}).") from error
