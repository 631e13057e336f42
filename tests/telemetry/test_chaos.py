"""Kills and power cuts at every point of a write: what was acknowledged is there, once, and nothing else is lost.

A kill is an exception that nothing catches, planted at the n-th step of writing, for every n; the store is then opened
anew, as after a crash. After a power cut the disk holds only what was synced; the rest is gone, or there but empty.
Each check is tried on a store with a planted bug as well, and must find it.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from gridloop.errors import GridloopError
from gridloop.telemetry import lake
from gridloop.telemetry import store as module
from gridloop.telemetry.lake import LakeTable
from gridloop.telemetry.store import Store, open_store
from gridloop.telemetry.tables import TABLES

from .rows import tick_rows

TICKS = 2


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stores with only the tables of `tick_rows`, to save time."""
    monkeypatch.setattr(module, "TABLES", {name: TABLES[name] for name in tick_rows(0)})


class Killed(BaseException):
    """Nothing catches it on the way."""


@contextmanager
def killed_at(step: int, monkeypatch: pytest.MonkeyPatch):
    """Raise `Killed` just after the step-th stage, commit or sync; yields a list with the steps that were done."""
    done: list[str] = []

    def planted(name: str, work: Callable[..., object]) -> Callable[..., object]:
        def wrapped(*args: object) -> object:
            result = work(*args)
            done.append(name)
            if len(done) == step:
                raise Killed
            return result

        return wrapped

    with monkeypatch.context() as patch:
        patch.setattr(LakeTable, "stage", planted("stage", LakeTable.stage))
        patch.setattr(LakeTable, "commit", planted("commit", LakeTable.commit))
        patch.setattr(LakeTable, "refresh", planted("refresh", LakeTable.refresh))
        patch.setattr(module, "sync", planted("sync", module.sync))
        yield done


def run(store: Store) -> None:
    """The ticks that are not complete yet."""
    last = store.last_complete_tick("controlled")
    for tick in range(0 if last is None else last + 1, TICKS):
        store.write_many(tick, tick_rows(tick))


def content(store: Store) -> dict[str, pd.DataFrame]:
    return {table: store.read(table) for table in tick_rows(0)}


def assert_unbroken(store: Store) -> None:
    """Every table has what a run without a kill has."""
    for table, frame in content(store).items():
        wanted = pd.concat([tick_rows(tick)[table] for tick in range(TICKS)], ignore_index=True)
        assert_frame_equal(frame, wanted, check_exact=True)


