"""Train bpflow on the regions and fragments of the official chrombpnet's run on yeast, and compare the test metrics.

python benchmarks/yeast_reference.py --data FOLDER --work FOLDER --json RESULT [--schedule longer] [--seeds 1 2 3]

Settings are in config/yeast_reference/settings.yaml. Every step is a command of bpflow, shown as it is run; its output
goes to WORK/commands.log. A seed takes about ten minutes on two cores with the official schedule.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import shlex
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from machine import machine

ROOT = Path(__file__).resolve().parents[1]
MODELS = ("bias", "chrombpnet")
GROUPS = ("peaks", "nonpeaks", "peaks_and_nonpeaks")
METRICS = {"pearsonr": "counts_metrics", "median_norm_jsd": "profile_metrics"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run all seeds, print the table and write the record."""
    args = parse(arguments)
    settings = yaml.safe_load(args.settings.read_text(encoding="utf-8"))
    schedule = dict(settings["schedules"][args.schedule])
    if args.epochs:
        schedule |= dict.fromkeys(MODELS, args.epochs)
    args.work.mkdir(parents=True, exist_ok=True)
    precision = "float32" if args.emulate_bfloat16 else args.precision
    log = args.work / "commands.log"
    commands = Commands(log, args.device, precision, args.threads, emulate=args.emulate_bfloat16)
    prepare(args.data, args.work, settings, commands)
    seeds = args.seeds or settings["seeds"]
    runs = {seed: run_seed(seed, args.data, args.work, settings, schedule, commands) for seed in seeds}
    official = {
        model: chosen(json.loads((args.data / path).read_text()))
        for model, path in settings["official_metrics"].items()
    }
    record = {
        "schedule": {"name": args.schedule, **schedule},
        "emulated": "bfloat16" if args.emulate_bfloat16 else None,
        **machine(),
        "official": official,
        "runs": runs,
        "compared": compare(official, [run["metrics"] for run in runs.values()], settings["margins"]),
    }
    print(table(record["compared"], seeds))
    if args.json:
        args.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the yeast data, with reference_run/")
    parser.add_argument("--work", type=Path, required=True, help="folder for what is made on the way")
    parser.add_argument("--json", type=Path, help="record to write")
    parser.add_argument(
        "--settings", type=Path, default=ROOT / "config" / "yeast_reference" / "settings.yaml", help="what to train"
    )
    parser.add_argument("--schedule", default="official", help="one of the settings' schedules")
    parser.add_argument("--epochs", type=int, help="in place of the schedule's epochs, for a trial")
    parser.add_argument("--seeds", type=int, nargs="+", help="in place of the settings' seeds")
    parser.add_argument("--device", default="auto", help="as of 'bpflow train'")
    parser.add_argument("--precision", default="auto", help="as of 'bpflow train'")
    parser.add_argument(
        "--emulate-bfloat16",
        action="store_true",
        help="compute models as in emulated_bfloat16.py; --precision is float32",
    )
    parser.add_argument("--threads", type=int, help="as of 'bpflow train'")
    return parser.parse_args(arguments)


