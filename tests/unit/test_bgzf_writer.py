from __future__ import annotations

import gzip

import numpy as np
import pytest

from bpflow.bgzf_writer import END, LARGEST, bgzf_block
from bpflow.decompression import decompressed_blocks, is_bgzf


@pytest.mark.parametrize("content", [b"chr1\t1\t2\n" * 20_000, np.random.default_rng(1).bytes(200_000), b"x"])
def test_blocks_are_read_by_gzip_and_by_ours(tmp_path, content):
    path = tmp_path / "x.gz"
    pieces = [content[start : start + LARGEST] for start in range(0, len(content), LARGEST)]
    path.write_bytes(b"".join(map(bgzf_block, pieces)) + END)
    assert is_bgzf(path)
    assert gzip.decompress(path.read_bytes()) == content
    assert b"".join(decompressed_blocks(path, threads=2)) == content
