"""One of several equal shares of a list, so that a cluster can work on them side by side."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bpflow.errors import InputError

__all__ = ["Part", "in_order"]


@dataclass(frozen=True)
class Part:
    """The part `number` (from 1) of `total`."""

    number: int = 1
    total: int = 1

    @classmethod
    def parse(cls, text: str) -> Part:
        """Read ``2/8``, the second of eight.

        Raises
        ------
        InputError
            Other text, or a number that is not from 1 to the total.
        """
        match = re.fullmatch(r"(\d+)/(\d+)", text)
        part = cls(*map(int, match.groups())) if match else None
        if part is None or not 1 <= part.number <= part.total:
            raise InputError(f"the part {text!r}", expected="a number and a total, such as 2/8 for the second of eight")
        return part

    def rows(self, n: int, *, block: int = 1) -> slice:
        """Which of n items are this part's: whole blocks, whose numbers differ by at most one between parts."""
        blocks = -(-n // block)
        first, last = (place * blocks // self.total * block for place in (self.number - 1, self.number))
        return slice(min(first, n), min(last, n))

    def __str__(self) -> str:
        return f"{self.number}/{self.total}"


def in_order(parts: Sequence[Part], paths: Sequence[str]) -> list[int]:
    """The order in which parts follow each other, as indices.

    Raises
    ------
    InputError
        One is missing or given twice, or they are of different totals: the file is named.
    """
    total = parts[0].total
    seen: dict[int, str] = {}
    for part, path in zip(parts, paths, strict=True):
        if part.total != total:
            raise InputError(f"part {part}", where=str(path), expected=f"one of {total}, like {paths[0]}")
        if part.number in seen:
            raise InputError(f"part {part} again", where=str(path), expected=f"it once; {seen[part.number]} is it too")
        seen[part.number] = path
    if missing := sorted(set(range(1, total + 1)) - set(seen)):
        raise InputError(f"part {missing[0]}/{total} is missing", expected=f"all {total} parts")
    return sorted(range(len(parts)), key=lambda index: parts[index].number)
