"""Values as OpenDSS writes them, and impedances as it derives them."""

import cmath
import math

import pytest
from pytest import approx

from gridloop.errors import BadInput
from gridloop.io.opendss_source import source_impedance, switch_impedance
from gridloop.io.opendss_values import given, last_of, number, numbers, truth


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3.0),
        (4, 4.0),
        (" .5 ", 0.5),
        ("(8 1000 /)", 0.008),
        ("0.00625 12 * 1 +", 1.075),
        ("1.051 0.88 0.001 3 * - - 115 12.47 / sqr *", (1.051 - (0.88 - 0.003)) * (115 / 12.47) ** 2),
        ("2 3 ^", 8.0),
        ("16 sqrt", 4.0),
        ("4 inv", 0.25),
    ],
)
def test_numbers_and_sums(text, value):
    assert number(text) == approx(value)


@pytest.mark.parametrize("text", ["", "one", "1 2", "1 +", "1 0 /"])
def test_what_is_no_number(text):
    with pytest.raises(BadInput, match="reverse Polish"):
        number(text)


def test_lists_truth_and_properties():
    assert numbers("[0.6, 1.2 1.2]") == [0.6, 1.2, 1.2] and numbers((1, 2)) == [1.0, 2.0]
    assert [truth(x) for x in ("yes", "True", "1", "no", "False", "n", False, True)] == [True] * 3 + [False] * 4 + [
        True
    ]
    assert last_of([["R", "1"], ["x", "2"], ["r", "3"]]) == {"r": "3", "x": "2"}
    assert given({"r": "3"}, "r", 1.0) == 3.0 and given({}, "r", 1.0) == 1.0


def test_a_source_by_its_short_circuit_power():
    """|Z₁| carries the three-phase fault, |2 Z₁ + Z₀| / 3 that of one phase; X/R of 4 and 3."""
    z1, z0 = source_impedance({"mvasc3": "20000", "mvasc1": "21000"}, 115.0)
    assert abs(z1) == approx(115.0**2 / 20000)
    assert (z1.imag / z1.real, z0.imag / z0.real) == (approx(4.0), approx(3.0))
    assert 3 * (115e3 / math.sqrt(3)) / abs(2 * z1 + z0) == approx(21000e6 / (math.sqrt(3) * 115e3))


def test_a_source_by_its_short_circuit_current():
    z1, z0 = source_impedance({"isc3": "3000", "isc1": "5"}, 11.0)
    assert abs(z1) == approx(11e3 / math.sqrt(3) / 3000)
    assert 3 * (11e3 / math.sqrt(3)) / abs(2 * z1 + z0) == approx(5.0)


def test_a_source_by_its_impedances():
    assert source_impedance({"r1": "0", "x1": "0.001", "r0": "0", "x0": "0.002"}, 115.0) == (0.001j, 0.002j)
    # The zero sequence that is not written follows from the default fault of one phase, 2100 MVA.
    z1, z0 = source_impedance({"r1": "0.1", "x1": "0.2"}, 115.0)
    assert z1 == complex(0.1, 0.2)
    assert 3 * (115e3 / math.sqrt(3)) / abs(2 * z1 + z0) == approx(2100e6 / (math.sqrt(3) * 115e3))


def test_switches_start_at_a_thousandth():
    assert switch_impedance({}) == (approx(0.001 + 0.001j), approx(0.001 + 0.001j))
    z1, z0 = switch_impedance({"r1": "1e-3", "x1": "0", "r0": "2e-3", "x0": "0"})
    assert cmath.isclose(z1, 1e-6) and cmath.isclose(z0, 2e-6)
