"""Losses as rows of a problem: no less than any of their tangents.

Losses are nearly convex in the injections, so that all tangents together close in on them from below.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gridloop.optimize.labelled_model import Members
from gridloop.optimize.physics.tangents import Around, Scene
from gridloop.optimize.solve import Excess, Outcome, Row, Session
from gridloop.units import BoolArray, FloatArray

# A bound from above gives way where whole decisions contradict it, dearer than any limit; a next round is then needed.
INVENTED, INVENTED_PRICE = "invented losses", 20_000.0


@dataclass(frozen=True)
class Plane:
    """One tangent: the name of its row, and its slopes per MW and Mvar. [place]"""

    name: str
    to_p: FloatArray
    to_q: FloatArray


class LossRows:
    """The tangents of losses in one problem."""

    def __init__(self, scene: Scene, losses: Members) -> None:
        self.scene = scene
        self.label = losses.labels.values
        self._planes: list[list[Plane]] = [[] for _ in range(len(scene.horizon))]
        self._top: dict[int, str] = {}  # the row in force that bounds losses from above, by interval

    def add(
        self, session: Session, around: Around, held: BoolArray, room: FloatArray, where: BoolArray | None = None
    ) -> None:
        """Losses are no less than their tangents here; where `held` [step], no more than the newest and `room` [step].

        where  [step]  intervals that get one; all of them by default

        Where energy is worth nothing a plan would invent losses, and is kept from it. All older tangents hold as well,
        so that it stays where the newest one is right: where two tangents differ by more than the room it cannot go,
        and does not jump from one side of them to the other round after round.
        Taps serve limits, not losses: what a step gains there is less than its wear and the room it costs.
        """
        tangent = around.point.loss_rows()
        rows = []
        for step, planes in enumerate(self._planes):
            if where is not None and not where[step]:
                continue
            labels, coefficients, at_x = self.scene.over_variables(tangent, step, step, around)
            labels, coefficients = np.append(labels, self.label[step]), np.append(-coefficients, 1.0)
            bound = float(around.point.losses_mw[step]) - at_x
            planes.append(Plane(f"losses@{step}#{len(planes)}", tangent.to_p[step], tangent.to_q[step]))
            rows.append(Row(planes[-1].name, labels, coefficients, bound, np.inf))
            if not held[step]:
                continue
            if step in self._top:
                session.relax(self._top[step])
            planes.append(Plane(f"losses@{step}#{len(planes)}", tangent.to_p[step], tangent.to_q[step]))
            self._top[step] = planes[-1].name
            excess = Excess(f"{INVENTED}@{step}", INVENTED_PRICE * float(self.scene.horizon.hours[step]))
            rows.append(Row(planes[-1].name, labels, coefficients, -np.inf, bound + float(room[step]), excess))
        session.add_rows(rows)

    def worth(self, outcome: Outcome) -> tuple[FloatArray, FloatArray]:
        """Share of losses in the worth of active and of reactive power. [place, step], money per MWh and Mvarh"""
        return worth_of(self._planes, outcome, self.scene)


def worth_of(planes: Sequence[Sequence[Plane]], outcome: Outcome, scene: Scene) -> tuple[FloatArray, FloatArray]:
    """Share of tangents [step] in the worth of active and of reactive power. [place, step], money per MWh and Mvarh

    One more MW at a place raises the bound of a tangent by its slope there, and the cost by its dual times that.
    """
    hours = scene.horizon.hours
    p, q = np.zeros((2, scene.grid.n_entries, len(hours)))
    for step, here in enumerate(planes):
        for plane in here:
            dual = outcome.row_dual.get(plane.name, 0.0) / hours[step]
            p[:, step] -= dual * plane.to_p
            q[:, step] -= dual * plane.to_q
    return p, q
