"""Net load on recorded substations: better quantiles than last week's, and the wind that is behind one found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.forecast_liander import AMSTERDAM, METERED, rolling, substation

from gridloop.forecast.plants.disaggregation import disaggregate


@pytest.mark.data
@pytest.mark.slow
def test_a_week_of_a_substation_with_wind_behind_it(data_dir: Path):
    """pid 307. Over 40 days the pinball loss is a third below; over one week more is up to chance."""
    result = rolling(substation(data_dir, "pid_307"), days=7)
    scores = result.scores()
    assert set(result.rows["model"]) == {"experts:additive"}
    assert (result.rows["actual"] < 0.0).any()
    assert scores["pinball_skill"] > 0.15


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("name", METERED)
def test_parts_of_a_substation_add_up_and_follow_their_meters(data_dir: Path, name: str):
    """The meters know the large plants only: the parts must move with them, not be as large."""
    station = substation(data_dir, name)
    parts = disaggregate(station.load[name], station.weather, zone=AMSTERDAM)
    assert (parts >= 0.0).all(axis=None)
    net = parts["load"] - parts["solar"] - parts["wind"]
    np.testing.assert_allclose(net, station.load[name], atol=1e-9)
    assert station.metered is not None
    for kind in ("solar", "wind"):
        meter = station.metered[kind].reindex(parts.index)
        if meter.std() > 0.05:
            assert np.corrcoef(parts[kind], meter)[0, 1] > 0.6
