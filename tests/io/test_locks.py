"""Locks end with the file that holds them."""

from pathlib import Path

import pytest

from xalign.io.locks import HAS_LOCKS, lock


@pytest.mark.skipif(not HAS_LOCKS, reason="this system has no such locks")
def test_a_lock_is_held_until_its_file_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with path.open("wb") as one, path.open("rb") as other:
        lock(one.fileno())
        with pytest.raises(BlockingIOError):
            lock(other.fileno(), wait=False)
        one.close()
        lock(other.fileno(), wait=False)
