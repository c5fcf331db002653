"""Files that are whole or not there: processes that were killed, that write the same file, and full disks."""

from __future__ import annotations

import errno
import os
import platform
import subprocess
import sys

import pytest

from bpflow.files import atomic_path, reserve


def leftover(path, process):
    part = path.with_name(f".{path.name}.{platform.node()}.{process}.abc_123.part")
    part.write_text("half")
    return part


def ended_process():
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


def test_what_a_killed_process_left_behind_is_removed(tmp_path):
    part = leftover(tmp_path / "a.txt", ended_process())
    with atomic_path(tmp_path / "a.txt") as temporary:
        temporary.write_text("whole")
    assert not part.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_what_another_process_is_writing_is_left_alone(tmp_path):
    parts = [leftover(tmp_path / "a.txt", os.getppid()), tmp_path / ".a.txt.another_machine.7.abc_123.part"]
    parts[1].touch()
    with atomic_path(tmp_path / "a.txt") as temporary:
        temporary.write_text("whole")
    assert all(part.exists() for part in parts)


def test_of_two_who_write_one_file_the_last_has_it_whole(tmp_path):
    with atomic_path(tmp_path / "a.txt") as first:
        first.write_text("first")
        with atomic_path(tmp_path / "a.txt") as second:
            second.write_text("second")
        assert (tmp_path / "a.txt").read_text() == "second"
    assert (tmp_path / "a.txt").read_text() == "first"
    assert len(list(tmp_path.iterdir())) == 1


def test_an_error_without_a_name_gets_the_file_s(tmp_path):
    with pytest.raises(OSError, match="No space") as caught, atomic_path(tmp_path / "a.txt"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert caught.value.filename == str(tmp_path / "a.txt")
    assert list(tmp_path.iterdir()) == []


def test_what_is_reserved_is_on_the_disk(tmp_path):
    with open(tmp_path / "a", "wb") as handle:
        reserve(handle, 1 << 20)
    found = (tmp_path / "a").stat()
    assert found.st_size == 1 << 20
    assert found.st_blocks * 512 >= 1 << 20
