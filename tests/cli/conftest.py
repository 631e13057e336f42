"""Fixtures of the command-line tests."""

from __future__ import annotations

import pytest
from command import Command


@pytest.fixture
def gridloop(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command, called in this process."""
    return Command(monkeypatch, capsys)
