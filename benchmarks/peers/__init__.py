"""The peers: their virtual environment, made on first use, and one process per run."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gridloop.errors import GridloopError

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv-peers"
REQUIREMENTS = ROOT / "benchmarks" / "peers.txt"
# Longest run of a peer: the slowest tuning of the largest case takes a tenth of this.
TIMEOUT_S = 900


class PeerFailed(GridloopError):
    """A peer is not installed, or its run ended with an error."""


@dataclass(frozen=True)
class Answer:
    """What a peer reports. facts: per_s, method, versions …; arrays: voltages and the like, where asked for."""

    facts: dict[str, Any]
    arrays: dict[str, np.ndarray]

    @property
    def per_s(self) -> float:
        return float(self.facts["per_s"])


def python() -> Path:
    """The interpreter of the peers' environment."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def installed() -> bool:
    """True where the environment holds exactly what peers.txt names."""
    stamp = VENV / "stamp"
    return python().exists() and stamp.is_file() and stamp.read_text("utf-8") == _digest()


def install(say: Callable[[str], None]) -> None:
    """Make the environment where it is missing or of other versions. Raises `PeerFailed` where that does not work."""
    if installed():
        return
    say(f"Installing the peers of {REQUIREMENTS.name} into {VENV.name} (once) …")
    try:
        _run([sys.executable, "-m", "venv", "--clear", str(VENV)])
        # The environment ignores itself: no tool for versions should ever see it.
        (VENV / ".gitignore").write_text("*\n", "utf-8")
        _run([str(python()), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(REQUIREMENTS)])
    except (OSError, subprocess.SubprocessError) as error:
        output = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        raise PeerFailed(
            f"the peers of {REQUIREMENTS.name} cannot be installed into {VENV.name}: {output[-1]} "
            "Mend that, or measure without them: --no-peers."
        ) from error
    (VENV / "stamp").write_text(_digest(), "utf-8")


def run_peer(script: str, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray] | None = None) -> Answer:
    """Run benchmarks/peers/SCRIPT.py on one job in a process of its own. Raises `PeerFailed` with its last words."""
    with tempfile.TemporaryDirectory(prefix="gridloop-bench-") as name:
        folder = Path(name)
        (folder / "job.json").write_text(json.dumps(dict(facts)), "utf-8")
        np.savez(folder / "job.npz", **{key: np.asarray(value) for key, value in (arrays or {}).items()})
        try:
            _run([str(python()), str(Path(__file__).parent / f"{script}.py"), name])
        except subprocess.CalledProcessError as error:
            last = (error.stderr or "no message").strip().splitlines()[-1]
            raise PeerFailed(f"{script} ended with code {error.returncode}: {last}", script=script) from error
        except subprocess.TimeoutExpired as error:
            raise PeerFailed(f"{script} did not end within {TIMEOUT_S} s.", script=script) from error
        with np.load(folder / "answer.npz") as loaded:
            found = {key: loaded[key] for key in loaded.files}
        return Answer(json.loads((folder / "answer.json").read_text("utf-8")), found)


def _run(command: list[str]) -> None:
    # A peer brings its own threads, as many as it is told; those of its linear algebra would only stand in their way.
    quiet = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=TIMEOUT_S, env=kept | quiet)


def _digest() -> str:
    return hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
