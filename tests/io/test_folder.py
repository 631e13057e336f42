"""Our own folder keeps a network exactly."""

import json
import tempfile

import numpy as np
import pytest
from hypothesis import given, settings

from gridloop.errors import BadInput, MissingFile
from gridloop.io.folder import is_network_folder, read_folder, write_network
from gridloop.io.read import read_network
from gridloop.network.model import Network
from gridloop.testing import assert_networks_equal, moment, networks, two_bus, village


@settings(deadline=None, max_examples=60)
@given(networks(further=True))
def test_round_trip(net):
    with tempfile.TemporaryDirectory() as folder:
        assert_networks_equal(read_folder(write_network(net, folder)), net)


def test_round_trip_with_history(tmp_path):
    net = village()
    net = net.edit(
        "load", {"mill load": {"p_mw": np.pi, "name": "Mühle"}}, author="ada", time=moment(), reason="survey"
    )
    net = net.edit("load", {"mill load": {"q_mvar": float("nan")}}, author="bo", time=moment(1), reason="?")
    net = net.remove("generator", ["farm mast"], author="cy", time=moment(2), reason="storm")
    again = read_network(write_network(net, tmp_path / "net"))
    assert_networks_equal(again, net)
    assert again.history[1].changes == {"mill load": {"q_mvar": (0.6, None)}}


def test_writing_again_replaces(tmp_path):
    write_network(village(), tmp_path)
    write_network(two_bus(), tmp_path)
    assert_networks_equal(read_folder(tmp_path), two_bus())


def test_the_same_network_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_network(village(), tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert len(files) == 10
    assert all((tmp_path / "a" / f).read_bytes() == (tmp_path / "b" / f).read_bytes() for f in files)


def test_damage_is_noticed(tmp_path):
    assert not is_network_folder(tmp_path)
    with pytest.raises(MissingFile, match="holds no network"):
        read_folder(tmp_path)
    write_network(village(), tmp_path)
    (tmp_path / "load.parquet").write_bytes(
        (write_network(two_bus(), tmp_path / "other") / "load.parquet").read_bytes()
    )
    with pytest.raises(BadInput, match=r"not those that network.json describes"):
        read_folder(tmp_path)
    (tmp_path / "load.parquet").write_bytes(b"PAR1")
    with pytest.raises(BadInput, match="is damaged"):
        read_folder(tmp_path)
    (tmp_path / "load.parquet").unlink()
    with pytest.raises(MissingFile, match=r"lacks 1 of its tables: load.parquet"):
        read_folder(tmp_path)


def test_a_later_format_is_refused(tmp_path):
    write_network(Network.from_tables({}), tmp_path)
    head = json.loads((tmp_path / "network.json").read_text())
    (tmp_path / "network.json").write_text(json.dumps({**head, "format": 99}))
    with pytest.raises(BadInput, match="has format 99"):
        read_folder(tmp_path)
