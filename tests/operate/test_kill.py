"""Kills: a run that dies at any moment goes on, and what it has stored in the end is that of an unbroken run.

A process that is killed loses what it has not written, nothing else. So a resumed run gives every table bit for bit.
The comparison is tried on a store with a planted fault as well, and must find it.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from command import start
from small_site import write_small_site

from gridloop.errors import MissingFile
from gridloop.operate import run as module
from gridloop.operate.audit import chain_is_whole
from gridloop.operate.run import Run, operate, resume_run
from gridloop.operate.settings import read_site
from gridloop.telemetry import store as store_module
from gridloop.telemetry.lake import LakeTable
from gridloop.telemetry.store import open_store

SAME = ("plans", "commands", "events", "ticks", "readings", "forecasts", "prices", "state", "flows", "network_versions")
RUNNER = Path(__file__).parents[1] / "support" / "killed_run.py"
FOLDER = "2016-07-25"


def assert_same(folder: Path, unbroken: Path) -> None:
    """Every table of a run is that of the unbroken one, its chain is whole, and every tick is there once."""
    mine, wanted = open_store(folder), open_store(unbroken)
    for table in SAME:
        pd.testing.assert_frame_equal(mine.read(table), wanted.read(table), check_exact=True, obj=table)
    assert not mine.read("ticks").duplicated(["run", "tick"]).any(), "a tick was stored twice"
    assert chain_is_whole(mine.read("events"))


# ----- twenty kills at random moments ----------------------------------------------------------------------

KILLS, TICKS = 20, 24


@dataclass
class Tally:
    """What the kills met."""

    kills: int = 0
    partial: int = 0
    sessions: int = 0


def wait_for(process: subprocess.Popen[str], word: str) -> bool:
    """Read what a process says until a word comes; False where the process ends before."""
    assert process.stdout is not None
    return any(word in line for line in process.stdout)


def partial_tick(folder: Path) -> bool:
    """Whether the kill struck within a write: a tick that is not complete has rows in some table."""
    store = open_store(folder)
    last = store.last_complete_tick("controlled")
    after = 0 if last is None else last + 1
    return any(len(store.read(table, ["tick"], tick=slice(after, None))) for table in SAME[:-2] if table != "ticks")


@pytest.mark.slow
def test_twenty_kills_at_random_moments_change_nothing(tmp_path: Path, record_property: pytest.RecordProperty):
    site = write_small_site(tmp_path, ticks=TICKS, sessions=6)
    began = time.perf_counter()
    unbroken = operate(read_site(site), out=tmp_path / "unbroken")
    per_tick = open_store(unbroken.folder).read("timings").drop(columns=["tick", "solver_s"]).sum(axis=1).mean()
    folder, chance, tally = tmp_path / "1" / FOLDER, random.Random(20160725), Tally()
    while tally.kills < KILLS:
        arguments = ["--resume", folder] if (folder / "run.json").is_file() else [site, "--out", folder.parent]
        tally.sessions += 1
        with start("run", *arguments) as process:
            # The first two strike while the process still starts; the others within the first tick or little after it.
            if wait_for(process, "Learning" if tally.kills < 2 else "Running the loop"):
                time.sleep(chance.uniform(0.0, 1.5 * per_tick))
            process.kill()
        if process.returncode == -signal.SIGKILL:
            tally.kills += 1
            tally.partial += partial_tick(folder)
        else:  # on a machine that became faster meanwhile it may come to its end before: the rest strikes another run
            assert process.returncode == 0
            assert_same(folder, unbroken.folder)
            folder = tmp_path / str(tally.sessions) / FOLDER
    resume_run(folder)
    assert_same(folder, unbroken.folder)
    for name, value in (*vars(tally).items(), ("seconds", round(time.perf_counter() - began))):
        record_property(name, value)


# ----- a kill at a chosen write ------------------------------------------------------------------------------


def call(*arguments: str | Path, runner: tuple[str, ...] = ()) -> int:
    """Exit code of the command in a process of its own; minus 9 where it was killed."""
    command = [sys.executable, str(RUNNER), *runner, "--", *(str(a) for a in arguments)]
    return subprocess.run(command, capture_output=True, timeout=120, check=False).returncode


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_site(tmp_path_factory.mktemp("site"), ticks=3, sessions=6)


@pytest.fixture(scope="module")
def unbroken(site: Path) -> Run:
    return operate(read_site(site), out=site.parent / "unbroken")


@pytest.mark.slow
def test_a_kill_just_before_a_tick_is_complete(site: Path, unbroken: Run, tmp_path: Path):
    assert call("run", site, "--out", tmp_path, runner=("--kill-at", "ticks", "tick-1")) == -signal.SIGKILL
    assert partial_tick(tmp_path / FOLDER)
    assert call("run", "--resume", tmp_path / FOLDER) == 0
    assert_same(tmp_path / FOLDER, unbroken.folder)


@pytest.mark.slow
def test_the_comparison_finds_a_store_that_ignores_write_ids(site: Path, unbroken: Run, tmp_path: Path):
    """The planted fault: the same kill, and the resend is stored a second time."""
    kill = ("--kill-at", "ticks", "tick-1", "--forgetful")
    assert call("run", site, "--out", tmp_path, runner=kill) == -signal.SIGKILL
    call("run", "--resume", tmp_path / FOLDER, runner=("--forgetful",))
    with pytest.raises(AssertionError, match="plans are different"):
        assert_same(tmp_path / FOLDER, unbroken.folder)


# ----- an end at every step, from the first file on ------------------------------------------------------------


class Killed(BaseException):
    """Nothing catches it on the way: what is on the disk is what a kill leaves there."""


STEPS = (
    (module, "write_network"),
    (module, "write_json"),
    (store_module, "create_table"),
    (LakeTable, "commit"),
)


class End:
    """Ends the run just after the step-th of `STEPS`; keeps the names of those that were done."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
        self.step = step
        self.done: list[str] = []
        for owner, name in STEPS:
            monkeypatch.setattr(owner, name, self._ended(name, getattr(owner, name)))

    def _ended(self, name: str, work: Callable[..., object]) -> Callable[..., object]:
        def wrapped(*args: object, **options: object) -> object:
            result = work(*args, **options)
            self.done.append(name)
            if len(self.done) == self.step:
                raise Killed
            return result

        return wrapped


def test_an_end_at_any_step_leaves_a_run_that_goes_on_or_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """One tick and all its steps: the folder, run.json, the tables of the store, every write, the figures."""
    monkeypatch.setattr("gridloop.operate.report.write_report", lambda folder: None)
    site = read_site(write_small_site(tmp_path, ticks=1, sessions=2))
    with monkeypatch.context() as patch:
        end = End(patch, -1)
        unbroken = operate(site, out=tmp_path / "unbroken")
    assert end.done[:3] == ["write_network", "write_json", "create_table"]
    # Versions of the network; 8 tables of the tick, of which no reading is known yet; its timings; 2 of the baseline.
    assert end.done.count("commit") == 12
    # One table is made like another: every fifth of them will do.
    tried = [step for step, name in enumerate(end.done, start=1) if name != "create_table" or step % 5 == 0]
    for step in tried:
        with monkeypatch.context() as patch, pytest.raises(Killed):
            End(patch, step)
            operate(site, out=tmp_path / str(step))
        folder = tmp_path / str(step) / FOLDER
        if step == 1:
            with pytest.raises(MissingFile, match=r"cut off before it began.*Start it again"):
                resume_run(folder)
        else:
            resume_run(folder)
            assert_same(folder, unbroken.folder)
