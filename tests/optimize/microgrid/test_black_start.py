"""Black start: the order by pencil, pick-up within power, frequency and energy, and why somebody stays off."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridloop.errors import OutOfRange
from gridloop.optimize.microgrid.black_start import ColdLoad, black_start
from gridloop.optimize.microgrid.former import GridFormer

SOURCE = GridFormer(4.0, 4.0, 4.0, 20.0, discharge_efficiency=1.0, droop=0.02, inertia_s=3.0, id="source")


def test_cold_loads_come_back_one_after_the_other_by_pencil():
    """Twice 1.5 MW, twice as much at the switch: the second fits when 1.5 (1 + e^{−t/½}) + 3 ≤ 4 never; so it waits
    for a source of 4.6: 1.5 (1 + e^{−2t}) = 1.6 at t = ½ ln 15."""
    loads = [ColdLoad("a", 1.5), ColdLoad("b", 1.5)]
    small = black_start(SOURCE, loads)
    assert [step.id for step in small.steps] == ["a"]
    assert small.left == ("b",)
    larger = GridFormer(4.6, 4.6, 4.6, 40.0, discharge_efficiency=1.0, id="source")
    done = black_start(larger, loads, floor_hz=48.0)
    assert done.complete
    assert done.steps[1].at_h == pytest.approx(0.5 * math.log(15), abs=1 / 60)


def test_priority_comes_first_whatever_its_size():
    loads = [ColdLoad("pool", 0.1, 2, 1.0), ColdLoad("hospital", 1.5, 0, 1.0), ColdLoad("town", 1.0, 1, 1.0)]
    done = black_start(SOURCE, loads)
    assert [step.id for step in done.steps] == ["hospital", "town", "pool"]


def test_a_block_that_pulls_the_frequency_too_low_is_named_with_what_would_fit():
    soft = GridFormer(4.0, 4.0, 4.0, 20.0, droop=0.05, inertia_s=1.0, response_s=0.5, id="soft")
    done = black_start(soft, [ColdLoad("town", 2.5, factor=1.0)], floor_hz=49.0)
    assert not done.complete
    assert "pull the frequency to 49 Hz" in str(done.diagnosis)
    part = float(str(done.diagnosis).split("in parts of ")[1].split(" MW")[0])
    assert black_start(soft, [ColdLoad("town", 0.98 * part, factor=1.0)], floor_hz=49.0).complete


def test_energy_that_does_not_last_is_named():
    done = black_start(SOURCE, [ColdLoad("town", 2.0, factor=1.0)], initial_soc=0.2, until_h=4.0)
    assert done.left == ("town",)
    assert "8 MWh are needed in 4 h, and 4 MWh are stored" in str(done.diagnosis)


def test_a_surplus_that_comes_later_does_not_feed_the_pick_up():
    """Nothing stored, 1.3 MW from outside, 1 + 2 e^{−2t} MW wanted: the two are equal at t = ½ ln(20/3) = 0.949 h, till
    when 1 − 0.15 − 0.3 · 0.949 = 0.565 MWh are missing. A source that charges has them after 0.565 / 1.3 h of waiting;
    one that cannot never has them, and the next one, who fits, does not wait for it."""
    town, small = ColdLoad("town", 1.0, 0, 3.0), ColdLoad("small", 0.01, 1, 1.0)
    waits = black_start(
        replace(SOURCE, charge_efficiency=1.0), [town], initial_soc=0.0, generation_mw=1.3, floor_hz=48.0
    )
    assert [step.id for step in waits.steps] == ["town"]
    assert waits.steps[0].at_h == pytest.approx((1.0 - 0.15 - 0.3 * 0.5 * math.log(20 / 3)) / 1.3, abs=1.5 / 60)
    never = black_start(
        replace(SOURCE, charge_mw=0.0), [town, small], initial_soc=0.0, generation_mw=1.3, floor_hz=48.0
    )
    assert [step.id for step in never.steps] == ["small"]
    assert never.left == ("town",)
    assert "missing before the generation makes up for it" in str(never.diagnosis)


def test_what_a_full_source_cannot_take_does_not_count():
    """0.1 MWh of room: whatever was left over before, no more than that is there for what comes."""
    tiny = replace(SOURCE, capacity_mwh=0.1, charge_efficiency=1.0)
    done = black_start(tiny, [ColdLoad("town", 1.0, 0, 3.0)], generation_mw=1.3, floor_hz=48.0)
    assert done.left == ("town",)


circuits = st.lists(
    st.builds(
        ColdLoad, id=st.just("x"), p_mw=st.floats(0.01, 2), rank=st.integers(0, 2), factor=st.floats(1, 3),
        decay_h=st.floats(0.1, 1)
    ),
    min_size=1, max_size=8,
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(loads=circuits, soc=st.floats(0.1, 1), sun=st.floats(0, 1))
def test_no_step_breaks_a_limit_and_no_lower_class_goes_first(loads: list[ColdLoad], soc: float, sun: float):
    named = [ColdLoad(f"c{k}", c.p_mw, c.rank, c.factor, c.decay_h) for k, c in enumerate(loads)]
    done = black_start(SOURCE, named, initial_soc=soc, generation_mw=sun, every_h=0.1)
    of = {c.id: c for c in named}
    assert {step.id for step in done.steps} | set(done.left) == set(of)
    on: list[tuple[ColdLoad, float]] = []
    for step in done.steps:
        on.append((of[step.id], step.at_h))
        total = sum(load.at(step.at_h - at) for load, at in on)
        assert total == pytest.approx(step.total_mw)
        assert total <= SOURCE.discharge_mw + sun + 1e-9
        assert step.nadir_hz >= 49.0 - 1e-9
    used = sum(load.energy_mwh(4.0 - at) for load, at in on)
    assert used - 4.0 * sun <= SOURCE.usable_mwh(soc) + 1e-9
    ranks = [of[step.id].rank for step in done.steps]
    for k, step in enumerate(done.steps):
        later_higher = [s for s in done.steps[k + 1 :] if of[s.id].rank < ranks[k]]
        assert not later_higher, f"{step.id} came before {later_higher[0].id}"


def test_an_island_without_a_grid_forming_source_is_refused():
    with pytest.raises(OutOfRange, match="Black start: an island without a grid-forming source"):
        black_start(None, [ColdLoad("a", 1.0)])
    with pytest.raises(OutOfRange, match="the factor 1 or more"):
        ColdLoad("a", 1.0, factor=0.5)
