"""How the C library keeps memory that was freed."""

from __future__ import annotations

from functools import cache

import numpy as np

__all__ = ["keep_freed_blocks"]

# The most that glibc keeps (mallopt(3), M_MMAP_THRESHOLD), less what it needs to keep books.
LARGEST_KEPT = (32 << 20) - (16 << 10)


@cache
def keep_freed_blocks() -> None:
    """Let arrays of up to 32 MiB use memory again that others have freed.

    glibc maps larger blocks anew each time, and the first touch of new memory costs more than the arithmetic on it;
    once it has seen a block freed, it keeps those up to its size. Elsewhere this does nothing.
    """
    np.empty(LARGEST_KEPT, dtype=np.uint8)
