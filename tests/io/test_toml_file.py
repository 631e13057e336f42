"""TOML files: what is read, and what is said where it cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from gridloop.errors import BadInput, MissingFile
from gridloop.io.toml_file import read_toml


def test_values_are_read(tmp_path: Path):
    (tmp_path / "a.toml").write_text('name = "Häuser"\n[one]\nn = [1, 2]\n', "utf-8")
    assert read_toml(tmp_path / "a.toml", "none") == {"name": "Häuser", "one": {"n": [1, 2]}}


def test_what_cannot_be_read_is_said(tmp_path: Path):
    with pytest.raises(MissingFile, match=r"There is none\.") as refused:
        read_toml(tmp_path / "b.toml", "There is none.")
    assert refused.value.facts["path"] == str(tmp_path / "b.toml")
    (tmp_path / "c.toml").write_bytes(b"a = '\xff'")
    with pytest.raises(BadInput, match=r"c\.toml cannot be read as UTF-8 text: 'utf-8' codec"):
        read_toml(tmp_path / "c.toml", "")
    (tmp_path / "d.toml").write_text("a = ")
    with pytest.raises(BadInput, match=r"d\.toml is not valid TOML: Invalid value \(at"):
        read_toml(tmp_path / "d.toml", "")
