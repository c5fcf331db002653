"""Time contribution scores, and beside them tangermeme's own function on the same model and references.

python benchmarks/contributions.py [--filters 64 128 512] [--layers 8] [--references 20] [--seconds 120]
                                   [--device auto] [--threads N] [--json FILE]

One BPNet, 2114 bases to 1000, in float32, and random sequences with their dinucleotide shuffles, in one process. First
both must give the same contributions to the counts. Then in turns, so that what else the machine does hits all alike
(medians of the turns, after a warm-up), in sequences/s:

contributions   `bpflow.contributions.deep_shap`, counts
tangermeme      `tangermeme.deep_lift_shap.deep_lift_shap`, counts, its batches the references of one sequence
profile         `deep_shap`, profile
both            `bpflow.contributions.iterate_contributions`: shuffling, both heads, and writing the HDF5 files

`ratio` = contributions / tangermeme. `tflops` is what ours reaches when each pass, one forward for the sequence and one
forward and one back for each reference, counts as the model's products; `matmul_tflops` is what square matrix products
reach in the same run.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine

# The package of this checkout, installed or not.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

# Before torch is imported: as every command does, it sets how long idle threads spin.
import bpflow.cli.model_options  # noqa: F401, I001
import torch
from tangermeme.deep_lift_shap import deep_lift_shap
from torch import Tensor, nn

from bpflow.contribution_file import write_contributions
from bpflow.contributions import HEADS, deep_shap, iterate_contributions
from bpflow.devices import resolve_device, set_threads
from bpflow.models import BPNet, BPNetConfig
from bpflow.models.encoding import one_hot
from bpflow.shuffles import dinucleotide_shuffles, shuffle_seeds

FILTERS = (64, 128, 512)
TURNS = 3
# Largest difference, as a share of the largest value.
TOLERANCE = 1e-4
MATRIX = 2048


class Counts(nn.Module):
    """A model's log counts, (N, 1): what tangermeme wants."""

    def __init__(self, model: BPNet) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        """Log counts of (N, 4, L)."""
        return self.model(x).log_counts.unsqueeze(1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure each size, print the rows and write the record."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--filters", type=int, nargs="+", default=list(FILTERS), help="channels; each is measured")
    parser.add_argument("--layers", type=int, default=8, help="dilated layers")
    parser.add_argument("--references", type=int, default=20, help="shuffles of each sequence")
    parser.add_argument("--seconds", type=float, default=120.0, help="time for each number of filters")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 (and so on) or mps")
    parser.add_argument("--threads", type=int, help="CPU threads; else PyTorch's choice")
    parser.add_argument("--json", type=Path, help="record to write")
    args = parser.parse_args(arguments)
    set_threads(args.threads)
    torch.backends.cudnn.allow_tf32 = False
    device = resolve_device(args.device)
    rows = []
    for filters in args.filters:
        config = BPNetConfig(filters=filters, layers=args.layers)
        rows.append(measure(config, args.references, device, args.seconds))
        print(json.dumps(rows[-1]), flush=True)
    if args.json:
        record = {**machine(), **(rows[0] if len(rows) == 1 else {"runs": rows})}
        args.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def measure(config: BPNetConfig, references: int, device: torch.device, seconds: float) -> dict[str, Any]:
    """All figures of one size, in about so many seconds; at least one turn of one sequence."""
    model = BPNet(config, torch.Generator().manual_seed(1)).to(device).eval()
    codes = np.random.default_rng(0).integers(0, 4, (1, config.input_length), dtype=np.uint8)
    seeds = shuffle_seeds(0, 1)
    x = one_hot(torch.from_numpy(codes)).to(device)
    pairs = one_hot(torch.from_numpy(dinucleotide_shuffles(codes, references, seeds)[0])).to(device)[None]
    options = {"references": pairs, "batch_size": references, "device": str(device), "hypothetical": True}

    def whole() -> None:
        with tempfile.TemporaryDirectory(prefix="bpflow_") as folder, ExitStack() as stack:
            writers = {
                head: stack.enter_context(
                    write_contributions(f"{folder}/{head}.h5", {}, length=config.input_length, attributes={})
                )
                for head in HEADS
            }
            for block in iterate_contributions(model, [(codes, seeds)], HEADS, references=references, device=device):
                for head, writer in writers.items():
                    writer.append(block.codes, block.hypothetical[head], block.gap[head], block.difference[head])

    works: dict[str, Callable[[], Any]] = {
        "contributions": lambda: deep_shap(model, x, pairs, "counts"),
        "tangermeme": lambda: deep_lift_shap(Counts(model), x, **options),
        "profile": lambda: deep_shap(model, x, pairs, "profile"),
        "both": whole,
    }
    ours, theirs = works["contributions"](), works["tangermeme"]().to(device)
    difference = float((ours - theirs).abs().max() / theirs.abs().max())
    if difference > TOLERANCE:
        raise SystemExit(f"contributions differ from tangermeme's by {difference:.2g} of the largest")
    rates = in_turns(works, device, seconds)
    passes = 1 + 2 * references
    return {
        "filters": config.filters,
        "layers": config.layers,
        "references": references,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "largest_difference": difference,
        **rates,
        "ratio": rates["contributions"] / rates["tangermeme"],
        "tflops": rates["contributions"] * passes * config.gigaflops / 1000,
        "matmul_tflops": matmul_tflops(device),
    }


def in_turns(works: Mapping[str, Callable[[], Any]], device: torch.device, seconds: float) -> dict[str, float]:
    """Sequences/s of each work, the median of the turns; a slow one is done once a turn."""
    share = seconds / len(works) / TURNS
    number = {name: max(1, int(share / timed(work, device))) for name, work in works.items()}
    turns: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(TURNS):
        for name, work in works.items():
            turns[name].append(number[name] / sum(timed(work, device) for _ in range(number[name])))
    return {name: statistics.median(rates) for name, rates in turns.items()}


def timed(work: Callable[[], Any], device: torch.device) -> float:
    """Seconds of doing it once."""
    begin = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - begin


def matmul_tflops(device: torch.device) -> float:
    """10^12 operations/s of square matrix products in float32, the best of several."""
    a, b = (torch.randn(MATRIX, MATRIX, device=device) for _ in range(2))
    torch.matmul(a, b)
    return 2e-12 * MATRIX**3 / min(timed(lambda: torch.matmul(a, b), device) for _ in range(10))


if __name__ == "__main__":
    main()
