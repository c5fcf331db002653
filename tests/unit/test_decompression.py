"""Decompressed blocks: the same bytes from every kind of file and any number of threads, and damage always seen."""

from __future__ import annotations

import gzip

import numpy as np
import pysam
import pytest

from bpflow import decompression
from bpflow.decompression import decompressed_blocks, is_bgzf, whole_lines
from bpflow.errors import InputError

# Compressible, and longer than several BGZF blocks.
CONTENT = b"".join(b"chr1\t%d\t%d\n" % (i, i * 7919 % 10_007) for i in range(40_000))


@pytest.fixture
def files(tmp_path):
    plain, zipped, blocked = tmp_path / "a.txt", tmp_path / "a.gz", tmp_path / "a.bgz"
    plain.write_bytes(CONTENT)
    zipped.write_bytes(gzip.compress(CONTENT[:5000]) + gzip.compress(CONTENT[5000:]))
    pysam.tabix_compress(str(plain), str(blocked))
    return {"plain": plain, "gzip": zipped, "bgzip": blocked}


@pytest.mark.parametrize("kind", ["plain", "gzip", "bgzip"])
def test_same_bytes_for_any_number_of_threads(files, kind, monkeypatch):
    assert is_bgzf(files[kind]) == (kind == "bgzip")
    monkeypatch.setattr(decompression, "BLOCK", 1 << 17)
    monkeypatch.setattr(decompression, "COMPRESSED_READ", 999)
    read = [list(decompressed_blocks(files[kind], threads=threads)) for threads in (1, 2, 3)]
    assert b"".join(read[0]) == CONTENT
    assert len(read[0]) > 2
    assert read[0] == read[1] == read[2]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("kind", ["gzip", "bgzip"])
def test_a_file_cut_anywhere_is_damaged(files, kind, threads):
    whole = files[kind].read_bytes()
    for length in [len(whole) - 1, len(whole) - 28, *np.linspace(30, len(whole) - 40, 7).astype(int).tolist()]:
        files[kind].write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"a\.(b?)gz: the file is damaged or cut short"):
            list(decompressed_blocks(files[kind], threads=threads))


@pytest.mark.parametrize("kind", ["gzip", "bgzip"])
def test_a_changed_byte_is_damage(files, kind):
    whole = bytearray(files[kind].read_bytes())
    for place in np.linspace(300, len(whole) - 60, 9).astype(int):
        changed = whole.copy()
        changed[place] ^= 0x10
        files[kind].write_bytes(changed)
        with pytest.raises(InputError, match="damaged or cut short"):
            list(decompressed_blocks(files[kind], threads=2))


def test_a_block_that_claims_gigabytes_is_damage(files):
    whole = bytearray(files["bgzip"].read_bytes())
    # The empty block at the end has 28 bytes, of which the last four are its length.
    whole[-32:-28] = b"\xff\xff\xff\xff"
    files["bgzip"].write_bytes(whole)
    with pytest.raises(InputError, match="a BGZF block of 4294967295 bytes"):
        list(decompressed_blocks(files["bgzip"]))


@pytest.mark.parametrize("kind", ["plain", "gzip", "bgzip"])
def test_lines_are_whole(files, kind, monkeypatch):
    monkeypatch.setattr(decompression, "BLOCK", 1 << 17)
    blocks = list(whole_lines(files[kind]))
    assert b"".join(blocks) == CONTENT
    assert all(block.endswith(b"\n") for block in blocks)


def test_a_line_that_would_fill_the_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(decompression, "LONGEST_LINE", 1 << 23)
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(b"chr1\t1\n" + bytes(1 << 25), 1))
    blocks = whole_lines(tmp_path / "bomb.gz")
    with pytest.raises(InputError, match="a line of more than 8388608 bytes"):
        list(blocks)


def test_an_empty_file_has_no_blocks(tmp_path):
    (tmp_path / "empty").touch()
    assert list(decompressed_blocks(tmp_path / "empty")) == []
