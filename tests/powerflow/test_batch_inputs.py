"""What scenarios may look like, and what is said of those that do not fit: one line, with the number and what to do."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from pytest import approx
from random_grids import random_grid

from gridloop.errors import BadInput, OutOfRange
from gridloop.network.model import Network
from gridloop.powerflow.batch import power_flows
from gridloop.powerflow.scenarios import read_scenarios
from gridloop.testing import chain, two_bus, village

LOAD = np.array([[1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 1.0], [0.0, 0.0, 5.0, 0.0]])
IDS = [f"load {k}" for k in range(1, 5)]


def bits(values, **options):
    return power_flows(chain(5), {"load.p_mw": values}, **options).v_node.view(np.int64)


@pytest.mark.parametrize(
    "values",
    [
        np.asfortranarray(LOAD),
        LOAD.tolist(),
        LOAD.astype(int),
        LOAD.astype(np.float32),
        LOAD.astype(">f8"),
        np.repeat(LOAD, 2, axis=1)[:, ::2],
        pd.DataFrame(LOAD, columns=IDS),
        pd.DataFrame(LOAD[:, ::-1], columns=IDS[::-1]),
        pd.DataFrame(LOAD, columns=IDS).astype({"load 1": int}),
        pd.DataFrame(LOAD, columns=IDS).convert_dtypes(),
        xr.DataArray(LOAD.T, [("load", IDS), ("scenario", [0, 1, 2])]),
        xr.DataArray(LOAD, dims=("scenario", "load")),
    ],
    ids=lambda v: f"{type(v).__name__} {getattr(v, 'dtype', '')}",
)
def test_the_same_numbers_in_any_shape(values):
    """Whole numbers are exact in every type, so the voltages are the same to the last bit."""
    assert np.array_equal(bits(values), bits(LOAD))


def test_floats_are_looked_at_where_they_stand():
    for values in (LOAD, np.asfortranarray(LOAD), LOAD.astype(np.float32), pd.DataFrame(LOAD, columns=IDS)):
        part = read_scenarios(chain(5), {"load.p_mw": values}).part("load.p_mw")
        assert np.shares_memory(part.values, np.asarray(values))
    assert read_scenarios(chain(5), {"load.p_mw": LOAD}).between(1, 3).part("load.p_mw").values.base is not None


def test_some_elements_only():
    """What no column names stays as in the tables."""
    net = chain(5)
    some = power_flows(net, {"load.p_mw": pd.DataFrame({"load 3": [1.0, 2.0]}, index=["low", "high"])})
    whole = np.repeat(net.load["p_mw"].to_numpy()[None], 2, axis=0)
    whole[:, 2] = [1.0, 2.0]
    assert np.array_equal(some.v_node, power_flows(net, {"load.p_mw": whole}).v_node)
    assert some.status.index.tolist() == ["low", "high"] and some.v_pu["scenario"].values.tolist() == ["low", "high"]


def test_switching_elements_is_setting_them_to_nothing():
    net = random_grid(8, 4)
    rng = np.random.default_rng(0)
    for table in ("load", "storage"):
        on = rng.random((6, len(net.tables[table]))) < 0.6
        p, q = (np.where(on, net.tables[table][c].to_numpy(), 0.0) for c in ("p_mw", "q_mvar"))
        switched = power_flows(net, {f"{table}.in_service": on})
        emptied = power_flows(net, {f"{table}.p_mw": p, f"{table}.q_mvar": q})
        assert switched.v_node == approx(emptied.v_node, abs=1e-9)


def test_a_load_that_is_off_may_come_in():
    net = chain(3)
    net = Network.from_tables({**net.tables, "load": net.load.assign(in_service=[True, False])})
    on = np.array([[True, True], [True, False], [False, False]])
    flows = power_flows(net, {"load.in_service": on})
    assert flows.source_p_mw.values[0] == approx([4, 2, 0], abs=0.02)  # 2 MW each, and losses
    assert flows.v_node[:, 0] == approx(power_flows(chain(3), {"load.in_service": on}).v_node[:, 0], abs=1e-9)


def test_taps_and_set_points():
    """The busbar of a transformer with more turns at its tail stands lower; the source's set-point moves everything."""
    taps = power_flows(village(), {"transformer.tap_pos": np.array([[-2], [0], [2]])})
    busbar = taps.v_pu.sel(bus="busbar").values
    assert busbar[0] > busbar[1] > busbar[2]
    held = power_flows(two_bus(load=0.0), {"source.v_set_pu": np.array([[0.95], [1.05]])})
    assert held.v_pu.values == approx(np.array([[0.95, 1.05]] * 2), abs=1e-9)