def kill_everywhere(folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Kill a run at its every step, resume it, compare; returns how many steps there were."""
    Store.create(folder / "empty").close()
    for step in range(1, 1000):
        place = folder / str(step)
        shutil.copytree(folder / "empty", place)
        store = open_store(place, write=True)
        with killed_at(step, monkeypatch) as done:
            try:
                run(store)
            except Killed:
                pass
            else:
                return len(done)
            finally:
                store.close()
        with open_store(place, write=True) as store:
            run(store)
            assert_unbroken(store)
        shutil.rmtree(place)
    raise AssertionError("the run never came to its end")


def test_a_kill_at_any_step_is_harmless(few: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert kill_everywhere(tmp_path, monkeypatch) > 10 * TICKS


def test_the_check_finds_a_store_that_ignores_write_ids(few: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(LakeTable, "has", lambda *_: False)
    with pytest.raises(AssertionError):
        kill_everywhere(tmp_path, monkeypatch)


def test_the_check_finds_a_store_that_completes_a_tick_too_early(
    few: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "LAST", "readings")  # so that `ticks` is written with the rest, and first
    with pytest.raises(AssertionError):
        kill_everywhere(tmp_path, monkeypatch)


# power cuts


class Disk:
    """What a disk surely holds: of every file the bytes at its last sync, of every folder the names at its last."""

    def __init__(self) -> None:
        self.files: dict[int, bytes] = {}  # by inode: a file keeps its bytes when it is renamed
        self.folders: dict[Path, set[str]] = {}
        self.left = -1

    def sync(self, paths: Iterable[Path]) -> None:
        """Stands in for the real one; the power fails at the beginning of the call that `left` counts down to."""
        self.left -= 1
        if self.left == 0:
            raise Killed
        for path in paths:
            if path.is_dir():
                self.folders[path] = {entry.name for entry in path.iterdir()}
            else:
                self.files[path.stat().st_ino] = path.read_bytes()

    def after_power_cut(self, folder: Path, *, kept: float | None) -> None:
        """Leave on the real disk what a power cut leaves of unsynced files: that share of their bytes, or no file."""
        for path in sorted(folder.rglob("*"), reverse=True):
            surely_there = path.name in self.folders.get(path.parent, set())
            if path.is_dir():
                if not surely_there and kept is None:
                    shutil.rmtree(path)
            elif not surely_there and kept is None:
                path.unlink()
            elif path.read_bytes() != self.files.get(path.stat().st_ino):
                path.write_bytes(path.read_bytes()[: int(path.stat().st_size * (kept or 0.0))])


def cut_everywhere(folder: Path, monkeypatch: pytest.MonkeyPatch, *, kept: float | None) -> int:
    """Cut the power before every sync of a run, from its creation on; returns how many syncs there were."""
    for cut in range(1, 1000):
        place, disk = folder / str(cut), Disk()
        place.mkdir()
        disk.left = cut
        acknowledged: list[int] = []
        with monkeypatch.context() as patch:
            patch.setattr(module, "sync", disk.sync)
            patch.setattr(lake, "sync", disk.sync)
            store = None
            try:
                store = Store.create(place)
                for tick in range(TICKS):
                    store.write_many(tick, tick_rows(tick))
                    acknowledged.append(tick)
            except Killed:
                pass
            else:
                return cut - 1
            finally:
                if store is not None:
                    store.close()
        disk.after_power_cut(place, kept=kept)
        try:
            store = open_store(place, write=True)
        except GridloopError:
            assert not acknowledged, "a store with acknowledged rows must open"
            store = Store.create(place)
        with store:
            for tick in acknowledged:
                for table, frame in tick_rows(tick).items():
                    assert_frame_equal(store.read(table, tick=tick), frame, check_exact=True)
            run(store)
            assert_unbroken(store)
        shutil.rmtree(place)
    raise AssertionError("the run never came to its end")


@pytest.mark.parametrize("kept", [None, 0.0, 0.5], ids=["unsynced files are gone", "are empty", "are half"])
def test_a_power_cut_loses_nothing_acknowledged(
    few: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: float | None
):
    # A checkpoint at every commit, so that torn checkpoints are among what is tried.
    monkeypatch.setitem(lake.CONFIGURATION, "delta.checkpointInterval", "1")
    assert cut_everywhere(tmp_path, monkeypatch, kept=kept) >= 4 * TICKS


@pytest.mark.parametrize("kept", [None, 0.5])
def test_the_check_finds_a_store_that_does_not_wait_for_its_log(
    few: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: float | None
):
    monkeypatch.setattr(LakeTable, "newest_files", lambda self: [])
    with pytest.raises((AssertionError, GridloopError)):
        cut_everywhere(tmp_path, monkeypatch, kept=kept)


def test_the_check_finds_a_store_that_does_not_mend(few: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lake, "_is_commit", lambda path: True)
    with pytest.raises((AssertionError, GridloopError)):
        cut_everywhere(tmp_path, monkeypatch, kept=0.0)


def test_a_write_that_failed_halfway_is_synced_by_its_resend(
    few: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Committed, but not known to be on the disk: the resend adds nothing and waits for the disk all the same."""
    synced: list[Path] = []
    with Store.create(tmp_path) as store:
        with killed_at(4, monkeypatch) as done, pytest.raises(Killed):
            store.append("plans", tick_rows(0)["plans"], write_id=0)
        assert done == ["stage", "sync", "refresh", "commit"]
        monkeypatch.setattr(module, "sync", lambda paths: synced.extend(paths))
        assert store.append("plans", tick_rows(0)["plans"], write_id=0) is False
    assert tmp_path / "lake" / "plans" / "_delta_log" / f"{1:020d}.json" in synced


def test_a_write_that_was_interrupted_before_it_knew(few: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The commit is visible but our handle does not know yet (Ctrl-C in between): the resend looks again first."""

    def interrupted(_: LakeTable) -> None:
        raise Killed

    with Store.create(tmp_path) as store:
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(LakeTable, "refresh", interrupted)
            store.append("plans", tick_rows(0)["plans"], write_id=0)
        assert store.append("plans", tick_rows(0)["plans"], write_id=0) is False
        assert len(store.read("plans")) == 4


@pytest.mark.parametrize("torn", ["checkpoint", "pointer", "both"])
@pytest.mark.parametrize("kept", [0.0, 0.5])
def test_torn_checkpoints_are_mended(
    few: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, torn: str, kept: float
):
    """Checkpoints only save time: without them everything is still in the log."""
    monkeypatch.setitem(lake.CONFIGURATION, "delta.checkpointInterval", "2")
    with Store.create(tmp_path) as store:
        for tick in range(4):
            store.write_many(tick, tick_rows(tick))
    log = tmp_path / "lake" / "plans" / "_delta_log"
    checkpoint, pointer = max(log.glob("*.checkpoint.parquet")), log / "_last_checkpoint"
    for path in {"checkpoint": [checkpoint], "pointer": [pointer], "both": [checkpoint, pointer]}[torn]:
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with open_store(tmp_path, write=True) as store:
        assert store.write_many(3, tick_rows(3)) is False
        assert store.write_many(4, tick_rows(4)) is True
        assert store.read("plans")["tick"].unique().tolist() == [0, 1, 2, 3, 4]


# a real kill

WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from rows import tick_rows
from gridloop.telemetry.store import open_store
store = open_store(sys.argv[2], write=True)
last = store.last_complete_tick("controlled")
for tick in range(0 if last is None else last + 1, 10_000):
    store.write_many(tick, tick_rows(tick))
    print(tick, flush=True)
"""


@pytest.mark.slow
def test_sigkill(tmp_path: Path):
    """A process that writes tick after tick is killed after some acknowledged ticks; each is there, whole and once."""
    Store.create(tmp_path).close()
    acknowledged = -1
    for ticks_before_kill in (1, 7, 3):
        command = [sys.executable, "-c", WRITER, str(Path(__file__).parent), str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(ticks_before_kill):
                acknowledged = int(process.stdout.readline())
            process.send_signal(signal.SIGKILL)
            rest = process.stdout.read().split()  # ticks that were acknowledged before the signal struck
            acknowledged = max([acknowledged, *(int(tick) for tick in rest)])
        with open_store(tmp_path, write=True) as store:  # the lock died with its holder
            last = store.last_complete_tick("controlled")
            assert last is not None
            assert last >= acknowledged
            for table, frame in content(store).items():
                whole = frame[frame["tick"] <= last].reset_index(drop=True)
                wanted = pd.concat([tick_rows(tick)[table] for tick in range(last + 1)], ignore_index=True)
                assert_frame_equal(whole, wanted, check_exact=True)
