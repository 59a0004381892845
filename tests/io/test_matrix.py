"""Matrices are read as they were written."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from tests.conftest import FUZZ
from xalign.errors import InputError
from xalign.io.matrix import matrices, read_matrices
from xalign.io.outputs import output

FLOATS = st.floats(0, 1, width=32)


@pytest.mark.parametrize("name", ["m.npz", "m.jsonl", "m.jsonl.gz"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30 * FUZZ)
@given(
    st.lists(
        arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=4), elements=FLOATS),
        max_size=3,
    )
)
def test_what_is_read_is_what_was_written(
    tmp_path: Path, name: str, written: list[np.ndarray]
) -> None:
    written.append(np.zeros((0, 0), dtype=np.float32))  # an empty pair
    path = str(tmp_path / name)
    with output(path) as out, matrices(out, path) as write:
        for number, matrix in enumerate(written, 1):
            write(number, matrix.shape, matrix)
    found = list(read_matrices(path))
    assert [number for number, _ in found] == list(range(1, len(written) + 1))
    for matrix, (_, again) in zip(written, found, strict=True):
        assert again.dtype == np.float32
        assert np.array_equal(matrix, again)


def test_no_pickle_is_read(tmp_path: Path) -> None:
    path = str(tmp_path / "m.npz")
    arrays: dict[str, Any] = {"1": np.array([object()], dtype=object)}
    np.savez(path, **arrays)
    with pytest.raises(
        InputError, match=r"m\.npz: expected matrices: Object arrays cannot be loaded"
    ):
        list(read_matrices(path))


@pytest.mark.parametrize("name", ["m.npz", "m.jsonl"])
def test_another_file_is_an_error(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("nothing of the kind\n")
    with pytest.raises(InputError, match="expected matrices"):
        list(read_matrices(str(path)))
