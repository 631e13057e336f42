"""`gridloop simulate`: what the library's study says; a killed study ends with the same bytes; slips are one line."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from command import Command, start
from pytest import approx
from rich.console import Console
from street import street_case

from gridloop.cli import simulate as command
from gridloop.cli.study_file import ALLOWED
from gridloop.io.folder import write_network
from gridloop.powerflow.study.reducers import Range, Violations
from gridloop.powerflow.study.samplers import Independent, Uniform
from gridloop.powerflow.study.simulate import simulate
from gridloop.powerflow.study.study import Progress
from gridloop.testing import chain, two_bus, village

STREET = street_case(
    """New Load.home2 bus1=joint2.2 phases=1 kv=0.231 kw=7 kvar=2
New Load.school bus1=joint2 phases=3 kv=0.4 kw=20 kvar=5
"""
)
# Roofs of three times the street's load lift its voltage above 1.05 pu at noon; without them nothing does.
STUDY = """cases = 24
profiles = "year.csv"
profile = "home"
hour = "hour"
pv_share = [0.0, 0.5, 1.0]
ev_share = [0.0, 0.1, 0.2]
pv_mw = [0.03, 0.05]
charger_mw = [0.0037, 0.011]
energy_mwh = [0.004, 0.016]
noise_sd = 0.1
risk = 0.25
[class_of]
school = "school"
"""
BAND = ("--v-min-pu", 0.9, "--v-max-pu", 1.05)


@pytest.fixture
def street(tmp_path: Path) -> Path:
    """A street's case file, its study and a day of profiles, in one folder."""
    file = tmp_path / "street.dss"
    file.write_text(STREET)
    (tmp_path / "study.toml").write_text(STUDY)
    hour = np.arange(24)
    sun = np.clip(np.sin((hour - 6) / 12 * math.pi), 0.0, 1.0)
    home, school = 0.3 + 0.5 * np.exp(-(((hour - 19) / 3) ** 2)), np.where((hour > 7) & (hour < 16), 0.8, 0.1)
    day = pd.DataFrame({"hour": hour, "sun": sun, "home": home, "school": school})
    day.to_csv(tmp_path / "year.csv", index=False)
    return file


def table(said: Any, name: str, key: str) -> pd.DataFrame:
    """A table of the JSON object, by its index."""
    return pd.DataFrame(said[name]).set_index(key)


def test_two_buses_by_pencil(gridloop: Command, tmp_path: Path):
    """slack 1.0 pu ──[ r = 0.1 pu ]── load 0.9 pu × 0.5 … 1.5

    v (1 − v) = r p: at most 0.9 × 1.5 the voltage is 0.839, at least 0.9 × 0.5 it is 0.953. With 4,000 factors the
    largest is within 0.3 % of the end but for one study in 400.
    """
    write_network(two_bus(r=0.1, load=0.9), tmp_path / "net")
    said = gridloop("simulate", tmp_path / "net", "--spread", 0.5, "-n", 4000, "--json")
    assert (said.code, said.err) == (0, "") and len(said.out.splitlines()) == 1
    study = json.loads(said.out)
    low, high = ((1 + math.sqrt(1 - 0.4 * 0.9 * factor)) / 2 for factor in (1.5, 0.5))
    b = table(study, "voltage", "node").loc["b"]
    assert low - 1e-9 <= b["min"] == approx(low, abs=0.001) and high + 1e-9 >= b["max"] == approx(high, abs=0.001)
    assert study["scenarios"] == 4000 and study["failed"] == 0 and study["status"] == {"converged": 4000}
    # Of all loads between 0.45 and 1.35, those above 0.9 put the bus below 0.9 pu, which is half: 3 standard deviations
    # of a share of 4,000 are 0.024.
    assert study["violating_share"] == approx(0.5, abs=0.024)
    assert study["worst"][0] == {
        "by": "lowest",
        "scenario": study["worst"][0]["scenario"],
        "value": b["min"],
        "at": "b",
    }


