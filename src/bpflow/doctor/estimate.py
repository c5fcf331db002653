"""How long the run takes and how much disk: from its sizes, a second of this machine's speed, and measured rates.

It is rough: peaks that are yet to be called are guessed by the genome's size, and trainings are taken to run all their
epochs, though most stop before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bpflow.doctor.finding import Finding
from bpflow.doctor.jobs import Plan
from bpflow.doctor.run_settings import RunSettings
from bpflow.files import open_binary
from bpflow.settings import candidate_factors

__all__ = ["Work", "check_time", "estimate_work", "pass_gigaflops"]

GROUP = "estimate"
#: Bases of a genome for each peak that is called: about 250,000 on the human one.
BASES_A_PEAK = 12_000
#: A backward pass costs two forward ones. An explanation goes forward once and back once for each head.
TRAINING_PASSES, EXPLANATION_PASSES = 3.0, 3.0
#: Motifs that a footprint run tries, built-in ones and probes.
FOOTPRINT_MOTIFS = 20
#: Seconds a GB of compressed reads (docs/performance.md: 50 million fragments, 0.72 GB, 27 s on two cores).
READ_SECONDS = 40.0
#: Seconds in which a job's Python starts and reads its inputs.
JOB_SECONDS = 5.0
#: Bytes on disk, as the demo's results have them: of a base that is explained, in a track, predicted.
EXPLAINED_BYTES, TRACK_BYTES, PREDICTED_BYTES = 22, 2, 4
TRACKS, HEADS = 8, 2
#: How much smaller gzip makes a genome that is partly in lower case.
PACKED = 3.2
HUMAN = 3_100_000_000


@dataclass
class Work:
    """What there is to compute and keep.

    Attributes
    ----------
    gigaflops
        10^9 operations of models.
    data_seconds
        Of steps without models, on the processor, but for peak calling and motif discovery.
    disk
        Bytes of the results.
    guessed
        Samples whose number of peaks was guessed.
    peaks
        Peaks of all samples.
    """

    gigaflops: float = 0.0
    data_seconds: float = 0.0
    disk: float = 0.0
    guessed: int = 0
    peaks: int = 0


def estimate_work(run: RunSettings, plan: Plan) -> Work:
    """Work of all samples and folds, whether or not some of it is done."""
    length = _genome_length(run.config)
    work = Work(disk=float(length), data_seconds=JOB_SECONDS * plan.total)
    for sample in run.samples.values():
        config = sample.config
        called = f"{config['results']}/{sample.name}/peaks/peaks.narrowPeak"
        peaks = next((_count_lines(path) for path in (called, sample.peaks) if path and Path(path).is_file()), None)
        if peaks is None:
            work.guessed += 1
            peaks = length // BASES_A_PEAK
        peaks = min(peaks, config["peaks"]["max"])
        work.peaks += peaks
        reads = sum(Path(path).stat().st_size for path in sample.reads if Path(path).is_file())
        work.data_seconds += READ_SECONDS * reads / 1e9
        work.disk += reads / 2
        if sample.trains_bias:
            work.gigaflops += _bias_gigaflops(config, peaks)
        if sample.train == "all":
            work.gigaflops += _model_gigaflops(config, peaks)
            work.disk += _disk(config, peaks)
    return work


def check_time(run: RunSettings, work: Work, *, elsewhere: bool) -> Iterator[Finding]:
    """Hours of models and of other steps."""
    peaks = f"{work.peaks:,} peaks" + (f", guessed for {work.guessed} sample(s)" if work.guessed else "")
    steps = f"about {_hours(work.data_seconds)} of processor time, without MACS3 and motif discovery"
    yield Finding(GROUP, "other steps", "good", steps)
    if find_spec("torch") is None:
        text = f"{work.gigaflops / 1e6:,.1f} x 10^15 operations for {peaks}"
        yield Finding(GROUP, "models", "check", text, "How long that takes cannot be measured without PyTorch.")
        return
    from bpflow.doctor.calibration import measure
    from bpflow.errors import DeviceError

    try:
        rate, device = measure(run.config)
    except DeviceError as error:
        yield Finding(GROUP, "models", "check", "not measured", str(error))
        return
    hours = _hours(work.gigaflops / rate)
    where = {"cuda": "GPU time", "mps": "GPU time"}.get(device, "time of all cores")
    text = f"at most about {hours} of {where} at this machine's {rate:,.0f} GFLOP/s, for {peaks}, all epochs counted"
    advice = "Jobs run elsewhere, where a GPU is many times as fast as a CPU." if elsewhere and device == "cpu" else ""
    yield Finding(GROUP, "models", "check" if work.gigaflops / rate > 2 * 86_400 else "good", text, advice)


def _bias_gigaflops(config: Mapping[str, Any], peaks: int) -> float:
    """Operations of one sample's bias models over all its folds, in 10^9."""
    bias, _ = pass_gigaflops(config["model"])
    folds, n = len(config["folds"]["run"]), max(config["folds"]["n"], 3)
    examples = config["nonpeaks"]["ratio"] * peaks * (TRAINING_PASSES * (n - 2) + 1) / n
    return folds * max(1, len(candidate_factors(config))) * config["training"]["epochs"] * examples * bias


