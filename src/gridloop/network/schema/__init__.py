"""The schema of the network's tables: one CSV per table, from which types, checks and the docs derive.

Every row of a CSV is one attribute: `attribute, type, unit, default, required, minimum, maximum, allowed, references,
description`. `type` is string, float, int or bool. An empty default of a float means that the value may be missing
(NaN) and the description says what that means; so does `open` in the place of "yes" or "no" under `required`, for a
column with a default. A string that is missing is the empty string.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType

# The order in which files, findings and merges go through the tables: an element comes after what it refers to.
TABLES = ("bus", "line", "transformer", "switch", "load", "generator", "storage", "shunt", "source")

_DTYPES = {"string": "object", "float": "float64", "int": "int64", "bool": "bool"}

Scalar = str | float | int | bool


@dataclass(frozen=True)
class Attribute:
    """One column of one table; `minimum`, `maximum` are inclusive, in the attribute's unit.

    open  True where NaN says "not limited" although a value that is not given has a default
    """

    name: str
    type: str
    unit: str
    default: Scalar | None
    required: bool
    minimum: float | None
    maximum: float | None
    allowed: tuple[str, ...]
    references: str
    description: str
    open: bool = False

    @property
    def dtype(self) -> str:
        """Type of the pandas column: object (of str), float64, int64 or bool."""
        return _DTYPES[self.type]

    @property
    def may_be_missing(self) -> bool:
        """True where NaN is a statement ("not limited") and not a gap."""
        return self.open or (not self.required and self.default is None)


@cache
def attributes(table: str) -> Mapping[str, Attribute]:
    """Attributes of a table in the order of its columns, by name; the first is `id`, the index."""
    text = resources.files(__name__).joinpath(f"{table}.csv").read_text(encoding="utf-8")
    found = [_attribute(row) for row in csv.DictReader(text.splitlines())]
    return MappingProxyType({attribute.name: attribute for attribute in found})


@cache
def columns(table: str) -> tuple[str, ...]:
    """Columns of a table without its index."""
    return tuple(attributes(table))[1:]


def references(table: str) -> dict[str, str]:
    """Columns of a table that name an element of another table: `{"tail_bus": "bus", ...}`."""
    return {a.name: a.references for a in attributes(table).values() if a.references}


def markdown(table: str) -> str:
    """The docs table of one network table."""
    lines = ["| column | type | unit | default | range | what |", "|---|---|---|---|---|---|"]
    for a in attributes(table).values():
        default = "*required*" if a.required else _shown(a.default)
        lines.append(f"| `{a.name}` | {a.type} | {a.unit} | {default} | {_range(a)} | {a.description} |")
    return "\n".join(lines) + "\n"


def _attribute(row: dict[str, str]) -> Attribute:
    kind = row["type"]
    return Attribute(
        name=row["attribute"],
        type=kind,
        unit=row["unit"],
        default=_default(kind, row["default"]),
        required=row["required"] == "yes",
        minimum=float(row["minimum"]) if row["minimum"] else None,
        maximum=float(row["maximum"]) if row["maximum"] else None,
        allowed=tuple(row["allowed"].split("|")) if row["allowed"] else (),
        references=row["references"],
        description=row["description"],
        open=row["required"] == "open",
    )


def _default(kind: str, text: str) -> Scalar | None:
    if kind == "string":
        return text
    if not text:
        return None
    if kind == "bool":
        return text == "true"
    return int(text) if kind == "int" else float(text)


def _shown(default: Scalar | None) -> str:
    if default is None or default == "":
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str(default)


def _range(a: Attribute) -> str:
    if a.allowed:
        return ", ".join(a.allowed)
    if a.references:
        return f"id of a {a.references}"
    low = "" if a.minimum is None else f"≥ {a.minimum:g}"
    high = "" if a.maximum is None else f"≤ {a.maximum:g}"
    return ", ".join(part for part in (low, high) if part)
