"""Progress of long work: a bar on a terminal, plain lines with a rate and an estimate elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from types import TracebackType
from typing import TypeVar

from tqdm import tqdm

__all__ = ["Meter", "track"]

Item = TypeVar("Item")
SECONDS_BETWEEN_LINES = 20.0

log = logging.getLogger("bpflow")


class Meter:
    """Shows how far work is that its caller counts.

    Parameters
    ----------
    total
        Amount of work, if known; without it no estimate of the end is shown.
    what
        What is being done, shown before the numbers.
    unit
        What one piece of it is called, in the plural.
    initial
        How much was done before.
    """

    def __init__(self, total: int | None, what: str = "working", unit: str = "batches", *, initial: int = 0) -> None:
        self.total, self.what, self.unit = total, what, unit
        self.done = self.initial = initial
        self.start = self.last = time.monotonic()
        on_terminal = sys.stderr.isatty()
        self.bar = tqdm(total=total, desc=what, unit=f" {unit}", initial=initial, leave=False) if on_terminal else None

    def __enter__(self) -> Meter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.close()

    def advance(self, amount: int = 1, note: str = "") -> None:
        """Count work that is done; `note` is shown beside the numbers."""
        self.done += amount
        if self.bar is not None:
            self.bar.set_postfix_str(note, refresh=False)
            self.bar.update(amount)
            return
        now = time.monotonic()
        if now - self.last < SECONDS_BETWEEN_LINES:
            return
        self.last = now
        rate = (self.done - self.initial) / (now - self.start)
        end = f" of {self.total}, {(self.total - self.done) / rate:.0f} s to go" if self.total else ""
        note = f" ({note})" if note else ""
        log.info("%s: %d %s%s, %.3g %s/s%s", self.what, self.done, self.unit, end, rate, self.unit, note)


def track(
    iterable: Iterable[Item], total: int | None = None, what: str = "working", unit: str = "batches"
) -> Iterator[Item]:
    """Yield the items of `iterable`, showing how far it is; parameters as of :class:`Meter`."""
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    with Meter(total, what, unit) as meter:
        for item in iterable:
            yield item
            meter.advance()
