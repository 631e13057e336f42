"""Sensitivities of three-phase feeders against differences of exact flows, and places where devices can stand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pytest import approx
from three_phase_street import street

from gridloop.errors import BadInput, UnsuppliedBus
from gridloop.io.read import read_network
from gridloop.network.feeder.model import Feeder
from gridloop.optimize.devices.group import TapTerm
from gridloop.optimize.physics.feeder_point import FeederPoint
from gridloop.optimize.physics.feeder_state import FeederState

# MW: differences from both sides are right to its square, and losses among switches of 1e8 per unit to 1e-8 MW.
STEP = 3e-3


def state_of(feeder: Feeder, buses: list[str], powers: list[complex]) -> tuple[FeederState, np.ndarray]:
    grid = FeederState(feeder)
    grid.prepare(buses)
    injection = np.zeros((grid.n_entries, 1), dtype=complex)
    grid.entries_of(buses).put(injection, -np.array(powers)[:, None])
    return grid, injection


def test_voltages_of_a_pencil():
    """1 Ω, 10 kV: u solves u (1 − u) · 100 = s per unit, so 9 MW leave u = 0.9 in their phase and 1 in the others."""
    grid, injection = state_of(street(), ["home.2"], [9.0])
    point = grid.at(grid.solve(injection, {}))
    named = dict(zip(grid.node_ids, point.v[:, 0], strict=True))
    assert named["home.2"] == approx(0.9, abs=1e-9)
    assert named["home.1"] == named["home.3"] == approx(1.0)
    assert point.losses_mw[0] == approx(1.0, abs=1e-8)  # (9 / 0.9)² / 100


def test_no_solution_is_said_with_the_share_that_has_one():
    """At most 25 MW go over this line: u = 1/2."""
    grid, injection = state_of(street(), ["home.2"], [50.0])
    solved = grid.solve(injection, {})
    assert not solved.converged.any()
    facts = grid.failure(solved, injection).facts
    assert facts["load_scale"][0] == approx(0.5, abs=0.01)
    assert facts["buses"][0][0] in ("home.2", "neighbour.2")


@pytest.fixture(scope="module")
def thirteen(data_dir: Path) -> tuple[FeederState, np.ndarray]:
    """IEEE 13: delta-wye, one- and two-phase laterals, regulators, capacitors, loads of both connections."""
    feeder = read_network(data_dir / "feeders/13Bus/IEEE13Nodeckt.dss")
    assert isinstance(feeder, Feeder)
    feeder = feeder.edit("line", {"650632": {"i_max_ka": 0.6}, "671680": {"i_max_ka": 0.2}})
    buses = ["671.1-2.2-3.3-1", "646.2-3", "652.1", "611.3", "675.1.2.3", "634", "670.1.2", "680.2"]
    return state_of(feeder, buses, [1.1 + 0.5j, 0.2 + 0.1j, 0.1 + 0.08j, 0.15, 0.6 + 0.3j, 0.3 + 0.2j, 0.2, 0.1])


def moved(
    grid: FeederState, injection: np.ndarray, place: int, by: complex, taps: dict[str, np.ndarray]
) -> FeederPoint:
    other = injection.copy()
    other[place] += by
    return grid.at(grid.solve(other, taps))


@pytest.mark.data
@pytest.mark.parametrize("by", [1.0, 1j])
def test_every_quantity_answers_as_differences_say(thirteen: tuple[FeederState, np.ndarray], by: complex):
    grid, injection = thirteen
    taps = {f"reg{k}": np.array([4.0 + k]) for k in (1, 2, 3)}
    point = grid.at(grid.solve(injection, taps))
    nodes = np.array([list(grid.node_ids).index(n) for n in ("671.1", "652.1", "611.3")])
    branches = np.array([list(grid.branch_ids).index(n) for n in ("650632.1", "671680.2", "xfm1.2", "reg2")])
    voltages = point.voltage_limits((nodes, np.zeros(3, dtype=int)))
    loadings = point.loading_limits((branches, np.zeros(4, dtype=int)), 100.0)
    part = 1 if by == 1j else 0
    rows = [(p.to_p, p.to_q)[part] for p in (point.loss_rows(), voltages.tangent([]), loadings.tangent([]))]
    for place in grid.busy:
        up, down = (moved(grid, injection, place, sign * STEP * by, taps) for sign in (1, -1))
        assert rows[0][0, place] == approx((up.losses_mw - down.losses_mw)[0] / (2 * STEP), abs=2e-5)
        dv = (up.v - down.v)[nodes, 0] / (2 * STEP)
        assert rows[1][:, place] == approx(dv, abs=1e-6)
        di = (up.loading - down.loading)[branches, loadings.end, 0] / (2 * STEP)
        assert rows[2][:, place] == approx(di, abs=2e-3, rel=2e-4)


@pytest.mark.data
def test_a_tap_answers_as_differences_say(thirteen: tuple[FeederState, np.ndarray]):
    grid, injection = thirteen
    taps = {f"reg{k}": np.array([4.0 + k]) for k in (1, 2, 3)}
    point = grid.at(grid.solve(injection, taps))
    nodes = np.array([list(grid.node_ids).index(n) for n in ("671.1", "671.2")])
    branches = np.array([list(grid.branch_ids).index(n) for n in ("650632.1", "reg1")])
    term = [TapTerm(np.zeros((1, 1), dtype=int), [("reg1",)])]
    voltages = point.voltage_limits((nodes, np.zeros(2, dtype=int)))
    loadings = point.loading_limits((branches, np.zeros(2, dtype=int)), 100.0)
    up, down = (moved(grid, injection, 0, 0.0, taps | {"reg1": taps["reg1"] + d}) for d in (0.5, -0.5))
    assert voltages.tangent(term).to_tap[0][:, 0] == approx((up.v - down.v)[nodes, 0], abs=2e-6)
    di = (up.loading - down.loading)[branches, loadings.end, 0]
    assert loadings.tangent(term).to_tap[0][:, 0] == approx(di, abs=5e-3)


def test_places_are_named_as_in_opendss():
    grid = FeederState(street())
    grid.prepare(["home.1-2"])
    names = [*grid.node_ids[:9]]
    entry = grid.entries_of(["home", "home.2", "home.1.3", "home.1-2.3"])
    at = [[names[k] if k < 9 else "pair" for k in entry.at[entry.row == row]] for row in range(4)]
    assert at == [["home.1", "home.2", "home.3"], ["home.2"], ["home.1", "home.3"], ["pair", "home.3"]]
    assert [entry.share[entry.row == row].tolist() for row in range(4)] == [[1 / 3] * 3, [1.0], [0.5] * 2, [0.5] * 2]


@pytest.mark.parametrize("bus", ["nowhere", "home.4", "home.1.1", "home.x", "home.1-1", "home.", "HOME"])
def test_a_bus_or_terminal_that_is_not_there_is_named(bus: str):
    with pytest.raises(BadInput, match=r"1 buses of devices are not in the feeder") as caught:
        FeederState(street()).prepare(["home", bus])
    assert caught.value.facts["buses"] == [bus]
    if bus.startswith("home"):
        assert "terminals 1.2.3" in str(caught.value)


def test_a_device_without_a_path_to_a_source_is_named():
    dark = street().edit("line", {"short": {"closed": False}})
    with pytest.raises(UnsuppliedBus, match=r"neighbour\.2"):
        FeederState(dark).prepare(["home", "neighbour.2"])


def test_only_regulators_have_taps_to_move():
    with pytest.raises(BadInput, match="no regulator in the feeder"):
        FeederState(street()).present_tap("long")
