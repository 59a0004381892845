"""Outputs appear whole or not at all, together, and nobody's are removed but those of the dead."""

import io
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from xalign.errors import InputError
from xalign.io import outputs
from xalign.io.outputs import Outputs, check_outputs, output, whole

SUFFIXES = ["", ".gz", ".xz", ".zst", ".bz2"]


def test_output_appears_only_when_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.align"
    path.write_text("old")

    def break_off() -> None:
        with output(str(path)) as out:
            out.write(b"new")
            out.flush()
            assert path.read_text() == "old"
            raise RuntimeError

    with pytest.raises(RuntimeError):
        break_off()
    assert path.read_text() == "old"
    assert [child.name for child in tmp_path.iterdir()] == ["out.align"]


def test_output_to_a_pipe_is_written_directly(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()))
    reader.start()
    with output(str(pipe)) as out:
        out.write(b"0-0\n")
    reader.join()
    assert found == [b"0-0\n"]


def test_output_to_a_name_of_an_open_file_is_appended_to_it(tmp_path: Path) -> None:
    with (tmp_path / "all").open("ab") as file:
        file.write(b"old\n")
        file.flush()
        with output(f"/dev/fd/{file.fileno()}") as out:
            out.write(b"new\n")
    assert (tmp_path / "all").read_bytes() == b"old\nnew\n"


def test_output_through_a_link_replaces_the_file_behind_it(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    with output(str(tmp_path / "link")) as out:
        out.write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_output_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match="cannot be written: No such file"),
        output(str(tmp_path / "no" / "out")),
    ):
        pass
    with pytest.raises(InputError, match="it is a folder; name a file"), output(str(tmp_path)):
        pass


def test_several_outputs_appear_together(tmp_path: Path) -> None:
    with Outputs() as files:
        for name in ("a", "b.gz", "c"):
            files.open(str(tmp_path / name)).write(b"new")
        assert not [path for path in tmp_path.iterdir() if not path.name.endswith(".part")]
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b.gz", "c"}


def test_a_reader_that_has_read_enough_loses_no_file_in_silence(tmp_path: Path) -> None:
    path = tmp_path / "a"

    def close_early() -> None:
        with Outputs() as files:
            files.open(str(path)).write(b"new")
            raise BrokenPipeError

    with pytest.raises(InputError) as caught:
        close_early()
    assert str(caught.value) == (
        f"{path}: standard output was closed before its end by what reads it, so this file is not "
        "written"
    )
    assert list(tmp_path.iterdir()) == []


def test_if_one_output_fails_none_appears(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")

    def fail() -> None:
        with Outputs() as files:
            files.open(str(tmp_path / "a")).write(b"new")
            files.open(str(tmp_path / "no" / "b"))

    with pytest.raises(InputError, match="b: cannot be written"):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_text() == "old"


@pytest.mark.parametrize("has_links", [True, False])
def test_if_one_output_cannot_be_moved_all_places_are_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    if not has_links:
        monkeypatch.setattr(Path, "hardlink_to", refuse)
    paths = [tmp_path / name for name in ("old", "new", "blocked")]
    paths[0].write_text("before")

    def write_all() -> None:
        with Outputs() as outputs:
            for path in paths:
                outputs.open(str(path)).write(b"after")
            (paths[2] / "in it").mkdir(parents=True)  # a folder appears there meanwhile

    with pytest.raises(InputError, match="blocked: cannot be written"):
        write_all()
    assert paths[0].read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["blocked", "old"]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("size", [100_000, 3_000_000])
def test_a_disk_that_is_full_is_an_error_and_leaves_nothing(
    tmp_path: Path, suffix: str, size: int
) -> None:
    program = (
        "import os, sys\nfrom xalign.io.outputs import Outputs\n"
        "with Outputs() as files:\n"
        "    other = files.open(sys.argv[1] + '.other')\n"
        "    other.write(b'whole')\n"
        "    files.open(sys.argv[1]).write(os.urandom(int(sys.argv[2])))\n"
    )
    limit = size // 2 if size > 1_000_000 else size - 10  # while it is written, or at its end
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / f"out{suffix}"), str(size)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "File too large" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_errors_of_syncing_reach_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"), output(str(tmp_path / "out")) as out:
        out.write(b"new")
    assert list(tmp_path.iterdir()) == []


