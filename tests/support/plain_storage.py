"""One store of energy against prices, written out as a linear program with a yes or no per step, for HiGHS."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import bmat, diags_array, eye_array


@dataclass(frozen=True)
class Store:
    """A store: energies in MWh, powers in MW, money per MWh."""

    most: float = 1.0
    charge_max: float | np.ndarray = 1.0
    discharge_max: float | np.ndarray = 1.0
    eta_in: float = 1.0
    eta_out: float = 1.0
    loss_per_day: float = 0.0
    wear: float = 0.0
    early: float = 0.0
    start: float = 0.0
    least: float = 0.0
    end_value: float = 0.0
    band_price: float = field(default=100.0)

    def bounds(self, hours: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """kept, low, high [step]: a store that cannot hold its band may be where idling leaves it."""
        kept = (1.0 - self.loss_per_day) ** (hours / 24.0)
        idle = self.start * np.cumprod(kept)
        holds = self.start >= self.least and np.all(
            np.broadcast_to(self.charge_max, hours.shape) * self.eta_in * hours >= self.least * (1.0 - kept)
        )
        low = np.full(hours.size, self.least) if holds else np.minimum(self.least, idle)
        return kept, low, np.maximum(self.most, idle)


def cheapest(store: Store, buy: np.ndarray, sell: np.ndarray, hours: np.ndarray, *, both: bool = False) -> float:
    """Least cost; `both` lets it charge and discharge at once.

    Columns are charge, discharge, energy, below the band, above it, and whether it charges.
    """
    n = hours.size
    kept, low, high = store.bounds(hours)
    waiting = np.cumsum(hours) - hours
    cmax, dmax = (np.broadcast_to(m, (n,)).astype(float) for m in (store.charge_max, store.discharge_max))
    one, none = eye_array(n), np.zeros(n)
    money = np.concatenate([
        hours * (buy + store.early * waiting), hours * (-sell + store.wear + store.early * waiting), none,
        store.band_price * hours, store.band_price * hours, none,
    ])  # fmt: skip
    money[3 * n - 1] = -store.end_value
    before = one - diags_array(kept[1:], offsets=-1, shape=(n, n))
    balance = bmat([[diags_array(-store.eta_in * hours), diags_array(hours / store.eta_out), before, 0 * one, 0 * one, 0 * one]])  # fmt: skip  # noqa: E501
    first = np.zeros(n)
    first[0] = kept[0] * store.start
    outside = bmat([
        [None, None, one, one, None, 0 * one],
        [None, None, one, None, -one, None],
        [one, None, None, None, None, diags_array(-cmax)],
        [None, one, None, None, None, diags_array(dmax)],
    ])  # fmt: skip
    lower = np.concatenate([np.full(n, store.least), np.full(3 * n, -np.inf)])
    upper = np.concatenate([np.full(n, np.inf), np.full(n, store.most), none, dmax])
    if both:
        outside, lower, upper = outside.tocsr()[: 2 * n], lower[: 2 * n], upper[: 2 * n]
    box = (
        np.concatenate([none, none, low, none, none, none]),
        np.concatenate([cmax, dmax, high, np.full(2 * n, np.inf), np.ones(n)]),
    )
    rows = [LinearConstraint(balance, first, first), LinearConstraint(outside, lower, upper)]
    found = milp(
        money, integrality=np.repeat([0, 0 if both else 1], [5 * n, n]), bounds=Bounds(*box), constraints=rows,
        options={"mip_rel_gap": 0.0},
    )  # fmt: skip
    assert found.status == 0, found.message
    if both:
        return float(found.fun)
    # whole numbers are whole to 1e-6 only: round them, and solve the rest again
    whole = np.round(found.x[5 * n :])
    again = linprog(
        money, bounds=np.stack([np.append(box[0][: 5 * n], whole), np.append(box[1][: 5 * n], whole)], axis=1),
        A_eq=balance, b_eq=first,
        A_ub=bmat([[outside.tocsr()[n:]], [-outside.tocsr()[:n]]]), b_ub=np.concatenate([upper[n:], -lower[:n]]),
        method="highs-ds",
    )  # fmt: skip
    assert again.status == 0, again.message
    return float(again.fun)
