"""What one choice of several for every device costs at least, where one peak makes them depend on each other.

The linear relaxation puts a little of every choice everywhere, and its peak is flat. Whole choices do not mix: where
two that overlap are above a peak P together, only one of them can be in a plan below P. So the peak is cut into bands.
Within a band up to P

    cost  ≥  π · (begin of the band − free peak)  +  min { Σ money · x :  one choice each,  Σ power · x ≤ P − given,
                                                          Σ x ≤ 1 over every clique of choices that exclude each other }

and the least of the bands is a bound. Cliques are found where the solution breaks them, and made as large as they go.
The band with the least bound is halved until there is no time left, or the bound is near the best plan known; what of a
clique still excludes each other serves the next band too. Derivation: docs/math/flexibility-dr.md.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from gridloop.optimize.devices.one_of_many import Choices
from gridloop.optimize.devices.rest import Rest
from gridloop.optimize.solve.milp import MixedSession
from gridloop.units import BoolArray, FloatArray, IntArray

# Choices of all devices together: with fewer a branch and bound is quicker, with more there are too many pairs of them.
LEAST_CHOICES, MOST_CHOICES = 150, 4000
# Choices exclude each other where they are above a peak by more than this, MW: rounding of sums.
ROOM_MW = 1e-6
# A clique is broken by more than the solver's own tolerance; so many are added in a round.
BROKEN, EACH_ROUND = 1e-3, 80
# Rounds that raise a band's bound by less than this share of what is missing, one after the other, end it.
LITTLE, PATIENCE = 0.01, 5
# Of the time that is left, what one band may take, and what a relaxation may take at least.
EACH_SHARE, LEAST_S = 0.3, 0.2
# The solver's optimum may be above the true one by its tolerances.
TOLERANCE = 1e-6


@dataclass
class _Band:
    """From a peak to another, MW; beside the peak's own, no plan within costs less than `money`."""

    begin: float
    end: float
    money: float