def test_the_library_says_the_same(gridloop: Command, tmp_path: Path):
    write_network(village(), tmp_path / "net")
    said = gridloop(
        "simulate", tmp_path / "net", "--spread", 0.8, "-n", 3000, "--seed", 5, "--loading-pct", 20, *BAND, "--json"
    )
    theirs = json.loads(said.out)
    sampler = Independent({"load.p_mw": Uniform(1 - 0.8, 1 + 0.8)}, {"load.q_mvar": "load.p_mw"})
    limits = Violations(0.9, 1.05, 20)
    ours = simulate(village(), sampler, 3000, [Range(), Range("loading_pct"), limits], seed=5)
    for name, key, result in (("voltage", "node", "range_v_pu"), ("loading", "branch", "range_loading_pct")):
        wanted = ours[result][["min", "mean", "max"]]
        got = table(theirs, name, key)[["min", "mean", "max"]].astype(float)
        # JSON carries 15 digits.
        assert np.allclose(got.to_numpy(), wanted.to_numpy(), rtol=1e-14, atol=0, equal_nan=True)
    assert theirs["violating"] == int(ours["violations"]["violating"]) > 0
    assert table(theirs, "loading", "branch")["over"].to_list() == ours["violations"]["over"].values.tolist()
    assert any(row["by"] == "loading" for row in theirs["worst"])


def test_branches_without_a_rating_are_said(gridloop: Command, tmp_path: Path):
    write_network(chain(4), tmp_path / "net")
    said = gridloop("simulate", tmp_path / "net", "--spread", 0.5, "-n", 64, "--loading-pct", 100)
    assert said.code == 0 and "No branch has a rating" in said.out and "nan" not in said.out


def test_progress_knows_share_rate_and_time_left(capsys: pytest.CaptureFixture[str]):
    """1,000 scenarios in the second after the first report: 8,000 more take 8 s, whatever came before it."""
    progress = command._Progress(Console(width=200), lines=True)
    for done, seconds in ((1000, 60.0), (2000, 61.0), (2500, 61.1), (10_000, 70.0)):
        progress.show(Progress(done, 10_000, 3, seconds, done / seconds, 0.0))
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in said] == ["10.0", "100.0"], "a line every five seconds, and the last"
    assert "per second" not in said[0] and "900 per second  0 s left, 3 failed" in said[1]


@pytest.mark.parametrize(
    ("seconds", "text"), [(12.4, "12 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s"), (3900, "1 h 05 min")]
)
def test_times_are_for_people(seconds: float, text: str):
    assert command._time(seconds) == text


def test_adoption_on_a_feeder(gridloop: Command, street: Path):
    """Without roofs no case leaves the band, with a roof of 30 kW on every load each does at noon."""
    said = gridloop("simulate", street, "--adoption", street.parent / "study.toml", *BAND, "--json")
    assert (said.code, said.err) == (0, "")
    study = json.loads(said.out)
    levels = table(study, "levels", "level")
    assert study["scenarios"] == 24 * 24 and levels["cases"].tolist() == [8, 8, 8]
    assert levels["violating"].iloc[0] == 0.0 and levels["violating"].iloc[-1] == 1.0
    assert study["adoption"].endswith("study.toml") and study["limited_nodes"] == 12
    shown = gridloop("simulate", street, "--adoption", street.parent / "study.toml", *BAND)
    words = " ".join(shown.out.split())
    assert (
        "Adoption, level by level" in words and "With violations in at most 25 % of the cases the grid hosts" in words
    )
    assert "576 of 576 scenarios" in words and "Worst voltages of 12 nodes" in words


def test_the_hosting_capacity_is_in_the_summary(gridloop: Command, street: Path, tmp_path: Path):
    out = tmp_path / "out"
    said = gridloop("simulate", street, "--adoption", street.parent / "study.toml", *BAND, "--out", out)
    assert said.code == 0 and f"Results: {out}" in said.out
    summary = json.loads((out / "summary.json").read_text("utf-8"))
    levels = pd.read_csv(out / "levels.csv", index_col="level")
    within = levels["violating"] <= 0.25
    assert within.iloc[0] and not within.iloc[-1]
    capacity = levels["pv_share"][within.cumprod().astype(bool)].iloc[-1]
    assert summary["hosting_capacity"]["pv_share"] == capacity
    assert {f.name for f in out.iterdir()} == {"summary.json", "voltage.csv", "worst.csv", "levels.csv"}


