"""Checks of each table alone, straight from the schema: ids, gaps, ranges, words allowed, and references."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridloop.errors import listed
from gridloop.network import schema
from gridloop.network.model import Network
from gridloop.network.schema import Attribute
from gridloop.network.validation.findings import Finding, finding

# Tables whose elements are metered or controlled under "<id>/<quantity>".
_POINTS = ("line", "transformer", "load", "generator", "storage", "source")


def findings(net: Network) -> list[Finding]:
    """Findings of every table, in the order of the schema."""
    found: list[Finding] = []
    for table in schema.TABLES:
        frame = net.tables[table]
        found += _ids(table, frame)
        for attribute in schema.attributes(table).values():
            if attribute.name != "id":
                found += _gaps(table, frame[attribute.name], attribute)
                found += _range(table, frame[attribute.name], attribute)
                found += _words(table, frame[attribute.name], attribute)
        found += _references(net, table)
    return found + _shared_ids(net)


def _ids(table: str, frame: pd.DataFrame) -> list[Finding]:
    found = []
    double = frame.index[frame.index.duplicated()].unique()
    if len(double):
        rows = int(frame.index.duplicated(keep=False).sum())
        message = f"{rows} rows share {len(double)} ids ({listed(list(double))}). Give each row an id of its own."
        found.append(Finding("error", "duplicate_id", table, "id", tuple(double), message))
    if (frame.index == "").any():
        found.append(finding("error", "missing_value", table, "id", [""], "has an empty id", "Name it."))
    return found


def _gaps(table: str, values: pd.Series, a: Attribute) -> list[Finding]:
    if a.type == "string":
        blank = values[(values == "")] if a.required else values[:0]
        remedy = "Name the owner." if a.name == "owner" else "Give it a value."
    elif a.type == "float":
        blank = values[values.isna()] if not a.may_be_missing else values[:0]
        remedy = f"Give each a number{_in_unit(a)}: {a.description[0].lower()}{a.description[1:]}."
    else:
        return []
    found = []
    if len(blank):
        found.append(finding("error", "missing_value", table, a.name, blank.index, f"have no {a.name}", remedy))
    if a.type == "float" and np.isinf(values).any():
        endless = values.index[np.isinf(values)]
        allowed = "leave it missing where there is no limit" if a.may_be_missing else "a finite number is needed"
        found.append(
            finding(
                "error", "infinite", table, a.name, endless, f"have an infinite {a.name}", f"{allowed.capitalize()}."
            )
        )
    return found


def _range(table: str, values: pd.Series, a: Attribute) -> list[Finding]:
    if a.minimum is None and a.maximum is None:
        return []
    low = -np.inf if a.minimum is None else a.minimum
    high = np.inf if a.maximum is None else a.maximum
    outside = values[((values < low) | (values > high)) & np.isfinite(values)]
    if outside.empty:
        return []
    worst = outside.max() if (outside > high).any() else outside.min()
    return [
        finding(
            "error",
            "out_of_range",
            table,
            a.name,
            outside.index,
            f"have {a.name} outside its range, such as {worst:g}{_in_unit(a)}",
            f"Allowed is {low:g} to {high:g}{_in_unit(a)}; check the value and its unit.",
        )
    ]


def _words(table: str, values: pd.Series, a: Attribute) -> list[Finding]:
    if not a.allowed:
        return []
    odd = values[~values.isin(a.allowed) & (values != "")]
    if odd.empty:
        return []
    problem = f"have a {a.name} that is not known, such as {odd.iloc[0]!r}"
    return [finding("error", "unknown_word", table, a.name, odd.index, problem, f"Allowed are {', '.join(a.allowed)}.")]


def _references(net: Network, table: str) -> list[Finding]:
    frame = net.tables[table]
    found = []
    for column, target in schema.references(table).items():
        found += _dangling(table, column, frame[column], target, net.tables[target].index)
    if table == "switch":
        for target in ("bus", "line", "transformer"):
            named = frame.loc[frame["element_kind"] == target, "element"]
            found += _dangling(table, "element", named, target, net.tables[target].index)
    return found


def _dangling(table: str, column: str, named: pd.Series, target: str, known: pd.Index) -> list[Finding]:
    lost = named[~named.isin(known) & (named != "")]
    if lost.empty:
        return []
    return [
        finding(
            "error",
            "dangling_reference",
            table,
            column,
            lost.index,
            f"name a {target} that does not exist, such as {lost.iloc[0]!r}",
            f"Add the {target}, or correct {column}.",
        )
    ]


def _shared_ids(net: Network) -> list[Finding]:
    everyone = pd.Index([str(i) for table in _POINTS for i in net.tables[table].index.unique()])
    shared = everyone[everyone.duplicated()].unique()
    if not len(shared):
        return []
    message = (
        f"{len(shared)} ids name elements of two tables ({', '.join(shared[:5])}): the points of their readings would "
        "be one. Rename one of each."
    )
    return [Finding("warning", "shared_id", "", "id", tuple(shared), message)]


def _in_unit(a: Attribute) -> str:
    return f" {a.unit}" if a.unit else ""
