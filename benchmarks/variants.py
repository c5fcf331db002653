"""Time scoring variants, and beside it plainly predicting both alleles on both strands by the same model.

python benchmarks/variants.py [--filters 64 128 512] [--layers 8] [--seconds 60] [--batch-size 64] [--device auto]
                              [--precision auto] [--threads N] [--json FILE]

One BPNet, 2114 bases to 1000, in one process, and single-base variants of a made-up genome. In many short turns, so
that what else the machine does hits all alike (medians of the turns, after a warm-up):

score          variants/s from a VCF on disk to scores in a file: reading and checking lines, windows of both alleles,
               predictions on both strands, and what is computed from them; without null variants and peaks.
plain_predict  variants/s of `bpflow.prediction.predict_codes` on windows that are ready in memory, four a variant.
survey         variants/s of the first look at the file, which counts what can be scored and finds duplicates.
null           null variants/s: shuffling windows of variants, and scoring them.

`overhead` = plain_predict / score - 1, the median of what this is in each turn: the time that goes into anything but
predictions, as a share of these; below 0 it is the machine's noise. Records with several alternatives cost less than
here, as these share the reference's predictions.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine

# The package of this checkout, installed or not.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

# Before torch is imported: as every command does, it sets how long idle threads spin.
import bpflow.cli.model_options  # noqa: F401, I001
import torch

from bpflow.devices import resolve_device, resolve_precision, set_threads
from bpflow.genome import Genome, encode_fasta, reverse_complement_codes
from bpflow.models import BPNet, BPNetConfig
from bpflow.parts import Part
from bpflow.prediction import predict_codes
from bpflow.variant_checks import Checker
from bpflow.variant_survey import survey
from bpflow.variant_files import VariantFile
from bpflow.variant_nulls import null_windows
from bpflow.variant_parts import Identity, write_part
from bpflow.variant_scoring import score_part
from bpflow.variant_windows import allele_windows
from bpflow.variants import BLOCK, VariantScorer

FILTERS = (64, 128, 512)
CHROMOSOME, GENOME = "chr1", 1 << 20
# Distance of variants, in bases; no two share a window's middle.
APART = 8
# A turn of each thing measured takes at least so many seconds, if there are enough for a few turns.
TURN_SECONDS, FEWEST_TURNS = 1.0, 3

# Does a number of blocks and gives the seconds they took.
Work = Callable[[int], float]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure each size, print the table and write the record."""
    args = parse(arguments)
    set_threads(args.threads)
    device = resolve_device(args.device)
    precision = resolve_precision(args.precision, device)
    rows = []
    with tempfile.TemporaryDirectory(prefix="bpflow_") as folder:
        genome, source = make_inputs(Path(folder))
        for filters in args.filters:
            model = BPNet(BPNetConfig(filters=filters, layers=args.layers), torch.Generator().manual_seed(1))
            comparison = Comparison(
                VariantScorer([model], args.batch_size, device, precision), genome, source, Path(folder)
            )
            rows.append(comparison.measure(args.seconds))
            print(json.dumps(rows[-1]), flush=True)
    print(table(rows))
    if args.json:
        record = {**machine(), **(rows[0] if len(rows) == 1 else {"runs": rows})}
        args.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--filters", type=int, nargs="+", default=list(FILTERS), help="channels; each is measured")
    parser.add_argument("--layers", type=int, default=8, help="dilated layers")
    parser.add_argument("--seconds", type=float, default=60.0, help="time for each number of filters")
    parser.add_argument("--batch-size", type=int, default=64, help="sequences computed at once")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 (and so on) or mps")
    parser.add_argument("--precision", default="auto", help="of the convolutions: auto, float32 or bfloat16")
    parser.add_argument("--threads", type=int, help="CPU threads; else PyTorch's choice")
    parser.add_argument("--json", type=Path, help="record to write")
    return parser.parse_args(arguments)


