"""Laws that hold for every feeder: balance, rotation, relabelled phases, order of rows, and Kirchhoff on the tables."""

import cmath
import math

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx
from small_feeders import ladder, load, transformer, winding

from gridloop.network.feeder.model import Feeder, terminals
from gridloop.powerflow.feeder.flow import feeder_power_flow

# A few times the solver's 1e-10, as powers and differences add up several voltages.
CLOSE = 3e-9
SEEDS = st.integers(0, 2**32 - 1)
# The flow of a few dozen nodes takes tens of milliseconds.
few = settings(max_examples=8, deadline=None, derandomize=True)


def phasors(flow) -> pd.Series:
    return flow.bus["v_pu"] * np.exp(1j * np.deg2rad(flow.bus["angle_deg"]))


def drawn(row, volts: list[complex]) -> list[complex]:
    """Currents into the terminals of a load, straight from the definition of its shares. [kA]"""
    ends = terminals(row["phases"])
    pairs = [(k, None) for k in range(len(ends))]
    rated = row["v_rated_kv"] / (math.sqrt(3) if row["connection"] == "wye" and len(ends) > 1 else 1.0)
    if row["connection"] == "delta":
        pairs = [(0, 1)] if len(ends) == 2 else [(k, (k + 1) % 3) for k in range(3)]
    into = [0j] * len(ends)
    for a, b in pairs:
        u = volts[a] - (volts[b] if b is not None else 0)
        v = abs(u) / rated
        p = row["p_mw"] / len(pairs) * (row["p_impedance"] * v * v + row["p_current"] * v + row["p_power"])
        q = row["q_mvar"] / len(pairs) * (row["q_impedance"] * v * v + row["q_current"] * v + row["q_power"])
        i = (complex(p, q) / u).conjugate()
        into[a] += i
        if b is not None:
            into[b] -= i
    return into


def left_over(feeder: Feeder, flow) -> float:
    """Largest current that no element takes at a node other than the source's, element by element in plain Python."""
    v = phasors(flow).to_dict()
    base = {bus: kv / math.sqrt(3) for bus, kv in feeder.bus["v_nom_kv"].items()}
    volts = {(bus, phase): u * base[bus] for (bus, phase), u in v.items()}
    balance = dict.fromkeys(volts, 0j)
    for _, row in feeder.line[feeder.line["closed"]].iterrows():
        of = feeder.line_code[feeder.line_code["code"] == row["code"]]
        ends = terminals(row["tail_phases"])
        z, b = np.zeros((len(ends),) * 2, complex), np.zeros((len(ends),) * 2)
        for _, e in of.iterrows():
            for i, j in ((e["row"] - 1, e["column"] - 1), (e["column"] - 1, e["row"] - 1)):
                z[i, j], b[i, j] = complex(e["r_ohm_per_km"], e["x_ohm_per_km"]), e["b_us_per_km"] * 1e-6
        tail = np.array([volts[row["tail_bus"], t] for t in ends])
        head = np.array([volts[row["head_bus"], t] for t in terminals(row["head_phases"])])
        through = np.linalg.solve(z * row["length_km"], tail - head)
        for k, t in enumerate(ends):
            balance[row["tail_bus"], t] += through[k] + (0.5j * row["length_km"] * b @ tail)[k]
            balance[row["head_bus"], t] += -through[k] + (0.5j * row["length_km"] * b @ head)[k]
    for _, row in feeder.load.iterrows():
        ends = terminals(row["phases"])
        for t, i in zip(ends, drawn(row, [volts[row["bus"], t] for t in ends]), strict=True):
            balance[row["bus"], t] += i
    return max(abs(i) for (bus, _), i in balance.items() if bus != feeder.source["bus"].iloc[0])


@few
@given(SEEDS, st.booleans())
def test_kirchhoff_element_by_element(seed, meshed):
    feeder = ladder(np.random.default_rng(seed), meshed=meshed)
    flow = feeder_power_flow(feeder)
    assert flow.converged
    # Admittances reach 100 S, and errors of voltage 1e-10.
    assert left_over(feeder, flow) < 1e-7


@few
@given(SEEDS, st.booleans())
def test_sources_give_what_loads_and_losses_take(seed, meshed):
    flow = feeder_power_flow(ladder(np.random.default_rng(seed), meshed=meshed))
    assert abs(flow.source["p_mw"].sum() - flow.load["p_mw"].sum() - flow.losses_mw) < CLOSE
    assert abs(flow.losses_mw - flow.line["losses_mw"].sum()) < CLOSE


