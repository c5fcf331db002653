"""What a page shows: the records of a run as they were read, by sample and fold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

__all__ = ["STAGES", "Benchmark", "Check", "FoldResult", "Message", "ModelResult", "Record", "Run", "Sample", "Stage"]

Stage = Literal["qc", "bias", "model", "all"]
Record = dict[str, Any]

# How far a page goes: the inputs, the bias models, ChromBPNet, everything.
STAGES: tuple[Stage, ...] = ("qc", "bias", "model", "all")


@dataclass(frozen=True)
class Check:
    """One verdict: of a sample (`fold` None) or of a sample's fold."""

    sample: str
    fold: int | None
    key: str
    name: str
    value: Any
    threshold: str
    verdict: str
    source: str
    advice: str


@dataclass(frozen=True)
class Message:
    """A stage's warning, and the stage, sample and fold it came from."""

    place: str
    text: str


@dataclass(frozen=True)
class Benchmark:
    """One job's time (seconds) and memory (MiB), from a Snakemake benchmark table."""

    rule: str
    job: str
    seconds: float
    memory: float | None


@dataclass(frozen=True)
class ModelResult:
    """A model of one fold: how it was trained (None when it was given) and how it did on the test split."""

    name: str
    training: Record | None
    history: pd.DataFrame | None
    metrics: Record
    regions: pd.DataFrame


@dataclass(frozen=True)
class FoldResult:
    """All records of one sample's fold; what was not made is None."""

    number: int
    nonpeaks: Record
    bias_selection: Record | None
    chrombpnet_selection: Record | None
    bias: ModelResult | None = None
    chrombpnet: ModelResult | None = None
    scaling: Record | None = None
    footprints: Record | None = None
    recovery: Record | None = None


@dataclass(frozen=True)
class Sample:
    """One sample's records, its folds, the tracks that exist by way of combining, and what all folds say together."""

    name: str
    signal: Record
    peaks: Record
    folds: tuple[FoldResult, ...]
    cells: Record | None = None
    bias_choice: Record | None = None
    tracks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    footprints: Record | None = None
    loci: Record | None = None
    motifs: tuple[Record, ...] = ()
    variants: Record | None = None


@dataclass(frozen=True)
class Run:
    """Everything the page shows."""

    stage: Stage
    genome: Record
    folds: Record
    samples: tuple[Sample, ...]
    checks: tuple[Check, ...]
    messages: tuple[Message, ...]
    benchmarks: tuple[Benchmark, ...]
    config: Any
    left_out: tuple[str, ...]
    comparison: Record | None = None
    fetched: Record | None = None

    def reaches(self, stage: Stage) -> bool:
        """Whether the page goes as far as `stage`."""
        return STAGES.index(self.stage) >= STAGES.index(stage)
