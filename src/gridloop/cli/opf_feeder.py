"""`gridloop opf FILE.dss`: the cheapest outputs of a three-phase feeder's generators, with its voltages and prices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console

from gridloop.cli.feeder_words import extremes, show_head, show_voltages
from gridloop.cli.output import records, say
from gridloop.errors import OutOfRange
from gridloop.network.feeder.model import Feeder
from gridloop.optimize.explain_flow import sentence
from gridloop.optimize.physics.lindistflow_feeder_result import FeederOptimalFlow

# A price of a limit below this share of the dearest is rounding of a solver.
_NO_PRICE = 1e-5


@dataclass(frozen=True)
class Given:
    """What a file of OpenDSS does not say: a band of voltages, what a MWh from the source costs, who may give less."""

    v_min_pu: float | None = None
    v_max_pu: float | None = None
    import_per_mwh: float | None = None
    curtail: bool = False

    @property
    def said(self) -> list[str]:
        """The options that were given."""
        known = {"--v-min-pu": self.v_min_pu, "--v-max-pu": self.v_max_pu, "--import-per-mwh": self.import_per_mwh}
        return [name for name, value in known.items() if value is not None] + ["--curtail"] * self.curtail

    def fill(self, feeder: Feeder) -> Feeder:
        """The feeder with these where its tables have nothing. Raises `OutOfRange` for a band that is none."""
        low, high = self.v_min_pu, self.v_max_pu
        if low is not None and high is not None and low > high:
            raise OutOfRange(f"--v-min-pu {low:g} is above --v-max-pu {high:g}; exchange them.")
        bus: dict[str, dict[str, float]] = {}
        for column, value in (("v_min_pu", low), ("v_max_pu", high)):
            if value is None:
                continue
            for name in feeder.bus.index[feeder.bus[column].isna()]:
                bus.setdefault(str(name), {})[column] = value
        filled = feeder.edit("bus", bus) if bus else feeder
        unit = feeder.generator
        loose = unit.index[unit["p_min_mw"].isna() & (unit["p_mw"] > 0)]
        if self.curtail and len(loose):
            filled = filled.edit("generator", {str(name): {"p_min_mw": 0.0} for name in loose})
        if self.import_per_mwh is None:
            return filled
        free = feeder.source.index[feeder.source["cost_linear_per_mwh"].fillna(0.0) == 0]
        price = {str(name): {"cost_linear_per_mwh": self.import_per_mwh} for name in free}
        return filled.edit("source", price) if price else filled


def feeder_as_json(file: str, flow: FeederOptimalFlow) -> dict[str, Any]:
    """The keys of a network's answer, with prices by node "BUS.PHASE"; and what was not read."""
    tables = {name: records(getattr(flow, name)) for name in ("generator", "bus", "line", "conductor")}
    return {
        "case": file,
        **flow.to_dict(),
        "binding_limits": binding(flow),
        **tables,
        "not_read": list(flow.feeder.loss_report),
    }


def binding(flow: FeederOptimalFlow) -> dict[str, float]:
    """Limits that cost money → what one more of it saves per h: "BUS.PHASE" per pu, a line per kA; each the dearest
    first."""
    found: dict[str, float] = {}
    voltage, current = flow.bus["shadow_price"].abs(), flow.line["shadow_price_per_ka"].abs()
    names = [".".join(map(str, node)) for node in voltage.index]
    for ids, prices in ((names, voltage), (list(current.index.astype(str)), current)):
        values = np.nan_to_num(prices.to_numpy(dtype=float))
        least = _NO_PRICE * max(1.0, float(values.max(initial=0.0)))
        order = np.argsort(-values, kind="stable")
        found |= {ids[k]: float(values[k]) for k in order.tolist() if values[k] > least}
    return found


def show_feeder(console: Console, file: str, flow: FeederOptimalFlow, top: int) -> None:
    """What a person wants to know."""
    feeder = flow.feeder
    show_head(console, file, feeder, len(flow.bus), f"{len(feeder.generator)} generators", flow.diagnosis)
    for warning in flow.warnings:
        say(console, f"Warning: {warning}")
    if not flow.solved:
        return
    say(
        console,
        f"LinDistFlow optimum: {flow.cost:,.2f} per hour, losses about {1000 * flow.losses_mw:,.2f} kW. Built in "
        f"{flow.build_s:.3f} s, solved in {flow.solve_s:.3f} s; worst violation {flow.violations_max_pu:.1e} pu.",
    )
    if flow.ac_check is not None:
        say(console, _beside_ac(flow))
    show_voltages(console, flow.bus["v_pu"].dropna())
    price = flow.lmp.dropna()
    cheap, dear = extremes(price)
    say(console, f"Prices from {price.min():,.2f} (node {cheap}) to {price.max():,.2f} (node {dear}) per MWh.")
    limits = binding(flow)
    say(console, f"{len(limits)} limits cost money." if limits else "No limit costs money.")
    for name, value in list(limits.items())[:top]:
        of = "kA of its rating" if name in flow.line.index else "pu of room for its voltage"
        say(console, f"  {name}: one more {of} saves {value:,.2f} per hour")
    shown = flow.generator.dropna(subset="p_mw").sort_values("p_mw", ascending=False, kind="stable").head(top)
    records: Any = shown.to_dict("index")
    for name, unit in records.items():
        say(console, f"  {name}: {unit['p_mw']:,.4f} MW, {sentence(unit)}")


def _beside_ac(flow: FeederOptimalFlow) -> str:
    check = flow.ac_check
    assert check is not None
    if not check.converged:
        return "The AC power flow of these outputs finds no solution: do not use them."
    broken = f"; there {len(check.violations)} limits do not hold: try --rounds 5" if len(check.violations) else ""
    return (
        f"Beside the AC power flow of these outputs: voltages within {check.v_difference_pu:.4f} pu (worst at "
        f"{check.at}), losses {1000 * check.losses_mw:,.2f} kW{broken}."
    )
