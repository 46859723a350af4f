"""The files of a LeRobot dataset: tables of parquet, and JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np


def arrow_table(columns: dict[str, Any], described: dict[str, dict]) -> Any:
    """`columns` (name -> a value for each step) as a pyarrow table of the types that `described` gives; no films."""
    import pyarrow as arrow

    picture = arrow.struct([("bytes", arrow.binary()), ("path", arrow.string())])
    fields, arrays = [], []
    for name, feature in described.items():
        if feature["dtype"] == "video":
            continue
        size = math.prod(feature["shape"])
        kind = picture if feature["dtype"] == "image" else getattr(arrow, _arrow_name(feature["dtype"]))()
        if feature["dtype"] != "image" and size > 1:
            flat = arrow.array(np.ascontiguousarray(columns[name]).reshape(-1), kind)
            arrays.append(arrow.FixedSizeListArray.from_arrays(flat, size))
        else:
            arrays.append(arrow.array(columns[name], kind))
        fields.append(arrow.field(name, arrays[-1].type))
    return arrow.Table.from_arrays(arrays, schema=arrow.schema(fields))


def _arrow_name(dtype: str) -> str:
    return {"bool": "bool_"}.get(dtype, dtype)


def write_table(path: Path, rows: Sequence[dict]) -> None:
    """Rows with the same keys as a parquet file."""
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(arrow.Table.from_pylist(list(rows)), path)


def write_tasks(path: Path, tasks: Sequence[str]) -> None:
    """The task's number by its text, which is the table's index: LeRobot reads it with pandas."""
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    index = "__index_level_0__"
    column = lambda name, stored, kind: {
        "name": name,
        "field_name": stored,
        "pandas_type": kind,  # noqa: E731
        "numpy_type": "int64" if kind == "int64" else "object",
        "metadata": None,
    }
    about = {
        "index_columns": [index],
        "column_indexes": [],
        "pandas_version": "2.2.0",
        "columns": [column("task_index", "task_index", "int64"), column(None, index, "unicode")],
    }
    table = arrow.table(
        {"task_index": arrow.array(range(len(tasks)), arrow.int64()), index: arrow.array(list(tasks), arrow.string())}
    )
    parquet.write_table(table.replace_schema_metadata({b"pandas": json.dumps(about).encode()}), path)


def write_json(path: Path, value: dict) -> None:
    """`value` as LeRobot lays JSON out; ValueError for a NaN."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=4, ensure_ascii=False, allow_nan=False) + "\n")
