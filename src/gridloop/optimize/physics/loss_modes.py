"""Losses by modes: what keeps a plan from crowding power where it would meet itself, from the first round on.

Around the state without control, losses are nearly quadratic in the injections x of the devices,

    losses(x) ≈ losses(x₀) + ∇losses · (x − x₀) + Σ_m λ_m y_m²,        y_m = q_m · (x − x₀)

with the eigenvectors q_m of Re(conj(c) ½ (Z + Zᴴ) c), c = 1 / conj(u): the resistances that devices share. Tangents of
the sum of all losses find this form slowly where many devices may do the same at many times. Each λ_m y_m² has only one
direction, and a few tangents of its own settle it. The sum counts `SURE` of itself, as voltages move; tangents of the
losses themselves come on top and decide.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from gridloop.optimize.horizon import Horizon
from gridloop.optimize.labelled_model import LabelledModel, Members
from gridloop.optimize.linear import add_variables
from gridloop.optimize.physics.loss_rows import Plane, worth_of
from gridloop.optimize.physics.operating_point import TangentRows
from gridloop.optimize.physics.tangents import Around, Scene
from gridloop.optimize.solve import Outcome, Row, Session
from gridloop.units import BoolArray, FloatArray

MOST = 24
SURE = 0.97
# A mode whose part of an interval's losses is below this needs no tangent there.
_SMALL_PART = 1e-3


@dataclass(frozen=True)
class QuadraticLosses:
    """λ [mode], MW per MW²; to_p, to_q [mode, place] how an injection enters y."""

    curvature: FloatArray
    to_p: FloatArray
    to_q: FloatArray


@dataclass
class LossModes:
    """The modes in one problem. share [mode, step] variables: MW of the losses that each is good for."""

    scene: Scene
    losses: Members
    form: QuadraticLosses
    share: Members
    cuts: list[list[Plane]] = field(default_factory=list)

    @classmethod
    def add_to(cls, model: LabelledModel, horizon: Horizon, scene: Scene, losses: Members) -> LossModes | None:
        """None for grids that do not tell their form, and where nothing is decided."""
        form = scene.grid.quadratic_losses(scene.entry, MOST, bool(np.any(scene.terms.q)))
        if form is None or not form.curvature.size:
            return None
        modes = pd.RangeIndex(form.curvature.size, name="mode")
        share = add_variables(model, "loss_modes", [modes, horizon.index], 0.0, np.inf)
        return cls(scene, losses, form, share, [[] for _ in range(len(horizon))])

    def begin(self, session: Session, around: Around) -> None:
        """At the state without control: losses are no less than their tangent there and all modes together."""
        self.start, self.in_force = around, np.ones(len(self.cuts), dtype=bool)
        tangent, rows = around.point.loss_rows(), []
        for step, cuts in enumerate(self.cuts):
            labels, coefficients, at_x = self.scene.over_variables(tangent, step, step, around)
            shares = self.share.labels.values[:, step]
            name = f"loss modes@{step}"
            cuts.append(Plane(name, tangent.to_p[step], tangent.to_q[step]))
            rows.append(
                Row(
                    name,
                    np.concatenate([labels, shares, [self.losses.labels.values[step]]]),
                    np.concatenate([-coefficients, -np.ones(shares.size), [1.0]]),
                    float(around.point.losses_mw[step]) - at_x,
                    np.inf,
                )
            )
        session.add_rows(rows)

    def renew(self, session: Session, around: Around, where: BoolArray) -> None:
        """A tangent at the plan of every mode that matters there, in the intervals `where` [step]."""
        form, rows = self.form, []
        tangent = TangentRows(form.to_p, form.to_q, [])
        for step in np.flatnonzero(where & self.in_force).tolist():
            small = _SMALL_PART * abs(float(around.point.losses_mw[step]))
            for mode, curvature in enumerate(SURE * form.curvature):
                labels, coefficients, at_x = self.scene.over_variables(tangent, mode, step, around)
                own = self.scene.entry
                terms, x0 = self.scene.terms, self.start.x[:, step]
                per_row = own.take(form.to_p[mode]) * terms.p[:, step] + own.take(form.to_q[mode]) * terms.q[:, step]
                at_start = float(per_row @ x0)
                y = at_x - at_start
                if curvature * y * y <= small:
                    continue
                slope = 2.0 * curvature * y
                name = f"loss mode {mode}@{step}#{len(self.cuts[step])}"
                self.cuts[step].append(Plane(name, slope * form.to_p[mode], slope * form.to_q[mode]))
                rows.append(
                    Row(
                        name,
                        np.append(labels, self.share.labels.values[mode, step]),
                        np.append(-slope * coefficients, 1.0),
                        -slope * at_start - curvature * y * y,
                        np.inf,
                    )
                )
        session.add_rows(rows)

    def relax(self, session: Session, where: BoolArray) -> BoolArray:
        """In the intervals `where` [step] AC lost less than a plan believed: modes go out of force there.

        True where they still were in force. [step]
        """
        leaving = where & self.in_force
        for step in np.flatnonzero(leaving).tolist():
            session.relax(f"loss modes@{step}")
        self.in_force = self.in_force & ~leaving
        return leaving

    def worth(self, outcome: Outcome) -> tuple[FloatArray, FloatArray]:
        """Share in the worth of active and of reactive power, as of `LossRows`. [place, step]"""
        return worth_of(self.cuts, outcome, self.scene)