class Comparison:
    """One size of a model, and the work that is timed; a batch is a block of variants.

    Parameters
    ----------
    scorer
        One model, and how it is computed.
    genome, source
        The variants and their genome.
    folder
        Where scores are written.
    """

    def __init__(self, scorer: VariantScorer, genome: Genome, source: VariantFile, folder: Path) -> None:
        self.scorer, self.genome, self.source, self.folder = scorer, genome, source, folder
        self.checker = Checker(genome, scorer.input_length, scorer.output_length)
        self.alleles = [allele for allele, _ in zip(source.alleles(), range(BLOCK), strict=False)]
        self.available = survey(source.alleles(), self.checker, genome).scored // BLOCK

    def measure(self, seconds: float) -> dict[str, Any]:
        """All figures of the record, in about so many seconds."""
        works: dict[str, Work] = {
            "score": self.score,
            "plain_predict": self.timed(self.predict_block),
            "null": self.timed(self.null_block),
            "survey": self.survey,
        }
        turns = in_turns(works, seconds)
        rates = {name: statistics.median(rates) for name, rates in turns.items()}
        pairs = zip(turns["plain_predict"], turns["score"], strict=True)
        overhead = statistics.median(plain / score - 1 for plain, score in pairs)
        return {**self.context(), **rates, "overhead": overhead, "turns": len(turns["score"])}

    def score(self, blocks: int) -> float:
        """Seconds of scoring so many blocks of the file."""
        begin = time.perf_counter()
        while blocks > 0:
            now = min(blocks, self.available)
            with write_part(self.folder / "scores.h5", self.identity(now * BLOCK), Part(1, 1)) as writer:
                score_part(
                    self.source,
                    self.genome,
                    self.scorer,
                    writer,
                    Part(1, 1),
                    identity=self.identity(now * BLOCK),
                    peak_starts=None,
                )
            blocks -= now
        return time.perf_counter() - begin

    def survey(self, blocks: int) -> float:
        """Seconds of looking at as many variants; the whole file is, and its time is divided."""
        begin = time.perf_counter()
        survey(self.source.alleles(), self.checker, self.genome)
        return (time.perf_counter() - begin) / self.available * blocks

    def predict_block(self) -> Callable[[], object]:
        """Plain predictions of a block: both alleles, both strands."""
        windows = allele_windows(self.alleles, self.genome, self.scorer.input_length).codes
        codes = np.concatenate([windows, reverse_complement_codes(windows)])
        assert len(codes) == 4 * BLOCK
        options = {
            "batch_size": self.scorer.batch_size,
            "device": self.scorer.device,
            "precision": self.scorer.precision,
        }
        return lambda: predict_codes(self.scorer.models[0], codes, **options)

    def null_block(self) -> Callable[[], object]:
        """A block of null variants."""
        length, numbers = self.scorer.input_length, range(BLOCK)
        return lambda: self.scorer.score(null_windows(self.alleles, numbers, self.genome, length, seed=1))

    def timed(self, make: Callable[[], Callable[[], object]]) -> Work:
        """Repeat what `make` gives; results are on the host when it returns, so that nothing is left to wait for."""
        block = make()

        def work(blocks: int) -> float:
            begin = time.perf_counter()
            for _ in range(blocks):
                block()
            return time.perf_counter() - begin

        return work

    def identity(self, n_variants: int) -> Identity:
        """What the file of scores says of itself, all made up but for the number."""
        return Identity(
            variants="",
            genome="",
            models=("",),
            folds=("0",),
            peaks=None,
            peaks_sha256=None,
            input_length=self.scorer.input_length,
            output_length=self.scorer.output_length,
            n_variants=n_variants,
            n_null=0,
            n_peaks=0,
            seed=1,
            precision="",
        )

    def context(self) -> dict[str, Any]:
        """What was measured, and on what."""
        config, device = self.scorer.models[0].config, self.scorer.device
        return {
            "filters": config.filters,
            "layers": config.layers,
            "batch_size": self.scorer.batch_size,
            "precision": str(self.scorer.precision).removeprefix("torch."),
            "device": str(device),
            "device_name": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
        }


def in_turns(works: Mapping[str, Work], seconds: float) -> dict[str, list[float]]:
    """Variants/s of each work in each turn, for about so many seconds."""
    blocks = {}
    for name, work in works.items():
        work(1)
        blocks[name] = max(1, round(min(TURN_SECONDS, seconds / len(works) / FEWEST_TURNS) / work(1)))
    rates: dict[str, list[float]] = {name: [] for name in works}
    begin = time.perf_counter()
    while len(rates["score"]) < FEWEST_TURNS or time.perf_counter() - begin < seconds:
        for name, work in works.items():
            rates[name].append(blocks[name] * BLOCK / work(blocks[name]))
    return rates


def make_inputs(folder: Path) -> tuple[Genome, VariantFile]:
    """A random genome, and a VCF with a single-base variant every few bases."""
    bases = np.frombuffer(b"ACGT", dtype=np.uint8)
    sequence = bases[np.random.default_rng(0).integers(0, 4, GENOME)].tobytes().decode()
    (folder / "genome.fa").write_text(f">{CHROMOSOME}\n{sequence}\n")
    encode_fasta(folder / "genome.fa", folder / "genome.json")
    with open(folder / "variants.vcf", "w") as handle:
        handle.write("##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
        for start in range(4 * APART * BLOCK, GENOME - 4 * APART * BLOCK, APART):
            ref = sequence[start]
            alt = "CGTA"["ACGT".index(ref)]
            handle.write(f"{CHROMOSOME}\t{start + 1}\t.\t{ref}\t{alt}\t.\t.\t.\n")
    return Genome.open(folder / "genome.json"), VariantFile.open(folder / "variants.vcf")


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The figures in Markdown."""
    text = ["| filters | batch | variants/s | plain | overhead | null/s | survey/s |", "|" + "---|" * 7]
    for row in rows:
        text.append(
            f"| {row['filters']} | {row['batch_size']} | {row['score']:.3g} | {row['plain_predict']:.3g} "
            f"| {row['overhead']:.1%} | {row['null']:.3g} | {row['survey']:.3g} |"
        )
    return "\n".join(text)


if __name__ == "__main__":
    main()