def machines(on):
    rows = [{"id": i, "bus": "1", "owner": "o", "regulates_voltage": True, "in_service": k, "v_set_pu": v}
            for i, k, v in (("g", True, 1.0), ("h", on, 1.0))]  # fmt: skip
    return Network.from_tables({**chain(3).tables, "generator": rows})


@pytest.mark.parametrize(
    ("net", "scenarios", "says"),
    [
        (chain(5), {}, "give at least one quantity"),
        (chain(5), [1, 2], "not list"),
        (chain(5), {"load.p": LOAD}, "1 quantities cannot be set by scenarios: load.p. Can be set: load.p_mw"),
        (chain(5), {"bus.v_nom_kv": LOAD}, "cannot be set by scenarios: bus.v_nom_kv"),
        (chain(5), {"load.p_mw": LOAD[:, :3]}, r"with 4 columns, one for each load; got \(3, 3\)"),
        (chain(5), {"load.p_mw": LOAD[0]}, r"got \(4,\)"),
        (chain(5), {"load.p_mw": 5.0}, r"got \(\)"),
        (chain(5), {"load.p_mw": [["a", "b", "c", "d"]]}, "expected real numbers"),
        (chain(5), {"load.p_mw": LOAD + 1j}, "expected real numbers.*complex"),
        (chain(5), {"load.p_mw": pd.DataFrame({"load 1": ["x"]})}, "expected real numbers"),
        (chain(5), {"load.p_mw": pd.DataFrame({"load 9": [1.0]})}, "1 columns name no load: load 9. The network has 4"),
        (chain(5), {"load.p_mw": pd.DataFrame([[1.0, 2.0]], columns=["load 1", "load 1"])}, "1 columns stand twice"),
        (chain(5), {"load.p_mw": LOAD, "load.q_mvar": LOAD[:2]}, "counts differ: load.p_mw 3, load.q_mvar 2"),
        (
            chain(5),
            {"load.p_mw": pd.DataFrame(LOAD, list("abc"), IDS), "load.q_mvar": pd.DataFrame(LOAD, list("acb"), IDS)},
            "first in row 1: b and c. Bring the rows into one order",
        ),
        (chain(5), {"load.p_mw": pd.DataFrame(LOAD, list("aba"), IDS)}, "1 scenarios stand twice: a"),
        (chain(5), {"load.p_mw": xr.DataArray(LOAD, dims=("time", "load"))}, "expected the dimensions scenario and"),
        (village(), {"transformer.tap_pos": [[12]]}, r"1 leave tap_min to tap_max in some scenario \(ids T1\)"),
        (chain(5), {"source.v_set_pu": [[-1.0]]}, r"1 leave 0 to 2 pu in some scenario \(ids source\)"),
        (machines(False), {"generator.in_service": [[1, 1]]}, "1 machines that hold a voltage are out.*: h. Put them"),
        (
            Network.from_tables({**chain(3).tables, "line": chain(3).line.assign(in_service=[True, False])}),
            {"line.in_service": [[1, 1]]},
            "line.in_service: 1 are out of service in the network and cannot come in: 1-2",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said_in_one_line(net, scenarios, says):
    with pytest.raises(BadInput, match=says) as error:
        power_flows(net, scenarios)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("options", [{"keep": "all"}, {"start": "flat"}])
def test_options_that_do_not_exist(options):
    with pytest.raises(BadInput, match="keep is 'v' or None, start 'tables' or 'mean'"):
        power_flows(chain(3), {"load.p_mw": [[1.0, 1.0]]}, **options)


def test_a_number_out_of_range_is_of_its_own_kind():
    with pytest.raises(OutOfRange):
        power_flows(chain(3), {"source.v_set_pu": [[3.0]]})


def test_two_machines_at_a_node_hold_it_in_turn():
    """h holds its own set-point where g is out; nobody does where both are."""
    net = machines(True)
    on = np.array([[1, 1], [0, 1], [1, 0], [0, 0]])
    set_points = np.array([[1.02, 0.98]] * 4)
    flows = power_flows(net, {"generator.in_service": on, "generator.v_set_pu": set_points})
    free = power_flows(chain(3), {"load.p_mw": chain(3).load["p_mw"].to_numpy()[None]}).v_pu.values[1, 0]
    assert flows.v_pu.sel(bus="1").values == approx([1.02, 0.98, 1.02, free], abs=1e-9)
