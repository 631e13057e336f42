"""How a peer's script receives its job and hands back its answer; runs in the peers' environment, without gridloop."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

Work = Callable[[dict[str, Any], dict[str, np.ndarray]], tuple[dict[str, Any], dict[str, np.ndarray]]]


def serve(work: Work, *packages: str) -> None:
    """Read the job from the folder that the command line names, do it, write facts, arrays and versions there."""
    folder = Path(sys.argv[1])
    facts = json.loads((folder / "job.json").read_text("utf-8"))
    with np.load(folder / "job.npz") as loaded:
        arrays = {name: loaded[name] for name in loaded.files}
    said, found = work(facts, arrays)
    said["versions"] = {package: version(package) for package in packages}
    np.savez(folder / "answer.npz", **found)
    (folder / "answer.json").write_text(json.dumps(said), "utf-8")


def seconds(run: Callable[[], object]) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start
