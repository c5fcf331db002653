"""The record of scored variants: how many alleles got which status, what was tested, and what is to be said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bpflow.files import stamp
from bpflow.variant_files import VariantFile
from bpflow.variant_parts import Identity
from bpflow.variant_results import EFFECTS
from bpflow.variant_survey import Survey

__all__ = ["SIGNIFICANT_Q", "variant_record"]

SIGNIFICANT_Q = 0.05


def variant_record(
    source: VariantFile, survey: Survey, identity: Identity, *, significant: dict[str, int], left_out_of_vcf: int
) -> dict[str, Any]:
    """Build the record.

    Parameters
    ----------
    source, survey
        The file and what is known of its alleles.
    identity
        What was computed, and of what.
    significant
        For each effect, how many variants have a q-value of at most `SIGNIFICANT_Q` by the mean over folds.
    left_out_of_vcf
        Alleles of a table that the annotated VCF could not hold.
    """
    messages = survey.messages()
    if not identity.n_null:
        messages.append("No null variants were made, so there are no p- and q-values.")
    elif identity.n_variants < identity.n_null:
        messages.append(
            f"{identity.n_null} null variants come from {identity.n_variants} variants, so several share a window's "
            "composition."
        )
    if identity.peaks is None:
        messages.append("No peaks were given, so there is no quantile of the active allele.")
    if len(identity.folds) == 1:
        messages.append("There is one fold, so there is no spread over folds.")
    if left_out_of_vcf:
        messages.append(f"{left_out_of_vcf} alleles with letters that a VCF has no room for are in the table only.")
    return stamp(
        "variants",
        variants=Path(source.path).name,
        variants_sha256=identity.variants,
        format=source.header.format,
        genome_sha256=identity.genome,
        folds=list(identity.folds),
        models_sha256=list(identity.models),
        input_length=identity.input_length,
        output_length=identity.output_length,
        precision=identity.precision,
        seed=identity.seed,
        alleles=sum(survey.counts.values()),
        status=survey.counts,
        duplicates=survey.duplicates,
        sorted=survey.is_sorted,
        null=identity.n_null,
        peaks={"file": identity.peaks, "sha256": identity.peaks_sha256, "n": identity.n_peaks},
        significant={"q": SIGNIFICANT_Q, **{name: significant[name] for name in EFFECTS}} if identity.n_null else None,
        messages=messages,
    )
