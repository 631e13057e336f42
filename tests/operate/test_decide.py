"""Decisions: the ladder of what to do when planning fails, and which rows of a plan are sent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_site import write_small_site

from gridloop.diagnosis import Diagnosis
from gridloop.errors import OutOfRange
from gridloop.forecast.value import Forecast
from gridloop.operate.decide import decide as module
from gridloop.operate.decide.decide import NOTHING, Decision, decide, fall_back, to_setpoints
from gridloop.operate.decide.known import Known, block_mean, fine_grid, horizon_of
from gridloop.operate.loop import known_from_json, known_json
from gridloop.operate.records import setpoint_rows
from gridloop.operate.run import Prepared, prepare
from gridloop.operate.settings import SiteSettings, read_site
from gridloop.operate.site import Setpoints, Status, empty_sessions
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.plan import COLUMNS, Plan

NOON = pd.Timestamp("2016-07-25 10:00", tz="UTC")
MINUTE = pd.Timedelta(minutes=1)
Row = tuple[str, str, str, float, str]
FIRST: list[Row] = [
    ("b", "battery", "p_mw", 1.0, "charge_low_price"),
    ("b", "battery", "soc", 0.6, ""),
    ("car", "ev", "p_mw", 0.011, "deadline"),
    ("sun", "renewable", "p_mw", 3.0, "curtail_limit"),
    ("sun", "renewable", "q_mvar", -0.5, "lower_voltage"),
    ("wind", "renewable", "p_mw", 2.0, "available"),
    ("wind", "renewable", "q_mvar", 0.0, "hold_unity"),
    ("house", "load", "unserved_mw", 0.0, "serve"),
    ("farm", "load", "unserved_mw", 0.2, "shed"),
    ("taps of T1 + T2", "tap", "tap_pos", -2.0, "raise_voltage"),
    ("connection", "connection", "import_mw", 4.0, ""),
]


def interval(at: pd.Timestamp, hours: float, rows: list[Row]) -> pd.DataFrame:
    """Rows of a plan for one interval."""
    table = pd.DataFrame(rows, columns=["device", "kind", "quantity", "value", "reason"])
    return table.assign(bus="B", valid_at=at, hours=hours, binding="", shadow_price=np.nan)[COLUMNS]


def two_intervals() -> pd.DataFrame:
    """A plan made at noon: a quarter of an hour, then an hour in which everything is half as large."""
    later = [(device, kind, quantity, value / 2, "") for device, kind, quantity, value, _ in FIRST]
    return pd.concat([interval(NOON, 0.25, FIRST), interval(NOON + 15 * MINUTE, 1.0, later)], ignore_index=True)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> SiteSettings:
    return read_site(write_small_site(tmp_path_factory.mktemp("site")))


@pytest.fixture(scope="module")
def day(settings: SiteSettings) -> Prepared:
    return prepare(settings)


def known_at(at: pd.Timestamp, previous: pd.DataFrame | None, prepared: Prepared | None = None) -> Known:
    """What is known at a moment: a forecast of 1 MW for every group, no vehicles, one price."""
    blocks = ((4, 15), (11, 60), (4, 180))
    grid = fine_grid(at, blocks, 15)
    points = ["group:a/p_mw"] if prepared is None else list(prepared.groups.kind)
    values = np.tile(np.array([0.9, 1.0, 1.1])[:, None, None], (1, len(grid), len(points)))
    prices = pd.DataFrame({"import_eur_per_mwh": 100.0, "export_eur_per_mwh": 60.0}, index=grid)
    status = Status(at, {"battery2": 0.5, "battery3": 0.5}, {"T": 0}, empty_sessions())
    forecast = Forecast.from_arrays(at, points, grid, values, dict.fromkeys(points, "test"))
    return Known(3, at, forecast, {}, status, prices, previous)


# ----- which rows are sent -----------------------------------------------------------------------------


def test_setpoints_are_the_rows_of_now():
    sent = to_setpoints(two_intervals(), NOON)
    assert sent.battery_mw == {"b": 1.0}
    assert sent.ev_mw == {"car": 0.011}
    assert sent.tap_pos == {"T1": -2, "T2": -2}
    assert to_setpoints(two_intervals(), NOON + 15 * MINUTE).battery_mw == {"b": 0.5}
    assert to_setpoints(two_intervals(), NOON + 5 * MINUTE) == Setpoints()


def test_only_what_is_told_to_hold_back_gets_a_limit():
    """The wind may give more than was forecast; what is served and what keeps unity power factor needs no word."""
    sent = to_setpoints(two_intervals(), NOON)
    assert sent.generator_max_mw == {"sun": 3.0}
    assert sent.generator_q_mvar == {"sun": -0.5}
    assert sent.unserved_mw == {"farm": 0.2}


def test_every_row_that_is_sent_keeps_its_reason():
    decision = Decision(3, NOON, two_intervals(), to_setpoints(two_intervals(), NOON), "incumbent")
    rows = setpoint_rows(decision).set_index(["device", "quantity"])
    assert rows["reason"].to_dict() == {
        ("b", "p_mw"): "charge_low_price",
        ("car", "p_mw"): "deadline",
        ("sun", "max_p_mw"): "curtail_limit",
        ("sun", "q_mvar"): "lower_voltage",
        ("farm", "unserved_mw"): "shed",
        ("T1", "tap_pos"): "raise_voltage",
        ("T2", "tap_pos"): "raise_voltage",
    }
    assert rows.loc[("T2", "tap_pos"), "value"] == -2.0


# ----- the ladder ---------------------------------------------------------------------------------------


def test_without_any_plan_the_safe_state_is_sent(settings: SiteSettings):
    decision = fall_back(settings, known_at(NOON, None), ())
    assert (decision.rung, decision.setpoints, len(decision.table)) == ("safe", Setpoints(), 0)
    assert decision.table.dtypes.equals(two_intervals().dtypes)
    assert decision.notes[-1][:2] == ("degraded", "safe")
    assert setpoint_rows(decision).empty


@pytest.mark.parametrize(("minutes", "battery"), [(0, 1.0), (15, 0.5), (45, 0.5), (74, 0.5)])
def test_last_good_is_what_the_plan_had_foreseen_for_now(settings: SiteSettings, minutes: int, battery: float):
    """10:00 is in the first interval, 10:15 to 11:14 in the second, whatever the time that has passed since."""
    at = NOON + minutes * MINUTE
    decision = fall_back(settings, known_at(at, two_intervals()), (("degraded", "plan", "no solution"),))
    assert decision.rung == "last_good"
    assert decision.setpoints.battery_mw == {"b": battery}
    assert set(decision.table["valid_at"]) == {at}
    assert set(decision.table["hours"]) == {0.25}
    assert set(decision.table["reason"]) == {"last_good"}
    assert decision.notes == (
        ("degraded", "plan", "no solution"),
        ("degraded", "last_good", f"last_good: plan is {minutes} min old"),
    )


def test_last_good_limits_only_what_was_curtailed(settings: SiteSettings):
    """Of the sun 3.0, then 1.5 MW were wanted; the wind's 2.0 and 1.0 MW were a forecast, no wish."""
    decision = fall_back(settings, known_at(NOON + 15 * MINUTE, two_intervals()), ())
    assert decision.setpoints.generator_max_mw == {"sun": 1.5}
    assert decision.setpoints.generator_q_mvar == {"sun": -0.25}
    assert set(setpoint_rows(decision)["reason"]) == {"last_good"}


