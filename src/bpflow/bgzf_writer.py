"""Blocks of bgzip files: any program that reads gzip takes them, and htslib and `decompression` with threads."""

from __future__ import annotations

from isal import isal_zlib

from bpflow.decompression import HEADER, TRAILER

__all__ = ["END", "LARGEST", "bgzf_block"]

#: Bytes that a block holds at most, so that they fit in 64 KiB however little they compress.
LARGEST = 0xFF00
LEVEL = 1
RAW = -15


def bgzf_block(data: bytes) -> bytes:
    """Compress up to :data:`LARGEST` bytes as one block, without a time stamp."""
    packed = isal_zlib.compress(data, LEVEL, RAW)
    size = HEADER.size + len(packed) + 4 + TRAILER.size
    header = HEADER.pack(b"\x1f\x8b\x08", 4, 6, b"BC", 2, size - 1)
    return header + packed + TRAILER.pack(isal_zlib.crc32(data)) + TRAILER.pack(len(data))


#: The block of nothing that a whole file ends in.
END = bgzf_block(b"")
