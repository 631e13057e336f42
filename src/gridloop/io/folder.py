"""Our own form of a network on disk: a folder with one Parquet file per table and network.json beside them.

`read_folder(write_network(net, path))` gives the same network, bit for bit: tables with the order of their rows and
columns, name, version and every edit. network.json carries the digest of the content, so that a file changed by other
hands is noticed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from gridloop.errors import BadInput, MissingFile, listed
from gridloop.network import schema, tables
from gridloop.network.model import Network
from gridloop.network.versions import edit_from_dict, edit_to_dict

HEAD = "network.json"
FORMAT = 1

_ARROW = {"object": pa.string(), "float64": pa.float64(), "int64": pa.int64(), "bool": pa.bool_()}


def is_network_folder(path: str | Path) -> bool:
    """True where a folder holds a network of ours."""
    return (Path(path) / HEAD).is_file()


def write_network(net: Network, folder: str | Path) -> Path:
    """Write a network into a folder, which is made; what it held of another network is replaced. Returns the folder."""
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    for table in schema.TABLES:
        pq.write_table(_to_arrow(net.tables[table]), target / f"{table}.parquet", compression="zstd")
    head = {
        "format": FORMAT,
        "name": net.name,
        "version": net.version,
        "digest": net.digest,
        "history": [edit_to_dict(edit) for edit in net.history],
    }
    # Written last: a folder without it is not a network, so an interrupted write is never half read.
    (target / HEAD).write_text(json.dumps(head, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return target


def read_folder(folder: str | Path) -> Network:
    """The network of a folder. Raises `MissingFile`, and `BadInput` where it is damaged or of a later format."""
    source = Path(folder)
    if not is_network_folder(source):
        raise MissingFile(f"{str(source)!r} holds no network: it has no {HEAD}.", path=str(source))
    lacking = [f"{table}.parquet" for table in schema.TABLES if not (source / f"{table}.parquet").is_file()]
    if lacking:
        raise MissingFile(
            f"{str(source)!r} lacks {len(lacking)} of its tables: {listed(lacking)}. Write the network again.",
            path=str(source),
            files=lacking,
        )
    try:
        head = json.loads((source / HEAD).read_text(encoding="utf-8"))
        version, digest = int(head["version"]), str(head["digest"])
        history = tuple(edit_from_dict(edit) for edit in head["history"])
        held = {table: _from_arrow(source / f"{table}.parquet") for table in schema.TABLES}
    except (ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise BadInput(f"{str(source)!r} is damaged: {error!r}. Write the network again.", path=str(source)) from error
    if head["format"] > FORMAT:
        raise BadInput(
            f"{str(source)!r} has format {head['format']}; this gridloop reads up to {FORMAT}. Update gridloop.",
            path=str(source),
        )
    found = tables.digest(held)
    if found != digest:
        raise BadInput(
            f"the tables of {str(source)!r} are not those that {HEAD} describes (digest {found[:12]}, expected "
            f"{digest[:12]}). Restore the files, or read the tables with pandas and build a network of them.",
            path=str(source),
            digest=found,
        )
    return Network(held, str(head["name"]), version, history)


def _to_arrow(frame: pd.DataFrame) -> Any:
    columns = {"id": frame.index.to_numpy(dtype=object), **{c: frame[c].to_numpy() for c in frame.columns}}
    fields = [pa.field(name, _ARROW[str(values.dtype)], nullable=False) for name, values in columns.items()]
    # from_pandas=False keeps NaN a number instead of making it null.
    arrays = [pa.array(v, type=f.type, from_pandas=False) for v, f in zip(columns.values(), fields, strict=True)]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _from_arrow(path: Path) -> pd.DataFrame:
    table = pq.read_table(path)
    data: dict[str, Any] = {}
    for name in table.column_names:
        column = table.column(name)
        values = column.to_numpy(zero_copy_only=False)
        data[name] = values.astype(object) if pa.types.is_string(column.type) else values.copy()
    index = pd.Index(data.pop("id"), dtype=object, name="id")
    return pd.DataFrame(data, index=index)
