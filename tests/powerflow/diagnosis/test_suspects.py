"""Impedances that stand out are named, with what is typical of their voltage level."""

from bad_inputs import changed
from pytest import approx

from gridloop.powerflow.diagnosis import suspicious_impedances
from gridloop.powerflow.flow import power_flow
from gridloop.testing import chain, village


def test_ordinary_grids_have_none():
    assert suspicious_impedances(chain(8)).empty and suspicious_impedances(village()).empty


def test_one_line_a_thousand_times_the_others():
    net = changed(chain(8), "line", "x_ohm_per_km", 10.0, 3)
    (row,) = suspicious_impedances(net).to_dict("records")
    assert (row["kind"], row["id"], row["what"]) == ("line", "3-4", "impedance")
    assert row["value"] == approx(10, rel=1e-3) and row["typical"] == approx(0.01 * 2**0.5)


def test_what_is_odd_by_itself():
    net = changed(changed(chain(8), "line", "x_ohm_per_km", 1e-4, 2), "line", "x_ohm_per_km", -0.005, 5)
    found = suspicious_impedances(net).set_index("id")
    assert found.loc["2-3", "what"] == "r_over_x" and found.loc["2-3", "value"] == approx(100)
    assert found.loc["5-6", "what"] == "negative_x"
    assert suspicious_impedances(changed(net, "line", "in_service", False, None)).empty


def test_a_flow_that_fails_names_them():
    net = changed(chain(8), "line", "x_ohm_per_km", 100.0, 3)
    diagnosis = power_flow(net).diagnosis
    assert "1 impedance stands out: line 3-4 (impedance 1e+02, typical 0.014)." in str(diagnosis)
    assert diagnosis.facts["suspicious_impedances"][0]["id"] == "3-4"
