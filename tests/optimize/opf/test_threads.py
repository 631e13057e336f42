"""Optimal power flows of several threads at once: MUMPS keeps state of its own, so its calls must not overlap."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# In a process of its own, where a crash of the library is a failure of this test and not of all tests.
_WORK = """
import sys
from concurrent.futures import ThreadPoolExecutor
sys.path.insert(0, sys.argv[1])
from opf_grids import random_grid
from gridloop.optimize.physics.ac import AcPolar
from gridloop.optimize.problems.opf import optimal_power_flow

class ByIpopt(AcPolar):
    def new_model(self, moment):
        model = super().new_model(moment)
        model.fast = False
        return model

nets = [random_grid(seed, n=8, tight=False) for seed in range(4)]
alone = [optimal_power_flow(net).cost for net in nets]

def one(k):
    return optimal_power_flow(nets[k % 4], physics=ByIpopt() if k % 8 > 3 else "ac")

with ThreadPoolExecutor(4) as pool:
    found = list(pool.map(one, range(192)))
assert all(flow.status == "optimal" for flow in found), [flow.diagnosis for flow in found if not flow.solved]
off = max(abs(flow.cost / alone[k % 4] - 1) for k, flow in enumerate(found))
assert off < 1e-6, off  # both stop at 1e-8 of their scaled problem
print("192 right")
"""


def test_four_threads_by_both_ways():
    support = Path(__file__).parents[2] / "support"
    done = subprocess.run([sys.executable, "-c", _WORK, str(support)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{done.returncode}: {done.stderr[-2000:]}"
    assert "192 right" in done.stdout
