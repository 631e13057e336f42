"""Black start: the grid-former first, then circuits by priority, each within what can be picked up at that moment.

A circuit that comes back takes more than it did: what thermostats and fridges missed, they all want at once. That
cold-load pick-up is a factor at the switch which decays (IEEE Std 1547.4 and PES guides name 1.5 … 3 and half an hour):

    p(t) = p₀ (1 + (factor − 1) e^{−t/τ})

A step is allowed where three things hold: the power at every later moment stays below the source's limit less its
headroom, the frequency's nadir after the step stays above the first stage of load shedding (`Machine.nadir_hz`), and
the stored energy lasts for what is on until the end that was asked for: in all, and at every moment on the way, since
what generation leaves over later does not feed a pick-up now, nor does what a full source could not take. Order is by
rank and, within it, the largest that fits first, so that few switchings serve many. Nobody is switched on before one of
a higher priority, unless that one never fits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gridloop.diagnosis import Diagnosis
from gridloop.errors import OutOfRange
from gridloop.optimize.microgrid.former import GridFormer, need_former
from gridloop.units import FloatArray

WARM = 5.0  # time constants after which less than a hundredth of the excess is left
SAME_MWH = 1e-9


@dataclass(frozen=True)
class ColdLoad:
    """A circuit to bring back.

    p_mw     what it takes once it is warm
    rank     0 comes first
    factor   what it takes at the switch over that; 1: no more than ever
    decay_h  time constant of the excess
    """

    id: str
    p_mw: float
    rank: int = 0
    factor: float = 2.0
    decay_h: float = 0.5

    def __post_init__(self) -> None:
        if not (0 <= self.p_mw < math.inf and self.rank >= 0 and 1 <= self.factor < math.inf and self.decay_h > 0):
            raise OutOfRange(
                f"Circuit {self.id}: p_mw {self.p_mw}, rank {self.rank}, factor {self.factor}, decay_h {self.decay_h}; "
                "power and rank are zero or more, the factor 1 or more, the decay above zero."
            )

    def at(self, hours: float) -> float:
        """What it takes so long after the switch. [MW]"""
        return self.p_mw * (1 + (self.factor - 1) * math.exp(-hours / self.decay_h)) if hours >= 0 else 0.0

    def energy_mwh(self, hours: float) -> float:
        """What it takes in all until then."""
        return float(self.energies_mwh(np.array(hours)))

    def energies_mwh(self, hours: FloatArray) -> FloatArray:
        """The same for many times at once, of any shape."""
        excess = (self.factor - 1) * self.decay_h * -np.expm1(-hours / self.decay_h)
        return np.asarray(self.p_mw * (hours + excess))


@dataclass(frozen=True)
class Step:
    """One switching: when [h from the beginning], what, what it takes at once, and the lowest frequency it causes."""

    at_h: float
    id: str
    pick_up_mw: float
    nadir_hz: float
    total_mw: float


@dataclass(frozen=True)
class BlackStart:
    """The order of a black start. steps in time; left: who could not be brought back, and why (diagnosis)."""

    steps: tuple[Step, ...]
    left: tuple[str, ...]
    energy_mwh: float
    diagnosis: Diagnosis | None = None

    @property
    def complete(self) -> bool:
        return not self.left


class _Stored:
    """What is stored from moment to moment, with what is on so far. Energies as they are in the store. [MWh]"""

    def __init__(self, former: GridFormer, soc: float, edges: FloatArray, more_mw: float) -> None:
        """edges: moments [h], to beyond the end by what a pick-up takes; more_mw: the own need less the generation."""
        self.former, self.edges, self.hours = former, edges, np.diff(edges)
        self.more_mw, self.net = more_mw, np.full(self.hours.size, more_mw)
        self.first = former.usable_mwh(soc) / former.discharge_efficiency
        self.room = max(self.first, former.usable_mwh(former.max_soc) / former.discharge_efficiency)

    def _power(self, load: ColdLoad, at: float) -> FloatArray:
        return np.asarray(np.diff(load.energies_mwh(np.clip(self.edges - at, 0.0, None))) / self.hours)

    def add(self, load: ColdLoad, at: float) -> None:
        """Switch it on for good."""
        self.net = self.net + self._power(load, at)

    def missing_mwh(self, load: ColdLoad, at: float, until: float) -> float:
        """What the source would lack at worst, at its terminals, with one more circuit on from then.

        Looked at until the end, and at least until the circuit is warm: who comes late is no cheaper for it. Without
        generation it is the sum until the end that is at its worst, and that is looked at anyway.
        """
        if math.isinf(self.room) or self.more_mw >= 0:
            return 0.0
        f, net = self.former, self.net + self._power(load, at)
        into, out_of = f.charge_efficiency * np.minimum(-net, f.charge_mw), net / f.discharge_efficiency
        path = self.first + np.cumsum(np.where(net > 0, -out_of, into) * self.hours)
        # Whatever came while it was full is lost for good.
        path -= np.maximum.accumulate(np.maximum(0.0, path - self.room))
        seen = self.edges[:-1] < max(until, at + min(until, WARM * load.decay_h)) - 1e-9
        return max(0.0, -float(path[seen].min())) * f.discharge_efficiency


def black_start(
    former: GridFormer | None,
    loads: Sequence[ColdLoad],
    *,
    initial_soc: float = 1.0,
    until_h: float = 4.0,
    generation_mw: float = 0.0,
    every_h: float = 1 / 60,
    floor_hz: float = 49.0,
    nominal_hz: float = 50.0,
    house_mw: float = 0.0,
) -> BlackStart:
    """When each circuit is switched on.

    until_h        the energy has to last so long with what is on
    generation_mw  that can be counted on once there is a voltage
    every_h        least time between two switchings
    floor_hz       the nadir of every step stays above
    house_mw       the source's own need

    Raises `OutOfRange` for an island without a grid-forming source and for what is out of range.
    """
    need_former([] if former is None else [former.id], "Black start")
    assert former is not None
    if not (until_h > 0 and every_h > 0 and generation_mw >= 0 and house_mw >= 0 and 0 <= initial_soc <= 1):
        raise OutOfRange(
            f"until_h {until_h}, every_h {every_h}, generation_mw {generation_mw}, house_mw {house_mw}, initial_soc "
            f"{initial_soc}: times are above zero, powers zero or more, the state of charge 0 … 1."
        )
    most = former.discharge_mw - former.headroom_mw + generation_mw
    energy = former.usable_mwh(initial_soc)
    waiting = sorted(range(len(loads)), key=lambda k: (loads[k].rank, -loads[k].p_mw, k))
    on: list[tuple[int, float]] = []
    never: set[int] = set()  # whom no moment to come has the energy for; what is stored only shrinks by who is on
    steps: list[Step] = []
    t = 0.0
    times = np.arange(0.0, until_h - 1e-9, every_h)
    warm = min(until_h, WARM * max((load.decay_h for load in loads), default=0.0))
    beyond = until_h + every_h * np.arange(1 + math.ceil(warm / every_h))
    stored = _Stored(former, initial_soc, np.concatenate([times, beyond]), house_mw - generation_mw)
    for t in times.tolist():
        blocked = math.inf
        for k in list(waiting):
            if loads[k].rank > blocked:
                break
            fits = _fits(former, loads, on, k, t, most, energy, until_h, generation_mw, house_mw, floor_hz, nominal_hz)
            if fits and stored.missing_mwh(loads[k], t, until_h) <= SAME_MWH:
                jump = loads[k].p_mw * loads[k].factor
                given = _total(loads, on, t) + house_mw
                nadir = nominal_hz + former.machine(given - generation_mw, nominal_hz).nadir_hz(jump)[0]
                on.append((k, t))
                stored.add(loads[k], t)
                waiting.remove(k)
                steps.append(Step(t, loads[k].id, jump, nadir, given + jump))
                break
            if k in never:
                continue
            if not _later(
                former, loads, on, k, t, most, energy, until_h, generation_mw, house_mw, floor_hz, nominal_hz
            ):
                continue
            if any(stored.missing_mwh(loads[k], s, until_h) <= SAME_MWH for s in times[times >= t].tolist()):
                blocked = loads[k].rank
            else:
                never.add(k)
        if not waiting:
            break
    used = sum(loads[k].energy_mwh(until_h - at) for k, at in on) + house_mw * until_h
    left = tuple(loads[k].id for k in waiting)
    why = (
        None
        if not left
        else _why(
            former, loads, on, waiting, most, energy, until_h, generation_mw, house_mw, floor_hz, nominal_hz, stored
        )
    )
    return BlackStart(tuple(steps), left, used, why)


def _total(loads: Sequence[ColdLoad], on: Sequence[tuple[int, float]], t: float) -> float:
    return float(sum(loads[k].at(t - at) for k, at in on))


def _fits(
    former: GridFormer, loads: Sequence[ColdLoad], on: Sequence[tuple[int, float]], k: int, t: float, most: float,
    energy: float, until: float, generation: float, house: float, floor: float, nominal: float,
) -> bool:  # fmt: skip
    """What is on only decays: the moment of the switch is the one of the highest power."""
    given = _total(loads, on, t) + house
    jump = loads[k].p_mw * loads[k].factor
    if given + jump > most + 1e-12:
        return False
    if nominal + former.machine(given - generation, nominal).nadir_hz(jump)[0] < floor:
        return False
    return _needed(loads, on, k, until, house - generation) <= energy + 1e-12


def _needed(loads: Sequence[ColdLoad], on: Sequence[tuple[int, float]], k: int, until: float, more: float) -> float:
    """Energy until the end with one more circuit, counted for the whole time: waiting is no way to save it. [MWh]"""
    return float(sum(loads[j].energy_mwh(until - at) for j, at in on)) + loads[k].energy_mwh(until) + more * until


def _later(
    former: GridFormer, loads: Sequence[ColdLoad], on: Sequence[tuple[int, float]], k: int, t: float, most: float,
    energy: float, until: float, generation: float, house: float, floor: float, nominal: float,
) -> bool:  # fmt: skip
    """Whether a circuit that does not fit now would once the others are warm: then nobody behind it goes first."""
    warm = [ColdLoad(load.id, load.p_mw, load.rank, 1.0, load.decay_h) for load in loads]
    warm[k] = loads[k]
    if _needed(loads, on, k, until, house - generation) > energy + 1e-12:
        return False
    return _fits(former, warm, on, k, until, most, math.inf, until, generation, house, floor, nominal)


def _why(
    former: GridFormer, loads: Sequence[ColdLoad], on: Sequence[tuple[int, float]], waiting: Sequence[int], most: float,
    energy: float, until: float, generation: float, house: float, floor: float, nominal: float, stored: _Stored,
) -> Diagnosis:  # fmt: skip
    k = waiting[0]
    load = loads[k]
    warm = sum(loads[j].p_mw for j, _ in on)
    jump = load.p_mw * load.factor
    short_mw = warm + jump - most
    machine = former.machine(warm - generation, nominal)
    biggest = (nominal - floor) / max(1e-12, -machine.nadir_hz(1.0)[0])
    used = _needed(loads, on, k, until, house - generation)
    lacks = stored.missing_mwh(load, float(stored.edges[0]), until)
    if short_mw > 0:
        cause = f"{load.id} takes {jump:.3g} MW at the switch beside {warm:.3g} MW that are on; {most:.3g} MW are there"
        part = max(0.0, most - warm) / load.factor
        change = f"{short_mw:.3g} MW more of the source, or {load.id} in parts of {part:.3g} MW"
    elif jump > biggest:
        cause = f"{load.id} would take {jump:.3g} MW at once, and {biggest:.3g} MW pull the frequency to {floor:g} Hz"
        change = f"{load.id} in parts of {biggest / load.factor:.3g} MW"
    elif used <= energy and lacks > SAME_MWH:
        cause = f"with {load.id} {lacks:.3g} MWh are missing before the generation makes up for it"
        change = f"{lacks:.3g} MWh more in the source at the beginning"
    else:
        cause = f"with {load.id} {used:.3g} MWh are needed in {until:g} h, and {energy:.3g} MWh are stored"
        change = (
            f"{max(0.0, used - energy):.3g} MWh more, or an end {until * max(0.0, 1 - energy / used):.2g} h earlier"
        )
    return Diagnosis(
        "not_restored", [f"{len(waiting)} of {len(loads)} circuits stay off: {cause}."], f"It takes {change}.",
        {"circuits": [loads[j].id for j in waiting], "first": load.id},
    )  # fmt: skip
