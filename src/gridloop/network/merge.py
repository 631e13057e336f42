"""Merging networks of several owners into one: joined at the buses that they share by id.

Every element keeps its owner. An element that stands in more than one network must be the same in all of them, to the
last digit; whoever disagrees is named. A further column of some networks is missing for the elements of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from gridloop.errors import BadInput, MergeConflict
from gridloop.network import schema, tables
from gridloop.network.model import Edit, Network, Value, plain, utc


@dataclass(frozen=True)
class Conflict:
    """One cell on which networks disagree; `values` by the network's name."""

    table: str
    id: str
    column: str
    values: dict[str, Value]

    def __str__(self) -> str:
        said = ", ".join(f"{value!r} in {name!r}" for name, value in self.values.items())
        return f"{self.table} {self.id!r} {self.column} is {said}"


def merge(networks: Sequence[Network], *, author: str, time: pd.Timestamp, name: str = "") -> Network:
    """One network of several, version 1; its history begins with the merge and names the versions that went in.

    The order of the networks does not matter to the content (only to the order of rows). Raises `MergeConflict` listing
    every cell on which they disagree, `BadInput` for an empty list.
    """
    if not networks:
        raise BadInput("merge needs at least one network.")
    titles = _titles(networks)
    conflicts: list[Conflict] = []
    merged = {}
    for table in schema.TABLES:
        parts = {title: net.tables[table] for title, net in zip(titles, networks, strict=True)}
        conflicts += _conflicts(table, parts)
        merged[table] = _union(table, list(parts.values()))
    if conflicts:
        shown = "; ".join(str(c) for c in conflicts[:5])
        more = f"; and {len(conflicts) - 5} more" if len(conflicts) > 5 else ""
        raise MergeConflict(
            f"{len(conflicts)} values differ between the networks: {shown}{more}. Agree on one value each "
            "(`network.edit`), or give different elements different ids.",
            conflicts=conflicts,
        )
    origin: dict[str, dict[str, tuple[Value, Value]]] = {
        title: {"version": (net.version, None), "digest": (net.digest, None)}
        for title, net in zip(titles, networks, strict=True)
    }
    reason = f"merge of {', '.join(titles)}"
    edit = Edit(1, author, utc(time), reason, "merge", "", origin, tables.digest(merged))
    return Network(merged, name or "+".join(titles), 1, (edit,))


def _titles(networks: Sequence[Network]) -> list[str]:
    titles: list[str] = []
    for number, net in enumerate(networks, start=1):
        title = net.name or f"network {number}"
        titles.append(title if title not in titles else f"{title} ({number})")
    return titles


def _conflicts(table: str, parts: dict[str, pd.DataFrame]) -> list[Conflict]:
    holders: dict[str, list[str]] = {}
    for title, frame in parts.items():
        if frame.index.has_duplicates:
            raise BadInput(
                f"table {table!r} of network {title!r} has duplicate ids; run `validate` on it.", table=table
            )
        for identity in frame.index:
            holders.setdefault(str(identity), []).append(title)
    found = []
    for identity, titles in holders.items():
        if len(titles) == 1:
            continue
        shared = dict.fromkeys(column for title in titles for column in parts[title].columns)
        for column in shared:
            said = {t: plain(parts[t].at[identity, column]) for t in titles if column in parts[t].columns}
            if len(set(said.values())) > 1:
                found.append(Conflict(table, identity, column, said))
    return found


def _union(table: str, frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Rows of all, the first of equal ids (they agree, or `_conflicts` has said so), further columns in name order."""
    filled = [frame for frame in frames if len(frame)] or frames[:1]
    own = schema.columns(table)
    further = sorted({column for frame in filled for column in frame.columns} - set(own))
    rows: dict[str, dict[str, Any]] = {}
    for frame in filled:
        for identity, row in zip(frame.index, frame.itertuples(index=False, name=None), strict=True):
            known = rows.setdefault(str(identity), {})
            for column, value in zip(frame.columns, row, strict=True):
                known.setdefault(column, value)
    if not rows:
        return frames[0]
    whole = pd.DataFrame.from_dict(rows, orient="index", columns=[*own, *further])
    return tables.canonical(table, whole)
