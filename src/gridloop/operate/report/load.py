"""A run's folder read for the report: only the columns and rows that the page shows."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gridloop.io.folder import read_folder
from gridloop.operate.folder import LAKE, NETWORK, read_json
from gridloop.operate.report.tables import COLUMNS, RunTables
from gridloop.telemetry.store import Store, open_store
from gridloop.trust.audit import chain_of, verify

# Plans hold every interval of every tick; the page needs the set-points, the charge behind them, and the connection.
# Forecasts reach into the next day, where there is nothing to compare them with.
SHOWN = {
    "plans": "reason <> '' OR quantity IN ('import_mw', 'export_mw') OR (quantity = 'soc' AND valid_at = issued_at)",
    "forecasts": "valid_at IN (SELECT valid_at FROM ticks)",
    "flows": "quantity IN ('v_pu', 'loading_pct')",
}
WHOLE = {"ticks", "timings"}
ISLAND = "kind = 'island'"


def load_run(folder: str | Path) -> RunTables:
    """The tables of a run, complete or cut off.

    Raises `MissingFile` where the folder is no run and `StoreError` where its lake is damaged.
    """
    folder = Path(folder)
    run = {"id": folder.name} | read_json(folder)
    network = read_folder(folder / NETWORK)
    with open_store(folder / LAKE) as store:
        events = _read(store, "events")
        return RunTables(
            run=run,
            bus=network.bus,
            line=network.line,
            transformer=network.transformer,
            ticks=_read(store, "ticks"),
            flows=_read(store, "flows"),
            forecasts=_read(store, "forecasts"),
            plans=_read(store, "plans"),
            commands=_read(store, "commands"),
            events=events,
            timings=_read(store, "timings"),
            island=_read(store, "flows", ISLAND),
            chain_verified=verify(chain_of(events.sort_values("number"))) is None if len(events) else None,
        )


def _read(store: Store, name: str, only: str = "") -> pd.DataFrame:
    """One table, in the order of its ticks; `only` chooses other rows than the page usually shows."""
    # In quotes, because `at` is a word of SQL.
    columns = "*" if name in WHOLE else ", ".join(f'"{column}"' for column in COLUMNS[name])
    chosen = only or SHOWN.get(name, "")
    where = f" WHERE {chosen}" if chosen else ""
    return store.query(f"SELECT {columns} FROM {name}{where} ORDER BY tick")
