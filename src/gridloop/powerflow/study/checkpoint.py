"""Checkpoints: a folder that holds how far a study came, replaced as a whole or not at all."""

from __future__ import annotations

import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gridloop.errors import BadInput, StoreError
from gridloop.powerflow.study.job import States

STUDY = "study.json"
STATE = "state.npz"
_DONE = "chunks_done"


@dataclass(frozen=True)
class Checkpoint:
    """The folder of one study: `study.json` says which, `state.npz` what its first chunks gave."""

    folder: Path

    @classmethod
    def open(cls, folder: Path | str, identity: dict[str, Any]) -> Checkpoint:
        """Make the folder, or take up the one that is there.

        Raises `BadInput` where it belongs to another study, `StoreError` where it is damaged.
        """
        checkpoint = cls(Path(folder))
        file = checkpoint.folder / STUDY
        try:
            checkpoint.folder.mkdir(parents=True, exist_ok=True)
            if not file.exists():
                if any(checkpoint.folder.iterdir()):
                    raise BadInput(
                        f"{str(checkpoint.folder)!r} holds other files and no {STUDY}: a checkpoint needs a folder of "
                        "its own. Name one that is empty or does not exist yet."
                    )
                _write(file, json.dumps(identity, indent=1).encode())
        except OSError as error:
            raise BadInput(
                f"No checkpoint can be kept in {str(folder)!r} ({error.strerror}).", path=str(folder)
            ) from error
        try:
            there = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise StoreError(f"{file} is damaged: {error}. Delete the folder to begin again.") from error
        differs = [name for name in identity if not isinstance(there, dict) or there.get(name) != identity[name]]
        if differs:
            name = differs[0]
            was = there.get(name) if isinstance(there, dict) else there
            raise BadInput(
                f"{str(checkpoint.folder)!r} is the checkpoint of another study: {', '.join(differs)} differ; "
                f"{name} is {was!r} there and {identity[name]!r} here. Name another folder, or delete this one.",
                differs=differs,
            )
        return checkpoint

    def load(self) -> tuple[int, States] | None:
        """How many chunks are done and what they gave; None where there is nothing yet. Raises `StoreError`."""
        file = self.folder / STATE
        if not file.exists():
            return None
        try:
            with np.load(file, allow_pickle=False) as arrays:
                states: States = {}
                for entry in arrays.files:
                    if entry != _DONE:
                        reducer, _, name = entry.rpartition("/")
                        states.setdefault(reducer, {})[name] = arrays[entry]
                return int(arrays[_DONE]), states
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise StoreError(f"{file} is damaged: {error}. Delete it to begin the study again.") from error

    def save(self, done: int, states: States) -> None:
        """Keep what the first `done` chunks gave: whoever reads sees the old state or the new one."""
        arrays = {f"{reducer}/{name}": value for reducer, state in states.items() for name, value in state.items()}
        part = self.folder / f"{STATE}.{os.getpid()}.part"
        with part.open("wb") as file:
            np.savez(file, **{_DONE: np.int64(done)}, **arrays)  # type: ignore[arg-type]  # of any name but allow_pickle
            file.flush()
            os.fsync(file.fileno())
        _replace(part, self.folder / STATE)


def _write(file: Path, content: bytes) -> None:
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    with part.open("wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    _replace(part, file)


def _replace(part: Path, file: Path) -> None:
    """Put a finished file in its place, and have the folder's entry on the disk too."""
    part.replace(file)
    if os.name == "posix":
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
