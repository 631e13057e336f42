"""Services of batteries by pencil: what can be held ready, what calls move and wear, reasons, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from pytest import approx

from gridloop.errors import MissingColumn, OutOfRange
from gridloop.optimize.check import ScheduleCase, check_solution
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.services import Regulation, Reserve
from gridloop.optimize.plan import Plan
from gridloop.optimize.problems.schedule import schedule
from gridloop.testing import moment, village

Paid = Callable[..., pd.DataFrame]
# The solver keeps bounds and rows to 1e-7.
MW = 1e-6
QUIET = Regulation(energy_h=1.0, called_up=0.0, called_down=0.0)
# It can only give, and what stays is worth what its sale would bring: nothing moves for the price.
GIVES = {
    "max_charge_mw": 0.0, "max_discharge_mw": 2.0, "charge_efficiency": 1.0, "discharge_efficiency": 1.0,
    "degradation_cost": 0.0,
}  # fmt: skip


@pytest.fixture
def paid(prices) -> Paid:
    """`paid([50, 60], up=[10, 10])`: prices of energy, and of the services that are named."""

    def table(energy: list[float], fee: float = 0.0, **services: list[float]) -> pd.DataFrame:
        column = {
            "up": "regulation_up_eur_per_mw",
            "down": "regulation_down_eur_per_mw",
            "reserve": "reserve_eur_per_mw",
        }
        found = prices(energy, fee=fee)
        return found.assign(**{column[name]: np.asarray(money, dtype=float) for name, money in services.items()})

    return table


def _why(plan: Plan, quantity: str) -> str:
    return str(plan.setpoints().set_index("quantity").loc[quantity, "reason"])


def _ok(devices: list[object], prices: pd.DataFrame, plan: Plan, connection: Connection | None = None) -> bool:
    found = check_solution(ScheduleCase(devices, prices, connection), plan)
    assert found.ok, found.sentences()
    return found.ok


def test_a_direction_that_is_given_up_takes_no_offer_along(paid):
    """Without losses both directions at once are free, and the solver takes them. At rest 1 MW each way is held in
    every hour: no decision on the way there may cost any of the 2 · 30 · 24."""
    battery = Battery(
        2.0, 1.0, 1.0, charge_efficiency=1.0, discharge_efficiency=1.0, degradation_cost=0.0, early_cost=0.0,
        regulation=Regulation(0.5, 0.1, 0.1),
    )  # fmt: skip
    prices = paid([50.0] * 24, up=[30.0] * 24, down=[30.0] * 24)
    plan = schedule([battery], prices)
    assert plan.parts["regulation_up"] + plan.parts["regulation_down"] == approx(-2 * 30 * 24, abs=1e-3)
    assert _ok([battery], prices, plan)


@pytest.mark.parametrize(
    ("energy_h", "soc", "held"), [(1.0, 0.5, 2.0), (2.0, 0.5, 1.0), (1.0, 0.125, 0.5), (0.0, 0.0, 2.0)]
)
def test_as_much_is_held_ready_as_power_and_energy_allow(paid, energy_h, soc, held):
    """2 MW and 4 MWh: half full it can hold 2 MW for an hour, or 1 MW for two; 10 a MW and hour is paid."""
    battery = Battery(4.0, **GIVES, initial_soc=soc, regulation=Regulation(energy_h, 0.0, 0.0))
    prices = paid([50, 50], up=[10, 10])
    plan = schedule([battery], prices)
    assert plan.of("battery", "regulation_up_mw").tolist() == approx([held, held], abs=MW)
    assert plan.parts["regulation_up"] == approx(-20 * held, abs=1e-4)
    assert _why(plan, "regulation_up_mw") == ("held_ready" if held else "not_worth_holding")
    assert _ok([battery], prices, plan)


def test_room_is_kept_for_calls_down(paid):
    """3.5 of 4 MWh: half a MWh of room takes 0.5 MW for an hour."""
    battery = Battery(4.0, 2.0, 0.0, 1.0, 1.0, initial_soc=0.875, end_value_per_mwh=50.0, regulation=QUIET)
    prices = paid([50, 50], down=[10, 10])
    plan = schedule([battery], prices)
    assert plan.of("battery", "regulation_down_mw").tolist() == approx([0.5, 0.5], abs=MW)
    assert plan.parts["regulation_down"] == approx(-10.0)
    assert _why(plan, "regulation_up_mw") == "not_paid"
    assert _ok([battery], prices, plan)


def test_calls_move_energy_and_wear(paid):
    """1 MW held, a quarter of it called: 0.25 MWh an hour leave, 0.3125 at 80 %, sold at 50 and worn at 2."""
    battery = Battery(
        8.0, 0.0, 1.0, 1.0, 0.8, initial_soc=0.5, degradation_cost=2.0, end_value_per_mwh=40.0,
        regulation=Regulation(1.0, 0.25, 0.0),
    )  # fmt: skip
    prices = paid([50, 50], up=[100, 100])
    plan = schedule([battery], prices)
    assert plan.of("battery", "regulation_up_mw").tolist() == approx([1.0, 1.0])
    assert plan.of("battery", "p_mw").tolist() == approx([0.0, 0.0], abs=MW)
    assert plan.of("battery", "soc").tolist() == approx([3.6875 / 8, 3.375 / 8])
    assert plan.wide("export_mw")["connection"].tolist() == approx([0.25, 0.25])
    parts = {"export": -25.0, "battery_wear": 1.0, "regulation_up": -200.0, "stored_energy": -40 * 3.375}
    assert {name: plan.parts[name] for name in parts} == approx(parts)
    assert _ok([battery], prices, plan)


def test_charging_that_is_let_off_takes_nothing_out(paid):
    """Empty, it charges 1 MW at 10 and offers that up: called for a fifth of the hour, 0.8 · 0.9 MWh are stored."""
    battery = Battery(
        4.0, 1.0, 1.0, 0.9, 1.0, initial_soc=0.0, degradation_cost=0.0, regulation=Regulation(1.0, 0.2, 0.0)
    )
    prices = paid([10, 100], up=[30, 0])
    plan = schedule([battery], prices)
    assert plan.of("battery", "p_mw").iloc[0] == approx(1.0)
    assert plan.of("battery", "regulation_up_mw").iloc[0] == approx(1.0)
    assert plan.of("battery", "soc").iloc[0] == approx(0.72 / 4.0)
    assert plan.parts["import"] == approx(8.0)
    assert _ok([battery], prices, plan)


def test_what_moves_through_the_battery_by_calls_both_ways_is_lost_in_part(paid):
    """1 MW up and down at rest, a tenth each: 0.09 MWh come in, 0.1 / 0.9 go out."""
    battery = Battery(
        8.0, 1.0, 1.0, 0.9, 0.9, initial_soc=0.5, end_value_per_mwh=50.0, degradation_cost=1.0, early_cost=0.0,
        regulation=Regulation(1.0, 0.1, 0.1),
    )  # fmt: skip
    prices = paid([50], up=[40], down=[40])
    prices["import_eur_per_mwh"] += 6.0  # so that charging first does not pay
    plan = schedule([battery], prices)
    assert plan.of("battery", "p_mw").iloc[0] == approx(0.0, abs=MW)
    assert plan.of("battery", "soc").iloc[0] * 8.0 == approx(4.0 + 0.09 - 0.1 / 0.9)
    assert plan.parts["battery_wear"] == approx(0.1)
    assert plan.parts["import"] + plan.parts["export"] == approx(0.0, abs=1e-5)
    assert _ok([battery], prices, plan)


def test_reserve_is_held_beside_regulation(paid):
    """2 MW are there for both; reserve is paid better but needs an hour of energy, of which there is 1 MWh."""
    battery = Battery(
        4.0, **GIVES, initial_soc=0.25, regulation=Regulation(0.0, 0.0, 0.0), reserve=Reserve(energy_h=1.0)
    )
    prices = paid([50], up=[5], reserve=[8])
    plan = schedule([battery], prices)
    assert plan.of("battery", "reserve_mw").tolist() == approx([1.0])
    assert plan.of("battery", "regulation_up_mw").tolist() == approx([1.0])
    assert (plan.parts["reserve"], plan.parts["regulation_up"]) == (approx(-8.0), approx(-5.0))
    assert _ok([battery], prices, plan)


def test_the_connection_has_room_for_a_call_of_all(paid):
    """It could hold 2 MW; the cable takes 1.5 MW out, less the load's half MW that is served anyway."""
    battery = Battery(8.0, **GIVES, initial_soc=1.0, regulation=QUIET)
    devices = [battery, Load(np.full(2, 0.5), id="mill")]
    prices, cable = paid([50, 50], fee=1.0, up=[10, 10]), Connection(import_limit_mw=1.0, export_limit_mw=1.0)
    plan = schedule(devices, prices, connection=cable)
    held, power = plan.of("battery", "regulation_up_mw"), plan.of("battery", "p_mw")
    assert (held - power).tolist() == approx([1.5, 1.5], abs=MW)
    assert list(plan.limits["limit"]) == ["export_limit:connection"] * 2
    assert _ok(devices, prices, plan, cable)


