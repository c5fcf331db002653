from __future__ import annotations

import tempfile
from collections import namedtuple

import pytest

from bpflow.doctor import machine
from bpflow.errors import InputError

Usage = namedtuple("Usage", "total used free")


def test_this_machine():
    found = {finding.name: finding for finding in machine.check_machine()}
    assert set(found) == {"CPU cores", "temporary folder", "locale"}
    assert found["temporary folder"].found.startswith(tempfile.gettempdir())


def test_a_poor_machine(monkeypatch):
    monkeypatch.setattr(machine, "usable_cores", lambda: 1)
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: Usage(1, 1, 10_000))
    monkeypatch.setattr(machine.locale, "getpreferredencoding", lambda _: "ANSI_X3.4-1968")
    found = list(machine.check_machine())
    assert [finding.grade for finding in found] == ["check"] * 3
    assert all(finding.advice for finding in found)


@pytest.mark.parametrize(("there", "grade"), [(64e9, "good"), (16e9, "check"), (None, "check")])
def test_memory(monkeypatch, there, grade):
    monkeypatch.setattr(machine, "memory_bytes", lambda: there and int(there))
    assert machine.check_memory(32_000).grade == grade


@pytest.mark.parametrize(("needed", "grade"), [(1e9, "good"), (8e9, "check"), (11e9, "fail")])
def test_disk(tmp_path, monkeypatch, needed, grade):
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: Usage(0, 0, 10_000_000_000))
    finding = machine.check_disk(str(tmp_path / "not/yet"), needed)
    assert finding.grade == grade
    assert f"10.0 GB free in {tmp_path};" in finding.found


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    def locked(*_):
        raise InputError("cannot be written (Read-only file system)")

    monkeypatch.setattr(machine, "require_writable", locked)
    finding = machine.check_disk(str(tmp_path), 1.0)
    assert (finding.grade, finding.advice) == ("fail", "Set results to a folder you may write.")


def test_sizes_in_words():
    assert machine.gigabytes(1_250_000_000) == "1.2 GB"
    assert machine.gigabytes(4_000_000) == "4 MB"
