"""Values of a site file as the fields of a class want them: numbers, series over the horizon, times, tables, lists.

Which is wanted is told by the field's type; every key is checked against its class.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from datetime import date
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
import pandas as pd

from gridloop.cli.schedule_tables import Tables
from gridloop.errors import BadInput, GridloopError, listed
from gridloop.optimize.horizon import Horizon
from gridloop.units import BoolArray


def device_of(made: Any, given: Mapping[str, Any], name: str, section: str, horizon: Horizon, tables: Tables) -> Any:
    """One device (or a value within one), every key checked against its class. Raises `BadInput`, and as the class."""
    hints = get_type_hints(made)
    keys = {f.name: f for f in fields(made) if f.init}
    where = f"{name}: [{section}]"
    only(where, given, tuple(keys))
    need(where, given, [k for k, f in keys.items() if f.default is MISSING and f.default_factory is MISSING])
    built = {
        key: value_of(hints[key], value, name, f"{where} {key}", f"{section}.{key}", horizon, tables)
        for key, value in given.items()
    }
    try:
        return made(**built)
    except GridloopError as error:
        raise type(error)(f"{where}: {error.args[0]}", **error.facts) from error
    except (TypeError, AttributeError) as error:
        raise BadInput(f"{where} cannot be read: {error}.") from error


def only(where: str, given: Mapping[str, Any], allowed: Sequence[str]) -> None:
    """Raises `BadInput` for a key that is not allowed."""
    unknown = sorted(set(given) - set(allowed))
    if unknown:
        raise BadInput(f"{where} has no key {listed(unknown)}; allowed are {', '.join(allowed)}.", keys=unknown)


def need(where: str, given: Mapping[str, Any], needed: Sequence[str]) -> None:
    """Raises `BadInput` for a key that is not there."""
    missing = [key for key in needed if key not in given]
    if missing:
        raise BadInput(f"{where} lacks {listed(missing)}.", keys=missing)


def entries_of(where: str, section: str, given: Any) -> list[Mapping[str, Any]]:
    """Tables that stand once or several times: `[section]`, `[[section]]`. Raises `BadInput`."""
    entries = [given] if isinstance(given, Mapping) else given
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise BadInput(f"{where}: {section.rpartition('.')[2]} must be a section, [[{section}]].", key=section)
    return entries


def table_of(where: str, section: str, given: Any) -> Mapping[str, Any]:
    """A table that stands once. Raises `BadInput`."""
    if not isinstance(given, Mapping):
        raise BadInput(f"{where}: {section.rpartition('.')[2]} must be a section, [{section}].", key=section)
    return given


def value_of(hint: Any, value: Any, name: str, where: str, section: str, horizon: Horizon, tables: Tables) -> Any:
    """One value as its field wants it."""
    options = [part for part in (get_args(hint) if _is_union(hint) else (hint,)) if part is not type(None)]
    nested = next((part for part in options if is_dataclass(part)), None)
    if nested is not None and isinstance(value, Mapping):
        return device_of(nested, value, name, section, horizon, tables)
    if pd.DataFrame in options:
        return tables.named(text(value, where))
    if pd.Timestamp in options:
        return time_of(where, value)
    if pd.Timedelta in options:
        return length_of(where, value)
    several = next((part for part in options if get_origin(part) in (Sequence, tuple)), None)
    if several is not None and (isinstance(value, list) or float not in options):
        return _several(get_args(several)[0], value, where)
    arrays = [part for part in options if get_origin(part) is np.ndarray]
    if arrays and bool in options:
        return truths(value, where, horizon, tables)
    if arrays:
        return series(value, where, horizon, tables, one=float in options)
    if float in options:
        return number(value, where)
    for kind, what in ((bool, "true or false"), (int, "a whole number"), (str, "a text")):
        if options == [kind]:
            if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
                raise BadInput(f"{where} is {value!r}; {what} is needed.")
            return value
    return value


def _several(kind: Any, value: Any, where: str) -> tuple[Any, ...]:
    """A list of numbers, texts, pairs, or of rows with names."""
    names = getattr(kind, "_fields", None)
    hints = list(get_type_hints(kind).values()) if names else list(get_args(kind))
    what = {float: "numbers", str: "texts"}.get(kind) or f"lists of {len(hints)}" + (
        f" ({', '.join(names)})" if names else ""
    )
    if not isinstance(value, list):
        raise BadInput(f"{where} is {value!r}; a list of {what} is needed.")
    if not hints:
        return tuple(_one(kind, each, where) for each in value)
    rows = []
    for each in value:
        row = (
            [each.get(key) for key in names]
            if names and isinstance(each, Mapping) and set(each) == set(names)
            else each
        )
        if not isinstance(row, list) or len(row) != len(hints):
            raise BadInput(f"{where} has {each!r}; a list of {what} is needed.")
        rows.append(tuple(_one(part, v, where) for part, v in zip(hints, row, strict=True)))
    return tuple(rows)


def _one(kind: Any, value: Any, where: str) -> Any:
    readers: Mapping[Any, Callable[[Any, str], Any]] = {float: number, str: text}
    if kind in readers:
        return readers[kind](value, where)
    return time_of(where, value) if kind is pd.Timestamp else value


def text(value: Any, where: str) -> str:
    """A text. Raises `BadInput`."""
    if not isinstance(value, str):
        raise BadInput(f"{where} is {value!r}; a text is needed.")
    return value


def number(value: Any, where: str) -> float:
    """A number; infinity is "inf". Raises `BadInput`."""
    if value in ("inf", "-inf") or value in (math.inf, -math.inf):
        return float(value)
    return finite(value, where)


def finite(value: Any, where: str) -> float:
    """A number that is not infinite. Raises `BadInput`, for a whole number too that is beyond all others."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
        raise BadInput(f"{where} is {value!r}; a number is needed.")
    return float(value)


