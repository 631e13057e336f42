"""The loop and faulty meters: a planted fault ends in a named fallback that says what was seen; a clean day in none."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_site import write_small_site

from gridloop.errors import OutOfRange
from gridloop.forecast.direct.forecaster import MODEL, DirectForecaster
from gridloop.forecast.value import Forecast
from gridloop.operate.decide.known import fine_grid
from gridloop.operate.groups import capacities, place
from gridloop.operate.loop import TickReport
from gridloop.operate.outlook import Note, Outlook
from gridloop.operate.prepare import Prepared, prepare
from gridloop.operate.replay import replay_tick
from gridloop.operate.run import operate, resume_run
from gridloop.operate.settings import DrillSettings, SiteSettings, read_site
from gridloop.operate.simulated import SimulatedSite
from gridloop.operate.site import Setpoints
from gridloop.telemetry.store import open_store

TOWN, FARM = "group:load:town/p_mw", "group:load:farm/p_mw"
SUN, WIND = "group:solar:PV/p_mw", "group:wind:WP/p_mw"
HOURS = 16  # that a day goes on before the forecast is looked at


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """It need not be good here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DirectForecaster, "least_issues", 400)
        patch.setattr(DirectForecaster, "most_rows", 3000)
        yield


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> SiteSettings:
    """A village with eleven weeks of history, hour by hour, and forecasters that learn."""
    folder = tmp_path_factory.mktemp("guarded")
    return read_site(write_small_site(folder, step_min=60, sessions=0, history_days=80, sway=0.15, model="lightgbm"))


@pytest.fixture(scope="module")
def day(settings: SiteSettings) -> Prepared:
    return prepare(settings)


def learned(day: Prepared) -> Outlook:
    outlook = Outlook(day.settings, day.groups, capacities(day.network, day.groups), place(day.network))
    outlook.fit(day.past.power, day.times[0])
    return outlook


@pytest.fixture(scope="module")
def outlook(day: Prepared) -> Outlook:
    return learned(day)


def course(day: Prepared, **drill: object) -> Iterator[tuple[pd.Timestamp, pd.DataFrame]]:
    """What is known of every group at each hour of a day with a fault in its readings."""
    settings = replace(day.settings, drill=DrillSettings(**drill))  # type: ignore[arg-type]
    site = SimulatedSite(day.network, day.profiles, day.sessions, settings, day.times)
    past = copy.deepcopy(day.past)
    for at in day.times:
        past.learn(site.readings(at))
        yield at, past.power
        site.apply(Setpoints(), at)


def after(day: Prepared, outlook: Outlook, *, until: int = HOURS, **drill: object) -> tuple[Forecast, list[Note]]:
    """The forecast of a day that went on for so many hours with a fault in its readings."""
    at, power = next(islice(course(day, **drill), until, None))
    return outlook.look(power, at, fine_grid(at, day.settings.loop.horizon, 60))


def test_a_clean_day_is_forecast_by_the_models_themselves(day: Prepared, outlook: Outlook):
    """And the same bits as without a guard."""
    forecast, notes = after(day, outlook)
    assert set(forecast.model) == {MODEL}
    assert notes == []
    at, power = next(islice(course(day), HOURS, None))
    delay = pd.Timedelta(minutes=61)
    plain = outlook._model.predict(power[power.index + delay <= at], at, forecast.valid_at)
    pd.testing.assert_frame_equal(forecast.quantiles, plain.quantiles, check_exact=True)


def test_no_hour_of_a_clean_day_raises_an_alarm(day: Prepared, outlook: Outlook):
    for at, power in course(day):
        assert outlook.look(power, at, fine_grid(at, day.settings.loop.horizon, 60))[1] == [], at


@pytest.mark.parametrize(
    ("fault", "since", "hours", "words"),
    [
        ("missing", 10, 8, "10 of the 168 values of the last week are missing"),  # the newest is on its way
        ("stale", 8, 8, "nothing came for the last 8 h"),
        ("frozen", 8, 8, "repeated for 6 h"),  # of seven that came the first one may be true
        ("unit", 8, 8, "times what is usual at these hours"),
    ],
)
def test_a_fault_of_the_loads_meters_is_named(
    day: Prepared, outlook: Outlook, fault: str, since: int, hours: int, words: str
):
    """Meters of all loads, for eight hours; sun and wind are forecast as ever."""
    forecast, notes = after(day, outlook, fault=fault, elements="load*", start_h=HOURS - since, hours=hours)
    stands_in = f"persistence:week ({fault} input)"
    assert forecast.model[TOWN] == forecast.model[FARM] == stands_in
    assert forecast.model[SUN] == forecast.model[WIND] == MODEL
    assert [(kind, point) for kind, point, _ in notes] == [("degraded", FARM), ("degraded", TOWN)]
    for _, _, text in notes:
        assert text.startswith(f"forecast by {stands_in}: ")
        assert words in text


