"""Values of settings: dataclasses from nested plain values and back, every key checked and named where it is wrong."""

from __future__ import annotations

import datetime as dt
import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, get_type_hints

from gridloop.errors import BadInput, listed


def plain(value: Any) -> Any:
    """Plain values that JSON keeps exactly; the inverse of `build`."""
    if is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value) if getattr(value, f.name) is not None}
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, tuple):
        return [plain(v) for v in value]
    if value == float("inf"):
        return "inf"
    return value


def build(kind: Any, data: Mapping[str, Any], name: str, section: str) -> Any:
    """A dataclass from nested values; `name` and `section` say where they stood. Raises `BadInput` naming the key."""
    hints = get_type_hints(kind)
    where = f"{name}: [{section}]" if section else name
    unknown = sorted(set(data) - set(hints))
    if unknown:
        raise BadInput(f"{where} has no key {listed(unknown)}; allowed are {', '.join(hints)}.", keys=unknown)
    missing = [f.name for f in fields(kind) if f.name not in data and _required(f)]
    if missing:
        raise BadInput(f"{where} lacks {listed(missing)}.", keys=missing)
    return kind(**{key: _value(hints[key], data[key], name, section, key) for key in data})


def _required(f: Any) -> bool:
    return f.default is MISSING and f.default_factory is MISSING


def _value(hint: Any, value: Any, name: str, section: str, key: str) -> Any:
    where = f"{name}: {f'[{section}] ' if section else ''}{key}"
    if isinstance(hint, types.UnionType):
        hint = next(part for part in hint.__args__ if part is not type(None))
    if is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise BadInput(f"{where} must be a section, [{key}].")
        return build(hint, value, name, key)
    if hint is float:
        if value == "inf":
            return float("inf")
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            raise BadInput(f"{where} is {value!r}; a number is needed.")
        return float(value)
    if hint is dt.date:
        try:
            return value if type(value) is dt.date else dt.date.fromisoformat(str(value))
        except ValueError as error:
            raise BadInput(f"{where} is {value!r}; a day such as 2016-07-25 is needed.") from error
    if hint in (int, str):
        if not isinstance(value, hint) or isinstance(value, bool):
            raise BadInput(f"{where} is {value!r}; {'a whole number' if hint is int else 'a text'} is needed.")
        return value
    try:
        return tuple((int(count), int(minutes)) for count, minutes in value)
    except (TypeError, ValueError) as error:
        raise BadInput(f"{where} is {value!r}; a list of [count, minutes] is needed.") from error
