"""TOML files, with errors that name the file and what is wrong with it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from gridloop.errors import BadInput, MissingFile


def read_toml(path: str | Path, missing: str) -> dict[str, Any]:
    """The values of a TOML file.

    missing  what is said where there is no such file

    Raises `MissingFile`, `BadInput` where it is no UTF-8 text or no TOML.
    """
    file = Path(path)
    if not file.is_file():
        raise MissingFile(missing, path=str(path))
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{file.name} cannot be read as UTF-8 text: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{file.name} is not valid TOML: {error}.") from error
