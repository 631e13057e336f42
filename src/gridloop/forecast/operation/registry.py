"""Registry: trained forecasters on the disk, by name and version, with what they were trained on and how good they are.

    FOLDER/NAME/0003/state.json, arrays.npz, *.txt   the forecaster, see `state.py`: no pickle
                     entry.json                      what it is, and the SHA-256 of every file beside it
    FOLDER/NAME/journal.jsonl                        saved, promoted, rolled back: a chain of hashes (trust.audit)

A version is written to a folder that nobody reads, waited for until it is on the disk, renamed into place, and then
entered in the journal: only then `save` returns. A process that is killed before leaves the versions that were there.
What does not fit its hashes is named by `damaged` and never loaded.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange, StoreError, listed
from gridloop.forecast.operation.disk import alone, digest, sync
from gridloop.forecast.operation.entry import EXTRAS, Entry, code_version, extras_of, installed
from gridloop.forecast.operation.state import Parts, put_together, take_apart
from gridloop.trust.audit import Record, record_after, verify

STATE, ARRAYS, ENTRY, JOURNAL = "state.json", "arrays.npz", "entry.json", "journal.jsonl"
SAVED, PROMOTED, ROLLED_BACK = "saved", "promoted", "rolled_back"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


class Registry:
    """Trained forecasters in a folder. It is made when the first one is saved."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    # ---------------------------------------------------------------- write

    def save(
        self,
        name: str,
        forecaster: Any,
        *,
        at: pd.Timestamp,
        window: tuple[pd.Timestamp, pd.Timestamp],
        scores: Mapping[str, float] | None = None,
        features: Sequence[str] = (),
        inputs: Sequence[str] = (),
        note: str = "",
    ) -> Entry:
        """Keep a trained forecaster as the next version of a name; it is on the disk when this returns.

        at  the time now (UTC); the rest as in `Entry`

        Saving is not promoting: `load` without a version goes on giving the promoted one. Raises `StoreError` where the
        forecaster holds what cannot be kept, or another process is writing; `OutOfRange` where the name is no name.
        """
        parts = take_apart(forecaster)
        home = self._home(name)
        home.mkdir(parents=True, exist_ok=True)
        with alone(home):
            self._sweep(home)
            there = (v for v in map(_number, home.iterdir()) if v is not None)
            version = 1 + max((*there, *self._versions(name)), default=0)  # a number told of is never used again
            entry = Entry(
                name,
                version,
                _utc(at),
                (_utc(window[0]), _utc(window[1])),
                {k: float(v) for k, v in (scores or {}).items()},
                tuple(features),
                tuple(inputs),
                tuple(str(p) for p in getattr(forecaster, "points", ())),
                code_version() | extras_of(parts.json()),
                note,
            )
            draft = home / f".draft-{version:04d}"
            sealed = _write(draft, parts, entry)
            draft.rename(home / f"{version:04d}")
            sync(home)
            self._enter(name, at, SAVED, version, sealed)
        return self.entry(name, version)

    def promote(self, name: str, version: int, *, at: pd.Timestamp, reason: str) -> None:
        """Make a version the one that `load` gives. Raises `StoreError` where it is not there or damaged."""
        with alone(self._home(name, there=True)):
            self.entry(name, version)
            self._enter(name, at, PROMOTED, version, reason)

    def roll_back(self, name: str, *, at: pd.Timestamp, reason: str) -> int:
        """Go back to the version that was promoted before the present one, and return it.

        Rolling back twice goes back twice. Raises `StoreError` where there is none before, or it is damaged.
        """
        with alone(self._home(name, there=True)):
            stack = self._promoted(name)
            if len(stack) < 2:
                raise StoreError(
                    f"{name}: nothing was promoted before {'the present version' if stack else 'now'}. Promote a "
                    "version instead.",
                    name=name,
                )
            self.entry(name, stack[-2])
            self._enter(name, at, ROLLED_BACK, stack[-2], reason)
        return stack[-2]

    # ----------------------------------------------------------------- read

    def names(self) -> list[str]:
        """Names of which something was ever saved."""
        if not self.folder.is_dir():
            return []
        return sorted(home.name for home in self.folder.iterdir() if (home / JOURNAL).is_file())

    def entries(self, name: str) -> list[Entry]:
        """All sound versions, the oldest first; see `damaged` for the others."""
        found = []
        for version in self._versions(name):
            with suppress(StoreError):
                found.append(self.entry(name, version))
        return found

    def damaged(self, name: str) -> dict[str, str]:
        """Version or file → what is wrong with it."""
        wrong: dict[str, str] = {}
        for version in self._versions(name):
            try:
                self.entry(name, version)
            except StoreError as error:
                wrong[f"{version:04d}"] = str(error)
        home = self._home(name, there=True)
        for path in sorted(home.iterdir()):
            number = _number(path)
            if path.name.startswith(".draft-"):
                wrong[path.name] = "was being written when its process ended; nobody was told that it is saved"
            elif number is not None and number not in self._versions(name):
                wrong[path.name] = "is not in the journal: its process ended before it was told that it is saved"
        return wrong

    def entry(self, name: str, version: int) -> Entry:
        """What is known of a version, its files checked against the journal's hashes.

        Raises `StoreError` where it is not there, or not as it was saved.
        """
        saved = next((r.text for r in self.journal(name) if r.kind == SAVED and r.subject == str(version)), None)
        folder = self._home(name, there=True) / f"{version:04d}"
        if saved is None:
            known = listed([str(v) for v in self._versions(name)]) or "none"
            raise StoreError(f"{name}: there is no version {version}; there are {known}.", name=name, version=version)
        try:
            text = (folder / ENTRY).read_bytes()
            if digest(text) != saved:
                raise StoreError(
                    f"{folder / ENTRY} is not what the journal says was saved. Restore it from a copy, or promote "
                    "another version.",
                    file=str(folder / ENTRY),
                )
            facts = json.loads(text)
            for file, expected in facts["digests"].items():
                if digest((folder / file).read_bytes()) != expected:
                    raise StoreError(
                        f"{folder / file} is not what was saved: its hash differs. Restore it from a copy, or promote "
                        "another version.",
                        file=str(folder / file),
                    )
        except OSError as error:
            raise StoreError(
                f"{folder}: {error.strerror or error}. Restore the version from a copy, or promote another one.",
                file=str(folder),
            ) from error
        many = {key: tuple(facts[key]) for key in ("window", "features", "inputs", "points")}
        return Entry(**(facts | many))

    def load(self, name: str, version: int | None = None, *, other_code: bool = False) -> Any:
        """The forecaster as it was saved: the same predictions, bit for bit.

        version     None: the promoted one
        other_code  True: load it even where gridloop.forecast has changed since; predictions may then differ

        Raises `StoreError` where there is none, it is damaged, or the code has changed.
        """
        if version is None:
            version = self.current(name)
            if version is None:
                raise StoreError(f"{name}: no version is promoted yet. Promote one, or name one.", name=name)
        entry = self.entry(name, version)
        now = code_version() | {name: installed(name) for name in EXTRAS if name in entry.code}
        changed = [what for what, value in now.items() if entry.code.get(what) != value]
        if changed and not other_code:
            raise StoreError(
                f"{name} {version} was saved with another {listed(changed)}; its predictions may differ. Train again, "
                "or load it with other_code=True.",
                changed=changed,
            )
        folder = self._home(name) / f"{version:04d}"
        try:
            with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
                parts = Parts(
                    json.loads((folder / STATE).read_text("utf-8")),
                    {key: arrays[key] for key in arrays.files},
                    {path.stem: path.read_text("utf-8") for path in folder.glob("*.txt")},
                )
            return put_together(parts)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{folder}: cannot be put together ({error}). Promote another version.") from error

    def current(self, name: str) -> int | None:
        """The promoted version; None where none is."""
        stack = self._promoted(name)
        return stack[-1] if stack else None

    def journal(self, name: str) -> list[Record]:
        """What happened to a name, the oldest first; a last line that was cut off is left out: nobody was told of it.

        Raises `StoreError` where the chain of hashes is broken.
        """
        path = self._home(name, there=True) / JOURNAL
        lines = path.read_text("utf-8").split("\n")[:-1] if path.is_file() else []
        try:
            records = [Record(**{**facts, "at": pd.Timestamp(facts["at"])}) for facts in map(json.loads, lines)]
        except (ValueError, TypeError) as error:
            raise StoreError(f"{path}: a line cannot be read ({error}). Restore it from a copy.") from error
        broken = verify(records)
        if broken is not None:
            raise StoreError(
                f"{path}: record {broken} was changed or is out of place. Restore the journal from a copy.",
                number=broken,
            )
        return records

    # ------------------------------------------------------------- the parts

    def _home(self, name: str, *, there: bool = False) -> Path:
        if not NAME.fullmatch(name):
            raise OutOfRange(f"name: {name!r} must be letters, digits, dots, dashes and underscores.", name=name)
        home = self.folder / name
        if there and not home.is_dir():
            raise StoreError(f"{self.folder}: nothing is called {name}; there are {listed(self.names()) or 'none'}.")
        return home

    def _versions(self, name: str) -> list[int]:
        return [int(record.subject) for record in self.journal(name) if record.kind == SAVED]

    def _promoted(self, name: str) -> list[int]:
        """Promoted versions as a stack; rolling back takes the top off, promoting what is on top changes nothing."""
        stack: list[int] = []
        for record in self.journal(name):
            version = int(record.subject)
            if record.kind == PROMOTED and version not in stack[-1:]:
                stack.append(version)
            while record.kind == ROLLED_BACK and stack and stack[-1] != version:
                stack.pop()
        return stack

    def _enter(self, name: str, at: pd.Timestamp, kind: str, version: int, text: str) -> None:
        """A line in the journal, on the disk when this returns. A line that was cut off before is taken out first."""
        records = self.journal(name)
        record = record_after(
            records[-1] if records else None,
            at=at.floor("us").to_pydatetime(),
            kind=kind,
            subject=str(version),
            text=text,
        )
        path = self._home(name) / JOURNAL
        line = json.dumps(asdict(record) | {"at": _utc(at.floor("us"))}) + "\n"
        with path.open("ab+") as file:
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)
            file.seek(0, os.SEEK_END)
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())
        sync(path.parent)

    def _sweep(self, home: Path) -> None:
        """Remove what writers that were killed have left: no one else is writing now."""
        for draft in home.glob(".draft-*"):
            shutil.rmtree(draft)


def _write(draft: Path, parts: Parts, entry: Entry) -> str:
    """All files of a version, on the disk; the digest of its entry."""
    draft.mkdir()
    (draft / STATE).write_text(parts.json(), encoding="utf-8")
    with (draft / ARRAYS).open("wb") as file:
        np.savez(file, **parts.arrays)  # type: ignore[arg-type]  # named arrays, none of them called allow_pickle
    for name, text in parts.texts.items():
        (draft / f"{name}.txt").write_text(text, encoding="utf-8")
    digests = {path.name: digest(path.read_bytes()) for path in sorted(draft.iterdir())}
    text = json.dumps(asdict(entry) | {"digests": digests}, indent=1)
    (draft / ENTRY).write_text(text, encoding="utf-8")
    for path in [*draft.iterdir(), draft]:
        sync(path)
    return digest(text.encode())


def _number(path: Path) -> int | None:
    return int(path.name) if path.is_dir() and path.name.isdigit() else None


def _utc(at: pd.Timestamp) -> str:
    if at.tz is None:
        raise OutOfRange(f"registry: {at} has no zone. Give times in UTC.", at=at)
    return at.tz_convert("UTC").isoformat()
