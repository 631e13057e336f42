"""The folder of a run: where its lake, network, settings and report lie."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gridloop.errors import BadInput, MissingFile, StoreError

LAKE = "lake"
NETWORK = "network"
SETTINGS = "run.json"
REPORT = "report.html"


def new_run_folder(out: Path, name: str) -> Path:
    """A folder of its own under `out`: NAME, then NAME-2, NAME-3 … Raises `BadInput` where none can be made there."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        number = 1
        while True:
            folder = out / (name if number == 1 else f"{name}-{number}")
            try:
                folder.mkdir()
            except FileExistsError:
                number += 1
                continue
            return folder
    except OSError as error:
        raise BadInput(
            f"No run can be kept under {str(out)!r} ({error.strerror}). Name a folder that can be written, with --out.",
            path=str(out),
        ) from error


def latest_run(out: Path) -> Path | None:
    """The run that was started last; None where there is none."""
    runs = [path.parent for path in out.glob(f"*/{SETTINGS}")]
    return max(runs, key=lambda path: (path / SETTINGS).stat().st_mtime_ns, default=None)


def write_json(folder: Path, data: dict[str, Any]) -> None:
    """Replace run.json as a whole: a reader sees the old one or the new one."""
    part = folder / f"{SETTINGS}.part"
    part.write_text(json.dumps(data, indent=1, ensure_ascii=False), encoding="utf-8")
    part.replace(folder / SETTINGS)


def read_json(folder: Path) -> dict[str, Any]:
    """What run.json holds. Raises `MissingFile` or `StoreError`."""
    file = folder / SETTINGS
    if not file.is_file() and (folder / NETWORK).is_dir():
        raise MissingFile(
            f"The run {str(folder)!r} was cut off before it began: it has no {SETTINGS} yet, nothing to go on with. "
            "Start it again with `gridloop run`; the folder may be deleted."
        )
    if not file.is_file():
        raise MissingFile(f"{str(folder)!r} is no run: it has no {SETTINGS}. Name a folder made by `gridloop run`.")
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise StoreError(f"{file} is damaged: {error}.") from error
    if not isinstance(data, dict):
        raise StoreError(f"{file} is damaged: it holds no object.")
    return data
