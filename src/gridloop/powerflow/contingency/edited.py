"""Networks as one scenario has them, and without elements."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pandas as pd

from gridloop.network.model import Network
from gridloop.powerflow.scenarios import Scenarios


def without(net: Network, elements: Iterable[tuple[str, str]]) -> Network:
    """The network with elements (table, id) out of service."""
    tables = dict(net.tables)
    for table, identity in elements:
        frame = tables[table]
        tables[table] = frame.assign(in_service=frame["in_service"] & (frame.index != identity))
    return replace(net, tables=tables)


def as_scenario(net: Network, scenarios: Scenarios, scenario: int) -> Network:
    """The network as one scenario has it."""
    tables = dict(net.tables)
    for part in scenarios.parts.values():
        table = tables[part.table].copy()
        values = table[part.column].to_numpy(copy=True)
        values[part.rows] = part.values[:, scenario] if part.column != "in_service" else part.values[:, scenario] != 0.0
        table[part.column] = pd.Series(values, index=table.index).astype(table[part.column].dtype)
        tables[part.table] = table
    return replace(net, tables=tables)
