"""Measure the private memory of training a ChromBPNet on a human-size genome and 250,000 peaks.

python benchmarks/training_memory.py [--scale 0.01] [--seconds 60] [--work FOLDER] [--json FILE]

Non-peaks and the choice of regions are made with the package first. The training is stopped by SIGTERM after so many
seconds, which is long after all its arrays are made, and must leave its checkpoint. Needs Linux, and zcat.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import torch
from data_path import command, prepare
from machine import machine

from bpflow.checkpoints import save_model
from bpflow.models import BPNet, BPNetConfig

MOST_MB = 4096
BPFLOW = "{python} -m bpflow "
NONPEAKS = BPFLOW + (
    "nonpeaks --peaks {peaks} --fold {fold} --genome {genome} --output {output}.nonpeaks.narrowPeak"
    " --qc {output}.nonpeaks.json"
)
SELECT = BPFLOW + (
    "select chrombpnet --genome {genome} --signal {signal} --fold {fold} --peaks {peaks}"
    " --nonpeaks {output}.nonpeaks.narrowPeak --output-peaks {output}.chosen.narrowPeak"
    " --output-nonpeaks {output}.chosen_nonpeaks.narrowPeak --output-scaling-nonpeaks {output}.scaling.narrowPeak"
    " --qc {output}.selection.json"
)
TRAIN = BPFLOW + (
    "train chrombpnet --genome {genome} --signal {signal} --fold {fold} --peaks {output}.chosen.narrowPeak"
    " --nonpeaks {output}.chosen_nonpeaks.narrowPeak --selection {output}.selection.json"
    " --bias-model {output}.bias.safetensors --filters {filters} --output {output}.model.safetensors"
    " --output-nobias {output}.nobias.safetensors --history {output}.tsv --qc {output}.train.json --no-resume"
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Make what training needs, train for a while, and write the record."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--scale", type=float, default=1.0, help="fraction of the human size")
    parser.add_argument("--seconds", type=int, default=60, help="how long to train, start included")
    parser.add_argument("--filters", type=int, default=64, help="channels of the ChromBPNet")
    parser.add_argument("--work", type=Path, help="folder of the inputs, kept for the next run; else a temporary one")
    parser.add_argument("--json", type=Path, help="record to write")
    args = parser.parse_args(arguments)
    with ExitStack() as stack:
        work = args.work or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bpflow_benchmark_")))
        words = prepare(work, args.scale) | {"filters": str(args.filters)}
        save_model(
            BPNet(BPNetConfig(filters=128, layers=4), torch.Generator().manual_seed(1)),
            f"{words['output']}.bias.safetensors",
            metadata={"model": "bias", "scaling": {"delta": 0.0}},
        )
        for step in (NONPEAKS, SELECT):
            command(words, step)
        # timeout's own status says that the training was still under way.
        stopped = command(words, f"timeout --signal TERM {args.seconds} {TRAIN} || test $? = 124", shell=True)
        if "stopped by SIGTERM. The state after" not in stopped.output:
            raise SystemExit(f"the training was not stopped in good order:\n{stopped.output}")
        Path(f"{words['output']}.model.checkpoint").unlink()
        selection = json.loads(Path(f"{words['output']}.selection.json").read_text())
    record = {
        **machine(),
        "scale": args.scale,
        "filters": args.filters,
        "regions": selection["regions"],
        "seconds": round(stopped.seconds, 1),
        "peak_mb": round(stopped.peak_mb, 1),
        "largest_peak_mb": MOST_MB,
    }
    print(stopped.output)
    print(json.dumps(record, indent=1))
    if args.json:
        args.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