def _model_gigaflops(config: Mapping[str, Any], peaks: int) -> float:
    """Operations of one sample's ChromBPNets over all its folds, and of what they are asked, in 10^9."""
    bias, whole = pass_gigaflops(config["model"])
    training, folds, n = config["training"], len(config["folds"]["run"]), max(config["folds"]["n"], 3)
    train, valid, test = peaks * (n - 2) / n, peaks / n, peaks / n
    # The bias part is frozen.
    epoch = train * (TRAINING_PASSES * (whole - bias) + bias) + valid * whole
    trained = training["epochs"] * (1 + training["negative_ratio"]) * epoch
    predicted = 2 * test * (whole + bias) + peaks * whole
    footprints = FOOTPRINT_MOTIFS * config["footprints"]["backgrounds"] * (whole + bias)
    contributions = config["contributions"]
    sequences = min(peaks, contributions["regions"]) * (1 + contributions["references"])
    views = {"corrected": whole - bias, "bias": bias}
    explained = EXPLANATION_PASSES * sequences * sum(views[view] for view in contributions["views"])
    variants = 2 * config["variants"]["null_variants"] * whole if config["variants"]["file"] else 0.0
    return folds * (trained + predicted + footprints + explained + variants) + peaks * whole


def _disk(config: Mapping[str, Any], peaks: int) -> float:
    """Bytes of one sample's results but for its signal."""
    model, folds, contributions = config["model"], len(config["folds"]["run"]), config["contributions"]
    explained = min(peaks, contributions["regions"]) * model["input_length"] * HEADS * len(contributions["views"])
    predicted = 2 * 2 * peaks / max(config["folds"]["n"], 3) * model["output_length"]
    tracks = TRACKS * peaks * model["output_length"]
    return EXPLAINED_BYTES * explained * (folds + 1) + PREDICTED_BYTES * predicted * folds + TRACK_BYTES * tracks


def pass_gigaflops(model: Mapping[str, Any]) -> tuple[float, float]:
    """About how many 10^9 operations a sequence takes through the bias model, and through a whole ChromBPNet.

    The models know it to the last operation, but need PyTorch; no layer is taken to be shorter than the input here.
    """

    def tower(filters: int, layers: int) -> float:
        return 2e-9 * model["input_length"] * filters * (4 * 21 + layers * 3 * filters + 75)

    bias = tower(**model["bias"])
    return bias, bias + tower(**model["chrombpnet"])


def _genome_length(config: Mapping[str, Any]) -> int:
    """Bases of the genome, by the size of its FASTA; those of the human one where it is not there yet."""
    fasta = Path(config["genome"]["fasta"])
    if not fasta.is_file():
        return HUMAN
    with open(fasta, "rb") as handle:
        compressed = handle.read(2) == b"\x1f\x8b"
    return int(fasta.stat().st_size * (PACKED if compressed else 1))


def _count_lines(path: str) -> int | None:
    try:
        with open_binary(path) as handle:
            return sum(1 for line in handle if line.strip())
    except (OSError, EOFError, ValueError):
        return None


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:,.1f} hours" if seconds >= 3600 else f"{seconds / 60:,.0f} minutes"
