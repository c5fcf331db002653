"""Which results an annotated VCF holds, and as what: INFO fields with one value for each alternative allele."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import pandas as pd

from bpflow.annotated_vcf import Field
from bpflow.variant_files import MISSING

__all__ = ["FIELDS", "annotation_rows"]

# Columns of the result and their fields. Values of single folds are in the table only.
FIELDS = {
    "status": Field("BPFLOW_STATUS", "String", "scored, or why the allele was not"),
    "log2_fold_counts": Field(
        "BPFLOW_LOG2FC",
        "Float",
        "log2 of predicted insertions, each + 1, with the alternative allele over the reference allele",
    ),
    "log2_fold_counts_std": Field("BPFLOW_LOG2FC_SD", "Float", "Standard deviation of BPFLOW_LOG2FC over folds"),
    "jsd": Field(
        "BPFLOW_JSD", "Float", "Jensen-Shannon distance (log base 2, 0 to 1) of the alleles' predicted profiles"
    ),
    "jsd_std": Field("BPFLOW_JSD_SD", "Float", "Standard deviation of BPFLOW_JSD over folds"),
    "integrative_effect": Field("BPFLOW_IES", "Float", "Integrative effect size, |BPFLOW_LOG2FC| x BPFLOW_JSD"),
    "active_allele_quantile": Field(
        "BPFLOW_AAQ", "Float", "Quantile of the more accessible allele's predicted counts among those of peaks"
    ),
    "p_log2_fold_counts": Field("BPFLOW_P_LOG2FC", "Float", "Empirical p-value of |BPFLOW_LOG2FC|"),
    "q_log2_fold_counts": Field("BPFLOW_Q_LOG2FC", "Float", "Benjamini-Hochberg q-value of |BPFLOW_LOG2FC|"),
    "p_jsd": Field("BPFLOW_P_JSD", "Float", "Empirical p-value of BPFLOW_JSD"),
    "q_jsd": Field("BPFLOW_Q_JSD", "Float", "Benjamini-Hochberg q-value of BPFLOW_JSD"),
    "p_integrative_effect": Field("BPFLOW_P_IES", "Float", "Empirical p-value of BPFLOW_IES"),
    "q_integrative_effect": Field("BPFLOW_Q_IES", "Float", "Benjamini-Hochberg q-value of BPFLOW_IES"),
}


def annotation_rows(tables: Iterable[pd.DataFrame]) -> Iterator[tuple[str, ...]]:
    """Texts of all fields for each row of the result; ``.`` where there is no value."""
    for table in tables:
        yield from zip(*(map(_text, table[name].tolist()) for name in FIELDS), strict=True)


def _text(value: str | float) -> str:
    if isinstance(value, str):
        return value
    return MISSING if math.isnan(value) else f"{value:.6g}"
