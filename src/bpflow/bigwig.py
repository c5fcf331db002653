"""Reading bigWigs of any origin."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyBigWig

from bpflow.chromosomes import explain_mismatch
from bpflow.errors import InputError
from bpflow.files import existing
from bpflow.genome import Genome

__all__ = ["iterate_values", "open_bigwig"]

BLOCK = 1 << 23


def open_bigwig(path: str | os.PathLike[str]) -> Any:
    """Open a bigWig for reading; anything else is an InputError."""
    existing(path, "a bigWig")
    try:
        handle = pyBigWig.open(str(path))
        if not handle.isBigWig():
            raise RuntimeError("a bigBed")
    except RuntimeError:
        raise InputError("not a bigWig", where=str(path), expected="a bigWig file") from None
    return handle


def iterate_values(path: str | os.PathLike[str], genome: Genome) -> Iterator[tuple[str, int, np.ndarray]]:
    """Yield (chromosome, start, float values) in blocks over the chromosomes of `genome` that the bigWig has."""
    with open_bigwig(path) as handle:
        sizes = handle.chroms()
        shared = [name for name in genome.names if name in sizes]
        if not shared:
            raise InputError(
                f"no chromosome in common with the genome (it has {', '.join(list(sizes)[:3])})",
                where=str(path),
                expected=f"names such as {', '.join(genome.names[:3])}",
                mend=explain_mismatch(sizes, genome.names) or "Use the same assembly",
            )
        for name in shared:
            if sizes[name] != genome.sizes[name]:
                raise InputError(
                    f"{name} has {sizes[name]} bases",
                    where=str(path),
                    expected=f"{genome.sizes[name]}, as in the genome",
                    mend="Use the same assembly",
                )
            for start in range(0, sizes[name], BLOCK):
                end = min(start + BLOCK, sizes[name])
                values = handle.values(name, start, end, numpy=True)
                yield name, start, np.nan_to_num(values, nan=0.0)
