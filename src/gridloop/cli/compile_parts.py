"""Small calls that have every kernel compiled: each part of the library used once, on grids of a few nodes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

import gridloop as gl
from gridloop import testing
from gridloop.units import FloatArray

# Loads of a small grid, from none to far beyond what it can carry: easy scenarios, hard ones, and some that fail.
_FACTORS = np.linspace(0.0, 60.0, 64)
_STREET = """Clear
New Circuit.street basekv=11 pu=1.02 bus1=grid mvasc3=100 mvasc1=80
New Transformer.station phases=3 windings=2 xhl=4 buses=(grid joint0) conns=(delta wye) kvs=(11 0.4) kvas=(250 250)
New Transformer.regulator phases=3 windings=2 xhl=1 buses=(joint0 joint1) conns=(wye wye) kvs=(0.4 0.4) kvas=(250 250)
New RegControl.regulator transformer=regulator winding=2 vreg=117 band=1 ptratio=2
New Line.cable bus1=joint1 bus2=joint2 length=0.2 units=km r1=0.32 x1=0.08 r0=0.6 x0=0.25 c1=10 c0=5
New Load.home bus1=joint2.1 phases=1 kv=0.231 kw=8 kvar=2
New Load.shop bus1=joint2.2.3 phases=1 conn=delta kv=0.4 kw=8 kvar=2
New Load.school bus1=joint2 phases=3 kv=0.4 kw=20 kvar=5
Set voltagebases=[11 0.4]
CalcVoltageBases
"""


def networks() -> None:
    """Power flows of a network, with scenarios of every key that needs a kernel of its own."""
    net = testing.village()
    p_mw = np.outer(_FACTORS, net.load["p_mw"])
    gl.power_flows(net, {"load.p_mw": p_mw})
    gl.power_flows(net, {"load.p_mw": p_mw, "line.in_service": _one_out(net)}, reactive_limits=True)
    gl.power_flows(net, {"load.p_mw": p_mw}, distributed_slack={"source": 0.5, "farm roof": 0.5})
    held = net.edit(
        "generator", {"farm roof": {"regulates_voltage": True, "v_set_pu": 1.0, "q_min_mvar": -0.5, "q_max_mvar": 0.5}},
        author="gridloop compile", time=testing.moment(), reason="a machine that holds its voltage",
    )  # fmt: skip
    machines = (("source", len(held.source)), ("generator", len(held.generator)))
    v_set = {f"{table}.v_set_pu": np.full((len(_FACTORS), count), 1.01) for table, count in machines}
    gl.power_flows(held, {"load.p_mw": p_mw, **v_set}, reactive_limits=True, start="mean")


def outages() -> None:
    """Contingencies."""
    # The larger load is all but what the ring carries: some cases need a matrix of their own.
    for load in (0.3, 1.4):
        gl.contingencies(testing.ring(6, load=load))
        gl.contingencies(testing.ring(6, load=load), order=2)


def feeders() -> None:
    """Flows of a three-phase feeder, with and without moving regulators."""
    feeder = _street()
    p_mw = np.outer(0.05 * _FACTORS, feeder.load["p_mw"])
    for controls in (False, True):
        gl.power_flows(feeder, {"load.p_mw": p_mw}, controls=controls)


def studies() -> None:
    """Samplers and reducers."""
    net = testing.village()
    sizes = pd.DataFrame(np.abs(np.random.default_rng(0).normal(size=(50, 2))), columns=net.load.index)
    seen = (gl.Range(), gl.Quantiles(), gl.Violations(0.9, 1.1), gl.WorstK(2), gl.Converged())
    branches = (gl.Range("loading_pct"), gl.Violations(0.9, 1.1, 100.0))
    for sampler in (
        gl.Independent({"load.p_mw": gl.Uniform(0.5, 1.5)}),
        gl.Independent({"load.p_mw": gl.Normal(1.0, 0.1), "load.q_mvar": gl.LogNormal(1.0, 0.1)}),
        gl.GaussianCopula.from_data("load.p_mw", sizes),
    ):
        for kept in (seen, branches):
            gl.simulate(net, sampler, 64, kept, threads=1)
    day = np.ones(24)
    adoption = gl.Adoption(cases=2, profile=day, sun=day, pv_share=0.5, ev_share=0.5, noise_sd=0.1)
    gl.simulate(_street(), adoption, None, (*seen, gl.HostingCapacity(adoption.levels)), threads=1)


def optimal_flows() -> None:
    """Optimal power flow on the AC equations."""
    gl.optimal_power_flow(testing.village(), physics="ac")


def commitments() -> None:
    """Unit commitment of two units."""
    unit = {
        "p_min_mw": 20.0, "p_max_mw": 100.0, "ramp_up_mw_per_h": 80.0, "ramp_down_mw_per_h": 80.0, "start_max_mw": 50.0,
        "stop_max_mw": 50.0, "min_up_h": 2, "min_down_h": 2, "on_before": False, "hours_before": 10,
        "p_before_mw": 0.0, "must_run": False,
    }  # fmt: skip
    rows = [{"id": name, **unit} for name in ("coal", "gas")]
    none = pd.DataFrame(index=range(4))
    gl.commit_units(
        gl.UnitSystem(
            unit=pd.DataFrame(rows).set_index("id"),
            cost=pd.DataFrame(
                [("coal", 20.0, 400.0), ("coal", 100.0, 2000.0), ("gas", 20.0, 900.0), ("gas", 100.0, 5000.0)],
                columns=["unit", "p_mw", "cost_per_h"],
            ),
            start=pd.DataFrame([("coal", 2, 100.0), ("gas", 2, 50.0)], columns=["unit", "off_h", "cost"]),
            demand_mw=pd.Series([30.0, 60.0, 130.0, 60.0]),
            reserve_mw=pd.Series(np.full(4, 5.0)),
            regulation_mw=pd.Series(np.zeros(4)),
            renewable_min_mw=none,
            renewable_max_mw=none,
        )
    )


def flexibility() -> None:
    """Batteries at given prices, their ageing, and a fleet behind a limit."""
    hours = pd.date_range("2026-01-01", periods=48, freq="h", tz="UTC")
    prices = pd.Series(np.where(np.arange(48) % 5, 100.0, -50.0), index=hours)
    power = gl.battery_schedules([gl.Battery(size, 1.0, 1.0, id=str(size)) for size in (1.0, 2.0)], prices)
    gl.battery_ageing(power.energy_mwh.iloc[:, 0])
    sessions = pd.DataFrame(
        {"bus": "", "arrival": hours[2], "departure": hours[9], "energy_mwh": [0.02, 0.04], "max_charge_mw": 0.01},
        index=["one", "two"],
    )
    gl.charge_fleet(sessions, prices, limit_mw=0.015)
    gl.charge_fleet(sessions, prices)


def _one_out(net: gl.Network) -> FloatArray:
    """[scenario, line]: the last line out in every other scenario."""
    in_service = np.ones((len(_FACTORS), len(net.line)), dtype=bool)
    in_service[::2, -1] = False
    return in_service


def _street() -> gl.Feeder:
    with tempfile.TemporaryDirectory() as folder:
        case = Path(folder) / "street.dss"
        case.write_text(_STREET)
        feeder = gl.read_network(case)
    assert isinstance(feeder, gl.Feeder)
    return feeder


PARTS: dict[str, Callable[[], None]] = {
    part.__name__.replace("_", "-"): part
    for part in (outages, feeders, networks, studies, optimal_flows, commitments, flexibility)
}
"""The parts by name; the longest first, so that processors end together."""
