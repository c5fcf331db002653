"""Candidates for the bias threshold factor with made-up numbers: results to judge, and the files they are read from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bpflow.bias_choice import HEADS, FoldResult, Motifs

CLEAN = Motifs(0.0, enzymes=("Tn5",), unnamed=1)
REGIONS = {"peaks": 215, "nonpeaks": 430}


def result(
    fold: int = 0, *, peaks: float = 0.1, nonpeaks: float = 0.4, jsd: float = 0.1, **motifs: Motifs
) -> FoldResult:
    """A fold's result, good by every rule where nothing else is said."""
    return FoldResult(
        fold=fold,
        **REGIONS,
        counts_peaks=peaks,
        counts_nonpeaks=nonpeaks,
        norm_jsd=jsd,
        motifs={head: motifs.get(head, CLEAN) for head in HEADS},
    )


def learned(share: float, *factors: str) -> Motifs:
    """Motifs of which a share is a factor's."""
    return Motifs(share, factors=factors or ("CTCF",), enzymes=("Tn5",))


def metrics(**changes: Any) -> dict[str, Any]:
    """What ``bpflow evaluate`` writes of a good candidate, as far as it is read."""
    return {
        "stage": "evaluate",
        "model_kind": "bias",
        "split": "valid",
        "chromosomes": ["chr2"],
        "regions": {"peaks_and_nonpeaks": 645, **REGIONS},
        "counts_metrics": {"peaks": {"pearsonr": 0.1}, "nonpeaks": {"pearsonr": 0.4}},
        "profile_metrics": {"nonpeaks": {"median_norm_jsd": 0.1}},
        **changes,
    }


def motifs(head: str, share: float | None = 0.0, **changes: Any) -> dict[str, Any]:
    """What ``bpflow motifs`` writes of a bias model, as far as it is read; of a share, CTCF is among the motifs."""
    patterns = [{"label": "Tn5", "kind": "enzyme"}, {"label": "GATTACA", "kind": None}]
    return {
        "stage": "motifs",
        "head": head,
        "view": "bias",
        "split": "valid",
        "patterns": patterns + [{"label": "CTCF", "kind": "factor"}] * bool(share),
        "verdicts": [{"key": f"bias_motifs_{head}", "value": share}],
        **changes,
    }


def write_candidate(folder: Path, factor: object, fold: object, *records: dict[str, Any]) -> list[str]:
    """Files of a candidate and fold, and the option that names them; those not given are of a good one."""
    given = [*records, *(metrics(), motifs("counts"), motifs("profile"))[len(records) :]]
    paths = [folder / f"{factor}.{fold}.{name}.json" for name in ("metrics", "counts", "profile")]
    for path, record in zip(paths, given, strict=True):
        path.write_text(json.dumps(record))
    return ["--candidate", str(factor), str(fold), *map(str, paths)]
