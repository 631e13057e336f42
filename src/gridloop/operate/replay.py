"""Replay: make a stored decision again from what was known then, and compare every number."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gridloop.errors import OutsideData, StoreError
from gridloop.forecast.value import Forecast
from gridloop.io.folder import read_folder
from gridloop.operate.decide.decide import Decision
from gridloop.operate.decide.islanding import decide_now
from gridloop.operate.folder import NETWORK, read_json
from gridloop.operate.groups import group_elements
from gridloop.operate.loop import known_from_json, last_plan
from gridloop.operate.settings import site_from_dict
from gridloop.telemetry.store import open_store


@dataclass(frozen=True)
class Replayed:
    """Result of a replay: the decision made again, and in how many rows it differs from the stored plan."""

    decision: Decision
    rows: int
    differ: int

    @property
    def same(self) -> bool:
        """True where every number and every reason is the same."""
        return self.differ == 0


def replay_tick(folder: str | Path, tick: int) -> Replayed:
    """Plan a stored tick again.

    Raises `OutsideData` where the run has no such tick, `MissingFile` or `StoreError` where the folder is no run.
    """
    folder = Path(folder)
    data = read_json(folder)
    settings = site_from_dict(data["site"], "run.json")
    network = read_folder(folder / NETWORK)
    store = open_store(folder)
    state = store.read("state")
    ticks = sorted(int(t) for t in state["tick"])
    if tick not in ticks:
        raise OutsideData(f"The run has no tick {tick}; it has {len(ticks)}, from 0 to {max(ticks, default=-1)}.")
    stored = store.read("plans", tick=tick)
    forecast = Forecast.from_table(store.read("forecasts", tick=tick).drop(columns="tick"))
    if network.digest != str(store.read("network_versions")["digest"].iloc[-1]):
        raise StoreError(f"The network in {folder / NETWORK} is not the version that the run was made with.")
    profile = pd.Series(data["profile"], dtype=object)
    text = str(state.loc[state["tick"] == tick, "known"].iloc[0])
    known = known_from_json(text, tick, forecast, last_plan(store, tick))
    decision = decide_now(network, group_elements(network, profile), settings, known)
    return Replayed(decision, len(stored), differing_rows(stored, decision.table))


def differing_rows(stored: pd.DataFrame, made: pd.DataFrame) -> int:
    """Rows in which two plans differ in any bit; all of them where their lengths do."""
    if len(stored) != len(made):
        return max(len(stored), len(made))
    differs = np.zeros(len(stored), dtype=bool)
    for column in made.columns:
        a, b = stored[column].to_numpy(), made[column].to_numpy()
        if made[column].dtype.kind == "f":
            a, b = a.astype(float).view(np.int64), b.astype(float).view(np.int64)
        differs |= np.asarray(a != b)
    return int(differs.sum())