def test_a_dear_service_keeps_it_from_trading(paid):
    """Selling 2 MWh at 60 instead of 50 would bring 20; holding them ready brings 2 · 30."""
    battery = Battery(2.0, **GIVES, initial_soc=1.0, end_value_per_mwh=50.0, regulation=QUIET)
    plan = schedule([battery], paid([60], up=[30]))
    assert plan.of("battery", "p_mw").tolist() == approx([0.0], abs=MW)
    assert _why(plan, "regulation_up_mw") == "held_ready"
    alone = schedule([battery], paid([60], up=[3]))
    assert alone.of("battery", "p_mw").tolist() == approx([-2.0])


def test_it_charges_to_be_able_to_hold_and_says_so(paid):
    """Empty at a flat price it would idle; a MWh of charge lets it hold a MW through three dear hours."""
    battery = Battery(4.0, 1.0, 1.0, 0.9, 0.9, initial_soc=0.0, end_value_per_mwh=45.0, regulation=QUIET)
    idle = Battery(4.0, 1.0, 1.0, 0.9, 0.9, initial_soc=0.0, end_value_per_mwh=45.0)
    prices = paid([50] * 4, fee=1.0, up=[0, 90, 90, 90])
    assert schedule([idle], prices).of("battery", "p_mw").tolist() == approx([0.0] * 4, abs=MW)
    plan = schedule([battery], prices)
    assert plan.of("battery", "p_mw").iloc[0] == approx(1.0)
    assert _ok([battery], prices, plan)


