"""``bpflow variants``."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bpflow.cli.model_inputs import add_task
from bpflow.cli.model_options import add_computing, resolve_computing
from bpflow.cli.options import add_genome, add_seed, non_negative_int, positive_int
from bpflow.cli.variant_outputs import OUTPUTS, add_outputs, check_outputs, write_outputs
from bpflow.errors import InputError
from bpflow.files import require_writable

if TYPE_CHECKING:
    import numpy as np

    from bpflow.genome import Genome
    from bpflow.variant_parts import Identity
    from bpflow.variant_survey import Survey
    from bpflow.variants import VariantScorer

SUMMARY = (
    "Score variants: what the alternative allele does to predicted counts and profile, by the mean over folds and by "
    "each fold, with empirical p-values against dinucleotide-shuffled null variants, and q-values. With --part K/N "
    "only the K-th of N parts is scored, into a file that 'bpflow gather-variants' joins with the others."
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow variants``."""
    parser.add_argument(
        "--models",
        required=True,
        nargs="+",
        metavar="FILE",
        help="one model a fold; of a ChromBPNet the part without bias is used, any other as it is",
    )
    add_task(parser)
    parser.add_argument(
        "--folds", nargs="+", metavar="NAME", help="what the models' folds are called in columns; else 0, 1, .."
    )
    add_genome(parser)
    parser.add_argument(
        "--variants",
        required=True,
        metavar="FILE",
        help="VCF (plain, gzip or bgzip), BCF, or a table with columns chrom, pos (from 1), ref, alt and perhaps id",
    )
    parser.add_argument(
        "--peaks", metavar="BED", help="peaks (narrowPeak, or BED: their middle), for the quantile of the active allele"
    )
    parser.add_argument("--max-peaks", type=positive_int, default=2000, help="how many of them are drawn at most")
    parser.add_argument(
        "--null", type=non_negative_int, default=2000, metavar="N", help="null variants in all; 0 for no p-values"
    )
    add_seed(parser)
    add_outputs(parser, required=False)
    parser.add_argument("--part", metavar="K/N", help="score only this part, into --scores")
    parser.add_argument("--scores", metavar="H5", help="file of scores to write; kept only if it is named")
    add_computing(parser)


def run(args: argparse.Namespace) -> None:
    """Score the variants, or a part of them."""
    _check(args)
    from bpflow.ensemble import corrected, load_ensemble
    from bpflow.genome import Genome
    from bpflow.parts import Part
    from bpflow.variant_checks import Checker
    from bpflow.variant_files import VariantFile
    from bpflow.variant_parts import Parts, write_part
    from bpflow.variant_scoring import draw_peaks, score_part
    from bpflow.variant_survey import survey
    from bpflow.variants import VariantScorer

    part = Part.parse(args.part) if args.part else Part()
    genome = Genome.open(args.genome)
    source = VariantFile.open(args.variants)
    models = corrected(load_ensemble(args.models, args.task)).models
    computing = resolve_computing(args)
    scorer = VariantScorer(models, args.batch_size, computing.device, computing.precision)
    lengths = scorer.input_length, scorer.output_length
    found = survey(source.alleles(), Checker(genome, *lengths), genome)
    found.require_scored(args.variants)
    peaks = None
    if args.peaks:
        peaks = draw_peaks(args.peaks, genome, scorer.input_length, at_most=args.max_peaks, seed=args.seed)
    identity = _identity(args, genome, scorer, found, peaks, computing.precision_name)
    with tempfile.TemporaryDirectory(prefix="bpflow_") as folder:
        scores = args.scores or Path(folder) / "scores.h5"
        with write_part(scores, identity, part) as writer:
            score_part(source, genome, scorer, writer, part, identity=identity, peak_starts=peaks)
        if args.part is None:
            with Parts([scores]) as parts:
                write_outputs(args, source, genome, found, parts, lambda: scorer)


def _check(args: argparse.Namespace) -> None:
    given = [name for name in (*OUTPUTS, "figures") if getattr(args, name)]
    if args.part and given:
        raise InputError(
            f"--{given[0]} with --part",
            expected="--scores alone",
            mend="'bpflow gather-variants' writes it from the scores of all parts",
        )
    if args.part and not args.scores:
        raise InputError("--part without --scores", expected="the file that this part's scores go to")
    if not args.part and not args.output:
        raise InputError("neither --output nor --part", expected="one of them")
    if args.folds and (len(args.folds) != len(args.models) or len(set(args.folds)) < len(args.folds)):
        raise InputError(
            f"{len(set(args.folds))} names of folds for {len(args.models)} models",
            where="--folds",
            expected="a name of its own for each model",
        )
    check_outputs(args)
    if args.scores:
        require_writable(args.scores)


def _identity(
    args: argparse.Namespace,
    genome: Genome,
    scorer: VariantScorer,
    found: Survey,
    peaks: np.ndarray | None,
    precision: str,
) -> Identity:
    from bpflow.checkpoints import model_digest
    from bpflow.files import sha256
    from bpflow.variant_parts import Identity

    return Identity(
        variants=sha256(args.variants),
        genome=genome.digest,
        models=tuple(map(model_digest, args.models)),
        folds=tuple(args.folds or map(str, range(len(args.models)))),
        peaks=None if peaks is None else Path(args.peaks).name,
        peaks_sha256=None if peaks is None else sha256(args.peaks),
        input_length=scorer.input_length,
        output_length=scorer.output_length,
        n_variants=found.scored,
        n_null=args.null,
        n_peaks=0 if peaks is None else len(peaks),
        seed=args.seed,
        precision=precision,
        task=args.task,
    )
