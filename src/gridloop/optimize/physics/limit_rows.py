"""Limits of voltage and loading as rows of a problem, each with a price at which it gives way.

A limit in one interval may have several tangents, made at different operating points; they share one slack, so that
exceeding the limit is paid once. A tangent that a later AC flow shows to be too strict goes out of force.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from gridloop.optimize.devices.group import LIMIT_COLUMNS, SMALLEST_SHARE, Words
from gridloop.optimize.physics.entries import Entries
from gridloop.optimize.physics.operating_point import NearLimits, Places, TangentRows
from gridloop.optimize.physics.tangents import Around, Scene
from gridloop.optimize.solve import Excess, Outcome, Row, Session
from gridloop.units import FloatArray, IntArray

# A limit may be exceeded at a price: where one MWh at the most effective bus relieves it, that MWh is worth this much
# money, whatever the voltage level. Above every curtailment, below the driver's and the customer's loss:
# docs/decisions/0004-priority-of-measures.md
LIMIT_PRICE_PER_MWH = 2_500.0
LEAST_EFFECT_PER_MW = 1e-3  # %: a limit that nothing reaches still needs a finite price
# Tangents are met to the solver's tolerance: a limit is kept by more than that, in pu and %.
KEEP_INSIDE = {"voltage": 1e-5, "loading": 1e-3}
# How exactly the plan has to know the excess of a limit that gave way, in pu and %.
GIVEN_WAY_EXACTLY = {"voltage": 1e-4, "loading": 0.05}
PERCENT = {"voltage": 100.0, "loading": 1.0}  # rows are written in % of nominal voltage and of the rating


@dataclass(frozen=True)
class Spread:
    """Power that may differ from its forecast: the same shape at several buses at once.

    bus, share   where it enters and with which share (they add up to one)
    width_mw     [step]  distance from the median to the P90
    cause        spreads of one cause (the weather, the habits of customers) come together: their effects add up;
                 those of different causes are independent. "" is a cause of its own
    """

    bus: Sequence[str]
    share: FloatArray
    width_mw: FloatArray
    cause: str = ""


@dataclass(frozen=True)
class _Tangent:
    """Excess ≤ slack as a row, in %: Σ coefficient · variable − slack ≤ upper; to_p, to_q [place] what power adds."""

    row: str
    labels: IntArray
    coefficients: FloatArray
    upper: float
    to_p: FloatArray
    to_q: FloatArray


@dataclass
class _Limit:
    """One limit in one interval; inside: the room that the newest tangent keeps free, in %."""

    name: str
    kind: str
    element: int
    step: int
    price: float
    inside: float = 0.0
    tangents: list[_Tangent] = field(default_factory=list)

    @property
    def slack(self) -> str:
        return f"{self.name}@{self.step}"


class LimitRows:
    """The limits that entered one problem."""

    def __init__(
        self, scene: Scene, spreads: Sequence[Spread], spread_weight: FloatArray | None, gap: Mapping[str, float]
    ) -> None:
        """gap  by kind, in pu and %: how far a limit that decides may be off its tangent"""
        self.scene, self.gap = scene, gap
        self.spread_weight = np.zeros(len(scene.horizon)) if spread_weight is None else spread_weight
        self.spreads = [(scene.grid.entries_of(s.bus), np.asarray(s.share), np.asarray(s.width_mw)) for s in spreads]
        self._causes = pd.factorize(np.array([s.cause or f"#{k}" for k, s in enumerate(spreads)], dtype=object))[0]
        self._limits: dict[str, _Limit] = {}
        self._strict: dict[str, None] = {}

    def add(self, session: Session, around: Around, near: NearLimits) -> None:
        """One tangent for each of these limits."""
        if not near.step.size:
            return
        tangent, rows = near.tangent(self.scene.taps), []
        for r in range(near.step.size):
            step, upper_side = int(near.step[r]), bool(np.isfinite(near.high[r]))
            toward = PERCENT[near.kind] * (1.0 if upper_side else -1.0)
            bound = float(near.high[r] if upper_side else near.low[r])
            labels, coefficients, at_x = self.scene.over_variables(tangent, r, step, around)
            to_p, to_q = toward * tangent.to_p[r], toward * tangent.to_q[r]
            price = LIMIT_PRICE_PER_MWH / max(float(np.abs(to_p).max()), LEAST_EFFECT_PER_MW)
            limit = _Limit(near.name[r], near.kind, int(near.element[r]), step, price * self._hours(step))
            limit = self._limits.setdefault(limit.slack, limit)
            limit.inside = PERCENT[near.kind] * (self._margin(tangent, r, step) + KEEP_INSIDE[near.kind])
            limit.tangents.append(
                _Tangent(
                    f"{limit.slack}#{len(limit.tangents)}",
                    labels,
                    toward * coefficients,
                    toward * (bound - float(near.value[r]) + at_x) - limit.inside,
                    to_p,
                    to_q,
                )
            )
            new, excess = limit.tangents[-1], Excess(limit.slack, limit.price)
            rows.append(Row(new.row, new.labels, new.coefficients, -np.inf, new.upper, excess))
        session.add_rows(rows)

    def _hours(self, step: int) -> float:
        return float(self.scene.horizon.hours[step])

    def _margin(self, tangent: TangentRows, row: int, step: int) -> float:
        """Room that the forecast's spread needs: effects of one cause add up, causes are independent."""
        weight = float(self.spread_weight[step])
        if weight == 0.0:
            return 0.0
        moved = [abs(entry.take(tangent.to_p[row]) @ share) * width[step] for entry, share, width in self.spreads]
        return weight * float(np.linalg.norm(np.bincount(self._causes, weights=moved)))

    # ----- what AC says about a plan ------------------------------------------------------------

    def without_room(self, kind: str, near: Places) -> Places:
        """Of these places, those in intervals that keep room for the forecast and that no tangent guards yet."""
        guarded = {(limit.element, limit.step) for limit in self._limits.values() if limit.kind == kind}
        pairs = zip(near[0].tolist(), near[1].tolist(), strict=True)
        found = np.array(
            [pair for pair in pairs if self.spread_weight[pair[1]] > 0 and pair not in guarded], dtype=np.int64
        ).reshape(-1, 2)
        return found[:, 0], found[:, 1]

    def widened(self, outcome: Outcome, kind: str) -> FloatArray:
        """By how much limits of a kind gave way in a plan: [node or branch, step], in pu or %."""
        grid = self.scene.grid
        size = grid.n_nodes if kind == "voltage" else len(grid.branch_ids)
        result = np.zeros((size, len(self.scene.horizon)))
        for slack, excess in outcome.gave_way.items():
            limit = self._limits.get(slack)
            if limit is not None and limit.kind == kind:
                beyond = (excess - limit.inside) / PERCENT[kind] + min(self.gap[kind], GIVEN_WAY_EXACTLY[kind])
                result[limit.element, limit.step] = max(beyond, 0.0)
        return result

    def compare(self, session: Session, outcome: Outcome, kind: str, excess: FloatArray) -> Places:
        """Compare a plan's limits of a kind with AC: excess [node or branch, step] beyond the limit, in pu or %.

        Tangents that are too strict here go out of force. Returns the limits that decide something in the plan but by a
        tangent that is off.
        """
        places = []
        for limit in self._limits.values():
            if limit.kind != kind:
                continue
            actual = PERCENT[kind] * float(excess[limit.element, limit.step]) + limit.inside
            allowed = PERCENT[kind] * self.gap[kind]
            left = len(self._strict)
            for tangent in limit.tangents:
                if tangent.row in self._strict:
                    continue
                believed = float(tangent.coefficients @ outcome.at(tangent.labels)) - tangent.upper
                if believed > actual + allowed:
                    session.relax(tangent.row)
                    self._strict[tangent.row] = None
                if outcome.row_dual.get(tangent.row, 0.0) and abs(believed - actual) > allowed:
                    places.append((limit.element, limit.step))
            if len(self._strict) > left and all(tangent.row in self._strict for tangent in limit.tangents):
                places.append((limit.element, limit.step))  # or the next plan forgets it, and the one after finds it
        found = np.array(places, dtype=np.int64).reshape(-1, 2)
        return found[:, 0], found[:, 1]

    # ----- what the duals say -------------------------------------------------------------------

    def gave_way(self, outcome: Outcome) -> dict[str, float]:
        """Limits that are exceeded in a plan, by readable name, in % of nominal voltage or of the rating.

        What a plan takes of the room kept for the forecast's spread does not count: the limit itself still holds.
        """
        result = {}
        for slack, excess in outcome.gave_way.items():
            limit = self._limits.get(slack)
            if limit is None:  # losses, which are no limit
                continue
            if excess - limit.inside > PERCENT[limit.kind] * KEEP_INSIDE[limit.kind]:
                time = self.scene.horizon.starts[limit.step]
                result[f"{limit.name} at {time:%Y-%m-%d %H:%M} UTC"] = excess - limit.inside
        return result

    def binding(self, outcome: Outcome) -> pd.DataFrame:
        """Limits with a shadow price, the dearest first: money per hour and % of room more."""
        rows = []
        for limit in self._limits.values():
            price = -sum(outcome.row_dual.get(t.row, 0.0) for t in limit.tangents) / self._hours(limit.step)
            if price > SMALLEST_SHARE:
                rows.append((limit.name, self.scene.horizon.starts[limit.step], price, "per % and hour"))
        table = pd.DataFrame(rows, columns=LIMIT_COLUMNS)
        return table.sort_values("shadow_price", ascending=False, kind="stable").reset_index(drop=True)

    def shares(self, outcome: Outcome) -> tuple[Shares, Shares]:
        """Shares of limits in the worth of active and of reactive power, at every place where power may enter.

        One more MW at a node lowers a tangent's bound by its effect there, and the cost rises by its dual times that.
        """
        shape = (self.scene.grid.n_entries, len(self.scene.horizon))
        by_p, by_q = Shares.none(shape), Shares.none(shape)
        for limit in self._limits.values():
            duals = [outcome.row_dual.get(t.row, 0.0) / self._hours(limit.step) for t in limit.tangents]
            if any(duals):
                of_p = np.sum([dual * t.to_p for dual, t in zip(duals, limit.tangents, strict=True)], axis=0)
                of_q = np.sum([dual * t.to_q for dual, t in zip(duals, limit.tangents, strict=True)], axis=0)
                by_p.add(limit.name, limit.step, of_p)
                by_q.add(limit.name, limit.step, of_q)
        return by_p, by_q


