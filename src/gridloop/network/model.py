"""The network: the grid as tables, one row per element, and the versions that edits make of it.

A `Network` is a value: nothing changes it, an edit returns the next version. Its tables are handed out as they are, for
speed; read them, and change the network by `edit`, `add` and `remove`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, listed
from gridloop.network import schema, tables
from gridloop.network.topology import NO_NODE, find_topology

Value = str | float | int | bool | None


@dataclass(frozen=True)
class Edit:
    """What one version changed, by whom, when and why.

    action   edit, add, remove or merge
    table    the table changed; "" for a merge
    changes  id -> column -> (before, after); None before in an addition, None after in a removal, None for NaN
    digest   of the content after it
    """

    version: int
    author: str
    time: pd.Timestamp
    reason: str
    action: str
    table: str
    changes: Mapping[str, Mapping[str, tuple[Value, Value]]]
    digest: str


@dataclass(frozen=True, eq=False, repr=False)
class Network:
    """A grid: nine tables, a name, and the edits that led here. Two networks are equal where their digests are."""

    tables: Mapping[str, pd.DataFrame]
    name: str = ""
    version: int = 1
    history: tuple[Edit, ...] = ()

    @classmethod
    def from_tables(cls, given: Mapping[str, Any], *, name: str = "", owner: str | None = None) -> Network:
        """A network from DataFrames (or lists of dicts), version 1.

        given  table name -> rows; a table left out is empty
        owner  who owns the rows that name no owner

        Fills defaults and sets types by the schema; keeps further columns. Copies what it is given.
        Raises `MissingColumn` and `BadInput`; whether the values make sense is for `validate`.
        """
        return cls(tables.canonical_all(given, schema.TABLES, "network", owner), name=name)

    def __repr__(self) -> str:
        return f"<Network {self.name!r}, version {self.version}: {tables.sizes(self.tables)}>"

    @property
    def bus(self) -> pd.DataFrame:
        return self.tables["bus"]

    @property
    def line(self) -> pd.DataFrame:
        return self.tables["line"]

    @property
    def transformer(self) -> pd.DataFrame:
        return self.tables["transformer"]

    @property
    def switch(self) -> pd.DataFrame:
        return self.tables["switch"]

    @property
    def load(self) -> pd.DataFrame:
        return self.tables["load"]

    @property
    def generator(self) -> pd.DataFrame:
        return self.tables["generator"]

    @property
    def storage(self) -> pd.DataFrame:
        return self.tables["storage"]

    @property
    def shunt(self) -> pd.DataFrame:
        return self.tables["shunt"]

    @property
    def source(self) -> pd.DataFrame:
        return self.tables["source"]

    @cached_property
    def digest(self) -> str:
        """sha256 of the tables' content; the order of rows and columns does not count, nor do name and history."""
        return tables.digest(self.tables)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Network) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def edit(
        self,
        table: str,
        values: pd.DataFrame | Mapping[str, Mapping[str, Any]],
        *,
        author: str,
        time: pd.Timestamp,
        reason: str,
    ) -> Network:
        """The next version with other values in some rows of a table.

        values  id -> column -> new value, or a DataFrame of ids x columns (all of its cells are set)

        Raises `BadInput` for an id or column that the table does not have, or a value of the wrong type.
        """
        before = self._table(table)
        wanted = _by_id(values)
        self._known(table, list(wanted))
        named = sorted({column for row in wanted.values() for column in row} - set(before.columns))
        if named:
            raise BadInput(
                f"table {table!r} has no column {listed(named)}; its columns are {', '.join(before.columns)}.",
                table=table,
                columns=named,
            )
        after = before.astype(object)
        for identity, row in wanted.items():
            for column, value in row.items():
                after.at[identity, column] = value
        typed = tables.retyped(table, after, before.dtypes)
        changes = {
            identity: {
                column: (plain(before.at[identity, column]), plain(typed.at[identity, column])) for column in row
            }
            for identity, row in wanted.items()
        }
        changes = {i: {c: pair for c, pair in row.items() if pair[0] != pair[1]} for i, row in changes.items()}
        return self._next(table, typed, "edit", {i: row for i, row in changes.items() if row}, author, time, reason)

    def add(self, table: str, rows: Any, *, author: str, time: pd.Timestamp, reason: str) -> Network:
        """The next version with further elements: a DataFrame or a list of dicts, defaults as in `from_tables`."""
        before = self._table(table)
        new = tables.canonical(table, rows)
        twice = [str(i) for i in new.index[new.index.duplicated() | new.index.isin(before.index)]]
        if twice:
            raise BadInput(
                f"table {table!r} already has {len(twice)} of the ids to add: {listed(twice)}. Choose other ids, "
                "or change what is there with `network.edit`.",
                table=table,
                ids=twice,
            )
        unknown, lacking = new.columns.difference(before.columns), before.columns.difference(new.columns)
        if len(unknown) or len(lacking):
            raise BadInput(
                f"rows to add to table {table!r} do not have its columns: unknown {listed(list(unknown))}; "
                f"lacking {listed(list(lacking))}. Give every further column of the table a value, and no others.",
                table=table,
                columns=[*unknown, *lacking],
            )
        after = (
            pd.concat([before.astype(object), new[before.columns].astype(object)])
            if len(before)
            else new[before.columns]
        )
        changes = {
            str(i): {c: (None, plain(v)) for c, v in zip(new.columns, row, strict=True)}
            for i, row in zip(new.index, new.itertuples(index=False), strict=True)
        }
        return self._next(table, tables.retyped(table, after, before.dtypes), "add", changes, author, time, reason)

    def remove(self, table: str, ids: list[str], *, author: str, time: pd.Timestamp, reason: str) -> Network:
        """The next version without some elements; what refers to them is for `validate` to find."""
        before = self._table(table)
        self._known(table, ids)
        gone = before.loc[list(dict.fromkeys(ids))]
        changes = {
            str(i): {c: (plain(v), None) for c, v in zip(gone.columns, row, strict=True)}
            for i, row in zip(gone.index, gone.itertuples(index=False), strict=True)
        }
        after = before.drop(index=list(gone.index))
        return self._next(table, after, "remove", changes, author, time, reason)

    def energized(self) -> Network:
        """The same version without the buses that no source reaches, nor anything that hangs on them.

        A line between a supplied and an unsupplied bus (open at one end) goes too, and its charging with it.
        """
        topology = find_topology(self)
        node = topology.node_of
        fed = np.zeros(len(self.bus), dtype=bool)
        fed[node != NO_NODE] = topology.supplied[node[node != NO_NODE]]
        return self._only(self.bus.index[fed])

    def _only(self, buses: pd.Index) -> Network:
        kept: dict[str, pd.DataFrame] = {}
        for table in schema.TABLES:
            frame = self.tables[table]
            keep = frame.index.isin(buses) if table == "bus" else np.ones(len(frame), dtype=bool)
            for column in schema.references(table):
                keep &= frame[column].isin(buses).to_numpy()
            if table == "switch":
                for kind in ("bus", "line", "transformer"):
                    of_kind = (frame["element_kind"] == kind).to_numpy()
                    keep &= ~of_kind | frame["element"].isin(kept[kind].index).to_numpy()
            kept[table] = frame[keep]
        return replace(self, tables=kept)

    def _table(self, table: str) -> pd.DataFrame:
        if table not in self.tables:
            raise BadInput(f"no table {table!r}; a network has {', '.join(schema.TABLES)}.", table=table)
        return self.tables[table]

    def _known(self, table: str, ids: list[str]) -> None:
        index = self.tables[table].index
        unknown = [i for i in ids if i not in index]
        if unknown:
            raise BadInput(
                f"table {table!r} has no element {listed(unknown)} ({len(unknown)} of {len(ids)} ids are unknown).",
                table=table,
                ids=unknown,
            )
        double = [str(i) for i in ids if index.isin([i]).sum() > 1]
        if double:
            raise BadInput(
                f"table {table!r} has more than one element named {listed(double)}; give each its own id first.",
                table=table,
                ids=double,
            )

    def _next(
        self,
        table: str,
        after: pd.DataFrame,
        action: str,
        changes: Mapping[str, Mapping[str, tuple[Value, Value]]],
        author: str,
        time: pd.Timestamp,
        reason: str,
    ) -> Network:
        held = {**self.tables, table: after}
        edit = Edit(self.version + 1, author, utc(time), reason, action, table, changes, tables.digest(held))
        return Network(held, self.name, self.version + 1, (*self.history, edit))


def utc(time: pd.Timestamp) -> pd.Timestamp:
    """The moment of an edit in UTC. Raises `BadInput` for a time without a zone."""
    moment = pd.Timestamp(time)
    if moment.tzinfo is None:
        raise BadInput(f"the time {moment} of an edit has no zone; give it one, such as UTC.", time=str(moment))
    return moment.tz_convert("UTC")


def plain(value: Any) -> Value:
    """A cell as a plain Python value; None for NaN."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    number = float(value)
    return None if number != number else number


def _by_id(values: pd.DataFrame | Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    if isinstance(values, pd.DataFrame):
        frame = values.set_index("id") if "id" in values.columns else values
        return {
            str(i): dict(zip(frame.columns, row, strict=True))
            for i, row in zip(frame.index, frame.itertuples(index=False), strict=True)
        }
    return {str(i): dict(row) for i, row in values.items()}
