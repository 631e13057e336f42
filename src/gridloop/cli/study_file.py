"""The file of an adoption study (TOML) and its profiles (CSV): read, and every key and column checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from gridloop.errors import BadInput, GapInSeries, MissingColumn, MissingFile, listed
from gridloop.io.toml_file import read_toml
from gridloop.powerflow.study.reducers import HostingCapacity
from gridloop.powerflow.study.samplers import Adoption

_REQUIRED = ("cases", "profiles")
_COLUMNS = ("sun", "profile", "hour", "class_of")
_PAIRS = ("pv_mw", "energy_mwh")
_LISTS = ("charger_mw", "plug_in")
_NUMBERS = ("noise_sd", "risk")
_SHARES = ("pv_share", "ev_share")
ALLOWED = (*_REQUIRED, *_COLUMNS, *_SHARES, *_PAIRS, *_LISTS, *_NUMBERS, "hours_allowed")
"""Keys of the file; `docs/guides/feeders.md` says what each is."""


def read_study(path: Path, loads: pd.Index, limits: Mapping[str, Any]) -> tuple[Adoption, dict[str, HostingCapacity]]:
    """The sampler of a study file and the reducer that judges its levels.

    loads   ids of the grid's loads
    limits  `low_pu`, `high_pu`, `loading_pct` as `HostingCapacity` takes them

    Raises `MissingFile`, `MissingColumn`, `GapInSeries` and `BadInput`, each with the file and the key or column.
    """
    given = read_toml(path, f"There is no study file {str(path)!r}; docs/guides/feeders.md shows one.")
    unknown = sorted(set(given) - set(ALLOWED))
    if unknown:
        raise BadInput(f"{path.name} has no key {listed(unknown)}; allowed are {', '.join(ALLOWED)}.", keys=unknown)
    lacks = [key for key in _REQUIRED if key not in given]
    if lacks:
        raise BadInput(f"{path.name} lacks {listed(lacks)}.", keys=lacks)
    _check(path, given)
    file = path.parent / given["profiles"]
    table = _profiles(file)
    sun = given.get("sun", "sun")
    class_of, wanted = _classes(given, table, sun, loads)
    hour = [given["hour"]] if "hour" in given else []
    missing = sorted({sun, *hour, *wanted} - set(table.columns))
    if missing:
        raise MissingColumn(
            f"{file.name} has no column {listed(missing)}; it has {listed(list(table.columns), 20)}.", columns=missing
        )
    adoption = Adoption(
        cases=given["cases"],
        profile=table[sorted(wanted)],
        sun=table[sun].to_numpy(dtype=float),
        class_of=class_of,
        clock=table[hour[0]].to_numpy(dtype=float) if hour else None,
        **{key: tuple(given[key]) for key in (*_PAIRS, *_LISTS) if key in given},  # type: ignore[arg-type]  # checked
        **{key: given[key] for key in (*_SHARES, "noise_sd") if key in given},
    )
    judged = {key: given[key] for key in ("risk", "hours_allowed") if key in given}
    capacity = HostingCapacity(adoption.levels, **judged, **limits)
    return adoption, {capacity.name: capacity}


def _check(path: Path, given: Mapping[str, Any]) -> None:
    """Types of all keys; the ranges of numbers are the sampler's."""

    def number(value: Any) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool)

    def numbers(value: Any) -> bool:
        return isinstance(value, list) and bool(value) and all(map(number, value))

    def whole(value: Any) -> bool:
        return number(value) and isinstance(value, int)

    rules = {
        **dict.fromkeys(("cases", "hours_allowed"), (whole, "a whole number")),
        **dict.fromkeys(("profiles", "sun", "profile", "hour"), (lambda v: isinstance(v, str), "a text")),
        **dict.fromkeys(_SHARES, (lambda v: number(v) or numbers(v), "a number, or a list with one per level")),
        **dict.fromkeys(_PAIRS, (lambda v: numbers(v) and len(v) == 2, "a list of the least and the most")),
        **dict.fromkeys(_LISTS, (numbers, "a list of numbers")),
        **dict.fromkeys(_NUMBERS, (number, "a number")),
        "class_of": (
            lambda v: isinstance(v, dict) and all(isinstance(name, str) for name in v.values()),
            "a section of load = column",
        ),
    }
    for key, value in given.items():
        fits, what = rules[key]
        if not fits(value):
            raise BadInput(f"{path.name}: {key} is {value!r}; {what} is needed.", key=key)


def _profiles(file: Path) -> pd.DataFrame:
    if not file.is_file():
        raise MissingFile(f"There is no file of profiles {str(file)!r}.", path=str(file))
    try:
        table = pd.read_csv(file)
    except (OSError, ValueError) as error:
        raise BadInput(f"{file.name} cannot be read as CSV: {error}.") from error
    words = [] if table.empty else [name for name in table.columns if not pd.api.types.is_numeric_dtype(table[name])]
    if words or table.empty:
        what = f"columns that are no numbers: {listed(words)}" if words else "no hours"
        raise BadInput(f"{file.name} has {what}. It needs a row per hour and a column of numbers per profile.")
    gaps = int(table.isna().to_numpy().sum())
    if gaps:
        row, column = next(zip(*table.isna().to_numpy().nonzero(), strict=True))
        raise GapInSeries(
            f"{file.name}: {gaps} of {table.size} values are missing, the first in line {row + 2} under "
            f"{table.columns[column]!r}. Fill them in the file.",
            gaps=gaps,
        )
    return table


def _classes(
    given: Mapping[str, Any], table: pd.DataFrame, sun: str, loads: pd.Index
) -> tuple[dict[str, str] | None, set[str]]:
    """Column of every load, None where columns are named after loads; and the columns that are needed."""
    class_of = given.get("class_of", {})
    strange = sorted(set(class_of) - set(loads))
    if strange:
        raise BadInput(
            f"[class_of] names {len(strange)} loads that the grid does not have: {listed(strange)}.", loads=strange
        )
    if "profile" in given:
        followed = {str(load): class_of.get(load, given["profile"]) for load in loads}
        return followed, set(followed.values())
    if class_of:
        return dict(class_of), set(class_of.values())
    return None, set(table.columns) - {sun, given.get("hour", sun)}
