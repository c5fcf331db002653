"""The decompressed bytes of a plain, gzip or bgzip file, block by block and with threads."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator

from isal import igzip_threaded, isal_zlib

from bpflow.errors import InputError
from bpflow.files import READ_ERRORS, is_gzip
from bpflow.parallel import map_in_order

__all__ = ["LONGEST_LINE", "damaged", "decompressed_blocks", "is_bgzf", "whole_lines"]

BLOCK = 1 << 22
# No line of text is longer; what is may be a few bytes that unpack to all of a machine's memory.
LONGEST_LINE = 1 << 26
COMPRESSED_READ = 1 << 22
# Fixed part of a BGZF header: gzip's own, with the extra field that holds the block's length.
HEADER = struct.Struct("<3sB6xH2sHH")
TRAILER = struct.Struct("<I")
LARGEST_BLOCK = 1 << 16
GZIP_WITH_HEADER = 31


def damaged(path: str | os.PathLike[str], cause: object) -> InputError:
    """The error for a file that ends too early or whose bytes are not what they were."""
    return InputError(
        f"the file is damaged or cut short ({cause})", where=str(path), mend="Copy, download or make it again"
    )


def is_bgzf(path: str | os.PathLike[str]) -> bool:
    """Tell bgzip files (and BAM) from other gzip files."""
    with open(path, "rb") as handle:
        return _length(handle.read(HEADER.size), 0) > 0


def decompressed_blocks(path: str | os.PathLike[str], *, threads: int = 1) -> Iterator[bytes]:
    """Yield the content of a plain, gzip or bgzip file in blocks of about 4 MiB.

    Parameters
    ----------
    path
        The file.
    threads
        A bgzip file is decompressed by so many threads, another gzip file by one beside the caller's if it is more
        than 1. The blocks are the same for any number.

    Raises
    ------
    InputError
        Checksums that do not agree, or a file that ends too early, a bgzip file without its last, empty block included.
    """
    if is_bgzf(path):
        yield from _bgzf_blocks(path, threads)
    elif is_gzip(path):
        try:
            with igzip_threaded.open(path, "rb", threads=1 if threads > 1 else 0) as handle:
                while block := handle.read(BLOCK):
                    yield block
        except READ_ERRORS as error:
            raise damaged(path, error) from None
    else:
        with open(path, "rb") as plain:
            while block := plain.read(BLOCK):
                yield block


def whole_lines(path: str | os.PathLike[str], *, threads: int = 1) -> Iterator[bytes]:
    """Yield the content in blocks that end at a line's end, but for the last.

    Raises
    ------
    InputError
        As :func:`decompressed_blocks`; or a line of more than :data:`LONGEST_LINE` bytes.
    """
    rest = b""
    for block in decompressed_blocks(path, threads=threads):
        cut = block.rfind(b"\n") + 1
        if cut:
            yield rest + block[:cut]
            rest = block[cut:]
        else:
            rest += block
        if len(rest) > LONGEST_LINE:
            raise InputError(f"a line of more than {LONGEST_LINE} bytes", where=str(path), expected="text in lines")
    if rest:
        yield rest


def _bgzf_blocks(path: str | os.PathLike[str], threads: int) -> Iterator[bytes]:
    try:
        yield from map_in_order(_inflate, _groups(path), threads)
    except READ_ERRORS as error:
        raise damaged(path, error) from None


def _groups(path: str | os.PathLike[str]) -> Iterator[list[tuple[memoryview, int]]]:
    """Whole compressed blocks with their decompressed lengths, about 4 MiB of the latter together."""
    group: list[tuple[memoryview, int]] = []
    total, length, rest = 0, -1, b""
    with open(path, "rb") as handle:
        while read := handle.read(COMPRESSED_READ):
            data = memoryview(rest + read)
            start = 0
            while len(data) - start >= HEADER.size:
                size = _length(data, start)
                if size <= HEADER.size:
                    raise damaged(path, "not a BGZF block where one should start")
                if start + size > len(data):
                    break
                (length,) = TRAILER.unpack_from(data, start + size - TRAILER.size)
                if length > LARGEST_BLOCK:
                    raise damaged(path, f"a BGZF block of {length} bytes")
                group.append((data[start : start + size], length))
                total += length
                start += size
                if total >= BLOCK:
                    yield group
                    group, total = [], 0
            rest = bytes(data[start:])
    if rest:
        raise damaged(path, "it ends within a block")
    if length != 0:
        raise damaged(path, "its last block is missing")
    yield group


def _length(data: bytes | memoryview, start: int) -> int:
    """Length of the BGZF block that starts at `start`, or 0."""
    if len(data) - start < HEADER.size:
        return 0
    magic, flags, _, name, width, last = HEADER.unpack_from(data, start)
    return last + 1 if (magic, flags, name, width) == (b"\x1f\x8b\x08", 4, b"BC", 2) else 0


def _inflate(group: list[tuple[memoryview, int]]) -> bytes:
    # The format's own reader checks each block's checksum and length.
    return b"".join(isal_zlib.decompress(block, GZIP_WITH_HEADER, max(length, 1)) for block, length in group)
