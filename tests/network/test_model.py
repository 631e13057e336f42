"""Networks are values: types and defaults from the schema, edits that make versions, a digest of the content."""

import pickle

import numpy as np
import pandas as pd
import pytest

from gridloop.errors import BadInput, MissingColumn
from gridloop.network.model import Network
from gridloop.testing import assert_networks_equal, chain, moment, ring, two_bus, village

SAID = {"author": "ada", "time": moment(), "reason": "survey"}


def test_defaults_and_types_come_from_the_schema():
    net = Network.from_tables({"bus": [{"id": 1, "v_nom_kv": 20}]}, name="n", owner="o")
    assert net.bus.index.tolist() == ["1"] and net.bus.index.name == "id"
    assert net.bus.loc["1"].to_dict() == {
        "owner": "o", "name": "", "v_nom_kv": 20.0, "v_min_pu": 0.9, "v_max_pu": 1.1,
        "longitude_deg": pytest.approx(np.nan, nan_ok=True), "latitude_deg": pytest.approx(np.nan, nan_ok=True),
        "zone": "", "in_service": True,
    }  # fmt: skip
    assert net.line.dtypes.astype(str).to_dict()["parallel"] == "int64"
    assert net.switch.dtypes.astype(str).to_dict()["closed"] == "bool"
    assert (net.version, net.history, len(net.tables)) == (1, (), 9)


def test_text_from_a_csv_becomes_what_the_schema_says():
    bus = pd.DataFrame({"id": ["a"], "owner": ["o"], "v_nom_kv": ["20"], "in_service": ["false"], "name": [None]})
    net = Network.from_tables({"bus": bus})
    assert (
        net.bus.loc["a", "v_nom_kv"] == 20.0 and not net.bus.loc["a", "in_service"] and net.bus.loc["a", "name"] == ""
    )


def test_a_gap_in_a_float_stays_a_gap():
    """Missing is not zero: the default is for a column that is absent, not for a cell that is empty."""
    net = Network.from_tables({"generator": [{"id": "g", "bus": "b", "p_mw": None}]}, owner="o")
    assert np.isnan(net.generator.loc["g", "p_mw"])


def test_missing_column():
    with pytest.raises(MissingColumn, match="table 'line' lacks 2 of its columns: owner, x_ohm_per_km") as caught:
        row = {"id": "l", "tail_bus": "a", "head_bus": "b", "length_km": 1, "r_ohm_per_km": 1}
        Network.from_tables({"line": [row]})
    assert caught.value.facts["columns"] == ["owner", "x_ohm_per_km"]


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"cable": []}, "unknown tables: cable"),
        ({"bus": [{"id": "a", "v_nom_kv": "20 kV"}]}, "bus.v_nom_kv must be a number.*'20 kV' .ids a."),
        ({"bus": [{"id": "a", "v_nom_kv": 20, "in_service": "maybe"}]}, "bus.in_service must be true or false"),
        ({"bus": [{"id": None, "v_nom_kv": 20}]}, "1 rows without an id"),
        (
            {"transformer": [{"id": "t", "tail_bus": "a", "head_bus": "b", "s_rated_mva": 1, "v_tail_kv": 1,
                              "v_head_kv": 1, "r_pu": 0, "x_pu": 0.1, "tap_pos": 0.5}]},
            "transformer.tap_pos must be a whole number",
        ),
    ],
)  # fmt: skip
def test_values_of_the_wrong_type(tables, message):
    with pytest.raises(BadInput, match=message):
        Network.from_tables(tables, owner="o")


def test_what_was_given_is_copied():
    bus = pd.DataFrame({"owner": ["o"], "v_nom_kv": [20.0]}, index=["a"])
    net = Network.from_tables({"bus": bus})
    bus.loc["a", "v_nom_kv"] = 10.0
    assert net.bus.loc["a", "v_nom_kv"] == 20.0


def test_columns_of_the_users_own_are_kept():
    bus = [
        {"id": "a", "v_nom_kv": 20, "meters": 3, "feeder": "north", "rural": True, "height": 1.5},
    ]
    net = Network.from_tables({"bus": bus}, owner="o")
    assert net.bus.columns[-4:].tolist() == ["meters", "feeder", "rural", "height"]
    assert [str(t) for t in net.bus.dtypes.iloc[-4:]] == ["int64", "object", "bool", "float64"]


def test_the_digest_is_of_the_content():
    net = village()
    shuffled = {table: frame.iloc[::-1, ::-1] for table, frame in net.tables.items()}
    assert Network.from_tables(shuffled, name="other").digest == net.digest
    one = net.edit("load", {"mill load": {"p_mw": np.nextafter(2.0, 3.0)}}, **SAID)
    assert one.digest != net.digest, "the last bit of a number counts"
    assert one.edit("load", {"mill load": {"p_mw": 2.0}}, **SAID) == net
    moved = {**net.tables, "load": net.load.rename(index={"mill load": "x"})}
    assert Network.from_tables(moved).digest != net.digest


