"""BuildingModel: a building as one to three temperatures, from its data or from numbers.

Equations, likelihood and the choice of an order: docs/math/building.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, OutOfRange
from gridloop.optimize.building.ahead import DAY, Ahead, errors_ahead
from gridloop.optimize.building.discrete import step_of
from gridloop.optimize.building.likelihood import START_K, filtered
from gridloop.optimize.building.readings import Readings, readings_of
from gridloop.optimize.building.residuals import LAGS, Whiteness, whiteness
from gridloop.optimize.building.structure import HABITS, OUTDOOR, Structure, habit_waves
from gridloop.units import FloatArray


@dataclass(frozen=True, eq=False)
class Fit:
    """What is known of a fit.

    parameters   index parameter: value, low, high (95 %; NaN where the data does not tell), known (whether it does)
    candidates   index structure: parameters, loss (−log likelihood), bic, validation_rmse_k (a day ahead, of readings
                 held back), nested_in, p_value (of the likelihood ratio against that), chosen
    whiteness    of one-step errors of the readings it was fitted to
    validation   errors a day ahead of the chosen structure in the readings held back, fitted to the others alone
    """

    parameters: pd.DataFrame
    candidates: pd.DataFrame
    whiteness: Whiteness
    validation: Ahead
    readings: int
    hours: float


@dataclass(frozen=True, eq=False)
class BuildingModel:
    """A building as resistances and capacities.

    structure  its states, and what acts on it
    values     parameters by name: capacities [MWh/K], conductances [MW/K], sun_m2, occupancy_mw, always_mw, habit_*
    noises     K per root of an hour for every state, K for a reading, and the share by which heat is off; empty where
               it was not identified
    fitted     how it was identified; None for numbers that were given
    """

    structure: Structure
    values: Mapping[str, float]
    noises: Mapping[str, float] = field(default_factory=dict)
    fitted: Fit | None = None
    _steps: dict[float, tuple[FloatArray, FloatArray]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        missing = [name for name in self.structure.parameters if name not in self.values]
        problems = [f"{name} is missing" for name in missing]
        positive = self.structure.capacities
        for name in self.structure.parameters:
            value = self.values.get(name, 1.0)
            if not np.isfinite(value) or (value < 0 and name not in HABITS) or (name in positive and value == 0):
                problems.append(f"{name} is {value}; it must be {'positive' if name in positive else 'zero or more'}")
        if problems:
            raise OutOfRange(f"BuildingModel: {'; '.join(problems)}.", problems=problems)

    @classmethod
    def of(cls, **values: float) -> BuildingModel:
        """From numbers by name: indoor_mwh_per_k and indoor_outdoor_mw_per_k at least.

        mass_mwh_per_k, envelope_mwh_per_k or heater_mwh_per_k add a state, with indoor_mass_mw_per_k;
        indoor_envelope_mw_per_k and envelope_outdoor_mw_per_k; heater_indoor_mw_per_k. sun_m2, occupancy_mw and
        always_mw are gains. Raises `OutOfRange`.
        """
        states = ("indoor", *(s for s in ("mass", "envelope", "heater") if f"{s}_mwh_per_k" in values))
        structure = Structure(
            states, sun="sun_m2" in values, people="occupancy_mw" in values, always="always_mw" in values
        )  # fmt: skip
        strange = sorted(set(values) - set(structure.parameters))
        if strange:
            raise OutOfRange(
                f"BuildingModel: {', '.join(strange)} belong to no state of {structure.name}; "
                f"its parameters are {', '.join(structure.parameters)}."
            )
        return cls(structure, dict(values))

    @classmethod
    def fit(
        cls,
        data: pd.DataFrame,
        *,
        states: Sequence[str] | None = None,
        always: bool = False,
        habit: bool | None = False,
        zone: str = "UTC",
        starts: int = 5,
        seed: int = 0,
    ) -> BuildingModel:
        """Identified from readings; the structure is chosen by what it foretells of readings that were held back.

        data    index = starts of regular intervals (UTC): indoor_c (a reading at the start, NaN where missing),
                outdoor_c, heat_mw (into the rooms; cold is negative) or boiler_c, and sun_w_m2, occupancy where known
        states  ("indoor", "mass", "heater"): this structure and no other
        always  a constant gain too. Off by default: next to a loss it can hardly be told from heat
        habit   a gain by the hour of the local day in `zone`; None: where two weeks of data and held-back readings
                speak for it. Whoever plans with it gives `habit_mw` of the plan's hours as the building's `gains_mw`
        starts  searches per structure, from the first guess and drawn around it by `seed`

        With boiler_c alone only ratios can be known: capacities and conductances are then per indoor_mwh_per_k = 1.
        Raises `BadInput` for data too short to identify (says how much is needed), and as `readings_of`.
        """
        from gridloop.optimize.building.identify import identify

        return identify(
            data, states=None if states is None else tuple(states), always=always, habit=habit, zone=zone,
            starts=starts, seed=seed,
        )  # fmt: skip

    @property
    def absolute(self) -> bool:
        """Whether its numbers are MW and MWh; False where only a boiler's temperature was known."""
        return not self.structure.boiler

    def equations(self) -> tuple[FloatArray, FloatArray]:
        """dx/dt = a x + b u per hour; `structure.INPUTS` names the columns of b."""
        return self.structure.equations(self.values)

    def step(self, hours: float) -> tuple[FloatArray, FloatArray]:
        """Exact matrices of one interval: [state, state] and [state, input]."""
        kept, gained = self.step_with_air(hours)
        return kept, gained[:, :-1]

    def step_with_air(self, hours: float) -> tuple[FloatArray, FloatArray]:
        """The same with one input more: heat that reaches the air at once [MW]."""
        if hours not in self._steps:
            a, b = self.equations()
            air = np.zeros((len(a), 1))
            air[0] = 1.0 / self.values[self.structure.capacities[0]]
            self._steps[hours] = step_of(a, np.hstack([b, air]), hours)
        return self._steps[hours]

    @property
    def time_constants_h(self) -> FloatArray:
        """Hours in which a part of a deviation falls to 1/e, the fastest first; infinite where nothing is lost."""
        rates = -np.linalg.eigvals(self.equations()[0]).real
        with np.errstate(divide="ignore"):
            return np.sort(np.where(rates > 1e-12, 1.0 / np.maximum(rates, 1e-300), np.inf))

    @property
    def loss_mw_per_k(self) -> float:
        """Heat that a steady building needs per kelvin to the outside."""
        a, _ = self.equations()
        heated = self.structure.states.index(self.structure.heated)
        heat = np.zeros(len(a))
        heat[heated] = 1.0 / self.values[self.structure.capacities[heated]]
        # A building without any loss has none to tell: 1e-12 per hour keeps its equations solvable.
        rise = float(np.linalg.solve(a - 1e-12 * np.eye(len(a)), -heat)[0])
        return 1.0 / rise

    def habit_mw(self, index: pd.DatetimeIndex) -> FloatArray:
        """What the hours of the day add to the air, zero on the mean of a day: a plan's `gains_mw`. [step]"""
        if not self.structure.habit:
            return np.zeros(len(index))
        return np.asarray(habit_waves(index, self.structure.zone) @ np.array([self.values[name] for name in HABITS]))

    def states(self, data: pd.DataFrame) -> pd.DataFrame:
        """Temperatures of all states given the readings up to each time. index × state [°C]"""
        read = readings_of(data, self.structure.zone)
        _, _, found = self._filter(read)
        return pd.DataFrame(found, index=read.index, columns=list(self.structure.states))

    def ahead(self, data: pd.DataFrame, *, leads: int = DAY, since: pd.Timestamp | None = None) -> Ahead:
        """Errors up to so many intervals ahead, from every reading on, the inputs known.

        since  the first time that is forecast from; readings before it only tell the state
        """
        read = readings_of(data, self.structure.zone)
        return self._ahead(read, leads, 0 if since is None else int(read.index.searchsorted(since)))

    def _ahead(self, read: Readings, leads: int, origin: int) -> Ahead:
        _, _, states = self._filter(read)
        found = errors_ahead(*self.step(read.hours), states, read.u, read.y, leads)
        index = read.index[origin:]
        table = {}
        for lead in range(1, leads + 1):
            column = np.full(read.y.size, np.nan)
            column[lead:] = found[lead - 1, : read.y.size - lead]
            column[: origin + lead] = np.nan  # forecast from before `since`
            table[lead * read.hours] = column[origin:]
        return Ahead(pd.DataFrame(table, index=index))

    def residuals(self, data: pd.DataFrame, *, since: pd.Timestamp | None = None) -> pd.Series:
        """One-step errors in standard deviations; NaN where there is no reading."""
        read = readings_of(data, self.structure.zone)
        error, variance, _ = self._filter(read)
        found = pd.Series(error / np.sqrt(variance), index=read.index, name="residual")
        return found if since is None else found[found.index >= since]

    def whiteness(self, data: pd.DataFrame, *, since: pd.Timestamp | None = None, lags: int = LAGS) -> Whiteness:
        """Whether one-step errors are white."""
        return whiteness(self.residuals(data, since=since).to_numpy(), lags=lags)

    def simulate(self, data: pd.DataFrame, start: Sequence[float] | FloatArray) -> pd.DataFrame:
        """Temperatures at the start of every interval, from a first state on, without readings. index × state"""
        read = readings_of(data.assign(indoor_c=np.nan) if "indoor_c" not in data else data, self.structure.zone)
        kept, gained = self.step(read.hours)
        x = np.asarray(start, dtype=float)
        found = np.empty((read.y.size, x.size))
        for t in range(read.y.size):
            found[t] = x
            x = kept @ x + gained @ read.u[t]
        return pd.DataFrame(found, index=read.index, columns=list(self.structure.states))

    def _filter(self, read: Readings) -> tuple[FloatArray, FloatArray, FloatArray]:
        if not self.noises:
            raise BadInput(
                "This BuildingModel was given, not identified: it has no noises to weigh readings by. "
                "Use BuildingModel.fit, or simulate from a known state."
            )
        n = self.structure.order
        known = np.flatnonzero(np.isfinite(read.y))
        x0 = np.full(n, read.y[known[0]] if known.size else 20.0)
        if "envelope" in self.structure.states:
            x0[self.structure.states.index("envelope")] = 0.5 * (x0[0] + read.u[0, OUTDOOR])
        p0 = np.diag([1.0, *[START_K**2] * (n - 1)])
        work = (np.empty(read.y.size), np.empty(read.y.size), np.empty((read.y.size, n)))
        filtered(self.structure, self.values, self.noises, read, x0, p0, work)
        return work

    def facts(self) -> dict[str, object]:
        """For JSON."""
        told: dict[str, object] = {
            "states": list(self.structure.states),
            "values": dict(self.values),
            "time_constants_h": [float(v) for v in self.time_constants_h],
        }
        if self.fitted is not None:
            f = self.fitted
            told |= {
                "noises": dict(self.noises),
                "readings": f.readings,
                "candidates": f.candidates.reset_index().to_dict("records"),
                "intervals": f.parameters.reset_index().to_dict("records"),
                "ljung_box_p": f.whiteness.p_value,
                "lags_beyond_band": f.whiteness.beyond,
                "validation_rmse_k": f.validation.rmse_k,
                "validation_interval_k": list(f.validation.interval()),
            }
        return told