def test_regulators_step_where_they_are_told_to(gridloop: Command, street: Path):
    """Regulators hold 118 to 120 V of 120 behind them, in every scenario; left alone they pass on what comes."""
    units = "".join(
        f"New Transformer.reg{k} phases=1 windings=2 buses=[joint0.{k} reg.{k}] kvs=[0.23094 0.23094] kvas=[100 100] "
        f"xhl=0.01 %loadloss=0.001\nNew Regcontrol.reg{k} transformer=reg{k} winding=2 vreg=119 band=2 ptratio=1.9245\n"
        for k in (1, 2, 3)
    )
    street.write_text(STREET.replace("New Line.cable1 bus1=joint0", f"{units}New Line.cable1 bus1=reg"))
    asked = ("simulate", street, "--spread", 0.5, "-n", 200, "--json")
    still, moved = (
        table(json.loads(gridloop(*asked, *more).out), "voltage", "node").loc["reg.1"] for more in ((), ("--controls",))
    )
    # 230.94 V / 1.9245 is 120 V; voltages of a study are within 1e-6, as is the tolerance of a control.
    assert still["max"] > 1.01 and moved["max"] <= 1.0 + 3e-6 and moved["min"] >= 118 / 120 - 3e-6


def test_a_band_that_nobody_named_is_said(gridloop: Command, street: Path):
    said = gridloop("simulate", street, "--spread", 0.2, "-n", 64)
    assert said.code == 0 and "No node has a band" in said.out


def test_no_solution_at_all_is_code_3(gridloop: Command, tmp_path: Path):
    write_network(two_bus(r=0.1, load=90.0), tmp_path / "net")
    out = tmp_path / "out"
    said = gridloop("simulate", tmp_path / "net", "--spread", 0.1, "-n", 50, "--out", out)
    assert said.code == 3 and "50 failed (100 %)" in said.out and "No scenario has a solution" in said.out
    assert len(pd.read_csv(out / "failures.csv")) == 50
    asked = gridloop("simulate", tmp_path / "net", "--spread", 0.1, "-n", 50, "--json")
    study = json.loads(asked.out)
    assert asked.code == 3 and study["violating_share"] is None and study["voltage"][1]["min"] is None


def test_some_without_a_solution_are_counted(gridloop: Command, tmp_path: Path):
    """2.5 pu is the most that the line carries: factors of 0.5 … 1.5 of 2.0 are beyond it from 1.25 on, a quarter."""
    write_network(two_bus(r=0.1, load=2.0), tmp_path / "net")
    said = gridloop("simulate", tmp_path / "net", "--spread", 0.5, "-n", 4000, "--json")
    study = json.loads(said.out)
    # 4 standard deviations of a share of a quarter in 4,000, and what is so near the limit that it is not found.
    assert said.code == 0 and study["failed"] / 4000 == approx(0.25, abs=0.03)
    assert study["failed"] == 4000 - study["status"]["converged"] == study["status"]["not_converged"]
    assert study["failures"][0] == {"scenario": study["failures"][0]["scenario"], "status": "not_converged"}
    assert len(study["failures"]) == 1000, "more are counted, not listed"


def test_the_same_study_writes_the_same_bytes(gridloop: Command, tmp_path: Path):
    write_network(village(), tmp_path / "net")
    for threads in (1, 2):
        out = tmp_path / str(threads)
        assert gridloop("simulate", tmp_path / "net", "--spread", 0.5, "-n", 5000, "--threads", threads, "--out", out)
    assert_same_files(tmp_path / "1", tmp_path / "2")


def test_parquet_replaces_csv(gridloop: Command, street: Path, tmp_path: Path):
    out = tmp_path / "out"
    gridloop("simulate", street, "--adoption", street.parent / "study.toml", "--out", out)
    said = gridloop("simulate", street, "--spread", 0.2, "-n", 64, "--out", out, "--format", "parquet")
    assert said.code == 0 and {f.name for f in out.iterdir()} == {"summary.json", "voltage.parquet", "worst.parquet"}
    assert pd.read_parquet(out / "voltage.parquet").index.name == "node"