def test_file_systems_that_cannot_sync_are_fine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(_: int) -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "fsync", unknown)
    with output(str(tmp_path / "out")) as out:
        out.write(b"new")
    assert (tmp_path / "out").read_bytes() == b"new"


def test_two_outputs_to_one_pipe_or_place_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, write = os.pipe()
    with os.fdopen(read), os.fdopen(write, "w") as pipe:
        monkeypatch.setattr("sys.stdout", pipe)
        with pytest.raises(InputError) as caught:
            check_outputs(["-", f"/dev/fd/{write}"])
        assert str(caught.value).startswith(f"/dev/fd/{write}: is also another output of this")
        with pytest.raises(InputError, match=r"^standard output: is also another output"):
            check_outputs([f"/dev/fd/{write}", "-"])
        check_outputs(["-", "/dev/null", "/dev/null"], ["/dev/null", f"/dev/fd/{read}"])
    (tmp_path / "a").touch()
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    with pytest.raises(InputError, match="b: is an input of this command"):
        check_outputs([str(tmp_path / "b")], [str(tmp_path / "a")])
    check_outputs([str(tmp_path / "new"), str(tmp_path / "newer")], [str(tmp_path / "a")])
    with pytest.raises(InputError, match="new: is also another output"):
        check_outputs(["/dev/null", str(tmp_path / "new"), str(tmp_path / "new")])


def test_standard_output_without_a_file_is_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", io.StringIO())
    with pytest.raises(InputError, match="is also another output"):
        check_outputs(["-", "-"])
    check_outputs(["-", "new"])


def test_a_loop_of_links_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to(tmp_path / "out")
    with pytest.raises(InputError, match="out: cannot be written"), output(str(tmp_path / "out")):
        pass


def test_an_output_may_be_called_like_a_lock(tmp_path: Path) -> None:
    for name in ("lock", ".lock", "out.lock"):
        with whole(tmp_path / name) as part:
            part.mkdir()
        assert (tmp_path / name).is_dir()


def test_whole_makes_files_and_folders(tmp_path: Path) -> None:
    with whole(tmp_path / "folder") as part:
        part.mkdir()
        (part / "a").write_text("a")
        assert not (tmp_path / "folder").exists()
    assert (tmp_path / "folder" / "a").read_text() == "a"
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


HOLD = """
import sys, time
from pathlib import Path
from xalign.io.outputs import whole
with whole(Path(sys.argv[1])) as part:
    part.write_text("of another process")
    print("written", flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_process_left_is_removed_and_what_another_holds_is_not(
    tmp_path: Path,
) -> None:
    target = tmp_path / "out"
    command = [sys.executable, "-c", HOLD, str(target)]
    held = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    killed = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    for process in (held, killed):
        assert process.stdout is not None
        process.stdout.readline()
    assert len(list(tmp_path.glob(".out.*.part"))) == 2
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    with output(str(target)) as out:
        out.write(b"ours")
    assert target.read_bytes() == b"ours"
    assert len(list(tmp_path.glob(".out.*.part"))) == 1
    held.communicate()
    assert held.returncode == 0
    assert target.read_text() == "of another process"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_folders_of_others_that_look_alike_are_kept(tmp_path: Path) -> None:
    kept = [".out.12345678.part", ".out.x.part", ".other.abcdefgh.part", "out.abcdefgh.part"]
    for name in kept:
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine").touch()
    (tmp_path / ".out.abcdefgh.part").touch()
    with output(str(tmp_path / "out")) as out:
        out.write(b"new")
    assert {path.name for path in tmp_path.iterdir()} == {"out", ".out.abcdefgh.part", *kept}


def test_a_folder_that_is_removed_before_it_is_held_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = tempfile.mkdtemp
    made: list[str] = []

    def removed_at_once(*arguments: str) -> str:
        made.append(plain(*arguments))
        if len(made) == 1:
            Path(made[0]).rmdir()
        return made[-1]

    monkeypatch.setattr(tempfile, "mkdtemp", removed_at_once)
    with output(str(tmp_path / "out")) as out:
        out.write(b"new")
    assert len(made) == 2
    assert (tmp_path / "out").read_bytes() == b"new"


def test_without_locks_all_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "HAS_LOCKS", False)
    (tmp_path / ".out.abcdefgh.part").mkdir()
    (tmp_path / ".out.abcdefgh.part" / "out.lock").touch()
    with output(str(tmp_path / "out")) as out:
        out.write(b"new")
    assert (tmp_path / "out").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