def test_a_plan_at_its_end_is_held(settings: SiteSettings):
    decision = fall_back(settings, known_at(NOON + 75 * MINUTE, two_intervals()), ())
    assert decision.rung == "persistence"
    assert decision.setpoints.battery_mw == {"b": 0.5}
    assert decision.notes[-1] == ("degraded", "persistence", "persistence: plan is 75 min old")


def test_a_plan_that_raises_is_replaced(day: Prepared, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object, **__: object) -> Plan:
        raise OutOfRange("Battery b: soc is 2.")

    monkeypatch.setattr(module, "schedule", broken)
    decision = decide(day.network, day.groups, day.settings, known_at(NOON, two_intervals(), day))
    assert decision.rung == "last_good"
    assert decision.notes[0] == ("degraded", "plan", "OutOfRange: Battery b: soc is 2.")


def test_a_plan_without_a_solution_is_replaced_and_the_diagnosis_kept(day: Prepared, monkeypatch: pytest.MonkeyPatch):
    why = Diagnosis("infeasible", ["battery b cannot hold so much."], "Lower min_soc.")

    def unsolved(*_: object, horizon: Horizon, **__: object) -> Plan:
        return Plan(horizon, NOTHING, float("nan"), {}, pd.DataFrame(), {}, "infeasible", why)

    monkeypatch.setattr(module, "schedule", unsolved)
    decision = decide(day.network, day.groups, day.settings, known_at(NOON, None, day))
    assert decision.rung == "safe"
    assert decision.notes[0] == ("degraded", "plan", str(why))


