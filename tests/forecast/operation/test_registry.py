"""Registry: the same forecaster back, bit for bit; damage is named and never loaded; a kill loses nothing told."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from quiet_town import FIT, Steady

import gridloop.forecast
from gridloop.diagnosis import Diagnosis
from gridloop.errors import OutOfRange, StoreError
from gridloop.forecast import DayAheadForecaster, LoadForecaster
from gridloop.forecast.models.kalman import AdaptiveLinear
from gridloop.forecast.models.lstm import LstmForecaster
from gridloop.forecast.models.persistence import last
from gridloop.forecast.operation import GuardedForecaster, Registry
from gridloop.forecast.operation.entry import KERNELS, code_version
from gridloop.forecast.operation.state import Parts, put_together, take_apart

NOW = pd.Timestamp("2021-06-02 08:00", tz="UTC")
WINDOW = (pd.Timestamp("2021-01-01", tz="UTC"), FIT)
AHEAD = pd.date_range("2021-06-02", periods=24, freq="h", tz="UTC")
ISSUE = pd.Timestamp("2021-06-01 12:00", tz="UTC")


def small(value: float) -> AdaptiveLinear:
    """Something of gridloop.forecast that is quickly made."""
    return AdaptiveLinear.start(2, 3, level=value, noise=0.1, prior=1.0, drift=0.0)


def registry(folder: Path, *values: float) -> Registry:
    """A registry with one version per value, none promoted."""
    made = Registry(folder / "models")
    for value in values:
        made.save("town", small(value), at=NOW, window=WINDOW, scores={"mape_pct": value})
    return made


# --------------------------------------------------------------------- state


def test_every_sort_of_thing_comes_back():
    index = pd.date_range("2021-01-01", periods=3, freq="h", tz="Europe/Berlin", name="t")
    table = pd.DataFrame({"a": [1.0, np.nan, np.inf], "b": [1, 2, 3]}, index=index)
    shared = np.array([1.0, 2.0])
    thing: dict[Any, Any] = {
        "plain": [None, True, 3, 10**30, 0.1 + 0.2, float("inf"), "text"],
        ("a", 1): {1: (2, 3), "set": {3, 1, 2}, "frozen": frozenset({"x"})},
        "numpy": [np.float32(0.1), np.int64(-5), np.bool_(True), np.datetime64("2021-01-01", "ns")],
        "arrays": [
            np.arange(6, dtype=np.int16).reshape(2, 3),
            np.array(["a", None, 2], dtype=object),
            np.empty((0, 3)),
        ],
        "times": [index[0], pd.Timestamp("2021-01-01"), pd.NaT, pd.Timedelta("90min"), dt.date(2021, 3, 4)],
        "tables": [table, table["a"], pd.Index(["x", "y"], name="n"), pd.MultiIndex.from_product([["p"], index])],
        "deque": deque([1, 2], maxlen=5),
        "ours": small(0.5),
        "function": partial(last, oldest=3),
        "shared": [shared, shared],
        "random": np.random.default_rng(7),
        "diagnosis": Diagnosis("unsound_input", ["a"], "b", {"at": index[0], "many": [1.5]}),
    }
    back = put_together(take_apart(thing))
    assert back["plain"] == thing["plain"]
    assert back[("a", 1)] == thing[("a", 1)]
    assert [type(x) for x in back["numpy"]] == [type(x) for x in thing["numpy"]]
    assert back["numpy"] == thing["numpy"]
    for old, new in zip(thing["arrays"], back["arrays"], strict=True):
        assert old.dtype == new.dtype
        assert np.array_equal(old, new)
    assert back["times"][:2] == thing["times"][:2]
    assert str(back["times"][0].tz) == "Europe/Berlin"
    assert back["times"][2] is pd.NaT
    assert back["times"][3:] == thing["times"][3:]
    pd.testing.assert_frame_equal(back["tables"][0], table, check_freq=False)
    pd.testing.assert_series_equal(back["tables"][1], table["a"], check_freq=False)
    assert back["tables"][2].equals(thing["tables"][2])
    assert back["tables"][3].equals(thing["tables"][3])
    assert (back["deque"], back["deque"].maxlen) == (deque([1, 2]), 5)
    assert np.array_equal(back["ours"].theta, thing["ours"].theta)
    assert back["function"].func is last
    assert back["shared"][0] is back["shared"][1]
    assert back["diagnosis"] == thing["diagnosis"]
    assert back["random"].random() == np.random.default_rng(7).random()


def test_what_holds_itself_comes_back():
    ring: list[Any] = [1]
    ring.append(ring)
    back = put_together(take_apart(ring))
    assert back[1] is back


def test_a_guard_that_found_something_is_kept(load: pd.DataFrame):
    guard = GuardedForecaster(Steady()).fit(load, until=FIT)
    guard.predict(load[load.index < ISSUE - pd.Timedelta(days=2)], ISSUE, AHEAD)
    guard.forecaster = small(1.0)  # `Steady` is not of gridloop.forecast
    back = put_together(take_apart(guard))
    assert guard.diagnosis is not None
    assert back.diagnosis == guard.diagnosis


def test_what_cannot_be_kept_is_named():
    forecaster = small(1.0)
    forecaster.noise = open(os.devnull)  # type: ignore[assignment]  # noqa: PTH123, SIM115
    with pytest.raises(StoreError, match=r"AdaptiveLinear\.noise is a _io\.TextIOWrapper"):
        take_apart(forecaster)
    forecaster.noise.close()  # type: ignore[attr-defined]
    with pytest.raises(StoreError, match="Steady"):
        take_apart(Steady())
    with pytest.raises(StoreError, match="function"):
        take_apart([lambda: 1])


@pytest.mark.parametrize(
    "name", ["os:system", "gridloop.errors:StoreError", "gridloop.forecast.operation.state:os", "gridloop.forecast:x",
             "gridloop.forecast.operation.registry:Path", "gridloop.forecasts:Evil", "builtins:eval"],
)  # fmt: skip
def test_a_state_cannot_name_what_is_not_ours(name: str):
    for sort in ("object", "function"):
        with pytest.raises(StoreError, match="nothing"):
            put_together(Parts({"$": sort, "id": 0, "name": name, "state": []}))


def test_unknown_sorts_are_refused():
    with pytest.raises(StoreError, match="'pickle'"):
        put_together(Parts({"$": "pickle", "id": 0}))


# ------------------------------------------------------------ whole forecasters


def test_a_guarded_forecaster_says_the_same_bit_for_bit(tmp_path: Path, load: pd.DataFrame):
    inner = LoadForecaster(threads=1)
    inner.least_issues, inner.most_rows = 500, 4000  # type: ignore[misc]  # it need not be good here
    guard = GuardedForecaster(inner).fit(load[load.index >= "2021-03-01"], until=FIT)
    made = Registry(tmp_path)
    made.save("town", guard, at=NOW, window=WINDOW, scores=inner.backtest)
    made.promote("town", 1, at=NOW, reason="first")
    back = made.load("town")
    history = load[(load.index < ISSUE) & (load.index >= ISSUE - pd.Timedelta(days=70))]
    for change in (1.0, 1000.0):
        spoilt = history.copy()
        spoilt.iloc[-9:] *= change
        old, new = (one.predict(spoilt, ISSUE, AHEAD) for one in (guard, back))
        assert np.array_equal(old.arrays(), new.arrays())
        assert old.model.equals(new.model)


def test_a_day_ahead_forecaster_goes_on_the_same(tmp_path: Path, load: pd.DataFrame, air: pd.DataFrame):
    fitted = DayAheadForecaster(trees=5).fit(load, until=FIT, weather=air[air.index < FIT])
    made = Registry(tmp_path)
    made.save("town", fitted, at=NOW, window=WINDOW)
    back = made.load("town", 1)
    for day in range(3):
        issue = ISSUE + pd.Timedelta(days=day)
        ahead = AHEAD + pd.Timedelta(days=day)
        seen = load[load.index < issue]
        old, new = (one.predict(seen, issue, ahead, weather=air) for one in (fitted, back))
        assert np.array_equal(old.arrays(), new.arrays())
    assert not list((tmp_path / "town").rglob("*.pkl"))


# ------------------------------------------------------------------- versions


def test_versions_scores_and_where_they_come_from(tmp_path: Path):
    made = registry(tmp_path, 1.0, 2.0)
    first, second = made.entries("town")
    assert (first.version, second.version) == (1, 2)
    assert second.scores == {"mape_pct": 2.0}
    assert first.window == ("2021-01-01T00:00:00+00:00", "2021-06-01T00:00:00+00:00")
    assert set(first.code) == {
        "gridloop", "gridloop.forecast", "lightgbm", "numba", "numpy", "pandas", "pvlib", "python", "statsmodels"
    }  # fmt: skip
    assert made.names() == ["town"]
    assert made.damaged("town") == {}


def test_promote_and_roll_back(tmp_path: Path):
    made = registry(tmp_path, 1.0, 2.0, 3.0)
    assert made.current("town") is None
    with pytest.raises(StoreError, match="no version is promoted yet"):
        made.load("town")
    made.promote("town", 1, at=NOW, reason="first")
    made.promote("town", 3, at=NOW, reason="better by 4 %")
    made.promote("town", 2, at=NOW, reason="a try")
    assert made.load("town").theta[0, 0] == 2.0
    assert made.roll_back("town", at=NOW, reason="worse") == 3
    assert made.roll_back("town", at=NOW, reason="worse still") == 1
    assert made.load("town").theta[0, 0] == 1.0
    with pytest.raises(StoreError, match="nothing was promoted before"):
        made.roll_back("town", at=NOW, reason="again")
    told = [(r.kind, r.subject) for r in made.journal("town")][3:]
    assert told == [("promoted", "1"), ("promoted", "3"), ("promoted", "2"), ("rolled_back", "3"), ("rolled_back", "1")]


def test_promoting_twice_takes_one_step_back(tmp_path: Path):
    made = registry(tmp_path, 1.0, 2.0)
    for version in (1, 2, 2):
        made.promote("town", version, at=NOW, reason="asked twice")
    assert made.roll_back("town", at=NOW, reason="worse") == 1
    assert made.current("town") == 1


def test_the_number_of_a_removed_version_is_not_used_again(tmp_path: Path):
    made = registry(tmp_path, 1.0, 2.0)
    shutil.rmtree(tmp_path / "models" / "town" / "0002")
    assert made.save("town", small(3.0), at=NOW, window=WINDOW).version == 3
    assert [entry.version for entry in made.entries("town")] == [1, 3]


def test_all_that_a_prediction_stands_on_is_in_the_fingerprint():
    """Every module outside gridloop.forecast whose numbers a model takes."""
    home = Path(gridloop.forecast.__file__).parent
    used = {
        found for path in home.rglob("*.py") for found in re.findall(r"from gridloop\.kernel\.(\w+)", path.read_text())
    }
    assert used <= {Path(file).stem for file in KERNELS}
    assert {"pvlib", "statsmodels"} <= set(code_version())


def test_a_package_counts_for_the_models_that_need_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from gridloop.forecast.operation import registry as module

    made = registry(tmp_path, 1.0)
    made.save("net", LstmForecaster(), at=NOW, window=WINDOW)
    assert "torch" in made.entry("net", 1).code
    assert "torch" not in made.entry("town", 1).code
    monkeypatch.setattr(module, "installed", lambda name: "9.9")
    with pytest.raises(StoreError, match="another torch"):
        made.load("net", 1)
    assert made.load("town", 1).theta[0, 0] == 1.0


def test_what_is_not_there(tmp_path: Path):
    made = registry(tmp_path, 1.0)
    with pytest.raises(StoreError, match="there is no version 7; there are 1"):
        made.load("town", 7)
    with pytest.raises(StoreError, match="nothing is called city; there are town"):
        made.entries("city")
    with pytest.raises(OutOfRange, match="must be letters"):
        made.load("../town")
    with pytest.raises(OutOfRange, match="zone"):
        made.save("town", small(1.0), at=pd.Timestamp("2021-01-01"), window=WINDOW)
    assert Registry(tmp_path / "nowhere").names() == []


def test_other_code_is_refused_unless_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = registry(tmp_path, 1.0)
    from gridloop.forecast.operation import registry as module

    now = module.code_version()
    monkeypatch.setattr(module, "code_version", lambda: now | {"lightgbm": "9.9"})
    with pytest.raises(StoreError, match="another lightgbm"):
        made.load("town", 1)
    assert made.load("town", 1, other_code=True).theta[0, 0] == 1.0


# --------------------------------------------------------------------- damage


@pytest.mark.parametrize("file", ["state.json", "arrays.npz", "entry.json"])
@pytest.mark.parametrize("damage", ["cut", "changed", "gone"])
def test_a_damaged_version_is_named_and_skipped(tmp_path: Path, file: str, damage: str):
    made = registry(tmp_path, 1.0, 2.0)
    path = tmp_path / "models" / "town" / "0002" / file
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(content[:-3] if damage == "cut" else bytes([content[0] ^ 1]) + content[1:])
    assert [entry.version for entry in made.entries("town")] == [1]
    assert list(made.damaged("town")) == ["0002"]
    assert "0002" in made.damaged("town")["0002"]
    with pytest.raises(StoreError, match="0002"):
        made.load("town", 2)
    with pytest.raises(StoreError, match="0002"):
        made.promote("town", 2, at=NOW, reason="no")
    assert made.load("town", 1).theta[0, 0] == 1.0
    assert registry(tmp_path, 3.0).entries("town")[-1].version == 3


def test_an_entry_that_was_swapped_is_seen(tmp_path: Path):
    """All files of a version exchanged for those of another one, hashes and all: the journal knows better."""
    made = registry(tmp_path, 1.0, 2.0)
    home = tmp_path / "models" / "town"
    for file in ("state.json", "arrays.npz", "entry.json"):
        (home / "0001" / file).write_bytes((home / "0002" / file).read_bytes())
    assert [entry.version for entry in made.entries("town")] == [2]
    assert "not what the journal says" in made.damaged("town")["0001"]


def test_a_changed_journal_is_refused(tmp_path: Path):
    made = registry(tmp_path, 1.0, 2.0)
    path = tmp_path / "models" / "town" / "journal.jsonl"
    lines = path.read_text().splitlines()
    facts = json.loads(lines[0])
    path.write_text("\n".join([json.dumps(facts | {"text": "0" * 64}), *lines[1:]]) + "\n")
    with pytest.raises(StoreError, match="record 0 was changed"):
        made.entries("town")
    path.write_text("nonsense\n")
    with pytest.raises(StoreError, match="cannot be read"):
        made.entries("town")


def test_a_line_that_was_cut_off_was_never_told(tmp_path: Path):
    made = registry(tmp_path, 1.0, 2.0)
    path = tmp_path / "models" / "town" / "journal.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    assert [entry.version for entry in made.entries("town")] == [1]
    assert made.damaged("town") == {
        "0002": "is not in the journal: its process ended before it was told that it is saved"
    }
    assert registry(tmp_path, 3.0).entries("town")[-1].version == 3
    assert [record.subject for record in made.journal("town")] == ["1", "3"]


def test_a_pickle_is_never_opened(tmp_path: Path):
    """Arrays that hold a pickle are refused even where every hash fits."""

    class Bomb:
        def __reduce__(self) -> Any:
            return (os.mkdir, (str(tmp_path / "exploded"),))

    made = registry(tmp_path, 1.0)
    folder = tmp_path / "models" / "town" / "0001"
    np.savez(folder / "arrays.npz", a0=np.array([Bomb()], dtype=object), a1=np.zeros(1), a2=np.zeros(1))
    entry = json.loads((folder / "entry.json").read_text())
    import hashlib

    def digest(path: Path) -> str:
        return hashlib.sha256(path.read_bytes()).hexdigest()

    entry["digests"]["arrays.npz"] = digest(folder / "arrays.npz")
    (folder / "entry.json").write_text(json.dumps(entry))
    from gridloop.trust.audit import record_after

    journal = tmp_path / "models" / "town" / "journal.jsonl"
    facts = json.loads(journal.read_text())
    at = pd.Timestamp(facts["at"]).to_pydatetime()
    forged = record_after(None, at=at, kind="saved", subject="1", text=digest(folder / "entry.json"))
    journal.write_text(json.dumps(facts | {"text": forged.text, "hash": forged.hash}) + "\n")
    with pytest.raises(StoreError, match="pickle"):
        made.load("town", 1)
    assert not (tmp_path / "exploded").exists()


def test_one_writer_at_a_time(tmp_path: Path):
    from gridloop.forecast.operation.disk import alone

    made = registry(tmp_path, 1.0)
    with alone(tmp_path / "models" / "town"), pytest.raises(StoreError, match="another process is writing"):
        made.save("town", small(2.0), at=NOW, window=WINDOW)


@pytest.mark.slow
def test_a_process_killed_while_saving_loses_nothing_it_was_told(tmp_path: Path):
    """A child saves version after version and prints each that is saved; it is killed at any moment, three times."""
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import numpy as np, pandas as pd
from gridloop.forecast.models.kalman import AdaptiveLinear
from gridloop.forecast.operation import Registry
registry = Registry({str(tmp_path)!r})
now = pd.Timestamp("2021-06-02", tz="UTC")
while True:
    model = AdaptiveLinear(np.random.default_rng(0).random((200, 2000)), np.zeros(3), np.zeros(3), 0.0)
    entry = registry.save("town", model, at=now, window=(now, now))
    registry.promote("town", entry.version, at=now, reason="newest")
    print(entry.version, flush=True)
"""
    made = Registry(tmp_path)
    told: set[int] = set()
    for turn in range(3):
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        line = child.stdout.readline()
        time.sleep(0.013 * (turn + 1))
        child.send_signal(signal.SIGKILL)
        rest = child.stdout.read()
        child.wait()
        child.stdout.close()
        told |= {int(v) for v in [line, *rest.split("\n")] if v.strip()}
        assert told <= {entry.version for entry in made.entries("town")}
        assert (made.current("town") or 0) >= max(told)
        assert made.load("town").theta.shape == (200, 2000)