@pytest.mark.parametrize(
    "regulation", [Regulation(1.0, 0.0, 0.0), Regulation(0.5, 0.2, 0.1), Regulation(0.0, 0.5, 0.5)]
)
@pytest.mark.parametrize("energy", [[-50, -20, -80, -10], [-300, 40, -300, 20], [-5] * 4])
def test_negative_prices_never_make_it_burn_energy(paid, energy, regulation):
    """Neither by running both ways at once, nor by a call that discharges while there is charging to let off."""
    battery = Battery(1.0, 1.0, 1.0, 0.8, 0.8, initial_soc=0.5, degradation_cost=0.0, regulation=regulation)
    prices = paid(energy, up=[2, 20, 0, 5], down=[20, 1, 3, 0])
    plan = schedule([battery], prices)
    power, up, down = (plan.of("battery", f"{n}_mw").to_numpy() for n in ("p", "regulation_up", "regulation_down"))
    shares = (regulation.called_up, regulation.called_down, 1 - regulation.called_up - regulation.called_down)
    states = (power - up, power + down, power)
    change = sum(share * np.where(at > 0, 0.8 * at, at / 0.8) for share, at in zip(shares, states, strict=True))
    assert plan.of("battery", "soc").to_numpy() == approx(0.5 + np.cumsum(change), abs=2 * MW)
    assert _ok([battery], prices, plan)


@pytest.mark.parametrize("initial", [0.05, 0.95])
def test_found_outside_its_band_it_is_no_contradiction(paid, initial):
    battery = Battery(1.0, 1.0, 1.0, initial_soc=initial, min_soc=0.2, max_soc=0.8, regulation=Regulation())
    prices = paid([50] * 3, up=[20] * 3, down=[20] * 3)
    plan = schedule([battery], prices)
    assert plan.status == "optimal"
    assert _ok([battery], prices, plan)


