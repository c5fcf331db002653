"""The trees of a bigWig, walked as its readers do."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from bpflow.bigwig_trees import Places, chromosome_tree, place_tree


def find_chromosome(tree: bytes, offset: int, name: bytes) -> tuple[int, int] | None:
    """Descend by comparing keys, as a B+ tree is meant to be read."""
    _, _, key_size, _, _, _ = struct.unpack_from("<IIIIQQ", tree)
    place, key = 32, name.ljust(key_size, b"\0")
    while True:
        is_leaf, count = struct.unpack_from("<BxH", tree, place)
        items = [tree[place + 4 + i * (key_size + 8) :][: key_size + 8] for i in range(count)]
        if is_leaf:
            return next((struct.unpack("<II", item[key_size:]) for item in items if item[:key_size] == key), None)
        below = [item for item in items[1:] if item[:key_size] <= key]
        place = struct.unpack("<Q", (below[-1] if below else items[0])[key_size:])[0] - offset


@pytest.mark.parametrize("count", [0, 1, 256, 257, 66_000])
def test_names_are_found_at_any_depth(count):
    sizes = {f"{(i * 7919) % count}x": i + 10 for i in range(count)}
    tree = chromosome_tree(sizes, 1000)
    for index, name in list(enumerate(sizes))[:: max(count // 50, 1)]:
        assert find_chromosome(tree, 1000, name.encode()) == (index, sizes[name])
    assert find_chromosome(tree, 1000, b"y") is None


@pytest.mark.parametrize("count", [0, 1, 256, 257, 66_000])
def test_blocks_are_found_by_place_with_offsets_over_4_gib(count):
    starts = np.arange(count, dtype=np.uint32) * 10
    chrom = (np.arange(count) // 1000).astype(np.uint32)
    sizes = np.full(count, 5_000_000, dtype=np.int64)
    offset = 2**40
    tree = place_tree(Places(chrom, starts, chrom, starts + 7, sizes), 500, offset, 2048)
    assert struct.unpack_from("<Q", tree, 8) == (count,)

    def walk(place):
        is_leaf, n_items = struct.unpack_from("<BxH", tree, place)
        for item in range(n_items):
            if is_leaf:
                yield struct.unpack_from("<IIIIQQ", tree, place + 4 + item * 32)
                continue
            *bounds, child = struct.unpack_from("<IIIIQ", tree, place + 4 + item * 24)
            below = list(walk(child - offset))
            assert tuple(bounds[:2]) == below[0][:2]
            assert tuple(bounds[2:]) == below[-1][2:4]
            yield from below

    found = list(walk(48))
    columns = [chrom, starts, chrom, starts + 7]
    assert [row[:4] for row in found] == list(zip(*(column.tolist() for column in columns), strict=True))
    assert [row[4] for row in found] == [500 + 5_000_000 * i for i in range(count)]
    assert all(row[5] == 5_000_000 for row in found)
