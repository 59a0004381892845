"""Parts of a corpus."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xalign.errors import InputError
from xalign.io.files import LongLine
from xalign.io.shard import open_shards, parse_shard


@given(lines=st.integers(0, 40), total=st.integers(1, 12))
def test_shards_are_the_whole_in_order_and_of_one_size(
    lines: int, total: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("shards") / "in.gz"
    path.write_bytes(gzip.compress(b"".join(b"line %d\n" % k for k in range(lines))))
    parts = [open_shards([str(path)], k + 1, total)[0] for k in range(total)]
    read = [list(part) for part in parts]
    assert [line for part in read for line in part] == [b"line %d" % k for k in range(lines)]
    assert max(map(len, read)) - min(map(len, read)) <= 1
    assert (
        [part.position for part in parts] == [part.size for part in parts] == list(map(len, read))
    )


@given(sizes=st.lists(st.integers(0, 9), min_size=1, max_size=5), total=st.integers(1, 7))
def test_shards_of_several_files_are_the_whole_in_order(
    sizes: list[int], total: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("shards")
    paths = [folder / str(number) for number in range(len(sizes))]
    for path, size in zip(paths, sizes, strict=True):
        path.write_text("".join(f"{path.name} {k}\n" for k in range(size)))
    shards = [open_shards(list(map(str, paths)), k + 1, total) for k in range(total)]
    read = [[line for part in shard for line in part] for shard in shards]
    assert b"\n".join(line for part in read for line in part) == b"\n".join(
        line for path in paths for line in path.read_bytes().splitlines()
    )
    assert max(map(len, read)) - min(map(len, read)) <= 1


def test_long_lines_of_a_shard_are_marked(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"abc\nabcdef\nabc\nabc\n")
    first, second = (open_shards([str(tmp_path / "in")], k, 2, 4)[0] for k in (1, 2))
    assert [isinstance(line, LongLine) for line in [*first, *second]] == [False, True, False, False]


def test_lines_of_a_shard_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"a\nb\nc\nd\ne\nf\n")
    (part,) = open_shards([str(tmp_path / "in")], 2, 2)
    assert (part.first, part.skip(1), part.first, list(part)) == (4, 1, 5, [b"e", b"f"])
    (part,) = open_shards([str(tmp_path / "in")], 2, 2)
    assert (part.skip(9), part.first, list(part)) == (3, 7, [])


def test_the_number_of_a_shard_is_at_most_their_number() -> None:
    assert [parse_shard(text) for text in ("1/1", "3/8", "10/10")] == [(1, 1), (3, 8), (10, 10)]
    for text in ("0/1", "2/1", "1/0", "1", "1/2/3", " 1/2", "٣/٨"):
        with pytest.raises(ValueError, match="expected a shard") as caught:
            parse_shard(text)
        assert (
            str(caught.value)
            == f"expected a shard such as 1/8, up to 8/8, counted from 1, found {text!r}"
        )


def test_a_pipe_has_no_shards(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a shard needs an input that can be read twice"):
        open_shards(["/dev/null"], 1, 2)


def test_a_missing_file_is_called_missing() -> None:
    with pytest.raises(InputError, match=r"none\.txt: cannot be read: No such file"):
        open_shards(["none.txt"], 1, 2)
