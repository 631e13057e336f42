"""Commands that are imported when they are called: the list is quick, complete, and says what the commands say."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from gridloop.cli import study
from gridloop.cli.app import COMMANDS
from gridloop.cli.later import commands, docstring, first_sentence
from gridloop.errors import BadInput

HEAVY = ("pandas", "numba", "linopy", "highspy", "scipy", "lightgbm", "plotly", "duckdb", "xarray")
PLACES = sorted({*COMMANDS.values(), *study.COMMANDS.values()})


@pytest.mark.parametrize("place", PLACES)
def test_every_command_is_there_and_its_docstring_is_read_without_it(place: str):
    module, name = place.split(":")
    function = getattr(import_module(module), name)
    assert docstring(module, name) == inspect.getdoc(function)
    assert docstring(module, name).split("\n")[0].endswith(".")


@pytest.mark.parametrize("words", [["--help"], ["study", "--help"]])
def test_the_list_imports_nothing_heavy(words: list[str]):
    """In a fresh interpreter: here all is imported already."""
    code = (
        "import sys; from gridloop.cli.app import call; call(sys.argv[1:]); "
        f"print('heavy:', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[-1] == "heavy: []"
    listed = said.split("Commands:\n")[1]
    for name in COMMANDS if words == ["--help"] else study.COMMANDS:
        assert f"\n  {name} " in "\n" + listed
    assert "..." not in listed  # whole sentences, over as many lines as they need
    assert words == ["study", "--help"] or "\n  study " in listed


def test_a_command_that_is_not_there_is_refused_with_what_is_near(gridloop):
    said = gridloop("study", "batery")
    assert said.code == 2
    assert "No such command 'batery'. Did you mean 'battery'?" in said.err


def test_a_function_without_source_has_no_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "some_command.py").write_text('def f():\n    """Do it."""\n\ndef g(): ...\n')
    monkeypatch.syspath_prepend(str(tmp_path))
    assert docstring("some_command", "f") == "Do it."
    assert docstring("some_command", "g") == ""
    assert docstring("some_command", "h") == ""
    assert docstring("no_module_of_that_name", "f") == ""


def test_a_sentence_ends_where_a_full_stop_ends_a_word():
    assert first_sentence("Solve\n    0.5 of it, e.g.many. Then rest.") == "Solve 0.5 of it, e.g.many"
    assert first_sentence("No stop") == "No stop"


def test_a_group_of_two_calls_the_one_that_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    (tmp_path / "two_commands.py").write_text(
        'def f(n: int = 1) -> None:\n    """Do f."""\n    print("f", n)\n\n\n'
        'def g() -> None:\n    """Do g."""\n    raise AssertionError\n'
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    app = commands("Two.", {"f": "two_commands:f", "g": "two_commands:g"}, "two")
    app(args=["f", "--n", "3"], standalone_mode=False)
    assert capsys.readouterr().out == "f 3\n"


def test_without_a_command_a_study_says_which_there_are():
    from gridloop.cli.app import call

    with pytest.raises(BadInput, match="Missing command"):
        call(["study"])
