"""Matrices of probabilities, one per pair: in one npz file, or as lines of JSON."""

import contextlib
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from xalign.errors import InputError
from xalign.io.files import Source
from xalign.io.json_text import parse_json

Matrix = NDArray[np.float32]
Row = NDArray[np.float32]
Shape = tuple[int, int]


@contextlib.contextmanager
def matrices(out: BinaryIO, path: str) -> Iterator[Callable[[int, Shape, Iterable[Row]], None]]:
    """Function that writes the matrix of a pair, given by its number, shape and rows.

    It never holds a whole matrix, which may be much larger than its text. If ``path``, where
    ``out`` is written to, ends in ``.npz``, the name of the array is the number; else a line is
    ``{"pair": 1, "matrix": [[0.98, 0.01], ...]}``.
    """
    if not path.endswith(".npz"):

        def write_line(number: int, shape: Shape, rows: Iterable[Row]) -> None:
            out.write(b'{"pair": %d, "matrix": [' % number)
            for k, row in enumerate(rows):
                values = json.dumps(list(map(float, row.astype(str))))
                out.write((", " if k else "").encode() + values.encode())
            out.write(b"]}\n")

        yield write_line
        return
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:

        def write_array(number: int, shape: Shape, rows: Iterable[Row]) -> None:
            header = {"descr": "<f4", "fortran_order": False, "shape": shape}
            with archive.open(f"{number}.npy", "w") as file:
                np.lib.format.write_array_header_1_0(file, header)
                for row in rows:
                    file.write(row.astype("<f4").tobytes())

        yield write_array


def read_matrices(path: str) -> Iterator[tuple[int, Matrix]]:
    """Numbers and matrices of a file that `matrices` wrote.

    Errors: `InputError` when it is not such a file.
    """
    try:
        if path.endswith(".npz"):
            with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                for name in arrays.files:
                    yield int(name), arrays[name]
            return
        for line in Source(path):
            found = parse_json(line)
            rows = found["matrix"]
            shape = len(rows), len(rows[0]) if rows else 0
            yield found["pair"], np.array(rows, dtype=np.float32).reshape(shape)
    except OSError as error:
        raise InputError(path, 0, f"cannot be read: {error.strerror or error}") from error
    except (EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise InputError(path, 0, f"expected matrices: {error}") from error
