"""Checks of each table alone, straight from the schema: ids, gaps, ranges, words allowed, and references.

The numbers of a table are checked as one matrix against the rows of the schema; words and findings are made only where
something is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import listed
from gridloop.network import schema
from gridloop.network.schema import Attribute
from gridloop.network.validation.findings import Finding, finding
from gridloop.network.validation.view import View, blank
from gridloop.units import BoolArray, FloatArray

# Tables whose elements are metered or controlled under "<id>/<quantity>".
_POINTS = ("line", "transformer", "load", "generator", "storage", "source")


@dataclass(frozen=True)
class _Numbers:
    """The columns of numbers of one table: names, where a gap is wrong, and the range. [column] each"""

    names: list[str]
    needed: BoolArray
    low: FloatArray
    high: FloatArray


def findings(view: View) -> list[Finding]:
    """Findings of every table, in the order of the schema."""
    found: list[Finding] = []
    for table in view.filled():
        found += _ids(table, view.ids(table))
        found += _of_numbers(view, table)
        for attribute in schema.attributes(table).values():
            if attribute.type == "string" and attribute.name != "id":
                found += _of_words(table, view, attribute)
        found += _references(view, table)
    return found + _shared_ids(view)


def _ids(table: str, index: pd.Index) -> list[Finding]:
    found = []
    if not index.is_unique:
        double = index[index.duplicated()].unique()
        rows = int(index.duplicated(keep=False).sum())
        message = f"{rows} rows share {len(double)} ids ({listed(list(double))}). Give each row an id of its own."
        found.append(Finding("error", "duplicate_id", table, "id", tuple(double), message))
    if "" in index:
        found.append(finding("error", "missing_value", table, "id", [""], "has an empty id", "Name it."))
    return found


@cache
def _numbers(table: str) -> _Numbers:
    chosen = [a for a in schema.attributes(table).values() if a.type in ("float", "int")]
    return _Numbers(
        [a.name for a in chosen],
        np.array([a.type == "float" and not a.may_be_missing for a in chosen], dtype=bool),
        np.array([-np.inf if a.minimum is None else a.minimum for a in chosen]),
        np.array([np.inf if a.maximum is None else a.maximum for a in chosen]),
    )


def _of_numbers(view: View, table: str) -> list[Finding]:
    rule = _numbers(table)
    if not rule.names:
        return []
    values = np.array([view.column(table, name) for name in rule.names], dtype=float)  # [column, row]
    missing, finite = np.isnan(values), np.isfinite(values)
    gap, endless = missing & rule.needed[:, None], ~missing & ~finite
    outside = finite & ((values < rule.low[:, None]) | (values > rule.high[:, None]))
    suspects = np.flatnonzero((gap | endless | outside).any(axis=1))
    found: list[Finding] = []
    for k in suspects:
        a = schema.attributes(table)[rule.names[k]]
        ids = view.ids(table)
        if gap[k].any():
            found.append(_gap(table, a, ids[gap[k]]))
        if endless[k].any():
            found.append(_endless(table, a, ids[endless[k]]))
        if outside[k].any():
            found.append(_range(table, a, ids[outside[k]], values[k][outside[k]]))
    return found


def _gap(table: str, a: Attribute, ids: pd.Index) -> Finding:
    remedy = f"Give each a number{_in_unit(a)}: {a.description[0].lower()}{a.description[1:]}."
    return finding("error", "missing_value", table, a.name, ids, f"have no {a.name}", remedy)


def _endless(table: str, a: Attribute, ids: pd.Index) -> Finding:
    remedy = "Leave it missing where there is no limit." if a.may_be_missing else "A finite number is needed."
    return finding("error", "infinite", table, a.name, ids, f"have an infinite {a.name}", remedy)


def _range(table: str, a: Attribute, ids: pd.Index, values: FloatArray) -> Finding:
    low = -np.inf if a.minimum is None else a.minimum
    high = np.inf if a.maximum is None else a.maximum
    worst = values.max() if (values > high).any() else values.min()
    problem = f"have {a.name} outside its range, such as {worst:g}{_in_unit(a)}"
    remedy = f"Allowed is {low:g} to {high:g}{_in_unit(a)}; check the value and its unit."
    return finding("error", "out_of_range", table, a.name, ids, problem, remedy)


def _of_words(table: str, view: View, a: Attribute) -> list[Finding]:
    if not a.required and not a.allowed:
        return []
    values = view.column(table, a.name)
    said = set(values.tolist())
    found = []
    if a.required and "" in said:
        remedy = "Name the owner." if a.name == "owner" else "Give it a value."
        ids = view.ids(table)[blank(values)]
        found.append(finding("error", "missing_value", table, a.name, ids, f"have no {a.name}", remedy))
    if a.allowed and not said <= {"", *a.allowed}:
        odd = np.array([value != "" and value not in a.allowed for value in values.tolist()], dtype=bool)
        problem = f"have a {a.name} that is not known, such as {values[odd][0]!r}"
        remedy = f"Allowed are {', '.join(a.allowed)}."
        found.append(finding("error", "unknown_word", table, a.name, view.ids(table)[odd], problem, remedy))
    return found


def _references(view: View, table: str) -> list[Finding]:
    found = []
    for column, target in schema.references(table).items():
        found += _dangling(table, column, view.ids(table), view.column(table, column), target, view.ids(target))
    if table == "switch":
        kind, element = view.column(table, "element_kind"), view.column(table, "element")
        for target in ("bus", "line", "transformer"):
            mine = np.asarray(kind == target, dtype=bool)
            if mine.any():
                found += _dangling(table, "element", view.ids(table)[mine], element[mine], target, view.ids(target))
    return found


def _dangling(table: str, column: str, ids: pd.Index, named: Any, target: str, known: pd.Index) -> list[Finding]:
    wanted = pd.Index(named, dtype=object)
    there = known.get_indexer(wanted) >= 0 if known.is_unique else wanted.isin(known)
    if there.all():
        return []
    lost = ~there & ~blank(named)
    if not lost.any():
        return []
    problem = f"name a {target} that does not exist, such as {named[lost][0]!r}"
    remedy = f"Add the {target}, or correct {column}."
    return [finding("error", "dangling_reference", table, column, ids[lost], problem, remedy)]


def _shared_ids(view: View) -> list[Finding]:
    seen: set[str] = set()
    shared: dict[str, None] = {}
    for table in _POINTS:
        mine = set(view.ids(table).tolist())
        shared |= dict.fromkeys(sorted(seen & mine))
        seen |= mine
    if not shared:
        return []
    message = (
        f"{len(shared)} ids name elements of two tables ({listed(list(shared))}): the points of their readings would "
        "be one. Rename one of each."
    )
    return [Finding("warning", "shared_id", "", "id", tuple(shared), message)]


def _in_unit(a: Attribute) -> str:
    return f" {a.unit}" if a.unit else ""
