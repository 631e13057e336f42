"""SimBench grids and profiles, as they are and in UTC."""

import sys

import numpy as np
import pandas as pd
import pytest

from gridloop.errors import BadInput, MissingExtra, UnknownFormat
from gridloop.io import simbench as reader
from gridloop.io.read import read_network
from gridloop.network.validation import validate

CODE = "1-MV-semiurb--2-sw"


@pytest.fixture(scope="module")
def read():
    return reader.read_simbench_with_profiles(CODE)


def test_the_grid(read):
    net, _ = read
    sizes = {table: len(frame) for table, frame in net.tables.items()}
    assert sizes == {
        "bus": 122, "line": 126, "transformer": 2, "switch": 248, "load": 122, "generator": 123, "storage": 114,
        "shunt": 0, "source": 1,
    }  # fmt: skip
    assert net.name == f"simbench:{CODE}"
    assert not validate(net).errors
    assert net.bus["longitude_deg"].between(11, 13).all() and net.bus["latitude_deg"].between(52, 54).all()
    t = net.transformer.iloc[0]
    assert (t["tap_min"], t["tap_max"], t["tap_step_pu"], t["tap_on_load"]) == (-9, 9, 0.015, True)
    assert net.generator["kind"].value_counts().to_dict() == {
        "solar": 114, "wind": 7, "biomass": 1, "hydro": 1,
    }  # fmt: skip
    s = net.storage
    assert np.allclose(s["charge_efficiency"] * s["discharge_efficiency"], 0.95)
    assert (s["max_charge_mw"] > 0).all() and (s["max_soc"] > s["min_soc"]).all()


def test_the_profiles_belong_to_the_elements(read):
    net, profiles = read
    assert profiles.load_mw.columns.tolist() == net.load.index.tolist()
    assert profiles.load_mvar.columns.tolist() == net.load.index.tolist()
    assert profiles.generation_mw.columns.tolist() == net.generator.index.tolist()
    assert profiles.storage_mw.columns.tolist() == net.storage.index.tolist()
    assert profiles.group[net.load.index].tolist() == net.load["profile"].tolist()
    # A profile is a share of the element's rated power.
    assert (profiles.load_mw.max() <= net.load["p_mw"] + 1e-9).all()
    assert (profiles.generation_mw.max() <= net.generator["p_max_mw"] + 1e-9).all()
    assert not profiles.load_mw.isna().any(axis=None) and not profiles.generation_mw.isna().any(axis=None)


def test_the_index_is_utc_and_regular(read):
    """A leap year of quarter hours; in local time 92 on 27 March, 100 on 30 October, 96 on every other day."""
    index = read[1].load_mw.index
    assert str(index.dtype) == "datetime64[ns, UTC]" and len(index) == 366 * 96
    assert (np.diff(index.asi8) == pd.Timedelta("15min").value).all()
    days = pd.Series(1, index=index.tz_convert("Europe/Berlin")).resample("D").sum()
    assert days[days != 96].to_dict() == {
        pd.Timestamp("2016-03-27", tz="Europe/Berlin"): 92,
        pd.Timestamp("2016-10-30", tz="Europe/Berlin"): 100,
    }


def test_the_sun_does_not_know_summer_time(read):
    """In UTC the middle of the PV day stays where it is all year, but for the equation of time (a quarter of an hour).

    With the local labels taken for UTC it would jump by an hour. Solar noon at 12° east is 11:12 UTC; these roofs
    look a little to the east.
    """
    net, profiles = read
    pv = profiles.generation_mw[net.generator.index[net.generator["kind"] == "solar"]].sum(axis=1)
    hour = pv.index.hour + pv.index.minute / 60 + 0.125
    middle = (pv * hour).groupby(pv.index.month).sum() / pv.groupby(pv.index.month).sum()
    assert middle.between(10.0, 11.2).all()
    assert abs(middle[4:9].mean() - middle[[1, 2, 11, 12]].mean()) < 0.25


def test_low_voltage_renewables_are_roofs(read):
    """What SimBench aggregates as lv_… is PV: dark when it is night, like the PV profiles, and nothing like wind."""
    net, profiles = read
    shape = profiles.generation_mw.T.groupby(net.generator["profile"]).sum().T
    roofs = [name for name in shape if name.startswith("lv_")]
    assert len(roofs) == 6
    noon, night = shape.index.hour == 11, shape.index.hour == 0
    assert (shape.loc[night, roofs].max() == 0).all() and (shape.loc[noon, roofs].mean() > 0).all()
    sun, wind = shape.filter(like="PV").sum(axis=1), shape.filter(like="WP").sum(axis=1)
    assert (shape[roofs].corrwith(sun) > 0.85).all() and (shape[roofs].corrwith(wind).abs() < 0.1).all()


def test_both_doors_read_the_same(read):
    assert read_network(f"simbench:{CODE}") == read[0]


def test_an_unknown_code():
    with pytest.raises(
        UnknownFormat, match=r"no SimBench grid '1-MV-suburb--2-sw'; there are .* near it are .*1-MV-urban--2-sw"
    ):
        read_network("simbench:1-MV-suburb--2-sw")


def test_without_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "simbench", None)
    with pytest.raises(MissingExtra, match=r"pip install 'gridloop\[simbench\]'"):
        read_network(f"simbench:{CODE}")


def test_labels_that_no_clock_shows():
    labels = pd.Series(["01.01.2016 00:00", "01.01.2016 00:15", "01.01.2016 01:00"])
    with pytest.raises(BadInput, match="1 of 3 SimBench time labels"):
        reader._utc_index(labels)
