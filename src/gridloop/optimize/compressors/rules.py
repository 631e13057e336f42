"""Rules of a station, as a plant engineer sets them: cascade bands, equal shares, and the trim of a sequence.

All of them keep the same band of pressure with the same machines; `simulation` is their judge.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Self, TypeVar

import numpy as np

from gridloop.errors import OutOfRange
from gridloop.optimize.devices.compressor_station import CompressorStation
from gridloop.units import BoolArray, FloatArray


@dataclass(frozen=True)
class Cascade:
    """Pressure switches: each machine loads below its own pressure and unloads above another.

    load_bar, unload_bar  [machine]
    target_bar  what variable machines hold by their speed between their two pressures
    run_on_s    how long a machine idles before it is switched off
    """

    load_bar: FloatArray
    unload_bar: FloatArray
    target_bar: float
    run_on_s: float = 600.0

    def __post_init__(self) -> None:
        load, unload = np.asarray(self.load_bar), np.asarray(self.unload_bar)
        if load.shape != unload.shape or not (load < unload).all():
            raise OutOfRange("Cascade: each machine needs a load_bar and a higher unload_bar.")

    @classmethod
    def staggered(
        cls, station: CompressorStation, *, lowest_bar: float, spacing_bar: float, width_bar: float,
        run_on_s: float = 600.0,
    ) -> Self:  # fmt: skip
        """The usual cascade: base machines, the cheapest per m³ first, load one spacing below the other.

        A variable machine trims: it holds the middle of the first machine's band and is the first to load and the last
        to go. lowest_bar: where the last machine loads; width_bar: from load to unload.
        """
        load, unload = np.zeros(len(station.machines)), np.zeros(len(station.machines))
        order = [k for k in by_cost(station) if station.machines[k].control != "variable"]
        top = lowest_bar + spacing_bar * max(len(order) - 1, 0)
        for place, k in enumerate(order):
            load[k] = top - spacing_bar * place
        unload[order] = load[order] + width_bar
        target = top + 0.5 * width_bar
        for k, machine in enumerate(station.machines):
            if machine.control == "variable":
                load[k], unload[k] = target - 0.02, top + 1.25 * width_bar
        return cls(load, unload, target, run_on_s)


@dataclass(frozen=True)
class EqualShares:
    """As many machines as are needed in a fixed order, each at the same share of its flow.

    spare_m3_per_min  flow beyond what is used that running machines can give
    slow_s            over so many seconds the use is averaged that decides how many machines run
    """

    target_bar: float
    half_band_bar: float = 0.1
    spare_m3_per_min: float = 8.0
    slow_s: float = 600.0


@dataclass(frozen=True)
class FollowSequence:
    """Who runs is planned; the trim is not. One more machine is called before the air is short, none goes too early.

    planned     [machine, interval] of `hours` each
    target_bar  held within half_band_bar, one number or [interval]; where no set of machines that run holds it, the
                pressure swings between the ends
    spare_m3_per_min  flow beyond what is used that must be left where a machine is to go
    pull_s      a machine is called where low_bar would be reached in less than this
    slow_s      over so many seconds the use is averaged that says whether it is rising
    low_bar     None: the station's min_bar
    lift_bar    how far the target is lifted where machines that run have no flow left; nothing where they have
                room_m3_per_min left, and in proportion between
    """

    planned: BoolArray
    hours: float
    target_bar: float | FloatArray
    half_band_bar: float = 0.1
    spare_m3_per_min: float = 2.0
    pull_s: float = 40.0
    slow_s: float = 120.0
    low_bar: float | None = None
    lift_bar: float = 0.1
    room_m3_per_min: float = 6.0


MARGIN_BAR = 0.05
"""Left to the lower end of the band where a rule is tuned: weeks that come may be worse."""

Rule = Cascade | EqualShares | FollowSequence
R = TypeVar("R", Cascade, EqualShares)


def by_cost(station: CompressorStation) -> list[int]:
    """Machines by what a m³ costs at full load, the cheapest first."""
    cost = [m.full_kw * m.at(station.min_bar) / m.most_m3_per_min for m in station.machines]
    return sorted(range(len(cost)), key=lambda k: (cost[k], k))


def tune_cascade(
    station: CompressorStation,
    weeks: Iterable[FloatArray],
    step_s: float,
    *,
    lowest: Iterable[float] = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3),
    spacing: Iterable[float] = (0.1, 0.125, 0.15),
    width: Iterable[float] = (0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5),
    run_on_s: Iterable[float] = (150.0, 300.0, 600.0, 900.0, 1200.0, 1800.0, 2700.0),
) -> Cascade:
    """The cascade that takes least energy over some weeks among those that keep the band in all of them,
    `MARGIN_BAR` above its lower end.

    weeks   what is used, m³/min by steps of step_s
    lowest, spacing, width   bar, as of `Cascade.staggered`, lowest above min_bar. Pressure switches that are 0.05 bar
            off, as good ones may be, keep their order from 0.1 bar on

    As an engineer tunes it who has time: not over the weeks that it is judged by. Raises `OutOfRange` where none of
    them keeps the band.
    """
    tried = (
        Cascade.staggered(
            station, lowest_bar=station.min_bar + low, spacing_bar=apart, width_bar=wide, run_on_s=idle
        )
        for low, apart, wide, idle in product(lowest, spacing, width, run_on_s)
    )  # fmt: skip
    return _best(station, list(weeks), step_s, [r for r in tried if max(r.unload_bar) <= station.max_bar])


def tune_equal(station: CompressorStation, weeks: Iterable[FloatArray], step_s: float) -> EqualShares:
    """The equal shares that take least energy over some weeks and keep the band; as `tune_cascade`."""
    over = [0.25, 0.4, 0.55, 0.7]
    tried = [
        EqualShares(station.min_bar + bar, spare_m3_per_min=spare)
        for bar, spare in product(over, (2.0, 4.0, 8.0))
        if station.min_bar + bar < station.max_bar
    ]
    return _best(station, list(weeks), step_s, tried)


def _best(station: CompressorStation, weeks: list[FloatArray], step_s: float, tried: Sequence[R]) -> R:
    from gridloop.optimize.compressors.simulation import simulate  # it knows the rules

    best: tuple[float, R] | None = None
    for rule in tried:
        energy = 0.0
        for used in weeks:
            run = simulate(station, used, step_s, rule)
            energy += run.energy_mwh
            # What leaves the band, or takes more than another already, needs no further week.
            if not run.keeps(MARGIN_BAR) or (best is not None and energy >= best[0]):
                break
        else:
            best = energy, rule
    if best is None:
        raise OutOfRange(
            f"None of {len(tried)} settings keeps {station.min_bar:g} … {station.max_bar:g} bar in these weeks: give a "
            "wider band, a larger receiver, or more machines."
        )
    return best[1]
