"""Price files: our own format with a pencil, every refusal by name, and the four recorded sources."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridloop.errors import BadInput, GapInSeries, MissingColumn, MissingFile, OutOfRange, OutsideData, UnknownFormat
from gridloop.io.prices import read_prices, usual_step

ZONE = "Europe/Berlin"
NETHERLANDS = "Netherlands_day-ahead-2015-2024.csv"
SMARD = "smard_day_ahead_2015.csv"
CAISO = "caiso_2020_day_ahead_and_regulation.csv"


@pytest.fixture
def write(tmp_path):
    def write(*rows, header="valid_at,import_eur_per_mwh"):
        file = tmp_path / "prices.csv"
        file.write_text("\n".join([header, *rows]) + "\n")
        return file

    return write


def utc(text):
    return pd.Timestamp(text, tz="UTC")


def hourly(values, start="2016-07-25T00:00", zone="UTC", freq="h"):
    times = pd.date_range(start, periods=len(values), freq=freq, tz=zone)
    return [f"{time.isoformat()},{value}" for time, value in zip(times, values, strict=True)]


def test_own_file_with_a_pencil(write):
    file = write(
        "2016-07-25T01:00:00+02:00,50.5,-3",
        "2016-07-25T00:00:00+02:00,40,30",
        header="valid_at,import_eur_per_mwh,export_eur_per_mwh",
    )
    prices = read_prices(file, ZONE)
    assert prices.index.tolist() == [utc("2016-07-24T22:00"), utc("2016-07-24T23:00")]
    assert prices.index.name == "valid_at"
    assert prices["import_eur_per_mwh"].tolist() == [40.0, 50.5]
    assert prices["export_eur_per_mwh"].tolist() == [30.0, -3.0]


def test_without_an_export_price_fee_and_margin_make_it(write):
    file = write(*hourly([100.0, 50.0]))
    assert read_prices(file, ZONE)["export_eur_per_mwh"].tolist() == [100.0, 50.0]
    net = read_prices(file, ZONE, network_fee_per_mwh=25.0, margin_per_mwh=5.0)
    assert net["import_eur_per_mwh"].tolist() == [100.0, 50.0]
    assert net["export_eur_per_mwh"].tolist() == [70.0, 20.0]


def test_per_kwh_becomes_per_mwh_and_the_currency_stays(write):
    file = write(*hourly([0.2, 0.1]), header="valid_at,import_usd_per_kwh")
    assert read_prices(file, ZONE, currency="USD")["import_usd_per_mwh"].tolist() == [200.0, 100.0]
    assert list(read_prices(file, ZONE, currency=None)) == ["import_usd_per_mwh", "export_usd_per_mwh"]
    with pytest.raises(OutOfRange, match=r"in USD, wanted are EUR\. gridloop converts no currency"):
        read_prices(file, ZONE)


def test_one_price_of_energy_serves_both_ways(write):
    """As the files of `gridloop schedule` have it; fee and margin make import and export of it, as of a market's."""
    file = write(*hourly([40, 50]), header="valid_at,eur_per_mwh")
    table = read_prices(file, "UTC")
    assert table["import_eur_per_mwh"].tolist() == table["export_eur_per_mwh"].tolist() == [40.0, 50.0]
    table = read_prices(file, "UTC", network_fee_per_mwh=10.0, margin_per_mwh=5.0)
    assert table["import_eur_per_mwh"].tolist() == [50.0, 60.0] and table["export_eur_per_mwh"].tolist() == [35.0, 45.0]
    with pytest.raises(MissingColumn, match="one without import_ and export_ is the price of energy both ways"):
        read_prices(write("2026-01-01T00:00Z,40,41", header="valid_at,eur_per_mwh,usd_per_mwh"), "UTC")


@pytest.mark.parametrize(("day", "hours"), [("2016-03-27", 23), ("2016-10-30", 25), ("2016-07-25", 24)])
def test_local_times_of_a_clock_change(write, day, hours):
    local = pd.date_range(day, periods=hours, freq="h", tz=ZONE).tz_localize(None)
    prices = read_prices(write(*[f"{time.isoformat()},{n}" for n, time in enumerate(local, start=10)]), ZONE)
    assert len(prices) == hours
    assert prices.index[0] == pd.Timestamp(day, tz=ZONE)
    assert (prices.index[1:] - prices.index[:-1] == pd.Timedelta(hours=1)).all()
    assert prices["import_eur_per_mwh"].is_monotonic_increasing


@settings(deadline=None, max_examples=30)
@given(
    values=st.lists(st.floats(-500.0, 4000.0).map(lambda value: round(value, 2)), min_size=2, max_size=50),
    freq=st.sampled_from(["15min", "30min", "h"]),
)
def test_what_is_written_is_read(tmp_path_factory, values, freq):
    file = tmp_path_factory.mktemp("prices") / "prices.csv"
    file.write_text("\n".join(["valid_at,import_eur_per_mwh", *hourly([*values, 100.0], freq=freq)]))
    prices = read_prices(file, ZONE)
    assert prices["import_eur_per_mwh"].tolist() == [*values, 100.0]
    assert usual_step(prices.index) == pd.Timedelta(freq if freq[0].isdigit() else "1h")


