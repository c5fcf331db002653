"""Progress of long work: a bar on a terminal, plain lines with a rate and an estimate elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from tqdm import tqdm

__all__ = ["track"]

Item = TypeVar("Item")
SECONDS_BETWEEN_LINES = 20.0

log = logging.getLogger("bpflow")


def track(
    iterable: Iterable[Item], total: int | None = None, what: str = "working", unit: str = "batches"
) -> Iterator[Item]:
    """Yield the items of `iterable`, showing how far it is.

    Parameters
    ----------
    iterable
        The work, item by item.
    total
        Number of items, if known; without it no estimate of the end is shown.
    what
        What is being done, shown before the numbers.
    unit
        What one item is called.
    """
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    if sys.stderr.isatty():
        yield from tqdm(iterable, total=total, desc=what, unit=f" {unit}", leave=False)
        return
    start = last = time.monotonic()
    for done, item in enumerate(iterable, start=1):
        yield item
        now = time.monotonic()
        if now - last >= SECONDS_BETWEEN_LINES:
            last = now
            rate = done / (now - start)
            end = f" of {total}, {(total - done) / rate:.0f} s to go" if total else ""
            log.info("%s: %d %s%s, %.3g %s/s", what, done, unit, end, rate, unit)
