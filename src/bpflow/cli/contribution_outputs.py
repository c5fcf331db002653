"""What is written beside contribution files: the record of how well they add up, and bigWigs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bpflow.contribution_file import open_contributions, projected_blocks
from bpflow.contributions import judge_convergence
from bpflow.errors import InputError
from bpflow.files import stamp, write_json
from bpflow.genome import Genome
from bpflow.region_tracks import write_region_track

__all__ = ["heads_in", "write_bigwigs", "write_record"]

VIEW_WORDS = {"corrected": "the corrected", "bias": "the bias model's"}

log = logging.getLogger("bpflow")


def heads_in(folders: Sequence[str]) -> list[str]:
    """The heads whose files are in all folders.

    Raises
    ------
    InputError
        A folder has others than the first, or none.
    """
    found = [[head for head in ("counts", "profile") if (Path(folder) / f"{head}.h5").is_file()] for folder in folders]
    for folder, heads in zip(folders, found, strict=True):
        if not heads or heads != found[0]:
            raise InputError(
                f"files of {' and '.join(heads) or 'no head'}",
                where=str(folder),
                expected=f"{' and '.join(found[0]) or 'counts.h5 or profile.h5'} of 'bpflow contributions'",
            )
    return found[0]


def write_record(folder: Path, heads: Sequence[str]) -> None:
    """Write contributions.json: how many sequences and how well each head's contributions add up."""
    record: dict[str, Any] = {}
    verdicts = []
    for head in heads:
        with open_contributions(folder / f"{head}.h5") as handle:
            gap, difference = (handle[f"convergence/{name}"][:] for name in ("gap", "difference"))
            about = {name: handle.attrs[name] for name in ("references", "view", "folds") if name in handle.attrs}
            number = len(handle["raw/seq"])
        if number:
            record[head] = judge_convergence(VIEW_WORDS.get(str(about.get("view")), "the"), head, gap, difference)
            verdicts.append(record[head].pop("verdict"))
    write_json(
        folder / "contributions.json",
        stamp("contributions", regions=number, **about, heads=record, verdicts=verdicts, messages=[]),
    )
    for item in verdicts:
        log.info("%s: %s (%s)", item["name"], item["value"], item["verdict"])


def write_bigwigs(folder: Path, heads: Sequence[str], genome_path: str, threads: int) -> None:
    """Write contributions of the bases that are there; where regions overlap, those of the nearest centre."""
    genome = Genome.open(genome_path)
    for head in heads:
        with open_contributions(folder / f"{head}.h5") as handle:
            if "coords/coords_center" not in handle:
                raise InputError(
                    "contributions of given sequences", where=str(folder / f"{head}.h5"), expected="regions of a genome"
                )
            names = handle["coords/coords_chrom"].asstr()[:]
            genome.require(np.unique(names).tolist(), where=str(folder / f"{head}.h5"))
            write_region_track(
                folder / f"{head}.bw",
                genome.sizes,
                pd.Index(genome.names).get_indexer(pd.Index(names)),
                handle["coords/coords_center"][:],
                handle["raw/seq"].shape[2],
                projected_blocks(handle),
                threads=threads,
            )