def test_a_plan_that_breaks_its_first_interval_is_made_again_with_more_room(
    day: Prepared, monkeypatch: pytest.MonkeyPatch
):
    rooms: list[float] = []

    def planned(network: object, groups: object, settings: SiteSettings, known: Known, room: float) -> Plan:
        rooms.append(room)
        check = pd.DataFrame([{"voltage_violations": int(room < 2.0), "overloads": 0}])
        horizon = horizon_of(known.at, settings.loop.horizon)
        return Plan(horizon, two_intervals(), 1.0, {}, check, {}, "optimal", rounds=2)

    monkeypatch.setattr(module, "_plan", planned)
    decision = decide(day.network, day.groups, day.settings, known_at(NOON, None, day))
    assert rooms == [1.0, 2.0]
    assert decision.rung == "incumbent"
    assert [note[0] for note in decision.notes] == ["repair"]
    assert decision.check["voltage_violations"] == 0


def test_limits_that_gave_way_are_named_and_not_planned_again(day: Prepared, monkeypatch: pytest.MonkeyPatch):
    def planned(network: object, groups: object, settings: SiteSettings, known: Known, room: float) -> Plan:
        check = pd.DataFrame([{"voltage_violations": 1, "overloads": 0}])
        horizon = horizon_of(known.at, settings.loop.horizon)
        return Plan(horizon, two_intervals(), 1.0, {}, check, {"voltage_max:B3": 0.4}, "optimal")

    monkeypatch.setattr(module, "_plan", planned)
    decision = decide(day.network, day.groups, day.settings, known_at(NOON, None, day))
    assert decision.notes == (("limit_gave_way", "voltage_max:B3", "voltage_max:B3 is exceeded by 0.4"),)
    assert decision.gave_way == {"voltage_max:B3": 0.4}


def test_the_safe_state_is_planned_upon_again(day: Prepared):
    """What a safe tick leaves behind must not trip the next plan."""
    decision = decide(day.network, day.groups, day.settings, known_at(NOON, NOTHING, day))
    assert decision.rung == "incumbent"


# ----- what is known -------------------------------------------------------------------------------------


def test_known_survives_json(day: Prepared):
    at = day.times[40]
    s = day.sessions.iloc[:2][["bus", "arrival", "departure", "energy_mwh", "max_charge_mw"]]
    known = known_at(at, None, day)
    known = replace(known, reactive={"group:load:town/p_mw": 0.2}, status=replace(known.status, sessions=s))
    again = known_from_json(known_json(known), 3, known.forecast, None)
    pd.testing.assert_frame_equal(again.status.sessions, s, check_exact=True)
    pd.testing.assert_frame_equal(again.prices, known.prices, check_exact=True, check_freq=False, check_names=False)
    assert (again.at, again.reactive, again.status.soc) == (known.at, known.reactive, known.status.soc)


def test_block_means_are_over_the_fine_intervals_of_each():
    """Two quarters, then an hour of 3, 4, 5, 6: its mean is 4.5."""
    values = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    assert block_mean(values, ((2, 15), (1, 60)), 15).tolist() == [1.0, 2.0, 4.5]


def test_the_horizon_and_its_fine_grid_cover_the_same_time():
    blocks = ((2, 15), (1, 60))
    grid, horizon = fine_grid(NOON, blocks, 15), horizon_of(NOON, blocks)
    assert list(grid) == [NOON + 15 * k * MINUTE for k in range(6)]
    assert [*horizon.starts] == [NOON, NOON + 15 * MINUTE, NOON + 30 * MINUTE]
    assert horizon.hours.sum() == pytest.approx(len(grid) / 4)


def test_settings_of_the_small_site_are_those_of_these_tests(settings: SiteSettings):
    assert settings.loop.horizon == ((4, 15), (11, 60), (4, 180))
    assert Path(settings.folder).is_absolute()
