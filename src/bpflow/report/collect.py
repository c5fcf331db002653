"""Read what the stages wrote: JSON records and tables of one output tree, nothing else.

A missing optional file is listed in `Run.left_out` and its section is left out of the page;
a missing required one, or a missing key, is an `InputError` that names it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from bpflow.errors import InputError
from bpflow.files import READ_ERRORS, existing, open_binary, read_json
from bpflow.verdicts import GRADES

__all__ = [
    "Benchmark",
    "Check",
    "FoldResult",
    "Message",
    "ModelResult",
    "Run",
    "Sample",
    "Stage",
    "collect",
]

Stage = Literal["qc", "all"]
Record = dict[str, Any]

HISTORY_COLUMNS = (
    "epoch",
    "train_loss",
    "train_profile_loss",
    "train_counts_loss",
    "valid_loss",
    "valid_profile_loss",
    "valid_counts_loss",
)
REGION_COLUMNS = ("peak", "observed_log_counts", "predicted_log_counts", "norm_jsd")

# The keys a page cannot do without (``a.b``: b within a; ``a[]``: each entry of a list);
# any other key that is missing shows as a dash.
REQUIRED = {
    "genome": ("source", "sha256", "chromosomes[].length"),
    "folds": ("folds[].fold",),
    "signal": ("assay", "files", "insertions", "positions", "chromosomes", "pwm.frequencies", "pwm.background"),
    "peaks": ("source", "kept", "removed"),
    "nonpeaks": ("wanted", "matched", "unmatched", "gc.bins"),
    "selection": ("counts_loss_weight", "regions"),
    "training": ("epochs_run", "best_epoch", "best_valid_loss", "recipe"),
    "scaling": ("delta",),
    "metrics": ("counts_metrics", "profile_metrics"),
    "footprints": ("motifs[].name", "motifs[].corrected.profile", "bias_response"),
    "recovery": ("motifs[].name",),
    "contributions": ("regions", "heads"),
    "motifs": ("head", "view", "regions", "patterns"),
    "variants": ("alleles", "status"),
}

# Rules that make these pages: their times are of an earlier page, so they would change each one.
PAGE_RULES = ("qc_report", "full_report")

CHECK_KEYS = ("key", "name", "value", "threshold", "verdict", "source", "advice")

UNREADABLE: tuple[type[Exception], ...] = (*READ_ERRORS, ValueError, OSError)


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
    tracks: Mapping[str, tuple[str, ...]]
    footprints: Record | None = None
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


@dataclass
class _Reader:
    """Reads records under one results folder, and remembers checks, warnings and what was not there."""

    results: Path
    checks: list[Check] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def optional(self, name: str, kind: str, *, sample: str, fold: int | None = None) -> Record | None:
        """Read a record as `record` does, or note that it is not there."""
        if (self.results / name).exists():
            return self.record(name, kind, sample=sample, fold=fold)
        self.left_out.append(name)
        return None

    def record(self, name: str, kind: str, *, sample: str = "", fold: int | None = None) -> Record:
        """Read results/`name`, check its keys, and take its verdicts and messages."""
        path = self.results / name
        content = read_json(path, f"the {kind} record of the run")
        if not isinstance(content, dict):
            raise InputError(
                f"a JSON {type(content).__name__}", where=str(path), expected="an object with the stage's keys"
            )
        for key in REQUIRED[kind]:
            if not _has(content, key.split(".")):
                raise InputError(
                    f"no key {key!r}",
                    where=str(path),
                    expected=f"the {kind} record of this version of bpflow",
                    mend="Make the file again",
                )
        for text in content.get("messages") or ():
            self.messages.append(Message(place=name, text=str(text)))
        self.checks.extend(_checks(content, path, sample, fold))
        return content

    def table(self, name: str, columns: Sequence[str], what: str, *, empty: bool = False) -> pd.DataFrame:
        """Read the named columns of a tab-separated table (plain or gzip); `empty` allows one without rows."""
        path = existing(self.results / name, what)
        try:
            with open_binary(path) as handle:
                frame = pd.read_csv(
                    handle, sep="\t", usecols=lambda name: name in columns, dtype="float64", na_values=["nan", "-"]
                )
        except UNREADABLE as error:
            raise InputError(f"cannot be read ({error})", where=str(path), expected=what) from None
        missing = [column for column in columns if column not in frame]
        if missing:
            raise InputError(f"no column {', '.join(missing)}", where=str(path), expected=what)
        if frame.empty and not empty:
            raise InputError("no rows", where=str(path), expected=what, mend="Make the file again")
        return frame


def collect(
    results: str | Path,
    *,
    samples: Sequence[str],
    folds: Sequence[int],
    stage: Stage = "all",
    config: str | Path | None = None,
) -> Run:
    """Read the records of `samples` and `folds` under `results`.

    Parameters
    ----------
    results
        The output tree of the workflow.
    samples, folds
        Names and numbers to show; each once, in the order of the page.
    stage
        ``"qc"`` stops before training; ``"all"`` reads every stage.
    config
        The resolved configuration as JSON; None takes ``results/config.json`` if it is there.

    Returns
    -------
    Run
        Plain records; nothing is computed here.

    Raises
    ------
    InputError
        A required file, key or column is missing, or a verdict is none of good, check and fail.
    """
    results = Path(results)
    if not results.is_dir():
        raise InputError("no such folder", where=str(results), expected="the results folder of a run")
    _once(samples, "--samples")
    _once(folds, "--folds")
    reader = _Reader(results)
    genome = reader.record("genome/genome.json", "genome")
    split = reader.record("folds/folds.json", "folds")
    known = [entry.get("fold") for entry in split["folds"]]
    for fold in folds:
        if fold not in known:
            raise InputError(
                f"no fold {fold}",
                where=str(results / "folds/folds.json"),
                expected=f"one of {', '.join(map(str, known))}",
                mend="Correct --folds",
            )
    found = tuple(_sample(reader, name, folds, stage) for name in samples)
    if config is None and (results / "config.json").is_file():
        config = results / "config.json"
    return Run(
        stage=stage,
        genome=genome,
        folds={**split, "folds": [entry for entry in split["folds"] if entry.get("fold") in folds]},
        samples=found,
        checks=tuple(reader.checks),
        messages=tuple(reader.messages),
        benchmarks=tuple(_benchmarks(results, samples, folds)),
        config=read_json(config, "the resolved configuration") if config is not None else None,
        left_out=tuple(reader.left_out),
    )


def _has(content: Any, path: Sequence[str]) -> bool:
    """Whether `content` holds a value other than null at `path`, in every entry of a list on the way."""
    if not path:
        return content is not None
    key = path[0].removesuffix("[]")
    if not isinstance(content, dict) or content.get(key) is None:
        return False
    if path[0].endswith("[]"):
        return isinstance(content[key], list) and all(_has(entry, path[1:]) for entry in content[key])
    return _has(content[key], path[1:])


def _once(values: Sequence[Any], option: str) -> None:
    twice = sorted({str(value) for value in values if list(values).count(value) > 1})
    if twice:
        raise InputError(f"{', '.join(twice)} given twice", where=option, mend="Give each one once")


def _sample(reader: _Reader, name: str, folds: Sequence[int], stage: Stage) -> Sample:
    signal = reader.record(f"{name}/signal/signal.json", "signal", sample=name)
    peaks = reader.record(f"{name}/peaks/peaks.json", "peaks", sample=name)
    results = tuple(_fold(reader, name, fold, stage) for fold in folds)
    tracks, footprints = {}, None
    if stage == "all":
        if len(folds) > 1:
            footprints = reader.optional(f"{name}/mean/footprints.json", "footprints", sample=name)
        for combine in ("crossfit", "mean"):
            folder = reader.results / name / "tracks" / combine
            files = tuple(sorted(path.name for path in folder.glob("*.bw"))) if folder.is_dir() else ()
            if files:
                tracks[combine] = files
            else:
                reader.left_out.append(f"{name}/tracks/{combine}")
    # A run without variants lacks nothing.
    scored = f"{name}/variants/variants.json"
    variants = None
    if stage == "all" and (reader.results / scored).exists():
        variants = reader.record(scored, "variants", sample=name)
    return Sample(
        name=name,
        signal=signal,
        peaks=peaks,
        folds=results,
        tracks=tracks,
        footprints=footprints,
        motifs=tuple(_motifs(reader, name)) if stage == "all" else (),
        variants=variants,
    )


def _motifs(reader: _Reader, sample: str) -> Iterator[Record]:
    """The motifs of the mean over folds; how well contributions add up is among the checks."""
    for view in ("corrected", "bias"):
        here = f"{sample}/mean"
        reader.optional(f"{here}/contributions/{view}/contributions.json", "contributions", sample=sample)
        for head in ("profile", "counts"):
            name = f"{here}/motifs/{view}/{head}/motifs.json"
            record = reader.optional(name, "motifs", sample=sample)
            if record is not None:
                yield record


def _fold(reader: _Reader, sample: str, number: int, stage: Stage) -> FoldResult:
    here = f"{sample}/fold_{number}"

    def required(name: str, kind: str) -> Record:
        return reader.record(f"{here}/{name}", kind, sample=sample, fold=number)

    def optional(name: str, kind: str) -> Record | None:
        return reader.optional(f"{here}/{name}", kind, sample=sample, fold=number)

    nonpeaks = required("regions/nonpeaks.json", "nonpeaks")
    if stage == "qc":
        return FoldResult(
            number=number,
            nonpeaks=nonpeaks,
            bias_selection=optional("regions/bias_selection.json", "selection"),
            chrombpnet_selection=optional("regions/chrombpnet_selection.json", "selection"),
        )
    # A bias model that was given was not trained here; one of these files without the other is a broken run.
    bias_files = ("models/bias.json", "models/bias.history.tsv")
    bias_trained = any((reader.results / here / name).exists() for name in bias_files)
    read_bias = required if bias_trained else optional
    return FoldResult(
        number=number,
        nonpeaks=nonpeaks,
        bias_selection=read_bias("regions/bias_selection.json", "selection"),
        chrombpnet_selection=required("regions/chrombpnet_selection.json", "selection"),
        bias=_model(reader, here, "bias", read_bias),
        chrombpnet=_model(reader, here, "chrombpnet", required),
        scaling=required("models/bias_scaled.json", "scaling"),
        footprints=optional("evaluation/footprints.json", "footprints"),
        recovery=optional("evaluation/recovery.json", "recovery"),
    )


def _model(reader: _Reader, here: str, name: str, read: Callable[[str, str], Record | None]) -> ModelResult | None:
    """One model's records; None when it was neither trained here nor evaluated."""
    training = read(f"models/{name}.json", "training")
    history = None
    if training is not None:
        history = reader.table(f"{here}/models/{name}.history.tsv", HISTORY_COLUMNS, "the training history")
    metrics = read(f"evaluation/{name}_metrics.json", "metrics")
    if metrics is None:
        return None
    regions = reader.table(
        f"{here}/evaluation/{name}_regions.tsv.gz", REGION_COLUMNS, "the table of evaluated regions", empty=True
    )
    return ModelResult(name=name, training=training, history=history, metrics=metrics, regions=regions)


