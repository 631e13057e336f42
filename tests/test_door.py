"""The public door: every name leads somewhere, and opening it does nothing yet."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version

import pytest

import gridloop

HEAVY = {
    "numpy", "pandas", "scipy", "pyarrow", "xarray", "powerio", "linopy", "highspy", "lightgbm", "pvlib", "deltalake",
    "duckdb", "plotly", "cryptography", "typer", "rich", "simbench", "pandapower",
}  # fmt: skip


def modules_after(code: str) -> set[str]:
    """Top-level modules that a fresh process has after some code."""
    tell = "import sys, json; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", f"{code}; {tell}"], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("name", gridloop.__all__)
def test_every_public_name_is_there(name: str):
    value = getattr(gridloop, name)
    assert value is not None
    assert name in dir(gridloop)
    if name != "__version__":
        assert callable(value)
        assert value.__name__.rpartition(".")[2] == name
        assert value.__module__.startswith("gridloop.")


def test_the_version_is_that_of_the_package():
    assert gridloop.__version__ == version("gridloop")


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        getattr(gridloop, "nonsense")  # noqa: B009 (mypy knows that it is not there)


def test_importing_gridloop_imports_nothing_heavy():
    """Import time is what is imported: measured in seconds it would depend on the machine."""
    assert modules_after("import gridloop") & HEAVY == set()
    assert "gridloop" in modules_after("import gridloop")
    assert "pandas" in modules_after("import gridloop; gridloop.Readings"), "the check would find pandas"


def test_the_door_of_the_command_is_light_too():
    """So that an interrupt while the rest is imported is still told in one line."""
    assert modules_after("import gridloop.cli.main") & HEAVY == set()


def test_the_function_and_not_the_package_is_behind_the_door():
    """`operate` is a package and a function: whatever was imported before, the door gives the function."""
    code = "import gridloop.operate.run, gridloop as gl; assert callable(gl.operate), gl.operate"
    modules_after(code)
    modules_after(
        "from gridloop import operate; import gridloop.operate.kpi; import gridloop as gl; assert callable(gl.operate)"
    )