class Bound:
    """Bounds of one problem. excluded: [choice, choice] True where two choices never go together, whatever the peak;
    choices of all devices one after the other."""

    def __init__(self, devices: Sequence[Choices], rest: Rest, excluded: BoolArray | None = None) -> None:
        self.rest, connection = rest, rest.connection
        self.power = np.concatenate([device.power_mw for device in devices])
        own = np.concatenate([device.own for device in devices])
        # What is sold earns no more than what is bought costs, so that this is never above the bill.
        buy = rest.import_eur_per_mwh * rest.horizon.hours
        self.money = own + self.power @ buy
        self.given_money = float(rest.taken_mw @ buy)
        self.device = np.repeat(np.arange(len(devices)), [len(device.own) for device in devices])
        self.free = -np.inf if connection.contracted_peak_mw is None else connection.contracted_peak_mw
        self.peak_price = connection.peak_price_per_mw
        self.excluded = excluded
        self._pairs: FloatArray | None = None
        self._cliques: list[IntArray] = []  # of the band looked at last: most hold in its neighbours too

    @property
    def useful(self) -> bool:
        """True where a peak is priced and choices are few enough to be looked at in pairs."""
        return bool(
            np.isfinite(self.free) and self.peak_price > 0 and LEAST_CHOICES <= len(self.money) <= MOST_CHOICES
            and len(set(self.device.tolist())) > 1 and (self.power >= 0).all()
        )  # fmt: skip

    def least(self, best: float, gap: float, seconds: float) -> float:
        """No plan costs less than this. best: money of a plan; gap: share of it that is near enough."""
        until = time.perf_counter() + seconds
        cheapest = np.full(self.device.max() + 1, np.inf)
        np.minimum.at(cheapest, self.device, self.money)
        plain = self.given_money + float(cheapest.sum())
        highest = self.free + max(best - plain, 0.0) / self.peak_price
        enough = best - gap * abs(best)
        # Halving a band that is narrower raises the bound by less than anybody asks for.
        least_width = max(ROOM_MW, gap * abs(best) / 4 / self.peak_price)
        # Above the highest peak a plan costs more than the one that is known.
        bands = [_Band(min(self.free, highest), highest, plain)]
        while True:
            at = int(np.argmin([self._of(band) for band in bands]))
            band, now = bands[at], time.perf_counter()
            if self._of(band) >= enough or now > until or band.end - band.begin < least_width:
                return min(best, *(self._of(each) for each in bands))
            middle = (band.begin + band.end) / 2
            soon = now + EACH_SHARE * (until - now)
            money = self._within(middle, enough - self._peak_money(band.begin), soon)
            bands[at : at + 1] = [_Band(middle, band.end, band.money)]
            if np.isfinite(money) or money < 0:
                bands.append(_Band(band.begin, middle, max(money, band.money)))

    def _peak_money(self, peak: float) -> float:
        return self.peak_price * max(peak - self.free, 0.0)

    def _of(self, band: _Band) -> float:
        return band.money + self._peak_money(band.begin)

    def _within(self, peak: float, enough: float, until: float) -> float:
        """Money beside the peak's that no plan below a peak is under, infinite where there is no such plan."""
        room = peak - self.rest.taken_mw
        kept = np.flatnonzero((self.power <= room + ROOM_MW).all(axis=1))
        if len(set(self.device[kept].tolist())) < self.device.max() + 1 or (room < -ROOM_MW).any():
            return np.inf
        apart = self._apart(peak, kept)
        place = np.full(self.device.size, -1)
        place[kept] = np.arange(kept.size)
        cliques = [_still(rows[rows >= 0], apart) for rows in (place[clique] for clique in self._cliques)]
        cliques = [clique for clique in cliques if clique.size > 1]
        tall = self.power[kept] > np.maximum(room, 0.0) / 2
        order = np.argsort(-apart.sum(axis=1), kind="stable")
        cliques += [_grown(np.flatnonzero(tall[:, t])[:1], apart, order) for t in np.flatnonzero(tall.any(axis=0))]
        least, still = -np.inf, 0
        while True:
            found = self._relaxed(kept, room, cliques, until)
            if found is None:
                return np.inf
            money, x = found
            still = 0 if money > least + LITTLE * max(enough - least, 0.0) else still + 1
            least = max(least, money)
            new = _broken(x, apart, order)
            if least >= enough or not new or still >= PATIENCE or time.perf_counter() > until:
                self._cliques = [kept[clique] for clique in cliques]
                return least
            weight = np.array([x[clique].sum() for clique in cliques])
            cliques = [clique for clique, w in zip(cliques, weight, strict=True) if w > 0.9] + new

    def _relaxed(
        self, kept: IntArray, room: FloatArray, cliques: list[IntArray], until: float
    ) -> tuple[float, FloatArray] | None:
        """The relaxation: its money and its choices, −∞ where time was up; None where it has none."""
        n = kept.size
        scale = np.maximum(room, 1e-3)
        parts = [
            sp.csr_matrix((np.ones(n), (self.device[kept], np.arange(n)))),
            sp.csr_matrix(self.power[kept].T / scale[:, None]),
            sp.csr_matrix(
                (np.ones(sum(map(len, cliques))), np.concatenate([np.zeros(0, dtype=int), *cliques]),
                 np.concatenate([[0], np.cumsum([len(clique) for clique in cliques])]).astype(int)),
                shape=(len(cliques), n),
            ),
        ]  # fmt: skip
        each = parts[0].shape[0]
        upper = np.concatenate([np.ones(each), (room + ROOM_MW) / scale, np.ones(len(cliques))])
        lower = np.concatenate([np.ones(each), np.full(upper.size - each, -np.inf)])
        session = MixedSession(
            sp.vstack(parts).tocsr(), self.money[kept], np.zeros(n), np.full(n, np.inf), lower, upper
        )
        found = session.relax(time_limit_s=max(until - time.perf_counter(), LEAST_S))
        if found.status == "infeasible":
            return None
        if not found.solved:
            return -np.inf, np.zeros(n)
        money = self.given_money + found.objective
        return money - TOLERANCE * abs(money), found.x

    def _apart(self, peak: float, kept: IntArray) -> BoolArray:
        """Pairs of choices that are in no plan below a peak together. [kept, kept]"""
        if self._pairs is None:
            many = len(self.money)
            self._pairs = np.full((many, many), -np.inf)
            for t, given in enumerate(self.rest.taken_mw):
                at = np.flatnonzero(self.power[:, t] > 0)
                both = self.power[at, t][:, None] + self.power[at, t][None, :] + given
                pairs = np.ix_(at, at)
                self._pairs[pairs] = np.maximum(self._pairs[pairs], both)
            self._pairs[self.device[:, None] == self.device[None, :]] = np.inf
            if self.excluded is not None:
                self._pairs[self.excluded] = np.inf
            np.fill_diagonal(self._pairs, -np.inf)
        return np.asarray(self._pairs[np.ix_(kept, kept)] > peak + ROOM_MW)


def _still(clique: IntArray, apart: BoolArray) -> IntArray:
    """What of a clique excludes each other still."""
    if not clique.size or apart[np.ix_(clique, clique)].sum() == clique.size * (clique.size - 1):
        return clique
    members: list[int] = []
    fits = np.ones(len(apart), dtype=bool)
    for j in clique.tolist():
        if fits[j]:
            members.append(j)
            fits &= apart[j]
    return np.array(members, dtype=np.int64)


def _grown(clique: IntArray, apart: BoolArray, order: IntArray) -> IntArray:
    """A clique with all that still excludes every member, those that exclude most first."""
    fits: BoolArray = np.asarray(apart[clique].all(axis=0))  # of no members all fit
    members = clique.tolist()
    for j in order[fits[order]].tolist():
        if fits[j]:
            members.append(j)
            fits &= apart[j]
    return np.array(members, dtype=np.int64)


def _broken(x: FloatArray, apart: BoolArray, order: IntArray) -> list[IntArray]:
    """Cliques that a solution breaks, the worst first: grown from every choice it takes, by weight, then made large."""
    taken = np.flatnonzero(x > TOLERANCE)
    taken = taken[np.argsort(-x[taken], kind="stable")]
    among = apart[np.ix_(taken, taken)]
    weight, found = x[taken], {}
    for seed in range(taken.size):
        members, left = [seed], np.flatnonzero(among[seed])
        while left.size:
            inside = among[np.ix_(left, left)] @ weight[left]
            best = int(left[np.argmax(weight[left] * (1.0 + inside))])
            members.append(best)
            left = left[among[best][left]]
        total = float(weight[members].sum())
        if total > 1.0 + BROKEN:
            found[tuple(sorted(members))] = total
    worst = sorted(found, key=lambda each: (-found[each], each))[:EACH_ROUND]
    return [_grown(taken[np.array(each)], apart, order) for each in worst]
