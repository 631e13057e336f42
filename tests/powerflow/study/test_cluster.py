"""A study on a cluster of dask: a scheduler and three workers started by their own commands, one of them killed."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from studies import Slow, TwoBus, assert_same_results

from gridloop.powerflow.study.reducers import Quantiles, Range, Violations, WorstK
from gridloop.powerflow.study.samplers import Independent, Normal
from gridloop.powerflow.study.simulate import simulate

distributed = pytest.importorskip("distributed", reason="needs the extra `cluster`")

SUPPORT = Path(__file__).parents[2] / "support"
DASK = Path(sys.executable).with_name("dask")
REDUCE = [Range(), Quantiles(), Violations(), WorstK(5)]


class Cluster:
    """Processes that were started here, and are ended here one by one."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / "scheduler.json"
        self.processes: list[subprocess.Popen] = []
        self.start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-show", "--no-dashboard")
        self.wait_for(lambda: self.file.exists() and json.loads(self.file.read_text()), "the scheduler")
        for _ in range(3):
            self.worker()

    def start(self, what: str, *options: str) -> subprocess.Popen:
        log = (self.folder / f"{len(self.processes)} {what}.log").open("wb")
        process = subprocess.Popen(
            [DASK, what, "--scheduler-file", self.file, *options],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(SUPPORT), "DASK_DISTRIBUTED__WORKER__MEMORY__TERMINATE": "false"},
            stdout=log,
            stderr=log,
        )
        log.close()
        self.processes.append(process)
        return process

    def worker(self) -> subprocess.Popen:
        return self.start("worker", "--nthreads", "1", "--no-nanny", "--no-dashboard", "--memory-limit", "0")

    def wait_for(self, ready, what: str) -> None:
        deadline = time.monotonic() + 60
        while not ready():
            if time.monotonic() > deadline:
                logs = "\n".join(f"{p.name}: {p.read_text()}" for p in sorted(self.folder.glob("*.log")))
                raise AssertionError(f"{what} did not come up in a minute:\n{logs}")
            time.sleep(0.05)

    def end(self) -> None:
        for process in reversed(self.processes):
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path):
    found = Cluster(tmp_path)
    try:
        yield found
    finally:
        found.end()


@pytest.mark.slow
def test_a_worker_is_killed_in_the_middle_and_nothing_changes(cluster):
    options = {"n": 40_000, "reduce": REDUCE, "seed": 5, "chunk": 100}
    sampler = Independent({"load.p_mw": Normal(0.5)})
    alone = simulate(TwoBus(3, nominal_mw=50.0), sampler, threads=1, **options)
    victim = cluster.processes[1]
    held, told = [], []
    with distributed.Client(scheduler_file=str(cluster.file), timeout=60, set_as_default=False) as client:
        client.wait_for_workers(3, timeout=60)
        address = {pid: address for address, pid in client.run(os.getpid).items()}[victim.pid]

        def kill(progress) -> None:
            told.append(progress.done)
            if not held and progress.done > options["n"] / 4:
                held.append(len(client.processing()[address]))
                victim.kill()
                victim.wait()

        # Ten milliseconds a chunk: the study takes a second or two, and the kill falls into it.
        slow = Slow(3, nominal_mw=50.0, pause_s=0.01)
        done = simulate(slow, sampler, executor=client.get_executor(pure=False), progress=kill, **options)
        cluster.wait_for(lambda: len(client.scheduler_info()["workers"]) == 2, "the loss of a worker")
    assert held[0] > 0, "the worker was killed while it had work"
    assert victim.returncode == -9 and told[-1] == options["n"]
    assert_same_results(done, alone)
