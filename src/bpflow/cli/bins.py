"""``bpflow bins``."""

from __future__ import annotations

import argparse
import logging
from dataclasses import asdict

import numpy as np
import pandas as pd

from bpflow.bin_file import write_bins
from bpflow.bin_targets import read_targets
from bpflow.bin_windows import BinLayout, Coverage, bin_windows, read_unmappable
from bpflow.cli.options import add_genome, fraction, non_negative_int, positive_int
from bpflow.files import sha256, stamp, write_json
from bpflow.genome import Genome
from bpflow.regions import read_intervals
from bpflow.tables import write_table

SUMMARY = (
    "Bins of any number of tracks in windows that lie side by side over the genome, for Basenji2. Gaps of the assembly "
    "end a window's stretch; windows that are mostly unmappable or blacklisted are left out. Memory depends neither on "
    "the genome's size nor on the number of tracks."
)
# Bases that blacklisted regions are taken to be wider on both sides.
BLACKLIST_MARGIN = 20
# A track with fewer bins above 0 than this is warned of.
FEW = 0.001

log = logging.getLogger("bpflow")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow bins``."""
    add_genome(parser)
    parser.add_argument(
        "--targets",
        required=True,
        metavar="TSV",
        help="table of the tracks: identifier, file (bigWig), and as may be clip, scale, sum_stat, clip_soft, "
        "strand_pair, description",
    )
    parser.add_argument(
        "--blacklist", metavar="BED", help="regions whose values are held within the median of their window"
    )
    parser.add_argument(
        "--mappability",
        metavar="FILE",
        help="BED of unmappable regions, or a bigWig of mappability (unmappable: 0.2 or less over 500 bases)",
    )
    parser.add_argument("--input-length", type=positive_int, default=131_072, help="bases that the model reads")
    parser.add_argument("--bin-width", type=positive_int, default=128, help="bases of a bin")
    parser.add_argument(
        "--crop-bins", type=non_negative_int, default=64, help="bins of the input that are not predicted, on each side"
    )
    parser.add_argument(
        "--stride", type=non_negative_int, default=0, help="bases from window to window; 0 for windows side by side"
    )
    parser.add_argument(
        "--max-out", type=fraction, default=0.5, help="leave out windows with this share of bins out, or more"
    )
    parser.add_argument(
        "--unmappable-quantile",
        type=fraction,
        default=1.0,
        help="hold unmappable bins at this quantile of their window; 1 leaves them as they are",
    )
    parser.add_argument("--threads", type=positive_int, default=1, help="tracks read at the same time")
    parser.add_argument("--output", required=True, metavar="H5", help="bins to write")
    parser.add_argument(
        "--windows", metavar="BED", help="also write the windows as regions, by which 'bpflow folds' can balance"
    )
    parser.add_argument("--qc", required=True, metavar="JSON", help="record to write")


def run(args: argparse.Namespace) -> None:
    """Bin the tracks."""
    genome = Genome.open(args.genome)
    layout = BinLayout(args.input_length, args.bin_width, args.crop_bins)
    targets = read_targets(args.targets)
    nothing = pd.DataFrame({"chrom": pd.Series(dtype=object), "start": [], "end": []})
    black = read_intervals(args.blacklist)[["chrom", "start", "end"]] if args.blacklist else nothing
    unmappable = read_unmappable(args.mappability, genome) if args.mappability else nothing
    windows = bin_windows(
        genome,
        layout,
        stride=args.stride,
        excluded=Coverage(pd.concat([black, unmappable], ignore_index=True)),
        max_out=args.max_out,
    )
    if args.windows:
        write_table(windows.frame, args.windows, header=False)
    log.info("%d windows of %d bins, %d tracks", len(windows.frame), layout.bins, len(targets))
    summaries = write_bins(
        args.output,
        genome,
        layout,
        windows.frame,
        targets,
        blacklist=Coverage(black, BLACKLIST_MARGIN),
        unmappable=Coverage(unmappable),
        unmappable_quantile=args.unmappable_quantile,
        threads=args.threads,
    )
    tracks = [
        {**target._asdict(), "sha256": sha256(target.file), **asdict(summary)}
        for target, summary in zip(targets, summaries, strict=True)
    ]
    on_chromosome = windows.frame["chrom"].value_counts()
    covered = len(windows.frame) * min(layout.target_length, args.stride or layout.target_length)
    messages = [
        f"{track['identifier']}: {1 - track['zero']:.2%} of bins are not 0. Is it a track of this genome?"
        for track in tracks
        if track["zero"] > 1 - FEW
    ]
    write_json(
        args.qc,
        stamp(
            "bins",
            genome=genome.digest,
            input_length=layout.input_length,
            bin_width=layout.bin_width,
            crop_bins=layout.crop_bins,
            bins=layout.bins,
            stride=args.stride or layout.target_length,
            windows=len(windows.frame),
            windows_on={name: int(on_chromosome.get(name, 0)) for name in genome.names},
            covered_share=covered / sum(genome.sizes.values()),
            contigs=windows.contigs,
            short_contigs=windows.short_contigs,
            windows_out=windows.out,
            unmappable_bases=int(np.sum(unmappable["end"] - unmappable["start"])),
            blacklisted_bases=int(np.sum(black["end"] - black["start"])),
            targets=tracks,
            messages=messages,
        ),
    )
    for message in messages:
        log.warning("%s", message)