@few
@given(SEEDS, st.floats(-180.0, 180.0))
def test_turning_the_source_turns_every_angle(seed, angle):
    feeder = ladder(np.random.default_rng(seed))
    still, turned = (feeder_power_flow(f) for f in (feeder, feeder.edit("source", {"s": {"angle_deg": angle}})))
    turn = cmath.rect(1.0, math.radians(angle))
    assert np.abs(phasors(turned) - turn * phasors(still)).max() < CLOSE
    assert np.abs(turned.load["p_mw"] - still.load["p_mw"]).max() < CLOSE


@few
@given(SEEDS)
def test_phases_are_only_names(seed):
    """Phases 1, 2, 3 called 2, 3, 1, with the source turned to match: the same feeder."""
    feeder = ladder(np.random.default_rng(seed))
    new = {1: 2, 2: 3, 3: 1}

    def renamed(frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
        return frame.assign(**{c: [".".join(str(new[t]) for t in terminals(x)) for x in frame[c]] for c in columns})

    # Terminals of the source stay in order, so that its first phase is the one now called 1: the old third.
    tables = {
        **feeder.tables,
        "bus": renamed(feeder.bus, "phases"),
        "line": renamed(feeder.line, "tail_phases", "head_phases"),
        "load": renamed(feeder.load, "phases"),
        "source": feeder.source.assign(angle_deg=120.0),
    }
    before, after = phasors(feeder_power_flow(feeder)), phasors(feeder_power_flow(Feeder.from_tables(tables)))
    for (bus, phase), u in before.items():
        assert abs(after[bus, new[phase]] - u) < CLOSE


@few
@given(SEEDS)
def test_the_order_of_rows_does_not_count(seed):
    rng = np.random.default_rng(seed)
    feeder = ladder(rng)
    mixed = {name: frame.sample(frac=1.0, random_state=rng.integers(2**31)) for name, frame in feeder.tables.items()}
    a, b = phasors(feeder_power_flow(feeder)), phasors(feeder_power_flow(Feeder.from_tables(mixed)))
    assert np.abs(a - b.reindex(a.index)).max() < CLOSE


@few
@given(SEEDS, st.floats(0.1, 0.9))
def test_a_load_in_two_parts_is_one_load(seed, share):
    feeder = ladder(np.random.default_rng(seed))
    parts = [
        feeder.load.assign(p_mw=feeder.load["p_mw"] * s, q_mvar=feeder.load["q_mvar"] * s) for s in (share, 1 - share)
    ]
    parts[1].index = [f"{i} too" for i in parts[1].index]
    split = Feeder.from_tables({**feeder.tables, "load": pd.concat(parts)})
    assert np.abs(phasors(feeder_power_flow(feeder)) - phasors(feeder_power_flow(split))).max() < CLOSE


@few
@given(SEEDS)
def test_a_fixed_tap_is_a_transformer(seed):
    """A unit that a control may move, and does not, flows as the transformer it is."""
    rng = np.random.default_rng(seed)
    feeder = ladder(rng)
    tap, moved = 1.0 + 0.00625 * int(rng.integers(-16, 17)), int(rng.integers(1, 3))
    far = [winding("t", k + 1, ("b0", "far")[k], "1", (1.0, 1.1)[k], r_pct=0.5) for k in (0, 1)]
    far[moved - 1]["tap_pu"] = tap
    rows = {name: frame.reset_index().to_dict("records") for name, frame in feeder.tables.items()}
    rows["bus"].append({"id": "far", "phases": "1", "v_nom_kv": 2.0})
    rows["load"].append(load("heavy", "far", 0.4, 0.1, v_rated_kv=1.1))
    rows |= {"transformer": [transformer("t", 1, 2.0, antifloat_ppm=3.0)], "winding": far}
    regulated = Feeder.from_tables({**rows, "regulator": [{"id": "r", "transformer": "t", "winding": moved}]})
    fixed = regulated.edit("regulator", {"r": {"in_service": False}})
    one, other = (feeder_power_flow(f, controls=False) for f in (regulated, fixed))
    assert np.abs(phasors(one) - phasors(other)).max() < CLOSE
    # A regulator's loading leaves out the few millionths to ground.
    assert one.transformer.loc["t"].to_numpy() == approx(other.transformer.loc["t"].to_numpy(), rel=1e-5)
