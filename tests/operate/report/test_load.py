"""The report of a run's folder: what the store holds comes to the page."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from gridloop.errors import MissingFile
from gridloop.io.folder import write_network
from gridloop.network.model import Network
from gridloop.operate.report import RunTables, build_page, load_run, write_report
from gridloop.telemetry.store import Store
from gridloop.telemetry.tables import TABLES


def fitted(table: str, frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with the columns of the store; a number that the made-up day does not know is missing."""
    text = {"string": "", "int64": 0}
    fields = TABLES[table].schema
    missing = {f.name: text.get(str(f.type), float("nan")) for f in fields if f.name not in frame}
    return frame.assign(**missing)[fields.names]


def write_run(day: RunTables, run: Path) -> Path:
    """A run's folder as the loop leaves it."""
    run.mkdir()
    made = {"line": {"r_ohm_per_km": 0.3, "x_ohm_per_km": 0.1}, "transformer": {"v_tail_kv": 110.0, "v_head_kv": 20.0}}
    made["transformer"] |= {"r_pu": 0.003, "x_pu": 0.16}
    tables = {
        name: getattr(day, name).assign(owner="dso", **made.get(name, {})) for name in ("bus", "line", "transformer")
    }
    write_network(Network.from_tables(tables, name="made up"), run / "network")
    (run / "run.json").write_text(json.dumps({k: v for k, v in day.run.items() if k != "id"}), encoding="utf-8")
    names = ("forecasts", "plans", "commands", "events", "flows", "timings", "ticks")
    with Store.create(run) as store:
        store.write_many("all", {name: fitted(name, getattr(day, name)) for name in names})
    return run


@pytest.fixture(scope="module")
def folder(day: RunTables, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the made-up day."""
    return write_run(day, tmp_path_factory.mktemp("runs") / "2016-07-25")


def test_what_was_stored_is_what_is_drawn(folder: Path, day: RunTables) -> None:
    """Only the plan's later intervals of no use to the page are left behind."""
    found = load_run(folder)
    assert found.run["id"] == "2016-07-25"
    assert len(found.plans) == len(day.plans)
    for name in ("flows", "forecasts", "commands", "events", "timings", "ticks"):
        assert len(getattr(found, name)) == len(getattr(day, name)), name
    assert str(found.ticks["valid_at"].dtype) == "datetime64[ns, UTC]"


def test_the_page_is_that_of_the_tables(folder: Path, day: RunTables) -> None:
    """Through the disk and back everything is the same, but for the head, which shows the folder's name."""
    file = write_report(folder)
    assert file == folder / "report.html"
    pages = file.read_text("utf-8"), build_page(day)
    written, direct = (page.split('<section id="figures">')[1] for page in pages)
    assert written == direct
    assert list(folder.glob("*.part")) == []


def test_an_altered_event_is_said_so(day: RunTables, tmp_path: Path) -> None:
    """The folder is written with one word of the fifth event changed."""
    events = day.events.copy()
    events.loc[5, "text"] = "last_good"
    write_run(replace(day, events=events), tmp_path / "run")
    assert load_run(tmp_path / "run").chain_verified is False
    assert "does not hold" in write_report(tmp_path / "run").read_text("utf-8")


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="is no run"):
        write_report(tmp_path)
