"""Bad input through the command: one line that says which, how many, what is allowed and what to do; exit code 2.

Every case spoils one thing of a good site. What an earlier run stored must be as it was, and nothing else may appear.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command import Command
from small_site import small_network, write_small_site

from gridloop.io.folder import write_network
from gridloop.network.model import Network
from gridloop.operate.run import operate
from gridloop.operate.settings import read_site

Spoil = Callable[[Path], object]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a site, and under runs/ a run of it."""
    folder = tmp_path_factory.mktemp("good")
    operate(read_site(write_small_site(folder, ticks=1, sessions=2)), out=folder / "runs")
    # Cases meet the whole day: what is wrong at noon is found before midnight.
    write_small_site(folder, sessions=2)
    return folder


@pytest.fixture
def place(good: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(good, tmp_path / "site"))


def content(folder: Path) -> dict[str, str]:
    """Every file below a folder, and a digest of its bytes."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# ----- spoilers --------------------------------------------------------------------------------------------


def table(name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Spoil:
    """Change a file of profiles."""

    def spoil(place: Path) -> None:
        file = place / "profiles" / name
        change(pd.read_csv(file)).to_csv(file, index=False)

    return spoil


def cells(column: str, value: object, rows: slice) -> Spoil:
    """Put a value into some rows of load_mw.csv."""

    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame[column] = frame[column].astype(object)
        frame.loc[rows, column] = value
        return frame

    return table("load_mw.csv", change)


def network(change: Callable[[dict[str, pd.DataFrame]], object]) -> Spoil:
    """Change the tables of the network."""

    def spoil(place: Path) -> None:
        tables = {name: frame.copy() for name, frame in small_network().tables.items()}
        change(tables)
        shutil.rmtree(place / "network")
        write_network(Network.from_tables(tables, name="small", owner="village works"), place / "network")

    return spoil


def setting(old: str, new: str) -> Spoil:
    """Change a line of site.toml."""

    def spoil(place: Path) -> None:
        file = place / "site.toml"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    return spoil


def open_switch(tables: dict[str, pd.DataFrame]) -> None:
    row = {"id": "S1", "bus": "B3", "element": "L23", "element_kind": "line", "closed": False, "owner": "village works"}
    tables["switch"] = pd.DataFrame([row])


def in_volt(tables: dict[str, pd.DataFrame]) -> None:
    tables["bus"]["v_nom_kv"] *= 1000.0


def never_full(tables: dict[str, pd.DataFrame]) -> None:
    tables["storage"].loc["battery3", "min_soc"] = 0.99


def without_power(tables: dict[str, pd.DataFrame]) -> None:
    tables["load"].loc["load1", "p_mw"] = np.nan


def gap_of_hours(frame: pd.DataFrame) -> pd.DataFrame:
    """Three hours of the day are left out."""
    return frame.drop(index=frame.index[-40:-28])


LAST_DAY = slice(1536, None)
BAD_SITES: dict[str, tuple[Spoil, list[str]]] = {
    "no network": (
        lambda place: shutil.rmtree(place / "network"),
        ["MissingFile", "no file or folder", "network", "Check the path", "MATPOWER"],
    ),
    "no table of the network": (
        lambda place: (place / "network" / "line.parquet").unlink(),
        ["MissingFile", "lacks 1 of its tables", "line.parquet", "Write the network again"],
    ),
    "network of other bytes": (
        lambda place: (place / "network" / "line.parquet").write_bytes(b"PAR1"),
        ["BadInput", "network", "damaged", "Write the network again"],
    ),
    "no profiles": (
        lambda place: shutil.rmtree(place / "profiles"),
        ["MissingFile", "no folder of profiles", "load_mw.csv"],
    ),
    "no profile file": (
        lambda place: (place / "profiles" / "load_mw.csv").unlink(),
        ["MissingFile", "load_mw.csv", "valid_at"],
    ),
    "an empty profile file": (
        lambda place: (place / "profiles" / "load_mw.csv").write_text(""),
        ["UnknownFormat", "load_mw.csv"],
    ),
    "only a header": (
        lambda place: (place / "profiles" / "load_mw.csv").write_text("valid_at,load1,load2,load3\n"),
        ["GapInSeries", "load_mw.csv", "0 rows"],
    ),
    "wrong column": (
        table("load_mw.csv", lambda frame: frame.rename(columns={"load2": "lod2"})),
        ["MissingColumn", "load_mw.csv", "load2 is missing", "there are valid_at, load1, lod2, load3"],
    ),
    "no times": (
        table("load_mw.csv", lambda frame: frame.rename(columns={"valid_at": "time"})),
        ["MissingColumn", "load_mw.csv", "valid_at is missing"],
    ),
    "a time that is none": (
        cells("valid_at", "soon", slice(7, 7)),
        ["OutOfRange", "load_mw.csv", "1 of 1632", "'soon'", "line 9"],
    ),
    "words for numbers": (
        cells("load1", "many", slice(1600, 1603)),
        ["OutOfRange", "load_mw.csv", "4 of 1632 values in load1 are not numbers", "'many'", "line 1602"],
    ),
    "infinite numbers": (
        cells("load1", np.inf, slice(1600, 1600)),
        ["OutOfRange", "load_mw.csv", "1 of 1632 values in load1", "'inf'"],
    ),
    "kW for MW": (
        table("load_mw.csv", lambda frame: frame.assign(**{f"load{k}": 1000 * frame[f"load{k}"] for k in (1, 2, 3)})),
        ["OutOfRange", "load_mw.csv", "3 of 3 elements", "looks like kW", "divide by 1000"],
    ),
    "rows in no order": (
        table("load_mw.csv", lambda frame: frame.iloc[[1, 0, *range(2, len(frame))]]),
        ["GapInSeries", "load_mw.csv", "Sort the rows"],
    ),
    "files of different times": (
        table("generation_mw.csv", lambda frame: frame.iloc[:-8]),
        ["GapInSeries", "cover different times"],
    ),
    "a gap of hours on the day, empty": (
        cells("load2", None, slice(1592, 1603)),
        ["GapInSeries", "12 values of load_mw", "load2", "12 of 96", "choose another day"],
    ),
    "a gap of hours on the day, left out": (
        lambda place: [table(f, gap_of_hours)(place) for f in ("load_mw.csv", "generation_mw.csv")],
        ["GapInSeries", "36 values of load_mw", "12 of 96", "choose another day"],
    ),
    "an element without a past": (
        cells("load2", None, slice(0, 1535)),
        ["GapInSeries", "1 of 4 groups", "group:load:town/p_mw", "2016-07-25"],
    ),
    "V for kV": (
        network(in_volt),
        ["InvalidNetwork", "4 buses", "HV, B1, B2, B3", "looks like V", "Divide by 1000"],
    ),
    "a bus without supply that carries load": (
        network(open_switch),
        ["InvalidNetwork", "1 bus", "no path to a source", "B3", "Close a switch"],
    ),
    "a battery with min_soc above max_soc": (
        network(never_full),
        ["InvalidNetwork", "1 storage", "min_soc above max_soc", "battery3"],
    ),
    "a load without a number": (
        network(without_power),
        ["InvalidNetwork", "1 load has no p_mw", "load1", "Give each a number MW"],
    ),
    "unknown key": (
        setting("seed = 3", "sed = 3"),
        ["BadInput", "site.toml has no key sed", "allowed are name, network"],
    ),
    "unknown key of a section": (
        setting("sessions = 2", "sesions = 2"),
        ["BadInput", "[ev] has no key sesions", "allowed are sessions"],
    ),
    "no TOML": (
        lambda place: (place / "site.toml").write_text("name = "),
        ["BadInput", "site.toml is not valid TOML"],
    ),
    "no text": (
        lambda place: (place / "site.toml").write_bytes(b"\xff\xfe\x00"),
        ["BadInput", "site.toml", "UTF-8"],
    ),
    "a day that is none": (
        setting("day = 2016-07-25", 'day = "someday"'),
        ["BadInput", "day is 'someday'", "2016-07-25"],
    ),
    "a zone that is none": (
        setting("Europe/Berlin", "Berlin"),
        ["OutOfRange", "timezone 'Berlin'", "Europe/Berlin"],
    ),
    "noise below zero": (
        setting("[ev]", "[readings]\nnoise_pct = -1\n[ev]"),
        ["OutOfRange", "[readings] noise_pct is -1.0", "allowed is 0 and above"],
    ),
    "a price that is no number": (
        setting("[ev]", "[tariff]\nbase_eur_per_mwh = nan\n[ev]"),
        ["BadInput", "[tariff] base_eur_per_mwh is nan", "a number is needed"],
    ),
    "a step that does not divide an hour": (
        setting("step_min = 15", "step_min = 0"),
        ["OutOfRange", "[loop] step_min is 0", "allowed is 1"],
    ),
    "an unknown grid": (
        setting('network = "network"', 'network = "simbench:1-MV-semiurb--7-sw"'),
        ["UnknownFormat", "1-MV-semiurb--7-sw", "near it are 1-MV-semiurb"],
    ),
}


@pytest.mark.parametrize("case", BAD_SITES)
def test_a_bad_site_is_one_line_and_nothing_is_written(case: str, place: Path, gridloop: Command):
    spoil, words = BAD_SITES[case]
    before = content(place / "runs")
    spoil(place)
    said = gridloop("run", place / "site.toml", "--out", place / "runs")
    assert said.code == 2, said.err
    missing = [word for word in words if word not in said.line]
    assert not missing, said.line
    assert content(place / "runs") == before
    assert not [path for path in (place / "runs").iterdir() if path.name != "2016-07-25"]


# ----- files beside the site ---------------------------------------------------------------------------------


def write_prices(
    place: Path, value: float = 100.0, *, day: str = "2016-07-25", hours: int = 24, hole: int = -1
) -> Path:
    """A file of prices of so many hours of a local day, one of them perhaps without a price."""
    index = pd.date_range(f"{day} 00:00", periods=hours, freq="h")
    prices = np.full(hours, value)
    if hole >= 0:
        prices[hole] = np.nan
    file = place / "prices.csv"
    pd.DataFrame({"valid_at": index, "import_eur_per_mwh": prices}).to_csv(file, index=False)
    return file


CAR = {
    "id": "car1", "bus": "B2", "arrival": "2016-07-25 08:00", "departure": "2016-07-25 12:00", "energy_kwh": 10,
    "max_charge_kw": 11,
}  # fmt: skip


def write_cars(place: Path, **second: object) -> Path:
    """A file of two cars, the second of them changed."""
    file = place / "cars.csv"
    pd.DataFrame([CAR, {**CAR, "id": "car2", **second}]).to_csv(file, index=False)
    return file


BAD_FILES: dict[str, tuple[str, Callable[[Path], Path], list[str]]] = {
    "no prices": ("--prices", lambda place: place / "none.csv", ["MissingFile", "none.csv"]),
    "NaN prices": (
        "--prices",
        lambda place: write_prices(place, hole=17),
        ["GapInSeries", "prices.csv", "1 values of 1 points are missing", "2016-07-25 15:00"],
    ),
    "prices of half a day": (
        "--prices",
        lambda place: write_prices(place, hours=12),
        ["OutsideData", "prices.csv", "prices cover", "wanted are"],
    ),
    "prices of another day": (
        "--prices",
        lambda place: write_prices(place, day="2016-07-24"),
        ["OutsideData", "prices.csv", "2016-07-24"],
    ),
    "prices per kWh": (
        "--prices",
        lambda place: write_prices(place, 0.25),
        ["OutOfRange", "prices.csv", "0.25", "per kWh", "import_eur_per_kwh"],
    ),
    "no cars": ("--ev", lambda place: place / "none.csv", ["MissingFile", "none.csv"]),
    "departure before arrival": (
        "--ev",
        lambda place: write_cars(place, departure="2016-07-25 07:00"),
        ["OutOfRange", "cars.csv", "1 of 2 sessions leave before they arrive", "car2"],
    ),
    "a car at no charger": (
        "--ev",
        lambda place: write_cars(place, bus="B9"),
        ["OutOfRange", "cars.csv", "1 of 2 sessions", "B9", "chargers are at B1, B2, B3"],
    ),
    "a car that takes more than fits": (
        "--ev",
        lambda place: write_cars(place, energy_kwh=90),
        ["OutOfRange", "cars.csv", "1 of 2 sessions take more energy than fits", "car2"],
    ),
    "a car that is no number": (
        "--ev",
        lambda place: write_cars(place, energy_kwh="much"),
        ["OutOfRange", "cars.csv", "'much'", "line 3"],
    ),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_one_line_and_nothing_is_written(case: str, place: Path, gridloop: Command):
    option, write, words = BAD_FILES[case]
    before = content(place / "runs")
    said = gridloop("run", place / "site.toml", "--out", place / "runs", option, write(place))
    assert said.code == 2, said.err
    missing = [word for word in words if word not in said.line]
    assert not missing, said.line
    assert content(place / "runs") == before


def test_prices_must_cover_the_whole_day_even_of_a_short_run(place: Path, gridloop: Command):
    """The planner looks ahead: with --ticks 2 it would meet the missing hours all the same."""
    file = write_prices(place, hours=12)
    said = gridloop("run", place / "site.toml", "--out", place / "runs", "--ticks", "2", "--prices", file)
    assert said.code == 2
    assert "OutsideData" in said.line


def test_a_run_whose_profiles_are_gone_stays_as_it_is(tmp_path: Path, gridloop: Command):
    site = write_small_site(tmp_path, ticks=1, sessions=0)
    assert gridloop("run", site, "--out", tmp_path / "runs").code == 0
    before = content(tmp_path / "runs")
    shutil.rmtree(tmp_path / "profiles")
    said = gridloop("run", "--resume", tmp_path / "runs" / "2016-07-25")
    assert said.code == 2
    assert "MissingFile" in said.line and str(tmp_path / "profiles") in said.line
    assert content(tmp_path / "runs") == before
    assert gridloop("query", "SELECT tick FROM ticks", "--run", tmp_path / "runs" / "2016-07-25").code == 0


# ----- what is no error ---------------------------------------------------------------------------------------


def ran(place: Path, gridloop: Command) -> None:
    said = gridloop("run", place / "site.toml", "--out", place / "runs", "--ticks", "2")
    assert (said.code, said.err) == (0, "")
    assert (place / "runs" / "2016-07-25-2" / "report.html").is_file()


@pytest.mark.parametrize("rows", [slice(900, 920), slice(1520, 1535)], ids=["days before", "the last hours"])
def test_a_gap_of_hours_in_the_past_is_no_error(rows: slice, place: Path, gridloop: Command):
    cells("load2", None, rows)(place)
    ran(place, gridloop)


def test_rows_left_out_of_the_past_are_a_gap_and_no_error(place: Path, gridloop: Command):
    for name in ("load_mw.csv", "generation_mw.csv"):
        table(name, lambda frame: frame.drop(index=range(900, 912)))(place)
    ran(place, gridloop)


def test_a_dark_bus_without_load_is_no_error(place: Path, gridloop: Command):
    def add_bus(tables: dict[str, pd.DataFrame]) -> None:
        tables["bus"].loc["B9"] = tables["bus"].loc["B3"]

    network(add_bus)(place)
    ran(place, gridloop)


@pytest.mark.parametrize(("every", "rows"), [("5min", 3), ("1h", 0.25)])
def test_profiles_of_another_step_keep_their_energy(every: str, rows: float, place: Path):
    """Fine profiles become means, coarse ones are held; a day of the loop holds the energy of the file either way."""
    from gridloop.operate.run import prepare

    def change(frame: pd.DataFrame) -> pd.DataFrame:
        wide = frame.set_index(pd.DatetimeIndex(frame.pop("valid_at")))
        if every == "1h":
            return wide.resample("1h").mean().reset_index()
        index = pd.date_range(wide.index[0], periods=3 * len(wide), freq=every, name="valid_at")
        noise = np.random.default_rng(1).uniform(0.5, 1.5, (len(index), wide.shape[1]))
        return pd.DataFrame(
            np.repeat(wide.to_numpy(), 3, axis=0) * noise, index=index, columns=wide.columns
        ).reset_index()

    for name in ("load_mw.csv", "generation_mw.csv"):
        table(name, change)(place)
    own = pd.read_csv(place / "profiles" / "load_mw.csv")["load1"]
    ready = prepare(read_site(place / "site.toml"))
    per_day = int(96 * rows)
    of_loop = ready.profiles.load_mw.loc[ready.times, "load1"]
    assert len(of_loop) == 96
    assert of_loop.mean() == pytest.approx(own.iloc[-per_day:].mean(), rel=1e-12)