def test_only_some_batteries_offer(paid):
    """One of three: the others have no rows of services, and all is checked."""
    batteries = [
        Battery(2.0, 1.0, 1.0, id="a"),
        Battery(2.0, 1.0, 1.0, id="b", regulation=Regulation()),
        Battery(2.0, 1.0, 1.0, id="c", reserve=Reserve()),
    ]
    prices = paid([20, 80, 50], up=[9, 2, 9], down=[5, 5, 5], reserve=[4, 4, 4])
    plan = schedule(batteries, prices)
    assert set(plan.wide("regulation_up_mw")) == {"b"}
    assert set(plan.wide("reserve_mw")) == {"c"}
    assert _ok(batteries, prices, plan)


def test_it_serves_in_a_network_too(paid):
    net = village()
    battery = Battery(2.0, 0.7, 0.7, id="battery", bus="mill", regulation=Regulation())
    devices = [battery, Load(np.linspace(1.5, 2.0, 3), 0.3, id="load", bus="mill")]
    prices = paid([60, 70, 90], up=[20, 20, 5], down=[10, 10, 10])
    plan = schedule(devices, prices, network=net)
    assert plan.status == "optimal"
    assert plan.wide("regulation_up_mw").to_numpy().sum() > 0.5
    assert _ok(devices, prices, plan)


def test_without_services_their_prices_change_nothing(paid):
    battery = Battery(2.0, 1.0, 1.0)
    plan = schedule([battery], paid([20, 80, 50]))
    same = schedule([battery], paid([20, 80, 50], up=[90, 90, 90]))
    pd.testing.assert_frame_equal(plan.table, same.table, check_exact=True)
    assert plan.cost == same.cost
    assert plan.parts.keys() == same.parts.keys()


def test_a_service_that_no_column_pays_is_a_misspelt_column(prices):
    table = prices([50, 60]).assign(regulation_up_eur_per_mwh=5.0)
    with pytest.raises(MissingColumn, match=r"battery offers regulation.*regulation_up_eur_per_mw or"):
        schedule([Battery(1, 1, 1, regulation=Regulation())], table)
    with pytest.raises(MissingColumn, match=r"battery offers reserve.*reserve_eur_per_mw"):
        schedule([Battery(1, 1, 1, reserve=Reserve())], table)


def test_wrong_terms_are_refused():
    with pytest.raises(OutOfRange, match="energy_h is -1"):
        Regulation(energy_h=-1.0)
    with pytest.raises(OutOfRange, match="at most 1 together"):
        Regulation(called_up=0.6, called_down=0.6)
    with pytest.raises(OutOfRange, match="energy_h is nan"):
        Reserve(energy_h=float("nan"))


def test_peak_shaving_and_own_sun(prices):
    """A contracted peak of 2 MW is kept by the battery, which fills from the sun that would be sold at 10."""
    from gridloop.optimize.devices.renewable import Renewable

    table = prices([60, 60, 60, 60])
    table["export_eur_per_mwh"] = 10.0
    battery = Battery(2.0, 1.0, 1.0, 1.0, 1.0, initial_soc=0.0, degradation_cost=0.0, end_value_per_mwh=0.0)
    devices = [
        battery, Load(np.array([1.0, 1.0, 3.0, 2.5]), id="home"), Renewable(np.array([2.0, 2.0, 0.0, 0.0]), id="roof")
    ]  # fmt: skip
    connection = Connection(contracted_peak_mw=2.0, peak_price_per_mw=500.0)
    plan = schedule(devices, table, connection=connection)
    assert plan.wide("export_mw")["connection"].tolist() == approx([0.0] * 4, abs=MW)  # all of the sun is used
    assert plan.wide("import_mw")["connection"].max() <= 2.0 + MW
    assert plan.cost == approx(60.0 * (3.0 + 2.5 - 2.0), abs=1e-2)  # the tie-break towards moving early
    assert _ok(devices, table, plan, connection)
    moments = pd.DatetimeIndex(plan.wide("p_mw").index)
    assert moments[0] == moment()
