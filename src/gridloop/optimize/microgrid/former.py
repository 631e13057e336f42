"""The grid-forming source of an island: what it may give and take, and how long it can.

Every other device follows a voltage that is there; in an island one source makes it. It balances whatever the others
leave over, so its plan keeps a headroom in both directions for what nobody foresaw.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gridloop.errors import OutOfRange, listed
from gridloop.optimize.microgrid.machine import SwingMachine


@dataclass(frozen=True)
class GridFormer:
    """A battery (or a generator that stores fuel) whose inverter forms the grid.

    s_mva            rating of the inverter
    discharge_mw, charge_mw  most active power it gives and takes; a source of fuel takes none
    capacity_mwh     energy between empty and full; infinite for fuel enough
    charge_efficiency, discharge_efficiency
    min_soc, max_soc share of the capacity that may be used
    headroom_mw      kept free in both directions for what nobody foresaw
    inertia_s, droop, response_s, damping  of the equivalent machine (`SwingMachine`)
    """

    s_mva: float
    discharge_mw: float
    charge_mw: float = 0.0
    capacity_mwh: float = math.inf
    charge_efficiency: float = 0.95
    discharge_efficiency: float = 0.95
    min_soc: float = 0.0
    max_soc: float = 1.0
    headroom_mw: float = 0.0
    inertia_s: float = 2.0
    droop: float = 0.02
    response_s: float = 0.05
    damping: float = 1.0
    id: str = "former"
    bus: str = ""

    def __post_init__(self) -> None:
        problems = [
            f"{name} is {getattr(self, name)}; it must be above zero"
            for name in ("s_mva", "discharge_mw", "capacity_mwh")
            if not getattr(self, name) > 0
        ]
        problems += [
            f"{name} is {getattr(self, name)}; it must not be negative"
            for name in ("charge_mw", "headroom_mw")
            if not 0 <= getattr(self, name) < math.inf
        ]
        problems += [
            f"{name} is {getattr(self, name)}; allowed is above 0 and at most 1"
            for name in ("charge_efficiency", "discharge_efficiency")
            if not 0 < getattr(self, name) <= 1
        ]
        if not 0 <= self.min_soc < self.max_soc <= 1:
            problems.append(f"min_soc {self.min_soc} … max_soc {self.max_soc}; allowed is 0 ≤ min_soc < max_soc ≤ 1")
        if not problems and max(self.discharge_mw, self.charge_mw) > self.s_mva + 1e-9:
            problems.append(
                f"it is rated {self.s_mva:g} MVA and cannot move {max(self.discharge_mw, self.charge_mw):g} MW; give "
                f"s_mva of {max(self.discharge_mw, self.charge_mw):g} or more"
            )
        if not problems and self.headroom_mw >= self.discharge_mw:
            problems.append(
                f"headroom_mw is {self.headroom_mw:g} of {self.discharge_mw:g} MW: nothing is left to serve with"
            )
        if problems:
            raise OutOfRange(
                f"Grid-forming source {self.id}: {'; '.join(problems)}.", device=self.id, problems=problems
            )

    @classmethod
    def of_battery(cls, battery: Any, s_mva: float | None = None, **more: Any) -> GridFormer:
        """A `Battery` whose inverter can form the grid."""
        return cls(
            s_mva or max(battery.max_discharge_mw, battery.max_charge_mw), battery.max_discharge_mw,
            battery.max_charge_mw, battery.capacity_mwh, battery.charge_efficiency, battery.discharge_efficiency,
            battery.min_soc, battery.max_soc, id=battery.id, bus=battery.bus, **more,
        )  # fmt: skip

    def machine(self, p_mw: float = 0.0, nominal_hz: float = 50.0) -> SwingMachine:
        """Its equivalent machine while it gives `p_mw` (charging is negative)."""
        return SwingMachine(
            self.s_mva, self.inertia_s, self.damping, self.droop, self.response_s,
            max(0.0, self.discharge_mw - p_mw), max(0.0, self.charge_mw + p_mw), nominal_hz,
        )  # fmt: skip

    def usable_mwh(self, soc: float) -> float:
        """Energy it can give from a state of charge, at its terminals."""
        if math.isinf(self.capacity_mwh):
            return math.inf
        return max(0.0, soc - self.min_soc) * self.capacity_mwh * self.discharge_efficiency


def need_former(formers: Sequence[str], where: str, known: Sequence[str] | None = None) -> None:
    """Refuse an island without a grid-forming source. Raises `OutOfRange`.

    where  which island, in words; known: ids of the devices there are
    """
    if not formers:
        may = f" One of {listed(list(known))} could be it." if known else ""
        raise OutOfRange(
            f"{where}: an island without a grid-forming source has no voltage. Name a battery or generator whose "
            f"inverter forms the grid.{may}",
            where=where,
        )
    lost = [] if known is None else [i for i in formers if i not in known]
    if lost:
        raise OutOfRange(
            f"{where}: the grid-forming source {listed(lost)} is none of its {len(known or ())} devices "
            f"({listed(list(known or ()))}).",
            where=where,
        )
