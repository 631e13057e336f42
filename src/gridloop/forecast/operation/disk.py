"""Disk: files that are waited for, their hashes, and one writer at a time."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gridloop.errors import StoreError

try:
    import fcntl
except ImportError:  # Windows: no advisory locks; one process at a time is then up to its user
    fcntl = None  # type: ignore[assignment]


def sync(path: Path) -> None:
    """Wait until a file or a folder is on the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows cannot open folders
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """One writer at a time; the kernel drops the lock of one that dies. Raises `StoreError` where another writes."""
    handle = os.open(home / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if fcntl is not None:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise StoreError(f"{home}: another process is writing here. Wait for it.", path=str(home)) from None
        yield
    finally:
        os.close(handle)


def digest(content: bytes) -> str:
    """SHA-256, as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()
