"""Set-points and powers of a schedule in words."""

import pytest

from gridloop.operate.plots.schedule_words import in_words, money_part, scale, setpoint_in_words


@pytest.mark.parametrize(
    ("mw", "unit", "said"),
    [
        (1.25, "MW", "1.250 MW"),
        (0.851, "MW", "851 kW"),
        (0.0204, "MW", "20.4 kW"),
        (0.0012, "MWh", "1.20 kWh"),
        (-0.5, "MW", "−500 kW"),
        (0.0, "MW", "0.00 kW"),
        (float("nan"), "MW", "–"),
        (21.4, "°C", "21.400 °C"),
    ],
)
def test_small_powers_are_told_in_kilowatts(mw, unit, said):
    assert in_words(mw, unit) == said


@pytest.mark.parametrize(
    ("quantity", "value", "said"),
    [
        ("heat_mw", -0.012, ("cold", "12.0 kW")),
        ("heat_mw", 0.012, ("heat", "12.0 kW")),
        ("on", 1.0, ("runs", "yes")),
        ("begins", 0.0, ("begins now", "no")),
        ("reserve_mwh", 0.632, ("energy kept", "632 kWh")),
        ("p_mw", 2.0, ("power", "2.000 MW")),
        ("tap_pos", 3.0, ("tap position", "3.000")),
        ("soc", 0.5, ("state of charge", "50.0 %")),
    ],
)
def test_a_set_point_is_told_as_what_it_does(quantity, value, said):
    assert setpoint_in_words(quantity, value) == said


def test_axes_and_money():
    assert scale(0.99) == (1e3, "kW") and scale(1.0) == (1.0, "MW")
    assert money_part("building_outside") == "rooms outside their band of comfort"
    assert money_part("battery_wear") == "battery wear"
