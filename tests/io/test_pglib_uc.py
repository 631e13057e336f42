"""Cases of PGLib-UC: what is read, and what is refused by name."""

from __future__ import annotations

import json

import numpy as np
import pytest
from plain_commitment import random_case

from gridloop.errors import BadInput, GapInSeries, GridloopError, MissingFile, OutOfRange, UnknownFormat
from gridloop.io.pglib_uc import read_units


@pytest.fixture
def case():
    return random_case(np.random.default_rng(3), units=3, hours=5)


def write(tmp_path, data):
    file = tmp_path / "case.json"
    file.write_text(data if isinstance(data, str) else json.dumps(data))
    return file


def test_every_value_arrives(tmp_path, case):
    system = read_units(write(tmp_path, case))
    assert system.hours == 5 and system.start_rule == "pglib"
    assert system.demand_mw.tolist() == case["demand"]
    assert system.reserve_mw.tolist() == case["reserves"]
    for name, unit in case["thermal_generators"].items():
        row = system.unit.loc[name]
        assert row["p_min_mw"] == unit["power_output_minimum"] and row["p_max_mw"] == unit["power_output_maximum"]
        assert row["start_max_mw"] == unit["ramp_startup_limit"] and row["min_down_h"] == unit["time_down_minimum"]
        assert bool(row["on_before"]) == bool(unit["unit_on_t0"]) and bool(row["must_run"]) == bool(unit["must_run"])
        assert row["hours_before"] == unit["time_up_t0" if unit["unit_on_t0"] else "time_down_t0"]
        mine = system.cost[system.cost["unit"] == name]
        assert mine["p_mw"].tolist() == [point["mw"] for point in unit["piecewise_production"]]
        assert system.start[system.start["unit"] == name]["cost"].tolist() == [tier["cost"] for tier in unit["startup"]]
    assert system.renewable_max_mw["wind"].tolist() == case["renewable_generators"]["wind"]["power_output_maximum"]


@pytest.mark.parametrize(
    ("spoil", "error", "says"),
    [
        (lambda d: d.pop("demand"), UnknownFormat, "demand missing"),
        (lambda d: d["demand"].pop(), BadInput, "4 values"),
        (lambda d: d["demand"].__setitem__(2, None), GapInSeries, "hour 2"),
        (lambda d: d["thermal_generators"]["G0"].pop("must_run"), UnknownFormat, "must_run"),
        (lambda d: d["thermal_generators"]["G1"].update(power_output_minimum=1e6), OutOfRange, "G1"),
        (lambda d: d["thermal_generators"]["G1"].update(unit_on_t0=2), BadInput, "unit_on_t0"),
        (lambda d: d["thermal_generators"]["G1"].update(ramp_up_limit="fast"), UnknownFormat, "wrong kind"),
        (lambda d: d["thermal_generators"]["G2"]["piecewise_production"].clear(), BadInput, "G2"),
        (lambda d: d["thermal_generators"]["G2"]["startup"][0].update(cost=-1), OutOfRange, "G2"),
        (lambda d: d["thermal_generators"].clear(), BadInput, "no thermal generator"),
        (lambda d: d["renewable_generators"]["wind"]["power_output_minimum"].__setitem__(1, 1e9), OutOfRange, "wind"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, case, spoil, error, says):
    spoil(case)
    with pytest.raises(error, match=says):
        read_units(write(tmp_path, case))


def test_no_file_and_no_json(tmp_path):
    with pytest.raises(MissingFile):
        read_units(tmp_path / "nowhere.json")
    for text in ("{", "[1, 2]", "{}"):
        with pytest.raises(UnknownFormat):
            read_units(write(tmp_path, text))


@pytest.mark.data
def test_all_recorded_cases_are_read(data_dir):
    files = sorted((data_dir / "networks" / "pglib_uc").glob("*/*.json"))
    assert len(files) >= 29
    for file in files[::7]:
        try:
            system = read_units(file)
        except GridloopError as error:  # the name of the file belongs into the failure
            pytest.fail(f"{file.name}: {error}")
        assert system.hours == 48 and len(system.unit) >= 73
