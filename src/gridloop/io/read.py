"""`read_network`: one door for every format, chosen by the ending, the folder's content or the prefix `simbench:`."""

from __future__ import annotations

import warnings
from pathlib import Path

from gridloop.errors import BadInput, MissingExtra, MissingFile, UnknownFormat
from gridloop.io import folder, matpower, opendss, simbench
from gridloop.io.pandapower_net import from_pandapower
from gridloop.network.feeder.model import Feeder
from gridloop.network.model import Network

_OURS = f".json (pandapower), a folder written by gridloop, {simbench.PREFIX}CODE (SimBench)"
BALANCED = f"{matpower.FORMATS}, {_OURS}"
FORMATS = f"{matpower.FORMATS}, {opendss.FORMATS}, {_OURS}"


def read_network(path_or_code: str | Path) -> Network | Feeder:
    """A network from a case file, a folder of ours, or "simbench:CODE"; from a .dss file a `Feeder`, with its phases.

    Raises `MissingFile`, `UnknownFormat`, `MissingExtra`, and `BadInput` where the input says what no network can hold.
    """
    text = str(path_or_code)
    if text.startswith(simbench.PREFIX):
        return simbench.read_simbench(text.removeprefix(simbench.PREFIX))
    path = Path(path_or_code)
    if not path.exists():
        raise MissingFile(f"no file or folder {text!r}. Check the path; readable are {FORMATS}.", path=text)
    if folder.is_network_folder(path):
        return folder.read_folder(path)
    ending = path.suffix.lower()
    if path.is_file() and ending in matpower.ENDINGS:
        return matpower.read_matpower(path)
    if path.is_file() and ending in opendss.ENDINGS:
        return opendss.read_opendss(path)
    if path.is_file() and ending == ".json":
        return _read_pandapower(path)
    raise UnknownFormat(f"no reader for {text!r}. Readable are {FORMATS}.", path=text)


def read_balanced(path_or_code: str | Path) -> Network:
    """A network as `read_network` reads it, for what knows no phases.

    Raises `BadInput` for an unbalanced feeder, and whatever `read_network` does.
    """
    net = read_network(path_or_code)
    if isinstance(net, Feeder):
        raise BadInput(
            f"{str(path_or_code)!r} is an unbalanced feeder, and this takes balanced networks only: {BALANCED}. "
            "Feeders are for `gridloop flow`, `flows`, `simulate`, `opf`, gl.power_flow and gl.optimal_feeder_flow.",
            path=str(path_or_code),
        )
    return net


def _read_pandapower(path: Path) -> Network:
    try:
        import pandapower
    except ImportError as error:
        raise MissingExtra(
            "pandapower files need the package pandapower. Install it with: pip install 'gridloop[simbench]'",
            extra="simbench",
        ) from error
    with warnings.catch_warnings():
        # An older file warns while pandapower brings it up to date; its content arrives all the same.
        warnings.simplefilter("ignore")
        try:
            net = pandapower.from_json(str(path))
            is_net = hasattr(net, "bus")
        except Exception as error:  # pandapower raises whatever the text makes its parser stumble over
            raise UnknownFormat(f"{str(path)!r} is not a pandapower net: {error}.", path=str(path)) from error
    if not is_net:
        raise UnknownFormat(f"{str(path)!r} is JSON, but not a pandapower net. Readable are {FORMATS}.", path=str(path))
    return from_pandapower(net, name=path.stem)