def test_an_edit_is_a_new_version_and_leaves_the_old_one():
    net = two_bus()
    digest = net.digest
    new = net.edit("load", {"load": {"p_mw": 50, "kind": "mill"}}, **SAID)
    assert (net.version, net.load.loc["load", "p_mw"], net.digest) == (1, 90.0, digest)
    assert (new.version, new.load.loc["load", "p_mw"], new.load["p_mw"].dtype) == (2, 50.0, float)
    (edit,) = new.history
    assert edit.changes == {"load": {"p_mw": (90.0, 50.0), "kind": ("", "mill")}}
    assert (edit.version, edit.author, edit.time, edit.reason) == (2, "ada", moment(), "survey")
    assert (edit.action, edit.table, edit.digest) == ("edit", "load", new.digest)


def test_edit_by_a_frame():
    net = chain(4)
    values = pd.DataFrame({"p_mw": [1.0, 2.0]}, index=["load 1", "load 3"])
    assert net.edit("load", values, **SAID).load["p_mw"].tolist() == [1.0, 2.0, 2.0]


def test_add_and_remove():
    net = two_bus()
    more = net.add("load", [{"id": "second", "owner": "o", "bus": "b", "p_mw": 1}], **SAID)
    assert more.load.index.tolist() == ["load", "second"] and more.load.loc["second", "in_service"]
    assert more.history[-1].changes["second"]["p_mw"] == (None, 1.0)
    less = more.remove("load", ["second"], **SAID)
    assert (less.version, less.digest) == (3, net.digest)
    assert less.history[-1].changes["second"]["bus"] == ("b", None)


def test_add_to_an_empty_table():
    net = two_bus().add("storage", pd.DataFrame({
        "id": ["s"], "owner": ["o"], "bus": ["b"], "capacity_mwh": [1.0],
        "max_charge_mw": [1.0], "max_discharge_mw": [1.0],
    }), **SAID)  # fmt: skip
    assert net.storage.loc["s", "soc"] == 0.5


def test_edits_that_cannot_be():
    net = two_bus()
    with pytest.raises(BadInput, match="table 'load' has no element lod"):
        net.edit("load", {"lod": {"p_mw": 1}}, **SAID)
    with pytest.raises(BadInput, match="no column p_kw; its columns are owner, name, bus"):
        net.edit("load", {"load": {"p_kw": 1}}, **SAID)
    with pytest.raises(BadInput, match=r"load.p_mw must be a number"):
        net.edit("load", {"load": {"p_mw": "much"}}, **SAID)
    with pytest.raises(BadInput, match="already has 1 of the ids to add: load"):
        net.add("load", [{"id": "load", "owner": "o", "bus": "b", "p_mw": 1}], **SAID)
    with pytest.raises(BadInput, match="unknown colour"):
        net.add("load", [{"id": "l2", "owner": "o", "bus": "b", "p_mw": 1, "colour": "red"}], **SAID)
    with pytest.raises(BadInput, match="no element gone"):
        net.remove("load", ["gone"], **SAID)
    with pytest.raises(BadInput, match="no table 'cable'"):
        net.remove("cable", ["gone"], **SAID)
    with pytest.raises(BadInput, match="has no zone"):
        net.edit("load", {"load": {"p_mw": 1}}, author="ada", time=pd.Timestamp("2016-07-25"), reason="x")


def test_an_edit_keeps_the_type_of_further_columns():
    net = Network.from_tables({"bus": [{"id": "a", "v_nom_kv": 20, "meters": 3, "rural": True}]}, owner="o")
    new = net.edit("bus", {"a": {"meters": 4, "rural": False}}, **SAID)
    assert new.bus.loc["a", ["meters", "rural"]].tolist() == [4, False]
    assert new.bus["meters"].dtype == "int64" and new.bus["rural"].dtype == bool
    with pytest.raises(BadInput, match="column 'meters' of table 'bus' holds int64 values"):
        net.edit("bus", {"a": {"meters": "four"}}, **SAID)


def test_energized_leaves_out_what_no_source_reaches():
    """An open line between buses 1 and 2 of the chain 0-1-2-3: 2 and 3 go, with line, switch and loads of theirs."""
    net = chain(4)
    open_switch = [{"id": "s", "owner": "o", "bus": "1", "element_kind": "line", "element": "1-2", "closed": False}]
    lit = net.add("switch", open_switch, **SAID).energized()
    assert lit.bus.index.tolist() == ["0", "1"]
    assert (lit.line.index.tolist(), lit.load.index.tolist(), len(lit.switch)) == (["0-1"], ["load 1"], 0)
    assert ring().energized() == ring()


def test_a_network_says_what_it_is():
    assert repr(two_bus()) == "<Network 'two bus', version 1: 2 in bus, 1 in line, 1 in load, 1 in source>"
    assert repr(Network.from_tables({})) == "<Network '', version 1: empty>"


def test_networks_travel_between_processes():
    net = village().edit("load", {"mill load": {"p_mw": 1.0}}, **SAID)
    assert_networks_equal(pickle.loads(pickle.dumps(net)), net)