def test_what_stands_in_is_the_week_before(day: Prepared, outlook: Outlook):
    forecast, _ = after(day, outlook, fault="unit", elements="load*", start_h=HOURS - 8, hours=8)
    ahead = forecast.valid_at[:12]
    week = day.past.power[TOWN].reindex(ahead - pd.Timedelta(days=7)).to_numpy()
    assert np.allclose(forecast.p50().loc[ahead, TOWN], week, rtol=1e-12)


@pytest.mark.parametrize("fault", ["missing", "stale", "frozen", "unit"])
def test_a_fault_of_the_wind_farms_meter_is_named(day: Prepared, outlook: Outlook, fault: str):
    forecast, notes = after(
        day, outlook, fault=fault, elements="wind", start_h=HOURS - 11, hours=9 if fault == "missing" else 11
    )
    assert f"({fault} input)" in forecast.model[WIND]
    assert [point for _, point, _ in notes] == [WIND]


def test_one_meter_of_a_group_is_enough(day: Prepared, outlook: Outlook):
    """load2 is a part of the town: in another unit it is the town that is not believed."""
    forecast, _ = after(day, outlook, fault="unit", elements="load2", start_h=HOURS - 6, hours=6)
    assert forecast.model[TOWN] == "persistence:week (unit input)"
    assert forecast.model[FARM] == MODEL


@pytest.mark.parametrize("fault", ["late", "early"])
def test_stamps_that_went_off_days_ago_are_found(settings: SiteSettings, fault: str):
    """Within the history: the shift began four days before the day."""
    drill = DrillSettings(fault, "load*", -96.0, 24.0 * 6)
    day = prepare(replace(settings, drill=drill))
    forecast, notes = after(day, learned(day), until=3, **vars(drill))
    assert forecast.model[TOWN] == forecast.model[FARM] == "persistence:week (shifted input)"
    assert all(f"the stamps look an hour {fault}" in text for _, _, text in notes)
    assert forecast.model[WIND] == MODEL


def test_a_short_fault_is_left_out_and_told_while_it_lasts(day: Prepared, outlook: Outlook):
    forecast, notes = after(day, outlook, fault="unit", elements="load*", start_h=HOURS - 2, hours=2)
    assert forecast.model[TOWN] == MODEL
    assert [kind for kind, _, _ in notes] == ["mended", "mended"]
    assert all(text.startswith("forecast without its newest readings: 1 values around") for _, _, text in notes)
    assert after(day, outlook, fault="unit", elements="load*", start_h=HOURS - 5, hours=1)[1] == []


def test_a_loop_without_a_guard_believes_it(day: Prepared, outlook: Outlook):
    """The planted bug that the tests above find."""
    blind = copy.copy(outlook)
    blind._guard = None
    forecast, notes = after(day, blind, fault="unit", elements="load*", start_h=HOURS - 8, hours=8)
    assert forecast.model[TOWN] == MODEL
    assert forecast.p50()[TOWN].max() > 20.0
    assert notes == []


@pytest.mark.slow
def test_a_run_under_a_fault_tells_it_resumes_and_replays(settings: SiteSettings, tmp_path: Path):
    class Cut(Exception):
        pass

    def cut(report: TickReport) -> None:
        if report.tick == 0:
            raise Cut

    drill = DrillSettings("unit", "load*", start_h=-8.0, hours=12.0)
    site = replace(settings, drill=drill, loop=replace(settings.loop, ticks=3))
    whole = operate(site, out=tmp_path)
    with pytest.raises(Cut):
        operate(site, out=tmp_path, on_tick=cut)
    resumed = resume_run(tmp_path / "2016-07-25-2")
    a, b = open_store(whole.folder), open_store(resumed.folder)
    for table in ("plans", "commands", "events", "readings", "forecasts", "prices", "flows", "state", "ticks"):
        pd.testing.assert_frame_equal(a.read(table), b.read(table), check_exact=True, obj=table)
    told = a.read("events", kind="degraded")
    assert set(told["tick"]) == {0, 1, 2}
    assert (
        told["text"]
        .str.match(r"forecast by persistence:week \(unit input\): \d+ values around .* times what is usual")
        .all()
    )
    assert whole.summary["missed_ticks"] == 0
    assert "unit input" in whole.report.read_text("utf-8")
    assert replay_tick(whole.folder, 1).differ == 0


def test_a_drill_that_means_nobody_is_refused(settings: SiteSettings):
    with pytest.raises(
        OutOfRange, match=r"\[drill\] elements 'MV\*' fits none of 5 loads and generators, such as load1"
    ):
        prepare(replace(settings, drill=DrillSettings("stale", "MV*")))
    with pytest.raises(
        OutOfRange, match=r"\[drill\] fault is 'mad'; allowed are missing, stale, frozen, unit, late, e"
    ):
        replace(settings, drill=DrillSettings("mad"))
