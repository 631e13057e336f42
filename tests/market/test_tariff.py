"""The dynamic tariff: its formula with a pencil, its laws, and what is known when."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridloop.errors import BadInput, GapInSeries, MissingColumn, OutOfRange, OutsideData
from gridloop.market.tariff import (
    DynamicTariff,
    as_published,
    expected_prices,
    publication_time,
    publish_day_ahead,
)

ZONE = "Europe/Berlin"
EVE = pd.Timestamp("2016-07-24T12:00", tz="UTC")
residuals = st.floats(min_value=-1e4, max_value=1e4)
rates = st.floats(min_value=0.0, max_value=500.0)


def series(values, start="2016-07-25", freq="15min"):
    """Values from a UTC start on."""
    return pd.Series(values, index=pd.date_range(start, periods=len(values), freq=freq, tz="UTC"), dtype=float)


def day_of_prices(day, zone=ZONE, freq="h"):
    """A local day whose import price is the local clock hour, published at 14:00 the day before."""
    starts = pd.date_range(pd.Timestamp(day), periods=25, freq="D", tz=zone)[:2]
    index = pd.date_range(starts[0], starts[1], freq=freq, inclusive="left").tz_convert("UTC")
    clock = index.tz_convert(zone).hour + index.tz_convert(zone).minute / 60.0
    prices = pd.DataFrame({"import_eur_per_mwh": clock, "export_eur_per_mwh": clock - 1.0}, index=index)
    return as_published(prices, known_at=publication_time(dt.date.fromisoformat(day), zone))


def test_formula_with_a_pencil():
    """Peak 10 MW: residual 10, 5, 0, −10, −40 and 1000 MW.

    80 + 60·r/10 = 140, 110, 80, 20, −160 → floor −20, 6080 → cap 250; import adds 25, export takes 5.
    """
    prices = DynamicTariff(scale_mw=10.0).prices(series([10.0, 5.0, 0.0, -10.0, -40.0, 1000.0]))
    assert prices["import_eur_per_mwh"].tolist() == [165.0, 135.0, 105.0, 45.0, 5.0, 275.0]
    assert prices["export_eur_per_mwh"].tolist() == [135.0, 105.0, 75.0, 15.0, -25.0, 245.0]


@given(st.lists(residuals, min_size=1, max_size=20), rates, rates, rates, st.floats(min_value=1e-3, max_value=1e4))
def test_export_never_above_import_and_price_rises_with_residual(values, slope, fee, margin, scale):
    tariff = DynamicTariff(scale, slope_eur_per_mwh=slope, network_fee_eur_per_mwh=fee, margin_eur_per_mwh=margin)
    prices = tariff.prices(series(sorted(values)))
    assert (prices["export_eur_per_mwh"] <= prices["import_eur_per_mwh"]).all()
    assert (prices.diff().dropna() >= 0.0).all(axis=None)


@given(st.lists(residuals, min_size=1, max_size=20))
def test_price_stays_between_floor_and_cap(values):
    tariff = DynamicTariff(scale_mw=5.0)
    energy = tariff.prices(series(values))["export_eur_per_mwh"] + tariff.margin_eur_per_mwh
    assert energy.between(tariff.floor_eur_per_mwh, tariff.cap_eur_per_mwh).all()


def test_publish_keeps_both_times():
    table = DynamicTariff(scale_mw=1.0).publish(series([0.0, 1.0]), known_at=EVE)
    assert list(table) == ["import_eur_per_mwh", "export_eur_per_mwh", "known_at", "expected"]
    assert table.index.name == "valid_at"
    assert (table["known_at"] == EVE).all()
    assert not table["expected"].any()


@pytest.mark.parametrize(
    ("numbers", "word"),
    [
        ({"scale_mw": 0.0}, "scale_mw"),
        ({"scale_mw": float("nan")}, "finite"),
        ({"margin_eur_per_mwh": -1.0}, "margin"),
        ({"network_fee_eur_per_mwh": -1.0}, "fee"),
        ({"slope_eur_per_mwh": -1.0}, "slope"),
        ({"floor_eur_per_mwh": 300.0}, "floor"),
    ],
)
def test_a_tariff_that_breaks_the_laws_is_refused(numbers, word):
    with pytest.raises(OutOfRange, match=word):
        DynamicTariff(**({"scale_mw": 1.0} | numbers))


def test_missing_residual_is_not_zero():
    with pytest.raises(GapInSeries, match=r"1 of 3 intervals, first at 2016-07-25 00:15") as caught:
        DynamicTariff(scale_mw=1.0).publish(series([0.0, np.nan, 1.0]), known_at=EVE)
    assert caught.value.facts["count"] == 1


def test_prices_are_known_before_they_are_valid():
    late = pd.Timestamp("2016-07-25T00:10", tz="UTC")
    with pytest.raises(OutOfRange, match="1 of 2 intervals begin before"):
        DynamicTariff(scale_mw=1.0).publish(series([0.0, 1.0]), known_at=late)


def test_local_times_without_a_zone_are_refused():
    with pytest.raises(BadInput, match="no zone"):
        DynamicTariff(scale_mw=1.0).publish(pd.Series([1.0], index=pd.DatetimeIndex(["2016-07-25"])), known_at=EVE)
    with pytest.raises(MissingColumn, match="export_eur_per_mwh"):
        as_published(series([1.0]).to_frame("import_eur_per_mwh"), known_at=EVE)
    with pytest.raises(BadInput, match="Europe/Berlin"):
        publication_time(dt.date(2016, 7, 25), "Europe/Berlim")


def test_publication_is_at_14_local_on_the_day_before():
    """14:00 is 12:00 UTC in summer, 13:00 UTC in winter; the eve of the clock change still has winter time."""
    assert publication_time(dt.date(2016, 7, 25), ZONE) == EVE
    assert publication_time(dt.date(2016, 1, 25), ZONE) == pd.Timestamp("2016-01-24T13:00", tz="UTC")
    assert publication_time(dt.date(2016, 3, 27), ZONE) == pd.Timestamp("2016-03-26T13:00", tz="UTC")


def test_beyond_the_published_day_the_same_clock_time_is_expected():
    """At 09:00 the prices of the 25th are known, those of the 26th are not; at 14:00 they are."""
    published = pd.concat([day_of_prices("2016-07-25"), day_of_prices("2016-07-26").assign(import_eur_per_mwh=100.0)])
    wanted = pd.date_range("2016-07-25T21:00", periods=4, freq="30min", tz="UTC")  # 23:00 … 00:30 local
    morning = expected_prices(published, wanted, at=pd.Timestamp("2016-07-25T07:00", tz="UTC"), zone=ZONE)
    assert morning["import_eur_per_mwh"].tolist() == [23.0, 23.0, 0.0, 0.0]
    assert morning["expected"].tolist() == [False, False, True, True]
    noon = expected_prices(published, wanted, at=pd.Timestamp("2016-07-25T12:00", tz="UTC"), zone=ZONE)
    assert noon["import_eur_per_mwh"].tolist() == [23.0, 23.0, 100.0, 100.0]
    assert not noon["expected"].any()


def test_expectation_goes_on_for_days():
    published = day_of_prices("2016-07-25", freq="15min")
    wanted = pd.date_range("2016-07-27T22:00", periods=96, freq="15min", tz="UTC")
    prices = expected_prices(published, wanted, at=EVE, zone=ZONE)
    assert prices["import_eur_per_mwh"].to_numpy() == pytest.approx(np.arange(96) / 4.0)
    assert prices["expected"].all()
    assert (prices["known_at"] == EVE).all()


def test_longer_intervals_get_the_mean_of_their_prices():
    """The price is the clock: 22.0 for a quarter hour, then 22.25 … 23.75 (mean 23), then 0 … 2.75 as expected."""
    published = day_of_prices("2016-07-25", freq="15min")
    start = pd.DatetimeIndex(["2016-07-25T20:00", "2016-07-25T20:15", "2016-07-25T22:00"], tz="UTC")
    prices = expected_prices(published, start, at=EVE, zone=ZONE, hours=np.array([0.25, 1.75, 3.0]))
    assert prices["import_eur_per_mwh"].tolist() == pytest.approx([22.0, 23.0, 1.375])
    assert prices["expected"].tolist() == [False, False, True]
    assert list(prices) == list(published)
    assert (prices["known_at"] == EVE).all()
    single = expected_prices(published, start, at=EVE, zone=ZONE, hours=np.full(3, 0.25))
    pd.testing.assert_frame_equal(single, expected_prices(published, start, at=EVE, zone=ZONE))


@pytest.mark.parametrize(
    ("day", "number"),
    [
        ("2016-03-27", [0, 1, 1, 2]),  # no 02:00: the price of 01:00, just before, holds; hour 2 begins at 03:00
        ("2016-10-30", [0, 1, 2, 4]),  # 02:00 comes twice, as hours 2 and 3: the first counts
    ],
)
def test_expectation_from_a_day_of_a_clock_change(day, number):
    """The price is the number of the hour; the next day's clock asks for 00:00 to 03:00."""
    published = day_of_prices(day)
    published["import_eur_per_mwh"] = np.arange(len(published))
    nights = pd.date_range(pd.Timestamp(day) + pd.Timedelta(days=1), periods=4, freq="h", tz=ZONE).tz_convert("UTC")
    prices = expected_prices(published, nights, at=published["known_at"].iloc[0], zone=ZONE)
    assert prices["import_eur_per_mwh"].tolist() == number