@pytest.mark.slow
def test_a_killed_study_ends_as_if_it_had_not_been(gridloop: Command, tmp_path: Path):
    net, kept = tmp_path / "net", tmp_path / "kept"
    write_network(chain(30), net)
    asked = ("simulate", net, "--spread", 0.5, "-n", 400_000, "--checkpoint", kept, "--checkpoint-s", 0)
    victim = start(*asked, "--out", tmp_path / "cut")
    try:
        deadline = time.monotonic() + 120
        while not (kept / "state.npz").exists():
            assert victim.poll() is None and time.monotonic() < deadline, "it ended, or kept nothing in two minutes"
            time.sleep(0.01)
    finally:
        victim.kill()
        victim.communicate()
    assert victim.returncode == -9
    said = gridloop(*asked, "--out", tmp_path / "cut", "--json")
    assert said.code == 0 and 0 < json.loads(said.out)["took"]["resumed"] < 400_000
    again = gridloop(*asked, "--out", tmp_path / "cut")
    assert "400,000 of them had been kept" in again.out
    gridloop(*asked[:-4], "--out", tmp_path / "whole")
    assert_same_files(tmp_path / "cut", tmp_path / "whole")


def test_a_feeder_goes_on_from_its_checkpoint_and_no_other_takes_it(gridloop: Command, street: Path, tmp_path: Path):
    kept = tmp_path / "kept"
    asked = ("simulate", street, "--spread", 0.2, "-n", 64, "--checkpoint", kept)
    assert gridloop(*asked).code == 0
    assert json.loads(gridloop(*asked, "--json").out)["took"]["resumed"] == 64
    street.write_text(STREET.replace("length=0.15", "length=0.16"))
    said = gridloop(*asked)
    assert said.code == 2 and "another study: solver differ" in said.line


def test_an_interrupt_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch, gridloop: Command, tmp_path: Path):
    write_network(village(), tmp_path / "net")

    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "run_study", interrupt)
    kept = tmp_path / "kept"
    said = gridloop("simulate", tmp_path / "net", "--spread", 0.2, "--checkpoint", kept)
    assert said.code == 130 and str(kept) in said.line and "goes on" in said.line
    assert "nothing is kept" in gridloop("simulate", tmp_path / "net", "--spread", 0.2).line


def test_every_key_of_a_study_is_in_the_guide():
    guide = (Path(__file__).parents[2] / "docs" / "guides" / "feeders.md").read_text("utf-8")
    assert not [key for key in ALLOWED if f"`{key}`" not in guide]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["--spread", "--adoption"]),
        (["--spread", "0.2", "--adoption", "x.toml"], ["not both"]),
        (["--spread", "0"], ["--spread is 0", "above 0"]),
        (["--spread", "1.5"], ["--spread is 1.5"]),
        (["--spread", "nan"], ["--spread is nan"]),
        (["--spread", "0.2", "-n", "0"], ["-n"]),
        (["--spread", "0.2", "--seed", "-1"], ["--seed"]),
        (["--spread", "0.2", "--v-min-pu", "1.1", "--v-max-pu", "0.9"], ["must be below"]),
        (["--spread", "0.2", "--loading-pct", "100"], ["--loading-pct", "feeders"]),
        (["--adoption", "nowhere.toml"], ["MissingFile", "nowhere.toml"]),
        (["--spread", "0.2", "--format", "xlsx"], ["xlsx", "csv"]),
        (["--spread", "0.2", "--out", "/proc/none"], ["--out", "/proc/none"]),
    ],
)
def test_a_slip_is_one_line(arguments: list[str], words: list[str], gridloop: Command, street: Path):
    said = gridloop("simulate", street, *arguments)
    assert said.code == 2 and all(word in said.line for word in words), said.line


def test_controls_are_a_feeders(gridloop: Command, tmp_path: Path):
    write_network(village(), tmp_path / "net")
    said = gridloop("simulate", tmp_path / "net", "--spread", 0.2, "--controls")
    assert said.code == 2 and "--controls" in said.line


def test_a_checkpoint_may_lie_among_the_results_but_not_be_them(gridloop: Command, street: Path, tmp_path: Path):
    """A study that was killed has left its checkpoint there and no summary yet."""
    out = tmp_path / "out"
    asked = ("simulate", street, "--spread", 0.2, "-n", 64, "--out", out)
    assert gridloop(*asked, "--checkpoint", out / "kept").code == 0
    (out / "summary.json").unlink()
    (out / "voltage.csv").unlink()
    (out / "worst.csv").unlink()
    assert gridloop(*asked, "--checkpoint", out / "kept").code == 0
    said = gridloop(*asked, "--checkpoint", out)
    assert said.code == 2 and "a folder of its own" in said.line


