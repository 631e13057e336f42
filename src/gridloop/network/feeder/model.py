"""The feeder: an unbalanced grid as tables, one row per element, with the terminals each of them uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from gridloop.errors import BadInput, listed
from gridloop.network import tables as canonical_tables

# An element comes after what it refers to.
TABLES = (
    "bus",
    "line_code",
    "line",
    "transformer",
    "winding",
    "regulator",
    "load",
    "generator",
    "capacitor",
    "source",
)
PREFIX = "feeder_"


@dataclass(frozen=True, eq=False, repr=False)
class Feeder:
    """An unbalanced grid: ten tables and a name. A value: an edit returns another one.

    The columns are those of `network/schema/feeder_TABLE.csv`, ids are the index. Terminals are written as in
    "1.2.3": each names a node of the bus, 0 is ground. `loss_report` names what a reader could not take over.
    """

    tables: Mapping[str, pd.DataFrame]
    name: str = ""
    frequency_hz: float = 60.0
    loss_report: tuple[str, ...] = ()

    @classmethod
    def from_tables(
        cls,
        given: Mapping[str, Any],
        *,
        name: str = "",
        owner: str | None = None,
        frequency_hz: float = 60.0,
        loss_report: tuple[str, ...] = (),
    ) -> Feeder:
        """A feeder from DataFrames (or lists of dicts); a table left out is empty.

        owner  who owns the rows that name no owner

        Raises `MissingColumn` and `BadInput` where the tables lack something or hold values of the wrong type.
        """
        held = canonical_tables.canonical_all(given, TABLES, "feeder", owner, PREFIX)
        return cls(held, name, frequency_hz, loss_report)

    def __repr__(self) -> str:
        return f"<Feeder {self.name!r}: {canonical_tables.sizes(self.tables)}>"

    @property
    def bus(self) -> pd.DataFrame:
        return self.tables["bus"]

    @property
    def line_code(self) -> pd.DataFrame:
        return self.tables["line_code"]

    @property
    def line(self) -> pd.DataFrame:
        return self.tables["line"]

    @property
    def transformer(self) -> pd.DataFrame:
        return self.tables["transformer"]

    @property
    def winding(self) -> pd.DataFrame:
        return self.tables["winding"]

    @property
    def regulator(self) -> pd.DataFrame:
        return self.tables["regulator"]

    @property
    def load(self) -> pd.DataFrame:
        return self.tables["load"]

    @property
    def generator(self) -> pd.DataFrame:
        return self.tables["generator"]

    @property
    def capacitor(self) -> pd.DataFrame:
        return self.tables["capacitor"]

    @property
    def source(self) -> pd.DataFrame:
        return self.tables["source"]

    def edit(self, table: str, values: Mapping[str, Mapping[str, Any]]) -> Feeder:
        """The feeder with other values in some rows: id -> column -> new value.

        Raises `BadInput` for a table, id or column that it does not have, or a value of the wrong type.
        """
        if table not in self.tables:
            raise BadInput(f"no table {table!r}; a feeder has {', '.join(TABLES)}.", table=table)
        before = self.tables[table]
        ids = [i for i in values if i not in before.index]
        columns = sorted({c for row in values.values() for c in row} - set(before.columns))
        if ids or columns:
            raise BadInput(
                f"table {table!r} has no {listed([*ids, *columns])}; its columns are {', '.join(before.columns)}.",
                table=table,
                ids=ids,
                columns=columns,
            )
        after = before.astype(object)
        for identity, row in values.items():
            for column, value in row.items():
                after.at[identity, column] = value
        typed = canonical_tables.retyped(PREFIX + table, after, before.dtypes)
        return replace(self, tables={**self.tables, table: typed})


def terminals(text: str) -> tuple[int, ...]:
    """Terminals of "1.2.3": (1, 2, 3). Raises `BadInput` for anything but numbers joined by dots."""
    try:
        return tuple(int(part) for part in text.split("."))
    except ValueError as error:
        raise BadInput(f"terminals {text!r} are not numbers joined by dots such as 1.2.3.", terminals=text) from error