def test_a_span_begins_with_the_running_interval(write):
    file = write(*hourly([10.0, 20.0, 30.0, 40.0]))
    part = read_prices(file, ZONE, start=utc("2016-07-25T01:30"), end=utc("2016-07-25T03:00"))
    assert part["import_eur_per_mwh"].tolist() == [20.0, 30.0]
    assert len(read_prices(file, ZONE, start=utc("2016-07-25T01:00"), end=utc("2016-07-25T04:00"))) == 3
    for start, end in [("2016-07-24T23:00", "2016-07-25T01:00"), ("2016-07-25T01:00", "2016-07-25T04:15")]:
        with pytest.raises(OutsideData, match="prices cover 2016-07-25 00:00"):
            read_prices(file, ZONE, start=utc(start), end=utc(end))


def test_a_gap_hurts_only_where_it_is(write):
    rows = hourly([10.0, 20.0, 30.0, 40.0, 50.0, 60.0])
    with pytest.raises(GapInSeries, match=r"prices\.csv.*2016-07-25 02:00") as caught:
        read_prices(write(*rows[:2], *rows[4:]), ZONE)
    assert caught.value.facts["count"] == 2
    assert len(read_prices(write(*rows[:3], *rows[4:]), ZONE, end=utc("2016-07-25T03:00"))) == 3
    with pytest.raises(GapInSeries, match=r"prices\.csv.*2016-07-25 03:00"):
        read_prices(write(*rows[:3], *rows[4:]), ZONE, end=utc("2016-07-25T04:00"))


@pytest.mark.parametrize(
    ("rows", "error", "words"),
    [
        (hourly([10.0, "", 30.0]), GapInSeries, ["1 value", "missing", "2016-07-25 01:00"]),
        (hourly([10.0, "NaN", 30.0]), GapInSeries, ["1 value", "missing", "2016-07-25 01:00"]),
        (hourly([10.0, "x", 30.0]), OutOfRange, ["1 of 3 values", "not numbers", "'x'", "line 3"]),
        (hourly([10.0, 1e6]), OutOfRange, ["1e+06 per MWh", "±20000"]),
        (hourly([0.31, 0.29]), OutOfRange, ["no price exceeds 0.31", "import_eur_per_kwh"]),
        (["2016-07-25T00:00Z,1", "2016-07-25T00:00Z,50"], OutOfRange, ["1 intervals stand twice", "00:00"]),
        (["2016-07-25T00:00Z,1", "2016-07-25T01:00,50"], OutOfRange, ["1 of 2 times", "no offset", "line 3"]),
        (["07/25/2016 00:00,1"], OutOfRange, ["1 of 1 values in valid_at are not times", "line 2"]),
        ([], OutsideData, ["no prices"]),
    ],
)
def test_bad_prices_are_named(write, rows, error, words):
    with pytest.raises(error) as caught:
        read_prices(write(*rows), ZONE)
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert "\n" not in message


def test_the_same_interval_twice_with_the_same_price_counts_once(write):
    rows = hourly([10.0, 20.0])
    assert len(read_prices(write(*rows, *rows), ZONE)) == 2


def test_bad_columns_are_named(write, tmp_path):
    rows = ["2016-07-25T00:00Z,40,50"]
    with pytest.raises(OutOfRange, match="export price is above the import price in 1 of 1"):
        read_prices(write(*rows, header="valid_at,import_eur_per_mwh,export_eur_per_mwh"), ZONE)
    with pytest.raises(OutOfRange, match=r"several currencies \(eur, usd\)"):
        read_prices(write(*rows, header="valid_at,import_eur_per_mwh,export_usd_per_mwh"), ZONE)
    with pytest.raises(MissingColumn, match="import_eur_per_mwh is missing; there are valid_at, price, unit"):
        read_prices(write(*rows, header="valid_at,price,unit"), ZONE)
    with pytest.raises(UnknownFormat, match="columns time, price, unit"):
        read_prices(write(*rows, header="time,price,unit"), ZONE)
    with pytest.raises(MissingFile, match="there is no file"):
        read_prices(tmp_path / "no.csv", ZONE)
    (tmp_path / "empty.csv").write_bytes(b"")
    with pytest.raises(BadInput, match=r"empty\.csv"):
        read_prices(tmp_path / "empty.csv", ZONE)


EMBER = "Country,Datetime (UTC),Datetime (Local),Price (EUR/MWhe)"


def test_two_pastes_that_overlap(write):
    """The day stands first in the second paste: 02/01 is 2 January."""
    rows = ["Netherlands,2023-01-01 23:00:00,x,5", "Netherlands,2023-01-02 00:00:00,x,6", "Netherlands,,,0.0"]
    again = ["Netherlands,02/01/2023 00:00,x,6", "Netherlands,02/01/2023 01:00,x,7"]
    prices = read_prices(write(*rows, *again, header=EMBER), ZONE)
    assert prices["import_eur_per_mwh"].tolist() == [5.0, 6.0, 7.0]
    assert prices.index[-1] == utc("2023-01-02T01:00")
    with pytest.raises(OutOfRange, match="1 intervals stand twice with different prices"):
        read_prices(write(*rows, "Netherlands,02/01/2023 00:00,x,9", header=EMBER), ZONE)
    with pytest.raises(UnknownFormat, match=r"2 countries \(Netherlands, Spain\)"):
        read_prices(write(*rows, "Spain,02/01/2023 01:00,x,9", header=EMBER), ZONE)


