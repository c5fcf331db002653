"""The two search trees of a bigWig: chromosomes by name (B+ tree) and sections by place (R tree).

Layouts: Kent et al. 2010, Bioinformatics 26:2204, supplementary tables 8 to 17.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

__all__ = ["Places", "chromosome_tree", "place_tree"]

CHROMOSOME_TREE_MAGIC, PLACE_TREE_MAGIC = 0x78CA8C91, 0x2468ACE0
NODE_ITEMS = 256
NODE_HEADER = struct.Struct("<BxH")
_BOUNDS = [("first_chrom", "<u4"), ("first_base", "<u4"), ("last_chrom", "<u4"), ("last_base", "<u4")]
_LEAF = np.dtype([*_BOUNDS, ("offset", "<u8"), ("size", "<u8")])
_INNER = np.dtype([*_BOUNDS, ("child", "<u8")])


@dataclass(frozen=True)
class Places:
    """What blocks of a file cover, in genome order, and where they lie in it.

    Attributes
    ----------
    first_chrom, first_base
        (N,) chromosome index and 0-based position of the first base of each block.
    last_chrom, last_base
        (N,) chromosome index and half-open end of the last.
    sizes
        (N,) compressed bytes; the blocks follow one another without gaps.
    """

    first_chrom: np.ndarray
    first_base: np.ndarray
    last_chrom: np.ndarray
    last_base: np.ndarray
    sizes: np.ndarray

    def __len__(self) -> int:
        return len(self.sizes)


def chromosome_tree(sizes: Mapping[str, int], offset: int) -> bytes:
    """The tree from chromosome names to their index in `sizes` and their length; it is to lie at `offset`."""
    names = np.array([name.encode() for name in sizes], dtype="S") if sizes else np.zeros(0, "S1")
    order = np.argsort(names, kind="stable")
    key = ("key", names.dtype)
    leaves = np.empty(len(names), dtype=[key, ("index", "<u4"), ("size", "<u4")])
    leaves["key"], leaves["index"] = names[order], order
    leaves["size"] = np.array(list(sizes.values()), dtype=np.uint32)[order]

    def parents(level: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
        nodes = np.empty(len(first), dtype=[key, ("child", "<u8")])
        nodes["key"] = level["key"][first]
        return nodes

    header = struct.pack("<IIIIQQ", CHROMOSOME_TREE_MAGIC, NODE_ITEMS, names.dtype.itemsize, 8, len(names), 0)
    return header + _nodes(leaves, parents, offset + len(header))


def place_tree(places: Places, data_offset: int, offset: int, items_per_block: int) -> bytes:
    """The tree from stretches of the genome to blocks.

    Parameters
    ----------
    places
        The blocks.
    data_offset
        Where in the file the first of them lies.
    offset
        Where in the file the tree is to lie.
    items_per_block
        The most items a block holds; readers take it as a hint.
    """
    leaves = np.empty(len(places), dtype=_LEAF)
    for name, _ in _BOUNDS:
        leaves[name] = getattr(places, name)
    leaves["size"] = places.sizes
    leaves["offset"] = data_offset + np.cumsum(places.sizes, dtype=np.uint64) - leaves["size"]

    def parents(level: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
        nodes = np.empty(len(first), dtype=_INNER)
        for name in ("first_chrom", "first_base"):
            nodes[name] = level[name][first]
        for name in ("last_chrom", "last_base"):
            nodes[name] = level[name][last]
        return nodes

    bounds = [
        int(leaves[name][place]) if len(leaves) else 0 for (name, _), place in zip(_BOUNDS, (0, 0, -1, -1), strict=True)
    ]
    header = struct.pack("<IIQIIIIQII", PLACE_TREE_MAGIC, NODE_ITEMS, len(leaves), *bounds, offset, items_per_block, 0)
    return header + _nodes(leaves, parents, offset + len(header))


def _nodes(
    leaves: np.ndarray, parents: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray], offset: int
) -> bytes:
    """All nodes, from the root to the leaves; `parents` makes the items above nodes of given first and last items."""
    levels = [leaves]
    while len(levels[0]) > NODE_ITEMS:
        first = np.arange(0, len(levels[0]), NODE_ITEMS)
        last = np.minimum(first + NODE_ITEMS, len(levels[0])) - 1
        levels.insert(0, parents(levels[0], first, last))
    parts: list[bytes] = []
    for depth, level in enumerate(levels):
        is_leaf = depth == len(levels) - 1
        n_nodes = max(-(-len(level) // NODE_ITEMS), 1)
        offset += level.nbytes + n_nodes * NODE_HEADER.size
        if not is_leaf:
            step = NODE_HEADER.size + NODE_ITEMS * levels[depth + 1].itemsize
            level["child"] = offset + step * np.arange(len(level))
        for node in range(n_nodes):
            items = level[node * NODE_ITEMS : (node + 1) * NODE_ITEMS]
            parts += NODE_HEADER.pack(is_leaf, len(items)), items.tobytes()
    return b"".join(parts)
