"""How likely readings are under a model, and the parameters that make them most likely.

−log likelihood by the innovations of a Kalman filter (prediction errors one interval ahead). Parameters are
positive and searched by their logarithms, within bounds that are physical: relative to a first guess of the building's
loss, so that a house and a hall are searched alike. A habit of the day may take heat as well as give it, and is
searched as a share of the largest heat. Starts are drawn from one seed: the same data, the same model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from gridloop.kernel.innovations import filter_states
from gridloop.optimize.building.discrete import Modes
from gridloop.optimize.building.readings import Readings
from gridloop.optimize.building.structure import HABITS, HEAT, OUTDOOR, Structure
from gridloop.units import FloatArray

READING = "reading"
HEAT_NOISE = "heat_noise_share"
"""Heat that is put in differs from what was read by this share of it: a standard deviation over an hour."""
# Bounds and first guesses of capacities, as hours over the loss (a time constant), and of conductances, as multiples
# of it. A room stores an hour to three months of its loss; an envelope is no faster than an hour.
CAPACITY_H = {"indoor": (1.0, 2000.0, 20.0), "mass": (2.0, 3000.0, 100.0), "envelope": (2.0, 3000.0, 200.0),
              "heater": (0.1, 50.0, 2.0)}  # fmt: skip
LINK = (1e-3, 300.0)
FIRST_LINK = {"indoor_outdoor_mw_per_k": 1.0, "indoor_mass_mw_per_k": 5.0, "indoor_envelope_mw_per_k": 5.0,
              "envelope_outdoor_mw_per_k": 2.0, "heater_indoor_mw_per_k": 1.0, "boiler_mw_per_k": 1.0}  # fmt: skip
NOISE_K, FIRST_NOISE_K = (1e-3, 200.0), 0.05
HEAT_SHARE, FIRST_HEAT_SHARE = (1e-3, 5.0), 0.1
READING_K, FIRST_READING_K = (1e-3, 1.0), 0.02
HOTTEST_HEATER_K = 60.0  # water of 80 °C in a room of 20 °C
# What is known of the first state: the air to a kelvin, the rest to five.
START_K = 5.0


@dataclass(frozen=True, eq=False)
class Found:
    """A search's end: logarithms of parameters and noises in the order of `Search.names`; habits are no logarithms."""

    theta: FloatArray
    loss: float