@pytest.mark.data
def test_netherlands_and_smard_agree(data_dir):
    """Two sources of one market, one in UTC and one in Berlin's clock: equal to the cent on every hour of 2015.

    So the clock changes of the second, and both date formats of the first, are read rightly.
    """
    smard = read_prices(data_dir / "prices" / SMARD, "UTC", area="Netherlands")
    ember = read_prices(
        data_dir / "prices" / NETHERLANDS, "UTC", start=smard.index[0], end=smard.index[-1] + pd.Timedelta(hours=1)
    )
    assert len(smard) == 8664  # 5 January to 31 December
    pd.testing.assert_frame_equal(smard, ember, check_freq=False)


@pytest.mark.data
def test_netherlands_knows_its_gaps(data_dir):
    file = data_dir / "prices" / NETHERLANDS
    with pytest.raises(GapInSeries, match="2023-12-30 23:00") as caught:
        read_prices(file, "UTC")
    assert caught.value.facts["count"] == 2
    day = read_prices(file, "UTC", start=utc("2023-08-01T00:00"), end=utc("2023-08-02T00:00"))
    assert len(day) == 24


@pytest.mark.data
def test_smard_areas(data_dir):
    file = data_dir / "prices" / SMARD
    assert len(read_prices(file, "UTC", area="Denmark 1")) == 8760
    with pytest.raises(MissingColumn, match="no area was named; the file has Germany/Luxembourg, Denmark 1"):
        read_prices(file, "UTC")
    with pytest.raises(OutsideData, match="no price of Belgium in 8760 rows"):
        read_prices(file, "UTC", area="Belgium")
    with pytest.raises(GapInSeries) as caught:
        read_prices(file, "UTC", area="Poland")
    assert caught.value.facts["count"] == 2661


@pytest.mark.data
def test_caiso_is_hour_ending_standard_time_in_dollars(data_dir):
    """0.03331091 $/kWh in the hour that ends at 01:00 in California: 33.31091 USD/MWh from 08:00 UTC on."""
    file = data_dir / "prices" / CAISO
    prices = read_prices(file, "UTC", currency="usd")
    assert len(prices) == 8784
    assert prices.index[0] == utc("2020-01-01T08:00")
    assert prices["import_usd_per_mwh"].iloc[0] == pytest.approx(33.31091, rel=1e-12)
    # The peak of July is where the operator's clock has it: the hour that ends at 20:00 daylight time.
    july = prices.loc["2020-07", "import_usd_per_mwh"]
    assert july.groupby(july.index.tz_convert("America/Los_Angeles").hour).median().idxmax() == 19
    # What a MW held ready for an hour earned: 0.01227058 and 0.00699 $/kW in the first one.
    assert prices[["regulation_up_usd_per_mw", "regulation_down_usd_per_mw"]].iloc[0].tolist() == pytest.approx(
        [12.27058, 6.99], rel=1e-12
    )


SERVED = "regulation_down_usd_per_mw,valid_at,export_usd_per_mwh,reserve_usd_per_kw,import_usd_per_mwh"


def test_what_services_earn_stands_beside_the_prices(write):
    """Per kW it is multiplied by 1000, a price is not too small for being one of a service, a fee is not put on it."""
    prices = read_prices(
        write("7,2016-07-25T00:00Z,30,0.0004,40", header=SERVED), ZONE, currency="usd", margin_per_mwh=9
    )
    assert prices.iloc[0].to_dict() == {
        "import_usd_per_mwh": 40.0, "export_usd_per_mwh": 30.0,
        "regulation_down_usd_per_mw": 7.0, "reserve_usd_per_mw": pytest.approx(0.4),
    }  # fmt: skip


def test_the_price_of_a_service_is_no_price_of_energy(write):
    header = "valid_at,import_eur_per_mwh,regulation_up_eur_per_mw"
    with pytest.raises(OutOfRange, match=r"no price exceeds 0\.31 .* import_eur_per_kwh"):
        read_prices(write("2016-07-25T00:00Z,0.31,9", header=header), ZONE)
    with pytest.raises(OutOfRange, match=r"several currencies \(eur, usd\)"):
        read_prices(write("2016-07-25T00:00Z,40,9", header=header.replace("up_eur", "up_usd")), ZONE)
    with pytest.raises(GapInSeries, match=r"regulation_up from 2016-07-25 01:00"):
        read_prices(write("2016-07-25T00:00Z,40,9", "2016-07-25T01:00Z,50,", header=header), ZONE)
    with pytest.raises(MissingColumn, match="import_eur_per_mwh is missing"):
        read_prices(write("2016-07-25T00:00Z,9", header="valid_at,regulation_up_eur_per_mw"), ZONE)
