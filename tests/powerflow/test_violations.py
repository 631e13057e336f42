"""Violations: which limits do not hold, the worst first."""

import math

from pytest import approx

from gridloop.powerflow.flow import power_flow
from gridloop.powerflow.violations import COLUMNS
from gridloop.testing import moment, two_bus, village

SAID = {"author": "ada", "time": moment(), "reason": "test"}


def test_a_low_voltage_and_an_overload_the_worst_first():
    """0.9 pu where 0.95 is allowed is 5.3 % off; 1 pu of current through a line for 0.8 pu is 25 % too much."""
    amperes = 100 / math.sqrt(3) / 10
    net = two_bus(r=0.1, load=0.9).edit("bus", {"b": {"v_min_pu": 0.95}}, **SAID)
    found = power_flow(net.edit("line", {"a-b": {"i_max_ka": 0.8 * amperes}}, **SAID)).violations()
    assert found.columns.tolist() == COLUMNS
    assert found[["kind", "id", "quantity"]].to_numpy().tolist() == [
        ["line", "a-b", "loading_pct"],
        ["bus", "b", "v_pu"],
    ]
    numbers = found[["value", "limit", "excess", "severity_pct"]].to_numpy().tolist()
    assert numbers[0] == approx([125, 100, 25, 25], abs=1e-5)
    assert numbers[1] == approx([0.9, 0.95, 0.05, 100 * 0.05 / 0.95], abs=1e-5)


def test_a_high_voltage():
    net = two_bus(load=-1.1).edit("bus", {"b": {"v_max_pu": 1.05}}, **SAID)
    found = power_flow(net).violations()
    assert found["id"].tolist() == ["b"] and found["limit"].tolist() == [1.05]
    assert found["excess"].iloc[0] == approx(0.05, abs=1e-6)  # v (v − 1) = 0.11: 1.1 pu


def test_a_transformer_is_judged_by_its_plate():
    net = village().edit("transformer", {"T1": {"s_max_mva": 0.1}}, **SAID)
    found = power_flow(net).violations()
    assert found[["kind", "id"]].to_numpy().tolist() == [["transformer", "T1"]]


def test_a_limit_met_exactly_holds_and_rounding_breaks_none():
    net = two_bus(r=0.1, load=0.9).edit("bus", {"a": {"v_max_pu": 1.0}, "b": {"v_min_pu": 0.9}}, **SAID)
    found = power_flow(net).violations()
    assert found.empty and found.columns.tolist() == COLUMNS


def test_what_is_not_supplied_breaks_no_limit():
    net = two_bus().edit("line", {"a-b": {"in_service": False}}, **SAID)
    assert power_flow(net).violations().empty
