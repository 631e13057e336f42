"""The `gridloop` command as a test calls it: in this process, or as a process of its own that may be killed."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from gridloop.cli.main import main

COMMAND = [sys.executable, "-c", "import sys; from gridloop.cli.main import main; sys.argv[0] = 'gridloop'; main()"]


@dataclass(frozen=True)
class Said:
    """What a command left behind: exit code and both streams."""

    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line of an error; fails where there is another, or where a traceback shows."""
        assert "Traceback" not in self.out + self.err
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        return lines[0]


class Command:
    """Calls the command in this process; made by the fixture `gridloop` of `tests/cli/conftest.py`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *arguments: str | Path) -> Said:
        self._monkeypatch.setattr(sys, "argv", ["gridloop", *(str(a) for a in arguments)])
        self._capsys.readouterr()
        code: object = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        said = self._capsys.readouterr()
        assert isinstance(code, int), code
        return Said(code, said.out, said.err)


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    """The command as a process of its own, both streams piped."""
    return subprocess.Popen(
        [*COMMAND, *(str(a) for a in arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
