"""What the report is built from: the tables of one run, each as it lies in the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import pandas as pd

CONTROLLED = "controlled"
BASELINE = "baseline"

COLUMNS: dict[str, tuple[str, ...]] = {
    "forecasts": ("tick", "issued_at", "point", "valid_at", "p10", "p50", "p90", "model"),
    "plans": (
        "tick",
        "issued_at",
        "device",
        "kind",
        "bus",
        "quantity",
        "valid_at",
        "hours",
        "value",
        "reason",
        "binding",
        "shadow_price",
    ),
    "commands": ("tick", "number", "device", "quantity", "value", "reason", "issued_at", "expires_at", "signature"),
    "events": ("number", "tick", "at", "kind", "subject", "text", "previous_hash", "hash"),
    "flows": ("run", "tick", "valid_at", "kind", "id", "quantity", "value"),
    "ticks": ("run", "tick", "valid_at", "hours"),
    "timings": ("tick", "forecast_s", "plan_s", "solver_s", "check_s", "site_s", "store_s"),
}

TIMES = ("valid_at", "issued_at", "expires_at", "at")


def empty(table: str) -> pd.DataFrame:
    """The table of that name without a row, for a run that stopped before it wrote one."""
    frame = pd.DataFrame({column: pd.Series(dtype=object) for column in COLUMNS[table]})
    for column in frame.columns.intersection(list(TIMES)):
        frame[column] = pd.Series(dtype="datetime64[ns, UTC]")
    return frame


@dataclass(frozen=True)
class RunTables:
    """One run as the report reads it; every table may be empty, and then its part of the page says so.

    run             what RUN/run.json holds: site, day, versions, groups, result
    bus, line, transformer   the network's tables, indexed by id
    ticks, flows    one row per run and tick / per run, tick and element
    forecasts, plans, commands, events, timings   the store's tables; of the plans only the set-points (first interval)
                    and the connection's import and export are needed
    island          rows of `flows` that tell of an open connection; none where no drill was planned
    chain_verified  whether the hash chain of the events holds; None where nobody looked
    """

    run: Mapping[str, Any]
    bus: pd.DataFrame
    line: pd.DataFrame
    transformer: pd.DataFrame
    ticks: pd.DataFrame = field(default_factory=partial(empty, "ticks"))
    flows: pd.DataFrame = field(default_factory=partial(empty, "flows"))
    forecasts: pd.DataFrame = field(default_factory=partial(empty, "forecasts"))
    plans: pd.DataFrame = field(default_factory=partial(empty, "plans"))
    commands: pd.DataFrame = field(default_factory=partial(empty, "commands"))
    events: pd.DataFrame = field(default_factory=partial(empty, "events"))
    timings: pd.DataFrame = field(default_factory=partial(empty, "timings"))
    island: pd.DataFrame = field(default_factory=partial(empty, "flows"))
    chain_verified: bool | None = None

    @cached_property
    def runs(self) -> tuple[str, ...]:
        """The runs that have ticks, the uncontrolled one first."""
        present = set(self.ticks["run"])
        return tuple(name for name in (BASELINE, CONTROLLED) if name in present)

    @cached_property
    def ticks_of(self) -> dict[str, pd.DataFrame]:
        """Per run, its ticks in the order of time."""
        return {name: self.ticks[self.ticks["run"] == name].sort_values("valid_at") for name in self.runs}

    @cached_property
    def voltages(self) -> dict[str, pd.DataFrame]:
        """Per run, valid_at × bus. [pu]"""
        return self._wide("v_pu", ("bus",))

    @cached_property
    def loadings(self) -> dict[str, pd.DataFrame]:
        """Per run, valid_at × line or transformer. [%]"""
        return self._wide("loading_pct", ("line", "transformer"))

    def _wide(self, quantity: str, kinds: tuple[str, ...]) -> dict[str, pd.DataFrame]:
        wanted = self.flows[(self.flows["quantity"] == quantity) & self.flows["kind"].isin(kinds)]
        wide = {}
        for name in self.runs:
            rows = wanted[wanted["run"] == name]
            if len(rows):
                # A tick that was solved twice (a resumed run) counts once, with its newest value.
                last = rows.drop_duplicates(["valid_at", "id"], keep="last")
                wide[name] = last.pivot(index="valid_at", columns="id", values="value").astype(float).sort_index()
        return wide
