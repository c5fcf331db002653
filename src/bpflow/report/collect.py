"""Read what the stages wrote: JSON records and tables of one output tree, nothing else.

A missing optional file is listed in `Run.left_out` and its section is left out of the page;
a missing required one, or a missing key, is an `InputError` that names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bpflow.errors import InputError
from bpflow.files import read_json
from bpflow.report.job_times import read_benchmarks
from bpflow.report.reading import Reader
from bpflow.report.run import FoldResult, ModelResult, Record, Run, Sample, Stage
from bpflow.report.sheet import explained_views, sheet_row

__all__ = ["collect"]

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
        How far to read: ``"qc"`` stops before training, ``"bias"`` after the bias models, ``"model"`` after ChromBPNet
        and its footprints; ``"all"`` reads everything.
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
    if config is None and (results / "config.json").is_file():
        config = results / "config.json"
    settings = read_json(config, "the resolved configuration") if config is not None else None
    reader = Reader(results)
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
    found = tuple(_sample(reader, name, folds, stage, settings) for name in samples)
    together = stage == "all" and len(samples) > 1
    return Run(
        stage=stage,
        genome=genome,
        folds={**split, "folds": [entry for entry in split["folds"] if entry.get("fold") in folds]},
        samples=found,
        checks=tuple(reader.checks),
        # The clusters of one row of cells share a record.
        messages=tuple(dict.fromkeys(reader.messages)),
        benchmarks=tuple(read_benchmarks(results, samples, folds)),
        config=settings,
        fetched=reader.given("genome/fetched/fetched.json", "fetched_genome"),
        comparison=reader.optional("comparison.json", "comparison") if together else None,
        left_out=tuple(reader.left_out),
    )


def _once(values: Sequence[Any], option: str) -> None:
    twice = sorted({str(value) for value in values if list(values).count(value) > 1})
    if twice:
        raise InputError(f"{', '.join(twice)} given twice", where=option, mend="Give each one once")


def _sample(reader: Reader, name: str, folds: Sequence[int], stage: Stage, settings: Any) -> Sample:
    signal = reader.record(f"{name}/signal/signal.json", "signal", sample=name)
    peaks = reader.record(f"{name}/peaks/peaks.json", "peaks", sample=name)
    choice = None if stage == "qc" else reader.given(f"{name}/bias_choice/choice.json", "bias_choice", sample=name)
    results = tuple(_fold(reader, name, fold, stage) for fold in folds)
    cells = _cells(reader, name, settings)
    read = Sample(name=name, signal=signal, peaks=peaks, folds=results, cells=cells, bias_choice=choice)
    if stage != "all":
        return read
    several = len(folds) > 1
    return replace(
        read,
        footprints=reader.optional(f"{name}/mean/footprints.json", "footprints", sample=name) if several else None,
        tracks=dict(_tracks(reader, name)),
        loci=reader.optional(f"{name}/loci/loci.json", "loci", sample=name),
        motifs=tuple(_motifs(reader, name, explained_views(settings, name))),
        variants=reader.given(f"{name}/variants/variants.json", "variants", sample=name),
    )


def _cells(reader: Reader, name: str, settings: Any) -> Record | None:
    """What the sample's cluster is among all cells, if it is one."""
    row = sheet_row(settings, name).get("cells")
    record = reader.given(f"{row}/clusters/split.json", "split") if row else None
    if record is None:
        return None
    cluster: Record = next((entry for entry in record["clusters"] if f"{row}.{entry['name']}" == name), {})
    return {**cluster, "all_fragments": record["fragments"]}


def _tracks(reader: Reader, sample: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    for combine in ("crossfit", "mean"):
        folder = reader.results / sample / "tracks" / combine
        files = tuple(sorted(path.name for path in folder.glob("*.bw"))) if folder.is_dir() else ()
        if files:
            yield combine, files
        else:
            reader.left_out.append(f"{sample}/tracks/{combine}")


def _motifs(reader: Reader, sample: str, views: Sequence[str]) -> Iterator[Record]:
    """The motifs of the mean over folds; how well contributions add up is among the checks."""
    for view in views:
        here = f"{sample}/mean"
        reader.optional(f"{here}/contributions/{view}/contributions.json", "contributions", sample=sample)
        for head in ("profile", "counts"):
            name = f"{here}/motifs/{view}/{head}/motifs.json"
            record = reader.optional(name, "motifs", sample=sample)
            if record is not None:
                yield record


def _fold(reader: Reader, sample: str, number: int, stage: Stage) -> FoldResult:
    here = f"{sample}/fold_{number}"

    def required(name: str, kind: str) -> Record:
        return reader.record(f"{here}/{name}", kind, sample=sample, fold=number)

    def optional(name: str, kind: str) -> Record | None:
        return reader.optional(f"{here}/{name}", kind, sample=sample, fold=number)

    # A bias model that was given was not trained here; one of these files without the other is a broken run.
    bias_files = ("models/bias.json", "models/bias.history.tsv")
    bias_trained = stage != "qc" and any((reader.results / here / name).exists() for name in bias_files)
    read_bias = required if bias_trained else optional
    trained = stage in ("model", "all")
    result = FoldResult(
        number=number,
        nonpeaks=required("regions/nonpeaks.json", "nonpeaks"),
        bias_selection=read_bias("regions/bias_selection.json", "selection"),
        chrombpnet_selection=(required if trained else optional)("regions/chrombpnet_selection.json", "selection"),
    )
    if stage != "qc":
        result = replace(result, bias=_model(reader, here, "bias", read_bias))
    if trained:
        result = replace(
            result,
            chrombpnet=_model(reader, here, "chrombpnet", required),
            scaling=required("models/bias_scaled.json", "scaling"),
            footprints=optional("evaluation/footprints.json", "footprints"),
            recovery=reader.given(f"{here}/evaluation/recovery.json", "recovery", sample=sample, fold=number),
        )
    return result


def _model(reader: Reader, here: str, name: str, read: Callable[[str, str], Record | None]) -> ModelResult | None:
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
