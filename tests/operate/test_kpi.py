"""Key figures that a pencil checks: two intervals of half an hour and of a quarter, round numbers."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from gridloop.operate.kpi import INTERVAL_PARTS, Inventory, cost_parts, interval_cost, key_figures, marginal_price
from gridloop.operate.settings import SiteSettings, site_from_dict

NOTHING_HELD = Inventory(0.0, 0.0, 0.0, 0.0, 100.0)


def settings(**sections: object) -> SiteSettings:
    base = {"name": "x", "network": "n", "profiles": "p", "timezone": "UTC", "day": dt.date(2016, 7, 25)}
    money = {
        "curtailment_cost": 100.0,
        "reactive_cost": 0.5,
        "degradation_cost": 5.0,
        "tap_move_cost": 2.0,
        "value_of_lost_load": 10_000.0,
    }
    return site_from_dict({**base, "devices": money, "ev": {"value_of_lost_charge": 5_000.0}, **sections})


def two_ticks() -> pd.DataFrame:
    """Half an hour that imports 4 MW, then a quarter of an hour that exports 2 MW."""
    return pd.DataFrame(
        {
            "hours": [0.5, 0.25],
            "import_mw": [4.0, 0.0],
            "export_mw": [0.0, 2.0],
            "price_import_eur_per_mwh": [100.0, 80.0],
            "price_export_eur_per_mwh": [70.0, 40.0],
            "losses_mw": [0.2, 0.4],
            "curtailed_mw": [0.0, 1.0],
            "unserved_mw": [0.02, 0.0],
            "discharged_mwh": [0.0, 0.3],
            "reactive_mvarh": [2.0, 0.0],
            "tap_moves": [1.0, 2.0],
            "ev_short_mwh": [0.0, 0.001],
            "voltage_violations": [3, 0],
            "overloads": [0, 1],
            "co2_t": [1.054, 0.0],
        }
    )


def test_the_cost_of_an_interval_by_part():
    """Imported: 0.5 h · 4 MW · 100 = 200. Sold: 0.25 h · 2 MW · 40 = 20."""
    first, second = (interval_cost(row, settings()) for row in two_ticks().to_dict("records"))
    assert first == {
        "energy": 200.0,
        "battery_wear": 0.0,
        "curtailment": 0.0,
        "reactive_power": 1.0,  # 2 Mvarh · 0.5
        "tap_moves": 2.0,
        "unserved": 100.0,  # 0.5 h · 0.02 MW · 10 000
        "ev_short": 0.0,
    }
    assert second == {
        "energy": -20.0,
        "battery_wear": 1.5,  # 0.3 MWh · 5
        "curtailment": 25.0,  # 0.25 h · 1 MW · 100
        "reactive_power": 0.0,
        "tap_moves": 4.0,
        "unserved": 0.0,
        "ev_short": 5.0,  # 0.001 MWh · 5000
    }
    assert tuple(first) == INTERVAL_PARTS


def test_the_key_figures_of_a_day():
    figures = key_figures(two_ticks(), settings(), NOTHING_HELD)
    assert figures.pop("cost_eur") == pytest.approx(303.0 + 15.5)
    assert figures == pytest.approx(
        {
            "import_mwh": 2.0,
            "export_mwh": 0.5,
            "peak_import_mw": 4.0,
            "losses_mwh": 0.2,  # 0.5 h · 0.2 + 0.25 h · 0.4
            "curtailed_mwh": 0.25,
            "unserved_mwh": 0.01,
            "ev_short_mwh": 0.001,
            "voltage_violations": 3,
            "overloads": 1,
            "co2_t": 1.054,
        }
    )


def test_the_parts_add_up_to_the_cost():
    held = Inventory(2.0, 1.0, 0.0, 0.5, 80.0, 0.81)
    site = settings(connection={"contracted_peak_mw": 3.0, "peak_price_per_mw": 50.0})
    parts = cost_parts(two_ticks(), site, held)
    assert sum(parts.values()) == pytest.approx(key_figures(two_ticks(), site, held)["cost_eur"])
    assert list(parts) == [*INTERVAL_PARTS, "peak", "inventory"]


@pytest.mark.parametrize(("contracted", "cost"), [(None, 0.0), (3.0, 50.0), (4.0, 0.0), (0.0, 200.0)])
def test_only_what_is_above_the_contracted_peak_is_paid(contracted: float | None, cost: float):
    """4 MW at most; 50 EUR per MW above what was contracted; nothing where nothing was."""
    connection = {"peak_price_per_mw": 50.0} | ({} if contracted is None else {"contracted_peak_mw": contracted})
    assert cost_parts(two_ticks(), settings(connection=connection), NOTHING_HELD)["peak"] == cost


def test_a_battery_that_ends_emptier_must_take_it_back_with_its_losses():
    """1 MWh is missing; of what the grid gives 0.9 arrives (0.9 · 0.9 = 0.81 both ways): 1/0.9 MWh at 90 EUR = 100."""
    held = Inventory(2.0, 1.0, 0.0, 0.0, 90.0, 0.81)
    assert cost_parts(two_ticks(), settings(), held)["inventory"] == pytest.approx(100.0)


def test_a_battery_that_ends_fuller_gives_less_than_it_holds():
    """1 MWh more; 0.9 of it reaches the grid: worth 81 EUR. Full and back again is no gain."""
    held = Inventory(1.0, 2.0, 0.0, 0.0, 90.0, 0.81)
    assert cost_parts(two_ticks(), settings(), held)["inventory"] == pytest.approx(-81.0)


def test_energy_owed_to_vehicles_must_be_bought_tomorrow():
    """0.2 MWh were owed in the morning, 0.5 at midnight: 0.3 MWh at 90 EUR."""
    held = Inventory(1.0, 1.0, 0.2, 0.5, 90.0, 0.81)
    assert cost_parts(two_ticks(), settings(), held)["inventory"] == pytest.approx(27.0)


def test_the_marginal_price_weighs_hours_and_looks_at_the_direction():
    """Half an hour at the import price 100, a quarter at the export price 40: (2 · 100 + 40) / 3."""
    assert marginal_price(two_ticks()) == pytest.approx(80.0)