class Commands:
    """Runs commands of this checkout's bpflow; the first that fails ends the program."""

    def __init__(self, log: Path, device: str, precision: str, threads: int | None, *, emulate: bool = False) -> None:
        self.log = log
        self.models = [str(ROOT / "benchmarks" / "emulated_bfloat16.py")] if emulate else ["-m", "bpflow"]
        self.computing = ["--device", device, "--precision", precision]
        if threads:
            self.computing += ["--threads", str(threads)]
        path = [str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
        log.unlink(missing_ok=True)

    def run(self, *words: object) -> None:
        """Run ``bpflow`` with these words."""
        self._run(["-m", "bpflow"], words)

    def compute(self, *words: object) -> None:
        """Run a command that computes a model."""
        self._run(self.models, [*words, *self.computing])

    def _run(self, program: Sequence[str], words: Sequence[object]) -> None:
        text = [str(word) for word in words]
        print("bpflow", shlex.join(text), flush=True)
        with open(self.log, "ab") as log:
            done = subprocess.run(
                [sys.executable, *program, *text], env=self.environment, stdout=log, stderr=log, check=False
            )
        if done.returncode:
            sys.exit(f"it failed with exit code {done.returncode}; see the end of {self.log}")


def prepare(data: Path, work: Path, settings: Mapping[str, Any], commands: Commands) -> None:
    """Genome, signal of the official run's fragments, and the regions that both models train on."""
    kept = 0
    with open(work / "fragments.tsv", "w", encoding="ascii") as handle:
        for line in kept_fragments(data / settings["fragments"], settings["left_out"]):
            handle.write(line)
            kept += 1
    expect("fragments", kept, settings["kept"])
    genome, signal = work / "genome.json", work / "insertions.bw"
    commands.run("genome", "--fasta", data / settings["genome"], "--output", genome)
    commands.run(
        *("signal", "--reads", work / "fragments.tsv", "--assay", settings["assay"], "--genome", genome),
        *("--input-shift", settings["input_shift"], "--output", signal, "--qc", work / "signal.json"),
    )
    own = {
        "bias": ["--threshold-factor", settings["bias"]["threshold_factor"]],
        "chrombpnet": [
            *("--jitter", settings["chrombpnet"]["jitter"]),
            *("--negative-ratio", settings["chrombpnet"]["negative_ratio"]),
            *("--output-scaling-nonpeaks", work / "scaling_nonpeaks.narrowPeak"),
        ],
    }
    for model in MODELS:
        commands.run(
            *("select", model, "--genome", genome, "--signal", signal, "--fold", data / settings["fold"]),
            *("--peaks", data / settings["peaks"], "--nonpeaks", data / settings["nonpeaks"], *own[model]),
            *("--input-length", settings["input_length"], "--output-length", settings["output_length"]),
            *("--output-peaks", work / f"{model}_peaks.narrowPeak"),
            *("--output-nonpeaks", work / f"{model}_nonpeaks.narrowPeak", "--qc", work / f"{model}_selection.json"),
        )
        selection = json.loads((work / f"{model}_selection.json").read_text())
        for name, number in settings["selected"][model].items():
            found = selection[name] if name == "counts_loss_weight" else lines(work / f"{model}_{name}.narrowPeak")
            expect(f"{model}: {name}", found, number)


def kept_fragments(path: Path, left_out: Mapping[str, Any]) -> Iterator[str]:
    """Lines of the fragments that the official run used."""
    regions = [re.fullmatch(r"(.+):(\d+)-(\d+)", text) for text in left_out["regions"]]
    places = [(match[1], int(match[2]), int(match[3])) for match in regions if match]
    with gzip.open(path, "rt", encoding="ascii") as handle:
        for line in handle:
            chrom, start, end = line.split("\t")[:3]
            first, last = int(start), int(end)
            if chrom in left_out["chromosomes"] or last - first < left_out["shorter_than"]:
                continue
            if not any(chrom == name and first < stop and last > begin for name, begin, stop in places):
                yield line


def run_seed(
    seed: int,
    data: Path,
    work: Path,
    settings: Mapping[str, Any],
    schedule: Mapping[str, float],
    commands: Commands,
) -> dict[str, Any]:
    """Train and test both models; the bias model is tested before it is scaled, as the official program does."""
    folder = work / f"seed_{seed}"
    folder.mkdir(exist_ok=True)
    genome, signal, fold = work / "genome.json", work / "insertions.bw", data / settings["fold"]
    sample = ("--genome", genome, "--signal", signal, "--fold", fold)
    own = {
        "bias": [],
        "chrombpnet": [
            *("--peaks", work / "chrombpnet_peaks.narrowPeak", "--bias-model", folder / "bias_scaled.safetensors"),
            *("--jitter", settings["chrombpnet"]["jitter"]),
            *("--negative-ratio", settings["chrombpnet"]["negative_ratio"]),
            *("--output-nobias", folder / "chrombpnet_nobias.safetensors"),
        ],
    }
    result: dict[str, Any] = {"metrics": {}, "training": {}}
    for model in MODELS:
        commands.compute(
            *("train", model, *sample, "--nonpeaks", work / f"{model}_nonpeaks.narrowPeak", *own[model]),
            *("--selection", work / f"{model}_selection.json", "--seed", seed),
            *("--filters", settings[model]["filters"], "--layers", settings[model]["layers"]),
            *("--input-length", settings["input_length"], "--output-length", settings["output_length"]),
            *("--epochs", schedule[model], "--patience", schedule["patience"]),
            *("--batch-size", settings["batch_size"], "--learning-rate", schedule["learning_rate"]),
            *("--output", folder / f"{model}.safetensors", "--history", folder / f"{model}.history.tsv"),
            *("--qc", folder / f"{model}.json"),
        )
        if model == "bias":
            commands.compute(
                *("scale-bias", *sample, "--model", folder / "bias.safetensors"),
                *("--nonpeaks", work / "scaling_nonpeaks.narrowPeak"),
                *("--output", folder / "bias_scaled.safetensors", "--qc", folder / "bias_scaled.json"),
            )
        predictions, metrics = folder / f"{model}_predictions.h5", folder / f"{model}_metrics.json"
        # Both are tested on the peaks that ChromBPNet's rules keep, and on non-peaks of any depth.
        commands.compute(
            *("predict", "--model", folder / f"{model}.safetensors", "--genome", genome, "--fold", fold),
            *("--regions", work / "chrombpnet_peaks.narrowPeak", "--nonpeaks", data / settings["nonpeaks"]),
            *("--output", predictions),
        )
        commands.run(
            *("evaluate", "--predictions", predictions, "--signal", signal, "--genome", genome),
            *("--model-kind", model, "--output", metrics, "--table", folder / f"{model}_regions.tsv.gz"),
        )
        result["metrics"][model] = chosen(json.loads(metrics.read_text()))
        training = json.loads((folder / f"{model}.json").read_text())
        keys = ("epochs_run", "best_epoch", "best_valid_loss", "seconds", "device", "precision", "environment")
        result["training"][model] = {key: training[key] for key in keys}
    return result


def chosen(metrics: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """The compared metrics of each group of regions."""
    return {
        group: {name: metrics[section][group][name] for name, section in METRICS.items()}
        for group in GROUPS
        if group in metrics["counts_metrics"]
    }


def compare(
    official: Mapping[str, Any], ours: Sequence[Mapping[str, Any]], margins: Mapping[str, float]
) -> list[dict[str, Any]]:
    """One row a model, group of regions and metric: the official value, ours over seeds, and whether it suffices."""
    rows = []
    for model in MODELS:
        for group in official[model]:
            for metric, margin in margins.items():
                values = [run[model][group][metric] for run in ours]
                least = official[model][group][metric] - margin
                row = {"model": model, "regions": group, "metric": metric, "official": official[model][group][metric]}
                mean = statistics.mean(values)
                rows.append(row | {"mean": mean, "values": values, "least": least, "suffices": mean >= least})
    return rows


def table(rows: Sequence[Mapping[str, Any]], seeds: Sequence[int]) -> str:
    """The comparison in Markdown."""
    text = [
        f"| model | test regions | metric | official | bpflow, mean of {len(seeds)} seeds (range) | at least | |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        spread = f"{min(row['values']):.3f} to {max(row['values']):.3f}"
        text.append(
            f"| {row['model']} | {row['regions']} | {row['metric']} | {row['official']:.3f} "
            f"| {row['mean']:.3f} ({spread}) | {row['least']:.3f} | {'yes' if row['suffices'] else 'NO'} |"
        )
    return "\n".join(text)


def lines(path: Path) -> int:
    """Number of lines of a file."""
    return len(path.read_text().splitlines())


def expect(what: str, found: float, expected: float) -> None:
    """Stop where the data are not those of the official run."""
    print(f"{what}: {found}")
    if found != expected:
        sys.exit(f"{what}: {found} found, but the official run has {expected}")


if __name__ == "__main__":
    main()