class Search:
    """Finding the parameters of one structure in some readings."""

    def __init__(self, structure: Structure, data: Readings) -> None:
        self.structure, self.data = structure, data
        self.noises = (*(f"{state}_noise_k" for state in structure.states), f"{READING}_noise_k")
        self.noises += () if structure.boiler else (HEAT_NOISE,)
        # With a boiler's temperature alone only ratios act: the indoor capacity is the unit.
        self.fixed = {structure.capacities[0]: 1.0} if structure.boiler else {}
        self.free = tuple(name for name in structure.parameters if name not in self.fixed)
        self.names = (*self.free, *self.noises)
        self.signed = np.array([name in HABITS for name in self.names])
        loss = self._first_loss()
        self.span = span = float(np.ptp(data.u[:, HEAT])) or 1.0
        self.bounds, first = [], []
        for name in self.names:
            if name in HABITS:
                self.bounds.append((-1.0, 1.0))
                first.append(0.0)
                continue
            low, high, guess = self._range(name, loss, span)
            self.bounds.append((np.log(low), np.log(high)))
            first.append(np.log(guess))
        self.first = np.array(first)
        n = structure.order
        known = np.flatnonzero(np.isfinite(data.y))
        self.x0 = np.full(n, data.y[known[0]] if known.size else 20.0)
        if "envelope" in structure.states:
            self.x0[structure.states.index("envelope")] = 0.5 * (self.x0[0] + data.u[0, OUTDOOR])
        self.p0 = np.diag([1.0, *[START_K**2] * (n - 1)])
        self._work = (np.empty(data.y.size), np.empty(data.y.size), np.empty((data.y.size, n)))

    def _first_loss(self) -> float:
        """Loss that balances the mean heat, in MW/K; a unit where only ratios act."""
        if self.structure.boiler:
            return 0.02
        colder = float(np.nanmean(self.data.y) - self.data.u[:, OUTDOOR].mean())
        heat = float(self.data.u[:, HEAT].mean())
        guess = heat / colder if abs(colder) > 1.0 else 0.0
        return guess if guess > 0 else max(float(np.ptp(self.data.u[:, HEAT])) / 20.0, 1e-9)

    def _range(self, name: str, loss: float, heat: float) -> tuple[float, float, float]:
        if name in self.structure.capacities:
            low, high, guess = CAPACITY_H[name.removesuffix("_mwh_per_k")]
            return low * loss, high * loss, guess * loss
        if name == "heater_indoor_mw_per_k" and not self.structure.boiler:
            # All the heat there is passes at no more than so many kelvin above the room: else it is no radiator.
            least = float(self.data.u[:, HEAT].max()) / HOTTEST_HEATER_K
            return max(least, LINK[0] * loss), max(1e3 * least, LINK[1] * loss), 2.0 * max(least, loss)
        if name in FIRST_LINK:
            return LINK[0] * loss, LINK[1] * loss, FIRST_LINK[name] * loss
        if name == "sun_m2":
            return 1e-3 * loss * 1e6 / 100.0, 1e2 * loss * 1e6 / 100.0, loss * 1e6 / 100.0
        if name in ("occupancy_mw", "always_mw"):
            return 1e-4 * heat, 2.0 * heat, 0.05 * heat
        known = {f"{READING}_noise_k": (*READING_K, FIRST_READING_K), HEAT_NOISE: (*HEAT_SHARE, FIRST_HEAT_SHARE)}
        return known.get(name, (*NOISE_K, FIRST_NOISE_K))

    def values(self, theta: FloatArray) -> tuple[dict[str, float], dict[str, float]]:
        """Parameters, and noises, by name."""
        found = dict(zip(self.names, self.plain(theta).tolist(), strict=True))
        return (
            {name: self.fixed.get(name, found.get(name, 0.0)) for name in self.structure.parameters},
            {name: found[name] for name in self.noises},
        )

    def plain(self, theta: FloatArray) -> FloatArray:
        """Numbers in their units: of logarithms, and of shares of the largest heat."""
        return np.where(self.signed, theta * self.span, np.exp(np.where(self.signed, 0.0, theta)))

    def loss(self, theta: FloatArray) -> float:
        """−log likelihood of the readings."""
        parameters, noises = self.values(theta)
        total = filtered(self.structure, parameters, noises, self.data, self.x0, self.p0, self._work)
        return total if np.isfinite(total) else 1e12

    def run(self, starts: Sequence[FloatArray]) -> Found:
        """The best end of searches from several starts."""
        best: Found | None = None
        for start in starts:
            inside = np.clip(start, *np.array(self.bounds).T)
            options = {"maxiter": 300, "maxfun": 20_000}
            end = minimize(self.loss, inside, method="L-BFGS-B", bounds=self.bounds, options=options)
            if best is None or end.fun < best.loss:
                best = Found(np.asarray(end.x), float(end.fun))
        assert best is not None
        return best

    def starts(self, count: int, seed: int) -> list[FloatArray]:
        """The first guess, and others around it."""
        rng = np.random.default_rng(seed)
        drawn = [np.where(self.signed, 0.0, rng.normal(0.0, 0.8, self.first.size)) for _ in range(count - 1)]
        return [self.first, *(self.first + moved for moved in drawn)]

    def cover(self, theta: FloatArray) -> FloatArray:
        """Covariance of the logarithms by the curvature of the likelihood; NaN for those at a bound or without one."""
        low, high = np.array(self.bounds).T
        inside = np.flatnonzero((theta > low + 0.01) & (theta < high - 0.01))
        step = 1e-3  # of a logarithm: a tenth of a percent; the filter is exact to 1e-12
        curvature = np.zeros((inside.size, inside.size))

        def at(i: int, j: int, di: float, dj: float) -> float:
            moved = theta.copy()
            moved[inside[i]] += di
            moved[inside[j]] += dj
            return self.loss(moved)

        for i in range(inside.size):
            for j in range(i + 1):
                found = at(i, j, step, step) - at(i, j, step, -step) - at(i, j, -step, step) + at(i, j, -step, -step)
                curvature[i, j] = curvature[j, i] = found / (4 * step * step)
        cover = np.full((theta.size, theta.size), np.nan)
        worth, axes = np.linalg.eigh(curvature)
        # A direction in which nothing curves is one that the data does not tell: a variance without end.
        spread = np.where(worth > 1e-8, 1.0 / np.maximum(worth, 1e-8), 1e8)
        cover[np.ix_(inside, inside)] = (axes * spread) @ axes.T
        return cover


def filtered(
    structure: Structure,
    parameters: Mapping[str, float],
    noises: Mapping[str, float],
    data: Readings,
    x0: FloatArray,
    p0: FloatArray,
    work: tuple[FloatArray, FloatArray, FloatArray],
) -> float:
    """−log likelihood; innovations [step], their variances [step] and states [step, state] are left in `work`."""
    a, b = structure.equations(parameters)
    capacity = np.array([parameters[name] for name in structure.capacities])
    modes = Modes.of(a, capacity)
    kept, gained = modes.step(b, data.hours)
    cover, more = modes.noise(noise_powers(structure, parameters, noises), data.hours)
    reading, matrices = noises[f"{READING}_noise_k"] ** 2, (np.ascontiguousarray(kept), np.ascontiguousarray(gained))
    times = data.u[:, HEAT] ** 2
    return float(filter_states(*matrices, cover, more, times, reading, data.u, data.y, x0, p0, *work))


def noise_powers(structure: Structure, parameters: Mapping[str, float], noises: Mapping[str, float]) -> FloatArray:
    """Variance per hour of each state's own noise, and what comes on top per square of the heat in MW. [2, state]"""
    power = np.array([noises[f"{state}_noise_k"] ** 2 for state in structure.states])
    heated = np.zeros(structure.order)
    at = structure.states.index(structure.heated)
    heated[at] = (noises.get(HEAT_NOISE, 0.0) / parameters[structure.capacities[at]]) ** 2
    return np.stack([power, heated])
