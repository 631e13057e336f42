"""Feeders as values: defaults, edits, terminals, nominal voltages, and findings about wrong tables."""

import math

import pytest
from pytest import approx
from small_feeders import load, regulated, three_phase, two_nodes

from gridloop.errors import BadInput, MissingColumn
from gridloop.network import schema
from gridloop.network.feeder.check import check_feeder
from gridloop.network.feeder.model import PREFIX, TABLES, Feeder, terminals
from gridloop.network.feeder.voltages import carry_voltages


@pytest.mark.parametrize("table", TABLES)
def test_the_schema_is_consistent(table):
    attributes = schema.attributes(PREFIX + table)
    assert list(attributes)[:2] == ["id", "owner"]
    for a in attributes.values():
        assert a.description and a.description[0].isupper() and not a.description.endswith("."), a.name
        assert a.references == "" or a.references.removeprefix(PREFIX) in TABLES, a.name
        assert a.references == "" or TABLES.index(a.references.removeprefix(PREFIX)) < TABLES.index(table)
        assert not (a.required and a.default), a.name
        assert a.type not in ("int", "bool") or a.default is not None, a.name


def test_defaults_and_types():
    feeder = two_nodes(0.1, [load("d", "b", 1.0)])
    assert feeder.load.loc["d", ["connection", "in_service"]].tolist() == ["wye", True]
    assert feeder.line.loc["ab", "closed"] and math.isnan(feeder.line.loc["ab", "i_max_ka"])
    assert len(feeder.transformer) == 0 and feeder.winding["number"].dtype == "int64"
    assert "2 in bus" in repr(feeder) and feeder.frequency_hz == 60.0


def test_owners():
    feeder = Feeder.from_tables({"bus": [{"id": "a", "phases": "1", "v_nom_kv": 1.0}]}, owner="utility")
    assert feeder.bus.loc["a", "owner"] == "utility"


def test_unknown_tables_and_missing_columns():
    with pytest.raises(BadInput, match="unknown tables: fuse"):
        Feeder.from_tables({"fuse": []})
    with pytest.raises(MissingColumn, match="v_nom_kv"):
        Feeder.from_tables({"bus": [{"id": "a", "phases": "1"}]})


def test_an_edit_is_another_feeder():
    before = two_nodes(0.1, [load("d", "b", 1.0)])
    after = before.edit("load", {"d": {"p_mw": 2, "in_service": False}})
    assert (before.load.loc["d", "p_mw"], after.load.loc["d", "p_mw"]) == (1.0, 2.0)
    assert after.load["in_service"].dtype == bool and not after.load.loc["d", "in_service"]


@pytest.mark.parametrize(
    ("table", "values", "told"),
    [
        ("fuse", {}, "no table 'fuse'"),
        ("load", {"e": {"p_mw": 1.0}}, "has no e"),
        ("load", {"d": {"p_kw": 1.0}}, "has no p_kw"),
        ("load", {"d": {"p_mw": "much"}}, "must be a number"),
    ],
)
def test_edits_that_cannot_be(table, values, told):
    with pytest.raises(BadInput, match=told):
        two_nodes(0.1, [load("d", "b", 1.0)]).edit(table, values)


def test_terminals():
    assert terminals("1.3.0") == (1, 3, 0)
    with pytest.raises(BadInput, match="numbers joined by dots"):
        terminals("1,2")


def test_nominal_voltages_follow_the_ratios():
    found = carry_voltages(
        {"s": 115.0}, [("a", "b"), ("c", "d"), ("x", "y")], [("s", 115.0, "a", 12.5), ("b", 7.2, "c", 0.12)]
    )
    assert found == {"s": 115.0, "a": 12.5, "b": 12.5, "c": approx(12.5 / 60), "d": approx(12.5 / 60)}


def test_a_sound_feeder_has_no_findings():
    assert not check_feeder(three_phase(1, [])).all


@pytest.mark.parametrize(
    ("table", "row", "values", "code", "column"),
    [
        ("line", "ab", {"tail_bus": "x"}, "dangling_reference", "tail_bus"),
        ("line", "ab", {"length_km": -1.0}, "out_of_range", "length_km"),
        ("line", "ab", {"kind": "cable"}, "not_allowed", "kind"),
        ("load", "d", {"q_mvar": float("nan")}, "missing_value", "q_mvar"),
        ("load", "d", {"v_rated_kv": 0.0}, "out_of_range", "v_rated_kv"),
        ("source", "s", {"angle_deg": 400.0}, "out_of_range", "angle_deg"),
    ],
)
def test_findings(table, row, values, code, column):
    feeder = two_nodes(0.1, [load("d", "b", 1.0)]).edit(table, {row: values})
    (found,) = check_feeder(feeder).all
    assert (found.code, found.table, found.column, found.ids) == (code, table, column, (row,))


def test_out_of_service_is_not_looked_at():
    feeder = two_nodes(0.1, [load("d", "b", 1.0)]).edit("load", {"d": {"p_mw": float("nan"), "in_service": False}})
    assert not check_feeder(feeder).all


def test_ids_used_twice():
    (found,) = check_feeder(two_nodes(0.1, [load("d", "b", 1.0), load("d", "b", 2.0)])).all
    assert (found.code, found.ids) == ("duplicate_id", ("d",))


def test_a_terminal_named_twice():
    (found,) = check_feeder(two_nodes().edit("bus", {"b": {"phases": "1.1"}})).all
    assert (found.code, found.ids) == ("duplicate_terminal", ("b",))


@pytest.mark.parametrize(("tap_pu", "findings"), [(1.0625, 0), (1.0313, 0), (1.06, 1)])
def test_a_tap_between_steps(tap_pu, findings):
    found = check_feeder(regulated([], tap_pu=tap_pu))
    assert len(found.warnings) == findings and not found.errors
