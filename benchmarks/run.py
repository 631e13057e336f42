"""All benchmarks by name, and one call that runs one, judges it and keeps it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from benchmarks import (
    commitment,
    contingencies,
    feeder,
    flexibility,
    forecast,
    opf,
    opf_table,
    peers,
    powerflow,
    study_131m,
)
from benchmarks.harness import Bench
from benchmarks.result import report, store, this_machine
from gridloop.errors import BadInput

BENCHMARKS = {
    module.NAME: module.run
    for module in (powerflow, feeder, contingencies, opf, opf_table, commitment, forecast, flexibility, study_131m)
}


def run_benchmark(name: str, bench: Bench, *, at: dt.datetime, out: Path | None = None) -> tuple[dict[str, Any], Path]:
    """Run a benchmark; its report, and the file that keeps it: `out`, else runs/bench/NAME-TIME.json.

    Raises `BadInput` for a case it does not have, `PeerFailed` where the peers cannot be installed or one fails before
    it is timed, `MissingFile` where the data of a case is not there.
    """
    machine = this_machine()
    if bench.with_peers:
        peers.install(bench.say)
    rows = BENCHMARKS[name](bench)
    if not rows:
        raise BadInput(f"{name} has no case {', '.join(bench.cases)}. Leave out --case to see which there are.")
    data = report(name, rows, machine, bench.versions)
    data["settings"] = {
        "at": at.isoformat(timespec="seconds"),
        "runs": bench.runs,
        "threads": bench.threads,
        "quick": bench.quick,
        "seed": bench.seed,
    }
    return data, store(data, out or Path("runs") / "bench" / f"{name}-{at:%Y%m%dT%H%M%SZ}.json")
