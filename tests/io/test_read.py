"""One door for every format, with an error that says what it would have taken."""

import sys

import pandapower as pp
import pytest

from gridloop.errors import MissingExtra, MissingFile, UnknownFormat
from gridloop.io.folder import write_network
from gridloop.io.read import read_network
from gridloop.testing import assert_networks_equal, village


def test_a_folder_of_ours(tmp_path):
    write_network(village(), tmp_path)
    assert_networks_equal(read_network(str(tmp_path)), village())


def test_a_pandapower_file(tmp_path):
    net = pp.create_empty_network()
    bus = pp.create_bus(net, 20.0, name="a")
    pp.create_ext_grid(net, bus)
    path = tmp_path / "small.json"
    pp.to_json(net, str(path))
    assert (read_network(path).name, read_network(path).bus.index.tolist()) == ("small", ["a"])


def test_a_pandapower_file_without_pandapower(tmp_path, monkeypatch):
    (tmp_path / "net.json").write_text("{}")
    monkeypatch.setitem(sys.modules, "pandapower", None)
    with pytest.raises(MissingExtra, match="pip install"):
        read_network(tmp_path / "net.json")


@pytest.mark.parametrize("text", ["{}", "[1]", "no json"])
def test_json_that_is_no_net(tmp_path, text):
    (tmp_path / "net.json").write_text(text)
    with pytest.raises(UnknownFormat, match="not a pandapower net"):
        read_network(tmp_path / "net.json")


def test_nothing_there(tmp_path):
    with pytest.raises(MissingFile, match=r"no file or folder '.*none.m'. Check the path; readable are .m"):
        read_network(tmp_path / "none.m")


def test_no_reader(tmp_path):
    (tmp_path / "net.xyz").write_text("")
    with pytest.raises(UnknownFormat, match=r"no reader for '.*net.xyz'. Readable are .m .MATPOWER.*SimBench"):
        read_network(tmp_path / "net.xyz")
    with pytest.raises(UnknownFormat, match="no reader for"):
        read_network(tmp_path)
