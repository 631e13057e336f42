"""`gridloop study compressors`: one synthetic week with its page, and what is said of bad questions."""

from __future__ import annotations

import json

import pytest


@pytest.mark.slow
def test_a_week_with_the_station_as_it_is_given(gridloop, tmp_path):
    """No setting is given: sequences keep the band of the station that the command makes, and save."""
    page = tmp_path / "air.html"
    said = gridloop(
        "study", "compressors", "--weeks", "1", "--tune-weeks", "1", "--seed", "1", "--json", "--plot", page
    )
    assert said.code == 0 and said.err == ""
    data = json.loads(said.out)
    assert data["weeks"] == 1 and data["synthetic"] is True and data["seed"] == 1
    for way in ("true_demand", "forecast"):
        assert data[f"{way}_outside_s"] == 0.0
    assert data["true_demand_mwh"] < 0.97 * data["cascade_mwh"]
    assert data["forecast_mwh"] < 0.97 * data["cascade_mwh"]
    assert data["largest_gap_pct"] <= 0.5
    text = page.read_text()
    assert all(f'id="chart-{name}"' in text for name in ("cascade", "sequence", "weeks"))
    assert "Synthetic: on 1 made-up week of a made-up factory" in text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--max-bar", "6.3"), "--max-bar 6.3 is 0.1 bar above --min-bar; 0.3 bar are needed"),
        (("--volume-m3", "0"), "volume_m3 is 0.0; receiver and network hold some air"),
        (("--tune-weeks", "9"), "--tune-weeks': Input should be less than or equal to 8"),
        (("--area", "Netherlands"), "--area is of the file of --prices; give both"),
        (("--prices", "none.csv"), "none.csv"),
        (("--weeks", "0"), "--weeks': Input should be greater than or equal to 1"),
    ],
)
def test_bad_questions(gridloop, options, said):
    answer = gridloop("study", "compressors", *options)
    assert answer.code == 2 and said in " ".join(answer.err.split())