def _checks(content: Record, path: Path, sample: str, fold: int | None) -> Iterator[Check]:
    for index, entry in enumerate(content.get("verdicts") or ()):
        where = f"{path}, verdicts[{index}]"
        missing = [key for key in CHECK_KEYS if key not in entry]
        if missing:
            raise InputError(f"no key {', '.join(missing)}", where=where, expected=", ".join(CHECK_KEYS))
        if entry["verdict"] not in GRADES:
            raise InputError(f"verdict {entry['verdict']!r}", where=where, expected=" or ".join(GRADES))
        text = {key: str(entry[key] or "") for key in ("key", "name", "threshold", "source", "advice")}
        yield Check(sample=sample, fold=fold, value=entry["value"], verdict=entry["verdict"], **text)


def _benchmarks(results: Path, samples: Sequence[str], folds: Sequence[int]) -> Iterator[Benchmark]:
    """Jobs of these samples and folds, and those of the whole run; a page never times a page."""
    root = results / "benchmarks"
    others = [path.parent.name for path in results.glob("*/signal") if path.parent.name not in samples]
    for path in sorted(root.rglob("*.tsv")) if root.is_dir() else ():
        rule = "/".join(path.relative_to(root).parts[:-1]) or path.stem
        job = "" if path.stem == rule else path.stem
        fold = re.search(r"\.fold_(\d+)$", job)
        foreign = any(job == other or job.startswith(f"{other}.") for other in others) and job not in samples
        if rule in PAGE_RULES or foreign or (fold and int(fold[1]) not in folds):
            continue
        try:
            frame = pd.read_csv(path, sep="\t", na_values=["-", "NA"])
            seconds = pd.to_numeric(frame["s"]).mean()
            memory = pd.to_numeric(frame["max_rss"]).max() if "max_rss" in frame else float("nan")
        except (KeyError, ValueError) as error:
            raise InputError(
                f"not a benchmark table ({error})",
                where=str(path),
                expected="Snakemake's columns, as s and max_rss",
            ) from None
        yield Benchmark(rule, job, float(seconds), None if pd.isna(memory) else float(memory))
