"""The network as the checks look at it: columns as arrays, references as rows, each worked out once.

Checks run before every power flow, and on a small grid they cost more than the flow if each of them goes through
pandas again: arrays and rows are shared here.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from gridloop.network import schema
from gridloop.network.model import Network
from gridloop.network.topology import Topology, find_topology
from gridloop.units import BoolArray, FloatArray, IntArray

# Whether an object array holds the empty string, without a comparison per element in Python.
_NOTHING = ""


class View:
    """One network while it is checked; nothing in it outlives the call of `validate`."""

    def __init__(self, net: Network) -> None:
        self.net = net
        self._columns: dict[tuple[str, str], Any] = {}
        self._rows: dict[tuple[str, str], IntArray] = {}

    def ids(self, table: str) -> pd.Index:
        """The index of a table."""
        return self.net.tables[table].index

    def filled(self) -> tuple[str, ...]:
        """Tables with rows, in the order of the schema; an empty one holds nothing to complain about."""
        return tuple(table for table in schema.TABLES if len(self.net.tables[table]))

    def column(self, table: str, name: str) -> Any:
        """One column as an array. [row]"""
        key = (table, name)
        if key not in self._columns:
            self._columns[key] = self.net.tables[table][name].to_numpy()
        return self._columns[key]

    def rows(self, table: str, name: str) -> IntArray:
        """Row of the bus that a column names; −1 where it does not exist. Bus ids must be unique. [row]"""
        key = (table, name)
        if key not in self._rows:
            named = pd.Index(self.column(table, name), dtype=object)
            self._rows[key] = np.asarray(self.ids("bus").get_indexer(named), dtype=np.int64)
        return self._rows[key]

    def kv(self, table: str, name: str) -> FloatArray:
        """Nominal voltage of the buses that a column names; references must lead somewhere. [row], kV"""
        return np.asarray(self.column("bus", "v_nom_kv")[self.rows(table, name)], dtype=float)

    @cached_property
    def topology(self) -> Topology:
        """Nodes and islands; references must lead somewhere."""
        return find_topology(self.net)


def blank(values: Any) -> BoolArray:
    """Where an object column holds the empty string. [row]"""
    return np.asarray(values == _NOTHING, dtype=bool)