def truth(value: Any, where: str) -> bool:
    """True or false. Raises `BadInput`."""
    if not isinstance(value, bool):
        raise BadInput(f"{where} is {value!r}; true or false is needed.")
    return value


def series(value: Any, where: str, horizon: Horizon, tables: Tables, *, one: bool) -> Any:
    """Values over the horizon: [step], or the number itself where the field takes one."""
    if isinstance(value, str):
        return tables.over(value, horizon, where)
    if isinstance(value, list):
        if len(value) != len(horizon):
            raise BadInput(f"{where} has {len(value)} values for {len(horizon)} intervals.")
        return np.array([number(v, where) for v in value])
    found = number(value, where)
    return found if one else np.full(len(horizon), found)


def truths(value: Any, where: str, horizon: Horizon, tables: Tables) -> BoolArray | bool:
    """True or false, one for all intervals or one of each; 1 or 0 in a column. Raises `BadInput`."""
    if isinstance(value, bool):
        return value
    if isinstance(value, list) and all(isinstance(v, bool) for v in value) and len(value) == len(horizon):
        return np.array(value, dtype=bool)
    if isinstance(value, list | str):
        found = series(value, where, horizon, tables, one=False)
        if np.isin(found, (0.0, 1.0)).all():
            return np.asarray(found > 0.5)
    raise BadInput(f"{where} is {value!r}; true, false, a list of them, or a column of 1 and 0 is needed.")


def time_of(where: str, value: Any) -> pd.Timestamp:
    """A time; UTC where it has no offset. Raises `BadInput`."""
    try:
        found = pd.Timestamp(value) if isinstance(value, str | date) else pd.NaT
    except (ValueError, TypeError) as error:
        raise BadInput(f"{where} is {value!r}; a time such as 2026-06-15T00:00Z is needed.") from error
    if pd.isna(found):
        raise BadInput(f"{where} is {value!r}; a time such as 2026-06-15T00:00Z is needed.")
    return found.tz_localize("UTC") if found.tz is None else found.tz_convert("UTC")


def length_of(where: str, value: Any) -> pd.Timedelta:
    """A length of time: a text with its unit. Raises `BadInput`."""
    try:
        found = pd.Timedelta(value) if isinstance(value, str) else pd.NaT
    except (ValueError, TypeError) as error:
        raise BadInput(f"{where} is {value!r}; a length of time such as 15min is needed.") from error
    if pd.isna(found):
        raise BadInput(f"{where} is {value!r}; a length of time such as 15min is needed.")
    return found


def _is_union(hint: Any) -> bool:
    return str(get_origin(hint)) in ("typing.Union", "<class 'types.UnionType'>")
