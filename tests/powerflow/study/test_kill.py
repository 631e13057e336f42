"""A study whose process is killed goes on from its checkpoint and ends with the same bits."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from studies import Slow, assert_same_results

from gridloop.powerflow.study.reducers import Quantiles, Range, WorstK
from gridloop.powerflow.study.samplers import Independent, Normal
from gridloop.powerflow.study.simulate import simulate

SUPPORT = Path(__file__).parents[2] / "support"


def run(checkpoint, pause_s, threads=2):
    """2,000 scenarios in chunks of 20; kept after every group."""
    return simulate(
        Slow(3, nominal_mw=50.0, pause_s=pause_s),
        Independent({"load.p_mw": Normal(0.5)}),
        2000,
        [Range(), Quantiles(), WorstK(3)],
        seed=2,
        chunk=20,
        threads=threads,
        checkpoint=checkpoint,
        checkpoint_every_s=0.0,
    )


@pytest.mark.slow
def test_a_killed_study_goes_on_where_it_was(tmp_path):
    kept = tmp_path / "kept"
    # A slow study: 100 chunks of 0.1 s on two threads; it is killed when its first chunks are kept.
    code = f"import test_kill; test_kill.run({str(kept)!r}, 0.1)"
    paths = os.pathsep.join([str(SUPPORT), str(Path(__file__).parent)])
    victim = subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": paths})
    try:
        deadline = time.monotonic() + 120
        while not (kept / "state.npz").exists():
            assert victim.poll() is None and time.monotonic() < deadline, "it ended, or kept nothing in two minutes"
            time.sleep(0.02)
        time.sleep(0.3)
    finally:
        victim.kill()
        victim.wait()
    assert victim.returncode == -9
    done = run(kept, 0.1, threads=3)
    assert 0 < done.resumed < 2000
    assert_same_results(done, run(None, 0.1, threads=32))
