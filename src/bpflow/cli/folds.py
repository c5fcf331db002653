"""``bpflow folds``."""

from __future__ import annotations

import argparse
import logging
from collections import Counter
from pathlib import Path

import pandas as pd

from bpflow.cli.options import add_genome, positive_int
from bpflow.files import write_json
from bpflow.folds import balance, check_fold_set, fold_set_record, read_fold
from bpflow.genome import Genome
from bpflow.regions import read_regions
from bpflow.twins import find_twins

log = logging.getLogger("bpflow")

SUMMARY = (
    "Split the chromosomes into folds balanced by length and by the peaks of all samples: one fold set for a whole "
    "run, so that a bias model shared by samples has never seen a test chromosome. Each chromosome is tested once."
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow folds``."""
    add_genome(parser)
    parser.add_argument("--peaks", nargs="+", required=True, metavar="FILE", help="peaks of all samples of the run")
    parser.add_argument("--samples", nargs="+", default=[], metavar="NAME", help="their names, for the record")
    parser.add_argument("--n", type=positive_int, default=5, help="number of folds, 3 or more")
    parser.add_argument("--given", nargs="+", metavar="JSON", help="your own folds {train, valid, test}, one a file")
    parser.add_argument("--output-dir", required=True, metavar="DIR", help="where fold_0.json ... and folds.json go")


def run(args: argparse.Namespace) -> None:
    """Make the folds."""
    genome = Genome.open(args.genome)
    samples = [read_regions(path, genome)[["chrom", "start", "summit"]] for path in args.peaks]
    peaks = [Counter(sample["chrom"]) for sample in samples]
    if args.given:
        folds = [read_fold(path, genome) for path in args.given]
        check_fold_set(folds, where=", ".join(args.given))
    else:
        folds = balance(genome.sizes, sum(peaks, Counter()), args.n)
    folder = Path(args.output_dir)
    for number, fold in enumerate(folds):
        write_json(folder / f"fold_{number}.json", fold._asdict())
    twins = find_twins(genome, pd.concat(samples))
    record = fold_set_record(folds, genome.sizes, peaks, twins, given=bool(args.given), samples=args.samples)
    write_json(folder / "folds.json", record)
    for item in record["verdicts"]:
        if item["verdict"] != "good":
            log.warning("%s: %s", item["name"], item["advice"])
