"""Limits that sessions share: what a station or a whole fleet takes, and gives, at most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.optimize.devices.ev import EVFleet
from gridloop.optimize.devices.ev_sessions import words
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.labelled_model import LabelledModel, Members
from gridloop.optimize.linear import NO_VARIABLE, Coords, add_rows
from gridloop.optimize.solve import Outcome
from gridloop.units import FloatArray, IntArray


@dataclass(frozen=True)
class Shared:
    """One limit: its name as a binding limit, who shares it (rows of all sessions), and how much there is. [MW]"""

    name: str
    members: IntArray
    limit_mw: float


def shared_limits(fleets: Sequence[EVFleet]) -> list[Shared]:
    """The finite limits of stations, then of fleets, that have sessions."""
    found, first = [], 0
    for fleet in fleets:
        n = len(fleet.sessions)
        if fleet.stations is not None and "limit_mw" in fleet.stations:
            station = np.array(words(fleet.sessions, "station"), dtype=object)
            for name, limit in fleet.stations["limit_mw"].items():
                members = first + np.flatnonzero(station == str(name))
                if np.isfinite(limit) and members.size:
                    found.append(Shared(f"station_limit:{name}", members, float(limit)))
        if np.isfinite(fleet.limit_mw) and n:
            found.append(Shared(f"fleet_limit:{fleet.id}", np.arange(first, first + n), float(fleet.limit_mw)))
        first += n
    return found


class LimitRows:
    """−limit ≤ Σ (charging − giving) ≤ limit in every interval; hard, for not charging keeps it."""

    def __init__(self, limits: Sequence[Shared]) -> None:
        self.limits = limits

    def add(self, model: LabelledModel, horizon: Horizon, charge: IntArray, give: IntArray | None) -> None:
        """charge, give: labels of all sessions. [session, step]"""
        self.hours = horizon.hours
        self.upper = self._rows(model, "ev_shared_limit", horizon, charge, give, "<=", 1.0)
        self.lower = None if give is None else self._rows(model, "ev_shared_giving", horizon, charge, give, ">=", -1.0)

    def _rows(
        self, model: LabelledModel, name: str, horizon: Horizon, charge: IntArray, give: IntArray | None, sign: str,
        side: float,
    ) -> Members:  # fmt: skip
        coords: Coords = [pd.Index([limit.name for limit in self.limits], name="shared"), horizon.index]
        terms: list[tuple[IntArray, FloatArray | float]] = [(self._wide(charge), 1.0)]
        if give is not None:
            terms.append((self._wide(give), -1.0))
        right = side * np.array([limit.limit_mw for limit in self.limits])[:, None]
        return add_rows(model, name, coords, terms, sign, right)

    def _wide(self, labels: IntArray) -> IntArray:
        """Labels of the members of each limit, padded. [limit, step, member]"""
        most = max(limit.members.size for limit in self.limits)
        wide = np.full((len(self.limits), labels.shape[1], most), NO_VARIABLE, dtype=np.int64)
        for k, limit in enumerate(self.limits):
            wide[k, :, : limit.members.size] = labels[limit.members].T
        return wide

    def effects(self, outcome: Outcome, sessions: int) -> tuple[FloatArray, list[str]]:
        """By how much these limits make charging dearer in the first interval, and the name of the dearest.

        [session], money per MWh; below zero where they hold back what is given.
        """
        dual = outcome.dual(self.upper)[:, 0]
        if self.lower is not None:
            dual = dual + outcome.dual(self.lower)[:, 0]
        money = -dual / self.hours[0]
        total, largest, name = np.zeros(sessions), np.zeros(sessions), [""] * sessions
        for limit, effect in zip(self.limits, money, strict=True):
            total[limit.members] += effect
            for k in limit.members[np.abs(effect) > np.abs(largest[limit.members])]:
                largest[k], name[k] = effect, limit.name
        return total, name
