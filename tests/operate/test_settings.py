"""Settings of a site: defaults, round trip, and what is said about mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from gridloop.errors import BadInput, MissingFile, OutOfRange
from gridloop.operate.settings import read_site, site_from_dict, site_to_dict

LEAST = 'name = "x"\nnetwork = "n"\nprofiles = "p"\ntimezone = "UTC"\nday = 2016-07-25\n'


def test_the_built_in_site_is_the_day_of_the_highest_feed_in():
    site = read_site()
    assert site.network == "simbench:1-MV-semiurb--2-sw"
    assert site.day.isoformat() == "2016-07-25"
    assert sum(count * minutes for count, minutes in site.loop.horizon) == 24 * 60


def test_settings_survive_json_exactly():
    site = read_site()
    assert site_from_dict(site_to_dict(site)) == site


def test_files_are_found_beside_the_site_file(tmp_path: Path):
    (tmp_path / "site.toml").write_text(LEAST)
    site = read_site(tmp_path / "site.toml")
    assert site.path(site.network) == str(tmp_path / "n")
    assert site.path("simbench:1-MV-rural--0-sw") == "simbench:1-MV-rural--0-sw"


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        (LEAST + "[ev]\nsesions = 3\n", BadInput, r"\[ev\] has no key sesions; allowed are sessions"),
        (LEAST + "[ev]\nsessions = 'many'\n", BadInput, "a whole number is needed"),
        (LEAST.replace('name = "x"\n', ""), BadInput, "lacks name"),
        (LEAST.replace("UTC", "Mars/Olympus"), OutOfRange, "Mars/Olympus"),
        (LEAST.replace("2016-07-25", '"soon"'), BadInput, "a day such as"),
        (LEAST + "[loop]\nhorizon = [[4, 60]]\n", OutOfRange, "must begin with intervals of step_min"),
        (LEAST + "[loop]\nstep_min = 7\n", OutOfRange, "must divide an hour"),
        (LEAST + "[forecast]\nmodel = 'oracle'\n", OutOfRange, "lightgbm and persistence"),
        (LEAST + "[devices]\ninitial_soc = 1.5\n", OutOfRange, "allowed is 0"),
        ("name = ", BadInput, "not valid TOML"),
    ],
)
def test_a_mistake_is_named_with_what_is_allowed(tmp_path: Path, text: str, error: type[Exception], says: str):
    file = tmp_path / "site.toml"
    file.write_text(text)
    with pytest.raises(error, match=says):
        read_site(file)


def test_a_missing_file_is_named():
    with pytest.raises(MissingFile, match=r"nowhere\.toml"):
        read_site("nowhere.toml")