def test_the_newest_publication_wins_only_once_it_is_known():
    first = DynamicTariff(scale_mw=1.0).publish(series([0.0]), known_at=EVE)
    second = DynamicTariff(scale_mw=1.0).publish(series([1.0]), known_at=EVE + pd.Timedelta(hours=1))
    both = pd.concat([second, first])
    for at, price in [(EVE, 105.0), (EVE + pd.Timedelta(hours=1), 165.0)]:
        assert expected_prices(both, first.index, at=at, zone=ZONE)["import_eur_per_mwh"].tolist() == [price]


def test_what_is_not_published_is_said():
    published = day_of_prices("2016-07-25")
    with pytest.raises(OutsideData, match="nothing is published by"):
        expected_prices(published, published.index, at=EVE - pd.Timedelta(hours=1), zone=ZONE)
    with pytest.raises(OutsideData, match="1 of 2 intervals begin before the first known price"):
        wanted = pd.date_range("2016-07-24T21:00", periods=2, freq="h", tz="UTC")
        expected_prices(published, wanted, at=EVE, zone=ZONE)
    with pytest.raises(GapInSeries, match="1 of 24 intervals, first at 2016-07-25 03:00"):
        expected_prices(published.drop(published.index[5]), published.index, at=EVE, zone=ZONE)


def test_a_market_publishes_each_local_day_on_its_eve():
    """Three hours around local midnight, 22:00 UTC in summer."""
    prices = series([1.0, 2.0, 3.0], start="2016-07-24T21:00", freq="h").to_frame("import_eur_per_mwh")
    table = publish_day_ahead(prices.assign(export_eur_per_mwh=0.0), ZONE)
    assert table["known_at"].tolist() == [EVE - pd.Timedelta(days=1), EVE, EVE]


def test_a_mean_is_known_with_the_last_of_its_parts():
    """Two hours, of which the second was published an hour after the first."""
    first = DynamicTariff(scale_mw=1.0).publish(series([0.0], freq="h"), known_at=EVE)
    later = EVE + pd.Timedelta(hours=1)
    second = DynamicTariff(scale_mw=1.0).publish(series([1.0], start="2016-07-25T01:00", freq="h"), known_at=later)
    both = pd.concat([first, second])
    mean = expected_prices(both, first.index, at=later, zone=ZONE, hours=np.array([2.0]))
    assert mean["known_at"].tolist() == [later]
    assert mean["import_eur_per_mwh"].tolist() == [135.0]
