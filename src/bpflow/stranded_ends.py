"""Reads to two tracks of 5' ends, plus and minus strand, as they are in their files: nothing is shifted or added up."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Sequence
from typing import Any

from bpflow.bigwig_writer import write_bigwig
from bpflow.errors import InputError
from bpflow.files import existing, sha256, stamp, write_json
from bpflow.genome import Genome
from bpflow.reads import ReadFilter, detect_format, read_ends
from bpflow.site_counts import SiteCounter, Sites, moved_counts

__all__ = ["make_strands"]

log = logging.getLogger("bpflow")


def make_strands(
    paths: Sequence[str],
    genome: Genome,
    *,
    plus: str | os.PathLike[str],
    minus: str | os.PathLike[str],
    qc: str | os.PathLike[str],
    file_format: str = "auto",
    read_filter: ReadFilter,
    threads: int = 1,
) -> None:
    """Count the 5' ends of each strand and write a bigWig of each, and the record.

    Parameters
    ----------
    paths
        Files of reads, pooled.
    genome
        The genome; its chromosomes are the bigWigs' header.
    plus, minus, qc
        What to write. The 5' base of a minus read is the last one that it covers.
    file_format
        ``auto`` or one of :data:`bpflow.reads.FORMATS` that knows strands.
    read_filter
        For BAM, CRAM and SAM; the second read of a pair is the one whose 5' end counts in PRO-cap.
    threads
        For decompressing and parsing; the result is the same for any number.

    Raises
    ------
    InputError
        A damaged file, one without strands or without any read that counts.
    """
    found = [_read(path, genome, file_format, read_filter, threads) for path in paths]
    for output, strand in ((plus, "plus"), (minus, "minus")):
        write_bigwig(
            output, genome.sizes, moved_counts(genome, [(ends[strand], 0) for ends, _ in found]), threads=threads
        )
    files = [record for _, record in found]
    ends = {strand: sum(record[strand] for record in files) for strand in ("plus", "minus")}
    write_json(qc, stamp("strands", files=files, **ends, messages=[]))
    log.info("%d ends on the plus strand, %d on the minus strand", ends["plus"], ends["minus"])


def _read(
    path: str, genome: Genome, file_format: str, read_filter: ReadFilter, threads: int
) -> tuple[dict[str, Sites], dict[str, Any]]:
    existing(path, "reads: BAM, CRAM or tagAlign")
    kind = detect_format(path) if file_format == "auto" else file_format
    if kind == "fragments":
        raise InputError(
            "fragments, whose two ends are of no strand",
            where=path,
            expected="reads with strands: BAM, CRAM or tagAlign",
        )
    tally: Counter[str] = Counter()
    counters = {"plus": SiteCounter(genome), "minus": SiteCounter(genome)}
    for ends in read_ends(path, genome, file_format=kind, read_filter=read_filter, tally=tally, threads=threads):
        counters["plus" if ends.plus else "minus"].add(ends.positions)
    sites = {strand: counter.sites() for strand, counter in counters.items()}
    dropped = {key.removeprefix("dropped: "): n for key, n in sorted(tally.items()) if key.startswith("dropped")}
    if not tally["kept"]:
        raise InputError(
            "no usable reads" if tally["records"] else "no reads",
            where=path,
            expected="reads on the genome's chromosomes that pass the filters",
            mend=f"Dropped: {', '.join(f'{n} {cause}' for cause, n in dropped.items())}"
            if dropped
            else "Check the file",
        )
    record = {
        "path": path,
        "format": kind,
        "sha256": sha256(path),
        "records": tally["records"],
        "kept": tally["kept"],
        "dropped": dropped,
        **{strand: len(ends) for strand, ends in sites.items()},
    }
    return sites, record