def test_a_folder_of_others_is_left_alone(gridloop: Command, street: Path):
    said = gridloop("simulate", street, "--spread", 0.2, "-n", 64, "--out", street.parent)
    assert said.code == 2 and "holds other files" in said.line and not (street.parent / "voltage.csv").exists()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("cases = 24", "", ["lacks cases"]),
        ("cases = 24", "cases = 2.5", ["cases is 2.5", "whole number"]),
        ("cases = 24", "cases = true", ["cases is True"]),
        ("cases = 24", "cases = 0", ["24, 0 and 3"]),
        ("cases = 24", "cases = ", ["not valid TOML"]),
        ("cases = 24", "cases = 24\nbatteries = 3", ["no key batteries", "ev_share"]),
        ("[0.03, 0.05]", "[0.03]", ["pv_mw", "least and the most"]),
        ("[0.03, 0.05]", "[0.05, 0.03]", ["pv_mw"]),
        ("[0.0, 0.5, 1.0]", "[0.0, 0.5, 2.0]", ["pv_share"]),
        ("[0.0, 0.5, 1.0]", "[0.5, 0.0, 1.0]", ["must rise"]),
        ("[0.0, 0.5, 1.0]", "[0.0, 1.0]", ["2 levels", "ev_share 3"]),
        ("risk = 0.25", "risk = 1.5", ["risk 1.5"]),
        ("risk = 0.25", 'risk = "low"', ["risk is 'low'", "number"]),
        ('"home"', '"flat"', ["MissingColumn", "flat", "school"]),
        ('school = "school"', 'church = "school"', ["church"]),
        ('"year.csv"', '"none.csv"', ["MissingFile", "none.csv"]),
        ("noise_sd = 0.1", "noise_sd = -1", ["noise_sd"]),
    ],
)
def test_a_slip_in_a_study_is_one_line(old: str, new: str, words: list[str], gridloop: Command, street: Path):
    file = street.parent / "study.toml"
    assert old in STUDY
    file.write_text(STUDY.replace(old, new))
    said = gridloop("simulate", street, "--adoption", file)
    assert said.code == 2 and all(word in said.line for word in words), said.line


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("hour,sun,home,school\n0,0,1,1\n1,,1,1\n", ["GapInSeries", "line 3", "sun"]),
        ("hour,sun,home,school\n0,0,low,1\n", ["no numbers", "home"]),
        ("hour,sun,home,school\n", ["no hours"]),
        ("", ["CSV"]),
    ],
)
def test_a_slip_in_the_profiles_is_one_line(content: str, words: list[str], gridloop: Command, street: Path):
    (street.parent / "year.csv").write_text(content)
    said = gridloop("simulate", street, "--adoption", street.parent / "study.toml")
    assert said.code == 2 and all(word in said.line for word in words), said.line


def test_profiles_may_be_named_after_loads(gridloop: Command, street: Path):
    """With the same column under every load's name, nothing changes."""
    day = pd.read_csv(street.parent / "year.csv")
    named = day[["hour", "sun"]].assign(home1=day["home"], home2=day["home"], school=day["school"])
    study = street.parent / "study.toml"
    one = json.loads(gridloop("simulate", street, "--adoption", study, "--json").out)
    named.to_csv(street.parent / "year.csv", index=False)
    study.write_text(STUDY.replace('profile = "home"\n', "").partition("[class_of]")[0])
    other = json.loads(gridloop("simulate", street, "--adoption", study, "--json").out)
    assert one["voltage"] == other["voltage"]


@pytest.mark.data
def test_a_real_feeder_with_its_regulators(gridloop: Command, data_dir: Path):
    case = data_dir / "feeders" / "123Bus" / "IEEE123Master.dss"
    said = gridloop("simulate", case, "--spread", 0.3, "-n", 2000, "--controls", "--json")
    study = json.loads(said.out)
    assert said.code == 0 and study["failed"] == 0 and len(study["voltage"]) == 278


def assert_same_files(a: Path, b: Path) -> None:
    """Both folders hold the same files with the same bytes."""
    assert {f.name for f in a.iterdir()} == {f.name for f in b.iterdir()} >= {"summary.json", "voltage.csv"}
    assert not [f.name for f in a.iterdir() if f.read_bytes() != (b / f.name).read_bytes()]
