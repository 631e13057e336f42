"""`[[process]]` of a site file: resources, stocks, and a `[[process.task]]` for each batch, or a table of batches.

The table (CSV) has a row per task, with the keys of a task as its columns. What is a list stands in one cell, parted by
semicolons: profile_mw "6.0; 5.0", after "melt 1; cast 1", holds, takes and gives "furnace=1; crew=2". Empty cells are
left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_args, get_type_hints

from gridloop.cli.schedule_around import Around
from gridloop.cli.schedule_values import device_of, entries_of, need, number, only, table_of, text
from gridloop.errors import BadInput
from gridloop.optimize.devices.process import After, Process, Stock, Task

HINTS = get_type_hints(Task)
TASK = tuple(f.name for f in fields(Task))
NUMBERS = tuple(name for name in TASK if float in (HINTS[name], *get_args(HINTS[name])))
KEYS = {
    "process": ("task", "tasks", "resources", "stocks", "id", "bus"),
    "process.task": TASK,
    "process.task.after": tuple(f.name for f in fields(After)),
    "process.stocks.NAME": tuple(f.name for f in fields(Stock)),
}
UNITS = ("holds", "takes", "gives")


def process_of(given: Mapping[str, Any], section: str, around: Around) -> Process:
    """A plant with its batches. Raises `BadInput`, `MissingFile` and `OutOfRange`, each with section and key."""
    where = around.where(section)
    only(where, given, KEYS["process"])
    if ("task" in given) == ("tasks" in given):
        raise BadInput(
            f'{where} needs its batches, one way: a section [[process.task]] for each, or tasks = "orders.csv".',
            key="task",
        )
    if "tasks" in given:
        file = text(given["tasks"], f"{where} tasks")
        entries: list[Any] = _rows(file, around)
        places = [f"{where} tasks, {file}, line {k + 2}" for k in range(len(entries))]
    else:
        entries = list(entries_of(where, "process.task", given["task"]))
        places = [f"{around.name}: [[process.task]] {entry.get('id', k + 1)}" for k, entry in enumerate(entries)]
    tasks = [_task(entry, place, around) for entry, place in zip(entries, places, strict=True)]
    resources = _units(given.get("resources", {}), f"{where} resources")
    stocks = {
        str(name): device_of(
            Stock, table_of(where, f"process.stocks.{name}", entry), around.name, f"{section}.stocks.{name}",
            around.horizon, around.tables,
        )
        for name, entry in table_of(where, "process.stocks", given.get("stocks", {})).items()
    }  # fmt: skip
    named = {key: text(given[key], f"{where} {key}") for key in ("id", "bus") if key in given}
    return around.made(where, Process, tasks, resources, stocks, **named)


def _task(given: Mapping[str, Any], place: str, around: Around) -> Task:
    """One batch. place: how messages about it begin"""
    only(place, given, TASK)
    need(place, given, ("id", "profile_mw"))
    profile = given["profile_mw"] if isinstance(given["profile_mw"], list) else [given["profile_mw"]]
    built: dict[str, Any] = {"profile_mw": [number(value, f"{place} profile_mw") for value in profile]}
    for key, value in given.items():
        where = f"{place} {key}"
        if key in UNITS:
            built[key] = _units(value, where)
        elif key == "after":
            built[key] = tuple(
                _after(stage, where, around) for stage in (value if isinstance(value, list) else [value])
            )
        elif key not in built:
            built[key] = around.value(HINTS[key], value, where)
    return around.made(place, Task, **built)


def _after(given: Any, where: str, around: Around) -> str | After:
    """The stage before: its id, or a table with the shortest and the longest wait."""
    if not isinstance(given, Mapping):
        return text(given, where)
    made: After = device_of(After, given, around.name, "process.task.after", around.horizon, around.tables)
    return made


def _units(given: Any, where: str) -> dict[str, float]:
    """Units by name: {furnace = 1, crew = 2}."""
    if not isinstance(given, Mapping):
        raise BadInput(f"{where} is {given!r}; units by name are needed, such as {{furnace = 1, crew = 2}}.")
    return {str(name): number(units, f"{where} {name}") for name, units in given.items()}


def _rows(file: str, around: Around) -> list[dict[str, Any]]:
    """Rows of a table of batches as the tables of a file would be."""
    table = around.tables.texts(file)
    around.tables.need(file, table, ("id", "profile_mw"))
    return [
        {str(key): _cell(str(key), str(value).strip()) for key, value in row.items() if str(value).strip()}
        for row in table.to_dict("records")
    ]


def _cell(key: str, value: str) -> Any:
    """A cell as the value of a key; what it cannot be is left as it is, for the key's own message."""
    if key in UNITS:
        pairs = [part.split("=") for part in _parts(value)]
        numbers = {pair[0].strip(): _as_number(pair[1]) for pair in pairs if len(pair) == 2}
        return numbers if len(numbers) == len(pairs) else value
    if key == "profile_mw":
        return [_as_number(part) for part in _parts(value)]
    if key == "after":
        return _parts(value)
    return _as_number(value) if key in NUMBERS else value


def _parts(value: str) -> list[str]:
    return [part.strip() for part in value.split(";") if part.strip()]


def _as_number(part: str) -> float | str:
    try:
        return float(part)
    except ValueError:
        return part
