"""Adoption: which customers get a solar roof and an electric car, and what they draw in every hour of a year."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from gridloop.errors import BadInput, OutOfRange, listed
from gridloop.kernel.adoption import adoption_block, devices_of
from gridloop.powerflow.study.levels import Levels
from gridloop.powerflow.study.samplers.streams import numbers, per_element, seed_word
from gridloop.powerflow.study.solver import Solver, Values
from gridloop.units import FloatArray, IntArray

P_KEY, Q_KEY = "load.p_mw", "load.q_mvar"


@dataclass(frozen=True, eq=False)
class Adoption:
    """Cases of adoption × hours of profiles; scenario i is hour i mod H of case i // H.

    cases       how many cases; case c has level c mod (number of levels), and is draw c // (number of levels) of
    chance.
                The same draw at a higher level keeps its roofs and cars and adds some
    profile     [hour] factor of the nominal load, or [hour × name] with a column for each load or class
    sun         [hour] what a roof gives as a share of its size
    pv_share, ev_share  probability that a load has a roof, a car: a number, or one per level in rising order
    pv_mw       smallest and largest roof: two numbers, or two Series by load
    charger_mw  chargers, equally likely
    plug_in     [24] weights of the hour at which a car is plugged in
    energy_mwh  least and most energy that a car takes every day; no more than its charger gives in 24 h
    class_of    load → column of `profile`; without it, columns are named after loads
    noise_sd    standard deviation of a factor on every load and hour, 0 for none; it never turns a load negative
    clock       [hour] hour of the day, 0 … 23; counted from midnight where it is left out
    devices     key that takes what roofs and cars consume, for solvers that treat it apart from the load; None adds it
                to `load.p_mw`
    """

    cases: int
    profile: ArrayLike | pd.DataFrame
    sun: ArrayLike
    pv_share: float | Sequence[float] = 0.0
    ev_share: float | Sequence[float] = 0.0
    pv_mw: tuple[Any, Any] = (0.003, 0.010)
    charger_mw: Sequence[float] = (0.0037, 0.0074, 0.011)
    plug_in: Sequence[float] = (1, 1, 0, 0, 0, 0, 0, 1, 2, 2, 2, 2, 2, 2, 3, 5, 8, 12, 14, 13, 11, 8, 6, 3)
    energy_mwh: tuple[float, float] = (0.004, 0.016)
    class_of: Mapping[str, str] | None = None
    noise_sd: float = 0.0
    clock: ArrayLike | None = None
    devices: str | None = None

    @property
    def hours(self) -> int:
        """Hours of the profiles."""
        return int(np.asarray(self.sun).size)

    @property
    def size(self) -> int | None:
        """Scenarios in all: cases × hours."""
        return self.cases * self.hours

    @cached_property
    def levels(self) -> Levels:
        """Which case has which shares: what `HostingCapacity` asks for."""
        pv, ev = _shares(self.pv_share, self.ev_share)
        return Levels(self.hours, self.cases, pd.DataFrame({"pv_share": pv, "ev_share": ev}).rename_axis("level"))

    def bind(self, solver: Solver, seed: int) -> AdoptionDraws:
        """Raises `BadInput` and `OutOfRange` for profiles that do not fit, and shares that are none."""
        if self.cases < 1 or self.hours < 1:
            raise OutOfRange(f"A study of adoption needs cases and hours, not {self.cases} × {self.hours}.")
        loads = solver.elements(P_KEY)
        profile, profile_of = _profiles(self.profile, self.class_of, loads, self.hours)
        low, high = (per_element(f"pv_mw {end}", size, loads) for end, size in zip("01", self.pv_mw, strict=True))
        if (low < 0).any() or (high < low).any():
            raise OutOfRange("pv_mw: a roof's smallest size must be 0 or more, and no more than its largest.")
        weights = numbers("plug_in", self.plug_in, low=0.0)
        if weights.shape != (24,) or not weights.sum() > 0:
            raise BadInput(f"plug_in needs 24 weights, not all zero, not the shape {weights.shape}.")
        chargers = np.atleast_1d(numbers("charger_mw", self.charger_mw, low=0.0))
        energy = numbers("energy_mwh", self.energy_mwh, low=0.0)
        if chargers.ndim != 1 or not chargers.size or not (chargers > 0).all() or energy.shape != (2,):
            raise BadInput("charger_mw needs chargers above zero, and energy_mwh the least and the most energy.")
        if energy[1] < energy[0] or energy[1] > 24 * chargers.min():
            raise OutOfRange(
                f"energy_mwh {energy.tolist()} must rise, to at most what the smallest charger gives in 24 h: "
                f"{24 * chargers.min():g} MWh."
            )
        clock = np.arange(self.hours) % 24 if self.clock is None else self.clock
        hour_of_day = numbers("clock", clock, low=0.0, high=23.0)
        if hour_of_day.shape != (self.hours,):
            raise BadInput(f"clock has the shape {hour_of_day.shape}, sun {self.hours} hours: they must be equal.")
        sd = numbers("noise_sd", self.noise_sd, low=0.0)
        if self.devices is not None and not solver.elements(self.devices).equals(loads):
            raise BadInput(f"{self.devices!r} speaks of other elements than {P_KEY!r}: it cannot take their devices.")
        pv, ev = _shares(self.pv_share, self.ev_share)
        return AdoptionDraws(
            seed=seed_word(seed),
            p_mw=per_element(P_KEY, solver.nominal(P_KEY), loads),
            q_mvar=per_element(Q_KEY, solver.nominal(Q_KEY), loads),
            profile=profile,
            profile_of=profile_of,
            sun=numbers("sun", self.sun, low=0.0),
            clock=hour_of_day,
            pv_share=pv,
            ev_share=ev,
            pv_mw=np.stack([low, high], axis=1),
            charger_mw=chargers,
            plug_in=np.cumsum(weights) / weights.sum(),
            energy_mwh=energy,
            noise_sd=float(sd),
            devices=self.devices,
            loads=loads,
        )


def _shares(pv_share: Any, ev_share: Any) -> tuple[FloatArray, FloatArray]:
    """Probabilities per level, two arrays of one length. [level]"""
    pv, ev = (
        np.atleast_1d(numbers(name, share, low=0.0, high=1.0))
        for name, share in (("pv_share", pv_share), ("ev_share", ev_share))
    )
    if pv.ndim > 1 or ev.ndim > 1 or (pv.size != ev.size and 1 not in (pv.size, ev.size)) or not pv.size * ev.size:
        raise BadInput(f"pv_share has {pv.size} levels and ev_share {ev.size}: give both as many, or one of them one.")
    if (np.diff(pv) < 0).any() or (np.diff(ev) < 0).any():
        raise OutOfRange("pv_share and ev_share must rise from level to level.")
    both = max(pv.size, ev.size)
    return np.broadcast_to(pv, both).copy(), np.broadcast_to(ev, both).copy()


def _profiles(
    profile: Any, class_of: Mapping[str, str] | None, loads: pd.Index, hours: int
) -> tuple[FloatArray, IntArray]:
    """Profiles [profile, hour], and which one every load follows [load]."""
    if isinstance(profile, pd.DataFrame):
        wanted = pd.Index([class_of.get(i, "") for i in loads] if class_of is not None else loads)
        at = profile.columns.get_indexer(wanted)
        lost = [f"{load} ({name})" for load, name, k in zip(loads, wanted, at, strict=True) if k < 0]
        if lost:
            raise BadInput(
                f"{len(lost)} of {len(loads)} loads have no column in the profile: {listed(lost)}. "
                "Name columns after loads, or say with class_of which column each follows.",
                loads=lost,
            )
        used, profile_of = np.unique(at, return_inverse=True)
        table = numbers("profile", profile.to_numpy(dtype=float).T[used])
    else:
        table = np.atleast_2d(numbers("profile", profile))
        profile_of = np.zeros(len(loads), dtype=np.int64)
        if table.shape[0] != 1:
            raise BadInput(f"A profile of the shape {table.shape} needs names: give a DataFrame [hour × load].")
    if table.shape[1] != hours:
        raise BadInput(f"The profile has {table.shape[1]} hours and sun {hours}: they must be equal.")
    return np.ascontiguousarray(table), np.asarray(profile_of, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class AdoptionDraws:
    """Adoption bound to the loads of a solver. Arrays as `kernel.adoption.adoption_block` takes them."""

    seed: np.uint64
    p_mw: FloatArray
    q_mvar: FloatArray
    profile: FloatArray
    profile_of: IntArray
    sun: FloatArray
    clock: FloatArray
    pv_share: FloatArray
    ev_share: FloatArray
    pv_mw: FloatArray
    charger_mw: FloatArray
    plug_in: FloatArray
    energy_mwh: FloatArray
    noise_sd: float
    devices: str | None
    loads: pd.Index

    def draw(self, first: int, count: int) -> Values:
        """Values of scenarios in a row. [element, scenario] per key"""
        shape = (self.p_mw.size, count)
        p, q = np.empty(shape), np.empty(shape)
        device = np.empty(shape if self.devices is not None else (0, count))
        adoption_block(
            self.seed, np.uint64(first), self.p_mw, self.q_mvar, self.profile, self.profile_of, self.sun, self.clock,
            self.pv_share, self.ev_share, self.pv_mw, self.charger_mw, self.plug_in, self.energy_mwh, self.noise_sd,
            p, q, device,
        )  # fmt: skip
        values = {P_KEY: p, Q_KEY: q}
        return values if self.devices is None else values | {self.devices: device}

    def devices_of_case(self, case: int) -> pd.DataFrame:
        """What every load has in one case: pv_mw, charger_mw, plug_in_hour, energy_mwh; zeros where there is none."""
        draw, level = divmod(case, self.pv_share.size)
        rows = [
            devices_of(
                self.seed, np.uint64(draw), load, self.pv_share[level], self.ev_share[level], self.pv_mw,
                self.charger_mw, self.plug_in, self.energy_mwh,
            )
            for load in range(self.p_mw.size)
        ]  # fmt: skip
        return pd.DataFrame(rows, index=self.loads, columns=["pv_mw", "charger_mw", "plug_in_hour", "energy_mwh"])