@dataclass(frozen=True)
class Shares:
    """Shares of limits in a price [place, step]: their sum, the largest, and the name of that limit."""

    total: FloatArray
    largest: FloatArray
    name: Words

    @classmethod
    def none(cls, shape: tuple[int, int]) -> Shares:
        return cls(np.zeros(shape), np.zeros(shape), np.full(shape, "", dtype=object))

    def add(self, name: str, step: int, share: FloatArray) -> None:
        """Enter the share of one limit in one interval. [node]"""
        self.total[:, step] += share
        wins = np.abs(share) > np.maximum(np.abs(self.largest[:, step]), SMALLEST_SHARE)
        self.largest[wins, step] = share[wins]
        self.name[wins, step] = name

    def seen_by(self, entry: Entries) -> Shares:
        """The same as rows see it that may enter at several places: the name is that of the largest share there."""
        order = np.argsort(entry.row, kind="stable")
        row, at = entry.row[order], entry.at[order]
        first = np.searchsorted(row, np.arange(entry.size))
        best = at[first][:, None] * np.ones(self.total.shape[1], dtype=np.int64)
        steps = np.arange(self.total.shape[1])
        for k in np.setdiff1d(np.arange(at.size), first).tolist():  # further places of rows that have several
            wins = np.abs(self.largest[at[k]]) > np.abs(self.largest[best[row[k]], steps])
            best[row[k], wins] = at[k]
        return Shares(entry.take(self.total), self.largest[best, steps], self.name[best, steps])
