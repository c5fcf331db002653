"""What ``bpflow variants`` and ``bpflow gather-variants`` write alike: results of all variants."""

from __future__ import annotations

import argparse
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bpflow.cli.options import non_negative_int
from bpflow.errors import InputError
from bpflow.files import require_writable

if TYPE_CHECKING:
    import pandas as pd

    from bpflow.genome import Genome
    from bpflow.variant_files import VariantFile
    from bpflow.variant_parts import Parts
    from bpflow.variant_results import Leading
    from bpflow.variant_survey import Survey
    from bpflow.variants import VariantScorer

__all__ = ["OUTPUTS", "add_outputs", "check_outputs", "write_outputs"]

OUTPUTS = ("output", "vcf", "qc")
# Rank, chromosome, position and alleles: figures of an earlier run, which are replaced.
FIGURE = re.compile(r"\d\d+_.+_\d+_[ACGTacgt.\d]+_[ACGTacgt.\d]+\.svg")

log = logging.getLogger("bpflow")


def add_outputs(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """Add ``--output``, ``--vcf``, ``--qc``, ``--figures`` and ``--top``."""
    parser.add_argument(
        "--output",
        required=required,
        metavar="TSV",
        help="results to write (.tsv or .tsv.gz): one row a record and alternative allele, positions counted from 1",
    )
    parser.add_argument(
        "--vcf", metavar="VCF.GZ", help="also write the variants as a VCF with results as INFO fields (bgzip)"
    )
    parser.add_argument("--qc", metavar="JSON", help="record with the number of alleles of each status")
    parser.add_argument("--figures", metavar="DIR", help="folder for figures of the leading variants (SVG)")
    parser.add_argument(
        "--top",
        type=non_negative_int,
        default=10,
        help="how many variants --figures shows: smallest q, then largest effect; 0 leaves the folder empty",
    )


def check_outputs(args: argparse.Namespace) -> None:
    """Say now if an output cannot be written."""
    if args.vcf and not args.vcf.endswith(".gz"):
        raise InputError(
            f"the name {args.vcf!r}", where="--vcf", expected="one that ends in .vcf.gz, as bgzip compresses it"
        )
    require_writable(*(path for name in OUTPUTS if (path := getattr(args, name))))


def write_outputs(
    args: argparse.Namespace,
    source: VariantFile,
    genome: Genome,
    survey: Survey,
    parts: Parts,
    scorer: Callable[[], VariantScorer],
) -> None:
    """Compute the results from all scores and write what was asked for; `scorer` is called for figures alone."""
    from bpflow.annotated_vcf import write_annotated
    from bpflow.files import write_json
    from bpflow.variant_annotation import FIELDS, annotation_rows
    from bpflow.variant_record import SIGNIFICANT_Q, variant_record
    from bpflow.variant_results import EFFECTS, Assessment, Top, result_tables, write_tables

    assessment = Assessment(parts)
    significant = dict.fromkeys(EFFECTS, 0)

    def counted(tables: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for table in tables:
            for name in EFFECTS:
                significant[name] += int((table[f"q_{name}"] <= SIGNIFICANT_Q).sum())
            yield table

    def tables() -> Iterator[pd.DataFrame]:
        return result_tables(source, genome, parts, survey, assessment)

    top = Top(args.top if args.figures else 0)
    write_tables(top.watch(counted(tables())), args.output)
    left_out = 0
    if args.vcf:
        left_out = write_annotated(
            source,
            list(FIELDS.values()),
            annotation_rows(tables()),
            args.vcf,
            genome,
            contigs=survey.contigs,
            index=survey.is_sorted,
        )
    if args.figures:
        _draw(Path(args.figures), top.leading, genome, scorer, tested=parts.identity.n_null > 0)
    record = variant_record(source, survey, parts.identity, significant=significant, left_out_of_vcf=left_out)
    if args.qc:
        write_json(args.qc, record)
    for message in record["messages"]:
        log.warning("%s", message)
    log.info("scored %d of %d alleles", survey.scored, record["alleles"])


def _draw(
    folder: Path, leading: list[Leading], genome: Genome, load: Callable[[], VariantScorer], *, tested: bool
) -> None:
    import numpy as np

    from bpflow.prediction import expected_counts
    from bpflow.report.variant_figures import contribution_panel, draw_variant
    from bpflow.variant_contributions import LOGO_WIDTH, allele_contributions
    from bpflow.variant_windows import allele_windows

    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("*.svg"):
        if FIGURE.fullmatch(stale.name):
            stale.unlink()
    if not leading:
        return
    scorer = load()
    for rank, variant in enumerate(leading, start=1):
        windows = allele_windows([variant.allele], genome, scorer.input_length)
        predicted = scorer.predict(windows.codes)
        profiles, log_counts = (part[0].cpu().numpy() for part in predicted)
        reference, alternative = profiles * expected_counts(log_counts)[:, None]
        ref, alt = (_shortened(letters) for letters in (variant.allele.ref, variant.allele.alt))
        name = "" if variant.allele.name == "." else f"{variant.allele.name}, "
        effect = f"integrative effect {-variant.minus_effect:.3g}" + (f", q {variant.q:.2g}" if tested else "")
        place = f"{variant.allele.chrom}:{variant.allele.start + 1}"
        file = f"{rank:02d}_{place.replace(':', '_')}_{ref}_{alt}.svg".replace("/", "_")
        letters = allele_contributions(scorer.models, windows.codes, seed=rank, device=scorer.device)
        limits = {"highest": 1.05 * letters.max(), "lowest": min(1.05 * letters.min(), 0.0)}
        panels = [
            contribution_panel(part, -LOGO_WIDTH // 2, name=allele, **limits)
            for part, allele in zip(letters, ("reference", "alternative"), strict=True)
        ]
        title = f"{name}{place} {ref}>{alt}, {effect}"
        strands = scorer.models[0].config.outputs.strands
        draw_variant(folder / file, np.asarray(reference), alternative, title=title, panels=panels, strands=strands)


def _shortened(letters: str) -> str:
    return letters if len(letters) <= 12 else f"{letters[:10]}..{len(letters)}"
