"""The store: what goes in comes out exactly, once, in order; and every refusal says what to do."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from gridloop.errors import BadInput, MissingColumn, StoreError
from gridloop.telemetry.store import Store, open_store
from gridloop.telemetry.tables import TABLES

from .rows import DAY, QUARTER, rows, tick_rows


@pytest.fixture
def store(tmp_path: Path):
    """A new store, open for writing."""
    with Store.create(tmp_path / "run") as opened:
        yield opened


@pytest.mark.parametrize("table", TABLES)
def test_every_table_comes_back_exactly(store: Store, table: str):
    frame = rows(table, 7)
    assert store.append(table, frame, write_id=7)
    assert_frame_equal(store.read(table), frame, check_exact=True)
    assert store.tables[table] == list(frame.columns)


def test_floats_and_gaps_to_the_last_bit(store: Store):
    frame = rows("readings", 0, 4).assign(value=[0.1 + 0.2, np.nan, -0.0, 5e-324], quality=[0, 3, 0, 0])
    store.append("readings", frame, write_id=0)
    back = store.read("readings")["value"].to_numpy()
    assert back.tobytes() == frame["value"].to_numpy().tobytes()
    # In SQL a gap is NULL: a mean leaves it out instead of being spoilt by it.
    assert store.query("SELECT count(value) AS n FROM readings")["n"].tolist() == [3]


def test_the_same_write_again_changes_nothing(store: Store):
    assert store.append("plans", rows("plans", 1), write_id=1) is True
    assert store.append("plans", rows("plans", 1), write_id=1) is False
    assert store.append("plans", rows("plans", 1), write_id="1") is False  # 1 and "1" are the same name
    assert len(store.read("plans")) == 3
    # The name belongs to one table, and any other name is another write, whatever its order.
    assert store.append("readings", rows("readings", 1), write_id=1)
    assert store.append("plans", rows("plans", 0), write_id=0)
    assert store.read("plans")["tick"].tolist() == [0] * 3 + [1] * 3


def test_a_resend_after_reopening(tmp_path: Path):
    with Store.create(tmp_path) as store:
        store.write_many("controlled/0", tick_rows(0))
    with open_store(tmp_path, write=True) as store:
        assert store.write_many("controlled/0", tick_rows(0)) is False
        assert len(store.read("readings")) == 3


def test_no_rows_are_no_write(store: Store):
    nothing = pd.DataFrame([], columns=store.tables["events"])
    assert store.append("events", nothing, write_id=0) is False
    assert store.append("events", rows("events", 0, 1), write_id=0) is True


def test_complete_ticks(store: Store):
    assert store.last_complete_tick("controlled") is None
    for tick in range(3):
        store.write_many(tick, tick_rows(tick))
    assert store.last_complete_tick("controlled") == 2
    assert store.last_complete_tick("baseline") is None


def test_ticks_are_committed_last(store: Store, monkeypatch: pytest.MonkeyPatch):
    """Whatever the order of the frames, `ticks` appears when the rest is on the disk."""
    from gridloop.telemetry import lake
    from gridloop.telemetry import store as module

    order: list[str] = []
    commit, sync = lake.LakeTable.commit, module.sync

    def noted(self: lake.LakeTable, *args: object) -> list[Path]:
        order.append(self.folder.name)
        return commit(self, *args)  # type: ignore[arg-type]

    def synced(paths: list[Path]) -> None:
        order.append("sync")
        sync(paths)

    monkeypatch.setattr(lake.LakeTable, "commit", noted)
    monkeypatch.setattr(module, "sync", synced)
    store.write_many(0, tick_rows(0))
    last = order.index("ticks")
    assert order.index("readings") < last
    assert order.index("plans") < last
    assert "sync" in order[max(order.index("readings"), order.index("plans")) : last]


def test_a_frame_that_does_not_fit_leaves_nothing(store: Store):
    bad = tick_rows(0)
    bad["ticks"] = bad["ticks"].drop(columns="rung")
    with pytest.raises(MissingColumn, match="rows for ticks lack the column rung"):
        store.write_many(0, bad)
    assert len(store.read("readings")) == 0


def test_filters_and_columns(store: Store):
    for tick in range(5):
        store.append("readings", rows("readings", tick), write_id=tick)
    assert store.read("readings", tick=3)["tick"].tolist() == [3] * 3
    assert store.read("readings", tick=[0, 4])["tick"].tolist() == [0] * 3 + [4] * 3
    assert store.read("readings", tick=slice(1, 2))["tick"].tolist() == [1] * 3 + [2] * 3
    assert store.read("readings", tick=slice(None, 0))["tick"].tolist() == [0] * 3
    assert store.read("readings", tick=slice(None, None), point="point 2 1")["tick"].tolist() == [2]
    assert store.read("readings", ["value"], tick=2).columns.tolist() == ["value"]
    assert len(store.read("readings", valid_at=slice("2016-07-25T01:00+00:00", DAY + 5 * QUARTER))) == 5
    assert store.read("readings", tick=[]).empty


def test_rows_come_back_in_order_whatever_the_order_of_writing(store: Store):
    for tick in (2, 0, 1):
        store.append("plans", rows("plans", tick), write_id=tick)
    assert_frame_equal(store.read("plans"), pd.concat([rows("plans", t) for t in range(3)], ignore_index=True))


def test_what_was_known(store: Store):
    store.append("readings", rows("readings", 0, 4), write_id=0)
    assert len(store.known("readings", DAY + QUARTER)) == 2
    assert len(store.known("readings", "2016-07-25T00:00+00:00", tick=0)) == 1
    store.append("forecasts", rows("forecasts", 0, 4), write_id=0)
    assert len(store.known("forecasts", DAY + 2 * QUARTER)) == 3
    store.append("events", rows("events", 0, 4), write_id=0)
    assert len(store.known("events", DAY)) == 1
    with pytest.raises(BadInput, match="does not say when"):
        store.known("timings", DAY)


def test_as_readings(store: Store):
    store.append("readings", rows("readings", 0).assign(quality=0), write_id=0)
    readings = store.readings(tick=0)
    assert readings.points == ["point 0 0", "point 0 1", "point 0 2"]
    assert len(readings.as_known(DAY)) == 1


def test_compact_changes_no_row(store: Store):
    for tick in range(4):
        store.write_many(tick, tick_rows(tick))
    before = {table: store.read(table) for table in tick_rows(0)}
    store.compact()
    for table, frame in before.items():
        assert_frame_equal(store.read(table), frame, check_exact=True)
        assert len(store._table(table).data_files()) == 1
    assert store.write_many(3, tick_rows(3)) is False
    assert store.write_many(4, tick_rows(4)) is True


# who may do what


def test_a_reader_sees_what_a_writer_adds(store: Store):
    reader = open_store(store.path.parent)
    assert reader.read("readings").empty
    store.append("readings", rows("readings", 0), write_id=0)
    assert len(reader.read("readings")) == 3
    assert reader.query("SELECT count(*) AS n FROM readings")["n"].tolist() == [3]
    with pytest.raises(StoreError, match="open for reading"):
        reader.append("readings", rows("readings", 1), write_id=1)
    with pytest.raises(StoreError, match="open for reading"):
        reader.compact()


def test_a_reader_never_sees_half_a_write(store: Store):
    """While a writer appends, every read has whole ticks of 50 rows, and never fewer than the one before."""
    reader, done, seen = open_store(store.path.parent), threading.Event(), []

    def read() -> None:
        while not done.is_set():
            seen.append(reader.read("readings", ["tick"])["tick"].value_counts().tolist())

    thread = threading.Thread(target=read)
    thread.start()
    for tick in range(15):
        store.append("readings", rows("readings", tick, 50), write_id=tick)
    done.set()
    thread.join()
    assert all(count == 50 for counts in seen for count in counts)
    assert [len(counts) for counts in seen] == sorted(len(counts) for counts in seen)


def test_one_writer_at_a_time(tmp_path: Path):
    import os

    store = Store.create(tmp_path)
    with pytest.raises(StoreError, match=f"process {os.getpid()} is writing") as caught:
        open_store(tmp_path, write=True)
    assert caught.value.facts["pid"] == os.getpid()
    store.close()
    store.close()  # twice is fine
    open_store(tmp_path, write=True).close()


# what is no store


def test_a_folder_that_is_no_store(tmp_path: Path):
    with pytest.raises(StoreError, match=r"no store here \(lake/layout.json is missing\)"):
        open_store(tmp_path)
    with pytest.raises(StoreError, match="no such folder"):
        open_store(tmp_path / "nowhere")
    with Store.create(tmp_path), pytest.raises(StoreError, match="holds a store already"):
        Store.create(tmp_path)


def test_the_lake_itself_is_a_store_too(tmp_path: Path):
    Store.create(tmp_path).close()
    assert open_store(tmp_path / "lake").last_complete_tick("controlled") is None


def test_another_layout_and_damage(tmp_path: Path):
    Store.create(tmp_path).close()
    layout = tmp_path / "lake" / "layout.json"
    kept = layout.read_text()
    layout.write_text('{"layout": 99}')
    with pytest.raises(StoreError, match=r"layout 99.*reads layout 1"):
        open_store(tmp_path)
    layout.write_text("{")
    with pytest.raises(StoreError, match="damaged"):
        open_store(tmp_path)
    layout.write_text(kept)
    (tmp_path / "lake" / "plans").rename(tmp_path / "plans")
    with pytest.raises(StoreError, match=r"1 of \d+ tables are missing \(plans\)"):
        open_store(tmp_path)


def test_a_lost_data_file_is_named_and_the_rest_is_readable(tmp_path: Path):
    with Store.create(tmp_path) as store:
        store.write_many(0, tick_rows(0))
        store._table("plans").data_files()[0].unlink()
    store = open_store(tmp_path)
    with pytest.raises(StoreError, match=r"table plans cannot be read.*Restore"):
        store.read("plans")
    with pytest.raises(StoreError, match="cannot be read"):
        store.query("SELECT * FROM plans")
    assert len(store.read("readings")) == 3


def test_paths_with_odd_letters(tmp_path: Path):
    for name in ("a run", "Lauf für Übung", "50%", "[1]", "it's #1"):
        with Store.create(tmp_path / name) as store:
            store.append("readings", rows("readings", 0), write_id=0)
        assert len(open_store(tmp_path / name).query("SELECT * FROM readings")) == 3
    with pytest.raises(BadInput, match="percent sign"):
        Store.create(tmp_path / "a%20b")


# what does not fit


def test_rows_that_do_not_fit(store: Store):
    good = rows("readings", 0)
    for frame, error, words in (
        (good.drop(columns=["value", "tick"]), MissingColumn, "lack the column tick, value"),
        (good.assign(unit="MW"), BadInput, r"1 columns that the table lacks \(unit\)"),
        (good.assign(value=["a", "b", "c"]), BadInput, "column value of readings must hold double"),
        (good.assign(tick=[0, 0, 0.5]), BadInput, "column tick of readings must hold int64"),
        (good.assign(point=["a", None, "b"]), BadInput, "point of readings: 1 of 3 values are missing"),
        (good.assign(valid_at=good["valid_at"].dt.tz_localize(None)), BadInput, "have no zone"),
        (
            good.assign(known_at=good["known_at"] + pd.Timedelta(1)),
            BadInput,
            "known_at of readings must hold timestamp",
        ),
    ):
        with pytest.raises(error, match=words):
            store.append("readings", frame, write_id=0)
    assert store.read("readings").empty
    with pytest.raises(BadInput, match="there is no table 'reading'; there are readings, forecasts"):
        store.append("reading", good, write_id=0)


def test_reading_what_is_not_there(store: Store):
    with pytest.raises(BadInput, match="there is no table"):
        store.read("nothing")
    with pytest.raises(MissingColumn, match="no column unit; there are tick, point"):
        store.read("readings", ["unit"])
    with pytest.raises(MissingColumn, match="no column device"):
        store.read("readings", device="x")
    with pytest.raises(BadInput, match="tick is int64, but 'first' was asked for"):
        store.read("readings", tick="first")


def test_a_full_disk_says_so(store: Store, monkeypatch: pytest.MonkeyPatch):
    """The write fails with words, and works when there is room again."""
    from gridloop.telemetry import lake

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(lake.pq, "write_table", full)
        with pytest.raises(StoreError, match=r"could not be stored .*No space left.*resume"):
            store.append("readings", rows("readings", 0), write_id=0)
    assert store.append("readings", rows("readings", 0), write_id=0)


# SQL


def test_sql_joins_and_times(store: Store):
    for tick in range(3):
        store.write_many(tick, tick_rows(tick))
    frame = store.query(
        "SELECT t.tick, max(r.valid_at) AS newest, hour(max(r.valid_at)) AS hour, sum(r.value) AS total "
        "FROM ticks t JOIN readings r USING (tick) GROUP BY 1 ORDER BY 1"
    )
    assert frame["tick"].tolist() == [0, 1, 2]
    assert frame["newest"].dtype == "datetime64[ns, UTC]"
    assert frame["newest"].tolist() == [DAY + (t + 2) * QUARTER for t in range(3)]
    assert frame["hour"].tolist() == [0, 0, 1]  # of UTC, wherever the machine stands


def test_sql_errors_say_what_there_is(store: Store):
    with pytest.raises(BadInput, match=r"nope.*Tables: readings, forecasts.*Columns of ticks: run, tick"):
        store.query("SELECT nope FROM ticks")
    with pytest.raises(BadInput, match="Tables: readings"):
        store.query("SELECT * FROM nope")
    with pytest.raises(BadInput, match="syntax error"):
        store.query("SELEC 1")


def test_sql_can_change_nothing_and_sees_no_other_file(store: Store, tmp_path: Path):
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    outside = pd.DataFrame({"a": [1]})  # a variable of the caller is no table
    for sql in (
        f"COPY ticks TO '{tmp_path / 'x.csv'}'",
        "DROP VIEW ticks",
        "INSERT INTO ticks VALUES (1)",
        "CREATE TABLE x AS SELECT 1",
        "SELECT 1; DROP VIEW ticks",
        "SET enable_external_access = true",
        "PRAGMA version",
        f"ATTACH '{tmp_path / 'x.db'}'",
        "INSTALL httpfs",
        f"SELECT * FROM '{secret}'",
        f"SELECT * FROM read_csv('{secret}')",
        f"SELECT * FROM read_text('{secret}')",
        f"SELECT * FROM glob('{tmp_path}/*')",
        "SELECT * FROM outside",
        "SELECT getenv('HOME')",
        "",
    ):
        with pytest.raises(BadInput):
            store.query(sql)
    assert len(outside) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "secret.csv"]


def test_importing_gridloop_loads_no_database():
    """Someone who only solves a flow does not wait for the lake."""
    code = "import sys, gridloop, gridloop.series, gridloop.trust; print({'deltalake', 'duckdb'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
