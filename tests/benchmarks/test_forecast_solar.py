"""Recorded sun: the planes of GEFCom2014's plants are found from their output, and three days are forecast."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from benchmarks.forecast_solar import LATITUDE, LONGITUDE, PROMISED_PINBALL, climatology, gefcom

from gridloop.forecast import SolarForecaster
from gridloop.forecast.tested.metrics import pinball_of

pytestmark = [pytest.mark.data, pytest.mark.slow]
PUBLISHED_DEG = {"zone 1": (36.0, 38.0), "zone 2": (35.0, 327.0)}
"""Tilt and azimuth, clockwise from north, as the contest's organisers told them (Hong et al. 2016)."""


def test_planes_are_found_and_days_are_better_than_climatology(data_dir: Path):
    power, weather = gefcom(data_dir)
    issue = pd.Timestamp("2014-02-01", tz="UTC")
    levels = (0.1, 0.5, 0.9)
    forecaster = SolarForecaster(LATITUDE, LONGITUDE, dict.fromkeys(power.columns, 1.0), threads=1, trees=40)
    forecaster.least_issues, forecaster.most_rows = 400, 2000  # type: ignore[misc]
    forecaster.fit(power[issue - pd.Timedelta(days=240) :], until=issue, weather=weather)
    assert forecaster.by_weather is not None
    for zone, (tilt, azimuth) in PUBLISHED_DEG.items():
        plant = forecaster.by_weather.plants[zone]
        # weather forecasts are off by clouds: a few degrees
        assert plant.tilt_deg == pytest.approx(tilt, abs=8.0)
        assert plant.azimuth_deg == pytest.approx(azimuth, abs=8.0)
    ahead = pd.date_range(issue, periods=24, freq="h")
    said = forecaster.predict(power, issue, ahead, weather=weather).arrays()
    came = power.reindex(ahead).to_numpy()
    usual = climatology(power, issue, ahead)[[9, 49, 89]]
    loss = pinball_of(came, said, np.array(levels))
    assert loss < pinball_of(came, usual, np.array(levels))
    assert loss < 2.0 * PROMISED_PINBALL  # one day, and three quantiles that are dearer than the mean of 99
