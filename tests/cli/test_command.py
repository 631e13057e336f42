"""The command as a user meets it: usage, output for programs, runs that are stopped, and errors that are one line."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from command import Command, Said, start
from small_site import write_small_site

from gridloop.operate.run import Run, operate
from gridloop.operate.settings import read_site
from gridloop.telemetry.store import open_store

KEYS = {"site", "day", "ticks", "missed_ticks", "wall_s", "controlled", "baseline", "forecast", "solver"}
FIGURES = {
    "cost_eur", "import_mwh", "export_mwh", "peak_import_mw", "losses_mwh", "curtailed_mwh", "unserved_mwh",
    "voltage_violations", "overloads", "co2_t",
}  # fmt: skip
SCORES = {f"{who}{kind}_nmae_pct" for who in ("", "persistence_") for kind in ("load", "solar", "wind")}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_site(tmp_path_factory.mktemp("site"), ticks=2, sessions=2)


@pytest.fixture(scope="module")
def run(site: Path) -> Run:
    return operate(read_site(site), out=site.parent / "done")


def assert_line(said: Said, code: int, *words: str) -> None:
    assert said.code == code, said.err
    assert not [word for word in words if word not in said.line], said.line


# ----- usage -------------------------------------------------------------------------------------------------


def test_help_is_shown_where_nothing_is_asked(gridloop: Command):
    said = gridloop()
    assert (said.code, said.err) == (0, "")
    assert all(name in said.out for name in ("run", "flow", "query", "replay"))
    assert said == gridloop("--help")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nosuch"], ["No such command 'nosuch'", "`gridloop --help`"]),
        (["run", "--outt", "x"], ["No such option: --outt", "--out", "`gridloop run --help`"]),
        (["run", "--ticks", "many"], ["--ticks", "integer"]),
        (["run", "a.toml", "b.toml"], ["b.toml"]),
        (["flow"], ["Missing argument", "`gridloop flow --help`"]),
        (["replay", "somewhere"], ["--tick"]),
    ],
)
def test_a_slip_of_the_keyboard_is_one_line(arguments: list[str], words: list[str], gridloop: Command):
    assert_line(gridloop(*arguments), 2, "BadInput", *words)


# ----- gridloop run ------------------------------------------------------------------------------------------


def test_json_is_one_object_and_nothing_else(site: Path, tmp_path: Path, gridloop: Command):
    said = gridloop("run", site, "--out", tmp_path, "--json")
    assert (said.code, said.err) == (0, "")
    assert len(said.out.splitlines()) == 1
    data = json.loads(said.out)
    assert data.keys() >= KEYS
    assert (data["site"], data["day"], data["ticks"], data["missed_ticks"]) == ("small", "2016-07-25", 2, 0)
    assert data["controlled"].keys() == data["baseline"].keys() >= FIGURES
    assert data["forecast"].keys() >= SCORES
    assert data["solver"].keys() == {"p50_s", "p99_s"}
    assert all(isinstance(data["controlled"][name], int | float) for name in FIGURES)
    again = gridloop("run", "--resume", tmp_path / "2016-07-25", "--json")
    assert (again.code, again.err) == (0, "")
    same = {key: value for key, value in json.loads(again.out).items() if key != "wall_s"}
    assert same == {key: value for key, value in data.items() if key != "wall_s"}


def test_a_run_for_people_ends_with_the_table_and_the_report(site: Path, tmp_path: Path, gridloop: Command):
    said = gridloop("run", site, "--out", tmp_path, "--ticks", "1")
    assert (said.code, said.err) == (0, "")
    assert "controlled" in said.out and "uncontrolled" in said.out and "difference" in said.out
    assert said.out.splitlines()[-1] == f"Report: {tmp_path / '2016-07-25' / 'report.html'}"
    assert gridloop("run", site, "--out", tmp_path, "--ticks", "1").code == 0
    assert (tmp_path / "2016-07-25-2" / "run.json").is_file(), "a run never writes into the folder of another"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--day", "nonsense"], ["--day 'nonsense' is no day", "2016-07-25"]),
        (["--day", "2031-01-01"], ["2031-01-01 is outside the profiles", "2016-07-09", "Choose a day"]),
        (["--day", "2016-07-09"], ["before 2016-07-09", "a day of them is needed", "Choose a later day"]),
        (["--ticks", "-3"], ["ticks is -3", "allowed is 0 and above"]),
    ],
)
def test_options_that_fit_no_run(options: list[str], words: list[str], site: Path, tmp_path: Path, gridloop: Command):
    for extra in ([], ["--json"]):
        said = gridloop("run", site, "--out", tmp_path / "runs", *options, *extra)
        assert_line(said, 2, *words)
        assert not extra or said.out == ""
    assert not (tmp_path / "runs").exists()


def test_a_site_file_that_is_not_there(gridloop: Command, tmp_path: Path):
    assert_line(gridloop("run", tmp_path / "none.toml"), 2, "MissingFile", "none.toml", "Name a TOML file")
    assert_line(gridloop("run", tmp_path), 2, "MissingFile", str(tmp_path))


def test_a_folder_that_cannot_be_written(site: Path, tmp_path: Path, gridloop: Command):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        assert_line(gridloop("run", site, "--out", out), 2, "BadInput", str(out), "--out")


def test_resume_takes_the_folder_of_a_run_and_nothing_else(site: Path, run: Run, tmp_path: Path, gridloop: Command):
    no_run = gridloop("run", "--resume", tmp_path)
    assert_line(no_run, 2, "MissingFile", str(tmp_path), "no run.json", "gridloop run")
    assert_line(gridloop("run", "--resume", tmp_path / "none"), 2, "MissingFile", "none")
    for other in (["--ticks", "4"], ["--out", tmp_path], ["--day", "2016-07-24"], ["--ev", "x.csv"], [site]):
        assert_line(gridloop("run", "--resume", run.folder, *other), 2, "--resume", "give no others")


def test_a_run_is_resumed_from_anywhere(site: Path, tmp_path: Path, gridloop: Command, monkeypatch: pytest.MonkeyPatch):
    """The site was named by a relative path, and the profiles lie beside it."""
    monkeypatch.chdir(site.parent)
    assert gridloop("run", "site.toml", "--out", tmp_path, "--ticks", "1").code == 0
    monkeypatch.chdir(tmp_path)
    assert gridloop("run", "--resume", "2016-07-25").code == 0


@pytest.mark.slow
def test_an_interrupt_says_how_to_go_on(site: Path, run: Run, tmp_path: Path, gridloop: Command):
    with start("run", site, "--out", tmp_path) as process:
        assert process.stdout is not None
        while "loop" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    said = Said(process.returncode, out, err)
    folder = tmp_path / "2016-07-25"
    assert_line(said, 130, "Interrupted", f"`gridloop run --resume {folder}`")
    assert gridloop("run", "--resume", folder).code == 0
    assert open_store(folder).read("plans").equals(open_store(run.folder).read("plans"))


@pytest.mark.slow
def test_an_interrupt_before_anything_happened_is_one_line_too(site: Path, tmp_path: Path):
    with start("run", site, "--out", tmp_path) as process:
        while not _has_our_handler(process.pid):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert_line(Said(process.returncode, out, err), 130, "Interrupted")


def _has_our_handler(pid: int) -> bool:
    """Whether the process is far enough to import gridloop (its modules are mapped when the interpreter runs)."""
    try:
        return "numpy" in Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        pytest.skip("needs /proc")


# ----- gridloop query and replay ---------------------------------------------------------------------------------


def test_query_prints_rows(run: Run, gridloop: Command):
    said = gridloop("query", "SELECT tick, rung FROM ticks WHERE run = 'controlled' ORDER BY tick", "--run", run.folder)
    assert (said.code, said.err) == (0, "")
    assert said.out.count("incumbent") == 2
    as_json = gridloop(
        "query", "SELECT tick, NULL AS x FROM ticks WHERE run = 'baseline'", "--run", run.folder, "--json"
    )
    assert sorted(row["tick"] for row in json.loads(as_json.out)) == [0, 1]


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT nonsense FROM ticks", ["nonsense", "Columns of ticks: run, tick"]),
        ("SELECT 1 FROM nowhere", ["nowhere", "Tables: readings"]),
        ("SELEC 1", ["SELEC"]),
        ("", ["one SELECT"]),
        ("DROP TABLE ticks", ["one SELECT is allowed, found DROP"]),
        ("SELECT 1; SELECT 2", ["one SELECT"]),
    ],
)
def test_sql_that_cannot_be_answered(sql: str, words: list[str], run: Run, gridloop: Command):
    assert_line(gridloop("query", sql, "--run", run.folder), 2, "BadInput", *words)


def test_a_query_of_no_run(tmp_path: Path, gridloop: Command, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert_line(gridloop("query", "SELECT 1"), 2, "MissingFile", "no run under runs/", "gridloop run")
    for folder in (tmp_path, tmp_path / "none"):
        assert_line(gridloop("query", "SELECT 1", "--run", folder), 2, "MissingFile", str(folder), "no stored run")


def test_replay_makes_a_tick_again(run: Run, gridloop: Command):
    said = gridloop("replay", run.folder, "--tick", "1")
    assert (said.code, said.err) == (0, "")
    assert "the same plan, bit for bit" in said.out
    data = json.loads(gridloop("replay", run.folder, "--tick", "1", "--json").out)
    assert data["same"] is True and data["rows"] > 0 and data["differ"] == 0
    assert_line(gridloop("replay", run.folder, "--tick", "9"), 2, "OutsideData", "no tick 9", "from 0 to 1")
    assert_line(gridloop("replay", run.folder.parent, "--tick", "0"), 2, "MissingFile", "no run.json")


# ----- the last door ---------------------------------------------------------------------------------------------


def test_an_unexpected_error_is_one_line_and_says_how_to_see_more(gridloop: Command, monkeypatch: pytest.MonkeyPatch):
    from gridloop.cli import app

    def broken(_: object) -> int:
        raise ZeroDivisionError("float division\nby zero")

    monkeypatch.setattr(app, "call", broken)
    monkeypatch.delenv("GRIDLOOP_DEBUG", raising=False)
    assert_line(gridloop("run"), 1, "ZeroDivisionError: float division by zero", "GRIDLOOP_DEBUG=1")
    monkeypatch.setitem(os.environ, "GRIDLOOP_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        gridloop("run")


def test_a_damaged_store_is_no_traceback(run: Run, tmp_path: Path, gridloop: Command):
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "layout.json").write_text("{")
    assert_line(gridloop("query", "SELECT 1", "--run", tmp_path), 1, "StoreError", "damaged")
    (tmp_path / "run.json").write_text("{")
    assert_line(gridloop("run", "--resume", tmp_path), 1, "StoreError", "run.json is damaged")
