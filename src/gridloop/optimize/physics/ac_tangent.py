"""AC by tangents: the plan's own AC power flow gives losses and limits, one tangent plane at a time.

The problem starts from the AC flow of the horizon without control. After every solve the AC flow of the plan is
computed; losses enter by their tangent there (they are nearly convex in the injections, so that the planes close in
from below: Kelley's cutting planes), and a voltage or current beyond its limit, or close to it, enters by its tangent.
Limits nobody comes near never enter. What the problem ends with has therefore been checked by AC in every interval.

Why not LinDistFlow: docs/decisions/0003-ac-tangents.md. Equations: docs/math/schedule.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from gridloop.network.feeder.model import Feeder
from gridloop.network.model import Network
from gridloop.optimize.devices.connection import ConnectionModel
from gridloop.optimize.devices.group import Group, LocalPrices
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.labelled_model import LabelledModel
from gridloop.optimize.linear import add_variables
from gridloop.optimize.physics.base import StackedTerms, balance_rows
from gridloop.optimize.physics.feeder_state import FeederState
from gridloop.optimize.physics.grid import Grid, Solved
from gridloop.optimize.physics.grid_state import GridState
from gridloop.optimize.physics.limit_rows import PERCENT, LimitRows, Spread
from gridloop.optimize.physics.loss_modes import LossModes
from gridloop.optimize.physics.loss_rows import LossRows
from gridloop.optimize.physics.operating_point import LimitedPoint, NearLimits, Places
from gridloop.optimize.physics.planned_taps import PlannedTaps
from gridloop.optimize.physics.tangents import Around, Scene
from gridloop.optimize.solve import Outcome, Session
from gridloop.units import ComplexArray, FloatArray

__all__ = ["AcTangent", "Spread"]

# A limit enters the problem before the first solve when the uncontrolled horizon comes this close to it.
NEAR_VOLTAGE_PU = 0.01
NEAR_LOADING_PCT = 8.0
# The worst few limits of each kind and interval (`Grid.rows_per_step`) usually settle their neighbours; later more.
MORE_ROWS, MORE_AFTER = 4, 4
# Where room is kept for the forecast's spread, limits this close are guarded even when the plan itself keeps them.
ROOM_VOLTAGE_PU = 0.006
ROOM_LOADING_PCT = 8.0
ROOM_ROWS_PER_STEP = 8
# Planes close in on the losses slowly at the end; a twentieth of them is a thousandth of the power they belong to.
LOSS_GAP_SHARE = 0.05
# Where hardly anything flows a twentieth is too little to be worth rounds: a hundredth of the horizon's highest losses
# may be missing in any interval, about a ten-thousandth of what the grid carries then.
LOSS_GAP_OF_WORST = 0.01
# Where many devices may do the same at many times, planes close in on the losses of single intervals slowest of all:
# after so many rounds it will do that the horizon's losses are right to the same twentieth, and every interval's to a
# tenth of the highest.
LATE, LATE_GAP_OF_WORST = 8, 0.1
LEAST_LOSS_GAP_MW = 1e-6  # ten times the solver's own tolerance
# A limit that decides something may be off by its tangent's curvature; less than this is not worth another round.
LIMIT_GAP = {"voltage": 3e-4, "loading": 0.3}  # pu and %
# A plan may ask for a step so large that AC has no solution there; then a part of the step is looked at.
SHORTER_STEPS = tuple(0.5**k for k in range(9))


class AcTangent:
    """Network physics for `schedule`, around AC operating points.

    What injects is the devices of the schedule; loads, generators and storage in the network's own tables do not count.
    """

    def __init__(
        self,
        network: Network | Feeder,
        *,
        spreads: Sequence[Spread] = (),
        spread_weight: FloatArray | None = None,
        loading_limit_pct: float = 100.0,
        loss_gap_share: float = LOSS_GAP_SHARE,
        loss_gap_mw: float | None = None,
        limit_gap: Mapping[str, float] = LIMIT_GAP,
    ) -> None:
        """Limits, losses and reserves.

        spread_weight  [step]  how much of the forecast's spread limits keep free; none by default
        loss_gap_share, loss_gap_mw  losses may differ from AC by this share plus this power; less takes more rounds.
                       None: a hundredth of the highest losses of the horizon
        limit_gap      by kind, voltage [pu] and loading [%]: how exactly a limit that decides something is met
        """
        self.network = network
        self.grid: Grid = FeederState(network) if isinstance(network, Feeder) else GridState(network)
        self.spreads = list(spreads)
        self.spread_weight = spread_weight
        self.limit_pct = loading_limit_pct
        self.loss_gap_share, self.loss_gap_mw, self.limit_gap = loss_gap_share, loss_gap_mw, dict(limit_gap)

    @property
    def point(self) -> LimitedPoint:
        """The AC states that were looked at last."""
        return self.around.point

    def add_power_balance(
        self, model: LabelledModel, horizon: Horizon, groups: Sequence[Group], connection: ConnectionModel
    ) -> None:
        steps = len(horizon)
        self.horizon = horizon
        self.terms = StackedTerms.of(groups, steps)
        self.taps = PlannedTaps(self.grid, [term for group in groups for term in group.taps()], steps)
        # All at once, so that an error names every bus that is wrong.
        self.grid.prepare([*self.terms.bus, *(bus for part in self.terms.given for bus in part.bus)])
        self.given = self.grid.given(self.terms.given, steps)
        self.loss = add_variables(model, "losses", [horizon.index], -np.inf, np.inf)
        self.balance = balance_rows(model, horizon, self.terms, connection, self.loss)
        # Where energy is worth nothing a plan would invent losses: there they are held to their newest tangent.
        self.held = np.minimum(connection.import_price, connection.export_price) <= 0
        scene = Scene(self.grid, horizon, self.terms, self.taps.terms, self.grid.entries_of(self.terms.bus))
        self.entry = scene.entry
        self.losses = LossRows(scene, self.loss)
        self.modes = LossModes.add_to(model, horizon, scene, self.loss)
        self.limits = LimitRows(scene, self.spreads, self.spread_weight, self.limit_gap)

    def add_limits(self, session: Session) -> None:
        """Tangents at the horizon without control, so that the first plan already sees losses and near limits."""
        x = np.zeros(self.terms.labels.shape)
        tap_x = self.taps.present()
        injection, solved = self._flow(x, tap_x, None)
        if not solved.converged.all():
            raise self.grid.failure(solved, injection)
        self.around = Around(self.grid.at(solved), x, tap_x)
        self.seen = 0
        point, most = self.point, self.grid.rows_per_step
        near = (
            point.voltage_limits(point.voltages(NEAR_VOLTAGE_PU, most)),
            point.loading_limits(point.loadings(NEAR_LOADING_PCT, most, self.limit_pct), self.limit_pct),
        )
        for part in near:
            self.limits.add(session, self.around, part)
        self.losses.add(session, self.around, self.held, self._allowed() / 2)
        if self.modes is not None:
            self.modes.begin(session, self.around)

    def refine(self, session: Session, outcome: Outcome) -> bool:
        """AC flow of the plan; True where losses and limits are as the plan believed."""
        self.seen += 1
        x, tap_x = outcome.at(self.terms.labels), [outcome.at(term.labels) for term in self.taps.terms]
        reached = self._step_towards(x, tap_x)
        limits = self._limits_to_renew(session, outcome) if reached else self._limits_here(self.point)
        missing = self.point.losses_mw - outcome.value(self.loss)
        allowed = self._allowed()
        # A limit can make energy worthless as well as a price can, and modes may be too strict.
        invented = missing < -allowed
        if self.modes is not None:
            invented &= ~self.modes.relax(session, missing < -allowed / 2)
        self.held = self.held | invented
        known = bool((np.abs(missing) <= allowed).all()) or (self.seen > LATE and self._adds_up(missing))
        if reached and not any(part.step.size for part in limits) and known:
            return True
        for part in limits:
            self.limits.add(session, self.around, part)
        # At the end a plan rests where its losses are right: a better tangent would only move it to another limit.
        wrong = (np.abs(missing) > allowed / 2) | (self.seen <= MORE_AFTER)
        self.losses.add(session, self.around, self.held, allowed / 2, wrong)
        if self.modes is not None:
            self.modes.renew(session, self.around, wrong)
        return False

    def _allowed(self) -> FloatArray:
        """By how much what a plan believes of its losses may differ from AC. [step], MW"""
        losses = np.abs(self.point.losses_mw)
        least = losses.max(initial=0.0) * LOSS_GAP_OF_WORST if self.loss_gap_mw is None else self.loss_gap_mw
        return np.asarray(self.loss_gap_share * losses + max(float(least), LEAST_LOSS_GAP_MW))

    def _adds_up(self, missing: FloatArray) -> bool:
        """Whether the horizon as a whole misses no more of its losses than an interval may, and no interval much."""
        losses, hours = np.abs(self.point.losses_mw), self.horizon.hours
        most = self.loss_gap_share * losses + LATE_GAP_OF_WORST * losses.max(initial=0.0)
        whole = float(np.abs(missing) @ hours) <= self.loss_gap_share * float(losses @ hours)
        return self.loss_gap_mw is None and whole and bool((np.abs(missing) <= most).all())

    def local_prices(self, outcome: Outcome) -> LocalPrices:
        # One more MW injected lowers the balance's right-hand side, and the cost with it.
        energy = outcome.dual(self.balance) / self.horizon.hours
        by_losses, q_by_losses = self.losses.worth(outcome)
        if self.modes is not None:
            p_by_modes, q_by_modes = self.modes.worth(outcome)
            by_losses, q_by_losses = by_losses + p_by_modes, q_by_losses + q_by_modes
        by_limits, q_by_limits = self.limits.shares(outcome)
        names, entry, dark = self.grid.priced()
        p, q = entry.take(energy + by_losses + by_limits.total), entry.take(q_by_losses + q_by_limits.total)
        of_p, of_q = by_limits.seen_by(entry), q_by_limits.seen_by(entry)
        return LocalPrices(
            names,
            energy,
            np.where(dark[:, None], np.nan, p),
            np.where(dark[:, None], np.nan, q),
            of_p.name,
            of_p.largest,
            of_p.total,
            of_q.name,
            of_q.total,
            self._limits_behind_moves(),
        )

    def binding_limits(self, outcome: Outcome) -> pd.DataFrame:
        return self.limits.binding(outcome)

    def check(self) -> pd.DataFrame:
        return self.point.summary(self.horizon.starts, self.limit_pct)

    def limit_names(self, outcome: Outcome) -> dict[str, float]:
        return self.limits.gave_way(outcome)

    @property
    def _rows(self) -> int:
        return self.grid.rows_per_step * (1 if self.seen <= MORE_AFTER else MORE_ROWS)

    def _limits_here(self, point: LimitedPoint) -> list[NearLimits]:
        """The worst of the limits that a state breaks."""
        voltages, loadings = point.voltages(0.0, self._rows), point.loadings(0.0, self._rows, self.limit_pct)
        return [point.voltage_limits(voltages), point.loading_limits(loadings, self.limit_pct)]

    def _limits_to_renew(self, session: Session, outcome: Outcome) -> list[NearLimits]:
        """Limits that the plan breaks though they did not give way for it, and those it follows by an old tangent."""
        point, limits = self.point, self.limits
        voltages = _together(
            point.voltages(0.0, self._rows, limits.widened(outcome, "voltage")),
            limits.compare(session, outcome, "voltage", point.voltage_excess),
            limits.without_room("voltage", point.voltages(ROOM_VOLTAGE_PU, ROOM_ROWS_PER_STEP)),
        )
        loadings = _together(
            point.loadings(0.0, self._rows, self.limit_pct, limits.widened(outcome, "loading")),
            limits.compare(session, outcome, "loading", point.loading_excess(self.limit_pct)),
            limits.without_room("loading", point.loadings(ROOM_LOADING_PCT, ROOM_ROWS_PER_STEP, self.limit_pct)),
        )
        return [point.voltage_limits(voltages), point.loading_limits(loadings, self.limit_pct)]

    # ----- AC states ----------------------------------------------------------------------------

    def _step_towards(self, x: FloatArray, tap_x: list[FloatArray]) -> bool:
        """Move to a plan, or as far towards it as AC has a solution. True where it was reached."""
        before = self.around
        for share in SHORTER_STEPS:
            part_x = before.x + share * (x - before.x)
            part_taps = [a + share * (b - a) for a, b in zip(before.tap_x, tap_x, strict=True)]
            injection, solved = self._flow(part_x, part_taps, before.point.solved)
            if solved.converged.all():
                self.around = Around(self.grid.at(solved), part_x, part_taps)
                return share == 1.0
        raise self.grid.failure(solved, injection)

    def _flow(self, x: FloatArray, tap_x: Sequence[FloatArray], start: Solved | None) -> tuple[ComplexArray, Solved]:
        """Injections [place, step] of variables and taps [row, step], in MW and Mvar, and the AC flow they make."""
        injection = self.given.copy()
        self.entry.put(injection, x * (self.terms.p + 1j * self.terms.q))
        return injection, self.grid.solve(injection, self.taps.positions(tap_x), start)

    def _limits_behind_moves(self) -> dict[str, str]:
        """For every transformer that moves in the first interval: the first limit the plan breaks if it stays."""
        found: dict[str, str] = {}
        present = self.taps.present()
        for n, term in enumerate(self.taps.terms):
            for k, transformers in enumerate(term.transformers):
                if round(self.around.tap_x[n][k, 0]) == round(present[n][k, 0]):
                    continue
                stayed = [at.copy() for at in self.around.tap_x]
                stayed[n][k] = present[n][k]
                _, solved = self._flow(self.around.x, stayed, self.point.solved)
                limit = self._first_broken(self.grid.at(solved))
                found.update(dict.fromkeys(transformers, limit))
        return found

    def _first_broken(self, point: LimitedPoint) -> str:
        """The limit broken first, and among those of one interval the worst by its share of the band; "" if none is."""
        broken = [
            (int(near.step[r]), float(near.room[r]) * PERCENT[near.kind], near.name[r])
            for near in self._limits_here(point)
            for r in range(near.step.size)
        ]
        return min(broken)[2] if broken else ""


def _together(*parts: Places) -> Places:
    """All of them, each place once."""
    pairs = np.unique(np.stack([np.concatenate(column) for column in zip(*parts, strict=True)], axis=1), axis=0)
    return pairs[:, 0], pairs[:, 1]
