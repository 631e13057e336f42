"""One Delta table on a disk of ours: appended to so that an acknowledged row survives a kill and a power cut.

Delta makes an append visible all at once, by one new file in its log; a kill before that leaves at most a data file
that nobody reads. deltalake does not wait for the disk, so we do, in this order:

    data file written ─→ data synced ─→ commit visible ─→ commit synced ─→ acknowledged

After a power cut only the newest commit of a table can be torn, and it was never acknowledged: `mend` takes it out.
Every append carries its write id in the log (a Delta app transaction), so that a resend is seen and skipped.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as fs
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Transaction
from deltalake.exceptions import DeltaError
from deltalake.transaction import AddAction

from gridloop.errors import StoreError

LOG = "_delta_log"

CONFIGURATION = {
    "delta.appendOnly": "true",
    # Without checkpoints the time of a commit grows with their number: 4 ms at the first, 170 ms at the thousandth.
    "delta.checkpointInterval": "10",
}

# Old log entries stay: they hold the write ids, and a broken checkpoint can be made again from them.
HOOKS = PostCommitHookProperties(create_checkpoint=True, cleanup_expired_logs=False)


def create_table(folder: Path, schema: pa.Schema) -> list[Path]:
    """An empty table; one that a killed creation left behind is taken as it is. Returns what must be synced."""
    if (folder / LOG).is_dir():
        mend(folder)
    DeltaTable.create(str(folder), schema=schema, mode="ignore", configuration=CONFIGURATION)
    return [folder / LOG / _entry(0), folder / LOG, folder]


class LakeTable:
    """An open table. Only one process may append at a time; the store's lock sees to that.

    Raises `StoreError` where the folder is no Delta table or cannot be read.
    """

    def __init__(self, folder: Path, schema: pa.Schema) -> None:
        self.folder = folder
        self.schema = schema
        try:
            self._delta = DeltaTable(str(folder))
        except DeltaError as error:
            raise StoreError(
                f"{folder}: the table cannot be read ({first_line(error)}). If the power failed, opening the store for "
                "writing (resume) mends it; else restore it from a copy.",
                table=folder.name,
            ) from error
        self._behind = False

    def refresh(self) -> None:
        """See what others have appended."""
        self._delta.update_incremental()
        self._behind = False

    def has(self, write_id: str) -> bool:
        """Whether this write is in the table."""
        return self._delta.transaction_version(write_id) is not None

    def stage(self, rows: pa.Table, write_id: str) -> Path:
        """Write the rows to a data file that nobody sees yet. It is not synced."""
        # The name follows from the write: after a kill the resend replaces the orphan instead of leaving it.
        name = hashlib.sha256(write_id.encode()).hexdigest()[:16]
        path = self.folder / f"{self._delta.version() + 1:08d}-{name}.parquet"
        pq.write_table(rows, path, compression="zstd")
        return path

    def commit(self, staged: Path, rows: int, write_id: str) -> None:
        """Make a synced data file visible. Its `newest_files` must be synced before the write may be acknowledged."""
        stat = staged.stat()
        self._behind = True  # until the end of this method our handle may lag behind the disk
        self._delta.create_write_transaction(
            [
                AddAction(
                    staged.name, stat.st_size, {}, stat.st_mtime_ns // 1_000_000, True, json.dumps({"numRecords": rows})
                )
            ],
            mode="append",
            schema=self.schema,
            commit_properties=CommitProperties(app_transactions=[Transaction(write_id, 0)]),
            post_commithook_properties=HOOKS,
        )
        self.refresh()

    def newest_files(self) -> list[Path]:
        """The log files of the newest commit, and their folder."""
        if self._behind:
            self.refresh()
        version = self._delta.version()
        log = self.folder / LOG
        wanted = [log / _entry(version), log / f"{version:020d}.checkpoint.parquet", log / "_last_checkpoint"]
        return [*(path for path in wanted if path.exists()), log]

    def data_files(self) -> list[Path]:
        """The data files, in the order of their commits."""
        return sorted(self.folder / uri.rpartition("/")[2] for uri in self._delta.file_uris())

    def dataset(self) -> ds.Dataset:
        """The rows, as an arrow dataset that reads only what it is asked for."""
        root = fs.SubTreeFileSystem(str(self.folder), fs.LocalFileSystem())
        names = [path.name for path in self.data_files()]
        return ds.dataset(names, schema=self.schema, format="parquet", filesystem=root)

    def compact(self) -> None:
        """Many small files become few. No row changes."""
        self._delta.optimize.compact(post_commithook_properties=HOOKS)
        self.refresh()
        sync([*self.data_files(), self.folder, *self.newest_files()])


def mend(folder: Path) -> None:
    """Take out what a power cut tore: the newest commit or a checkpoint, written but never synced nor acknowledged."""
    log = folder / LOG
    broken = [path for path in log.glob("*.checkpoint.parquet") if not _is_parquet(path)]
    commits = sorted(log.glob("*.json"))
    broken += [path for path in commits[-1:] if not _is_commit(path)]
    pointer = log / "_last_checkpoint"
    if pointer.exists() and not _points_to_checkpoint(pointer, broken):
        broken.append(pointer)
    for path in broken:
        path.unlink()


def sync(paths: Iterable[Path]) -> None:
    """Wait until these files and folders are on the disk.

    All at once: a file system that is asked by several threads writes its journal once for all of them
    (20 files on ext4: 2 ms instead of 80).
    """
    once = list(dict.fromkeys(paths))
    if once:
        with ThreadPoolExecutor(min(16, len(once))) as pool:
            list(pool.map(_sync_one, once))


def _sync_one(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _entry(version: int) -> str:
    return f"{version:020d}.json"


def _is_commit(path: Path) -> bool:
    try:
        return (
            all(isinstance(json.loads(line), dict) for line in path.read_text().splitlines())
            and path.stat().st_size > 0
        )
    except ValueError:
        return False


def _is_parquet(path: Path) -> bool:
    try:
        pq.read_metadata(path)
    except (pa.ArrowInvalid, OSError):
        return False
    return True


def _points_to_checkpoint(pointer: Path, broken: list[Path]) -> bool:
    try:
        target = pointer.parent / f"{int(json.loads(pointer.read_text())['version']):020d}.checkpoint.parquet"
    except (ValueError, KeyError, TypeError):
        return False
    return target.exists() and target not in broken


def first_line(error: Exception) -> str:
    """What an error says, short."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__
