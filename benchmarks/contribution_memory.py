"""Measure the private memory of contributions for one sequence and for many.

python benchmarks/contribution_memory.py [--sequences 1 10000] [--filters 8] [--references 2] [--json FILE]

The command `bpflow contributions` on random sequences of 2114 bases, with a small model, as memory is about how many
sequences there are and not how much arithmetic each takes. Needs Linux.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import measure
import numpy as np
import torch
from machine import machine

# The package of this checkout, installed or not.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from bpflow.checkpoints import save_model
from bpflow.models import BPNet, BPNetConfig

SOURCE = sys.path[0]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure each number of sequences and write the record."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--sequences", type=int, nargs="+", default=[1, 10_000], help="how many; each is measured")
    parser.add_argument("--filters", type=int, default=8, help="channels of the model")
    parser.add_argument("--references", type=int, default=2, help="shuffles of each sequence")
    parser.add_argument("--json", type=Path, help="record to write")
    args = parser.parse_args(arguments)
    config = BPNetConfig(filters=args.filters, layers=8)
    rows = []
    with tempfile.TemporaryDirectory(prefix="bpflow_") as name:
        folder = Path(name)
        model = BPNet(config, torch.Generator().manual_seed(1))
        save_model(model, folder / "model.safetensors", metadata={"model": "bias"})
        for number in args.sequences:
            write_fasta(folder / "sequences.fa", number, config.input_length)
            options = f"--references {args.references} --max-regions {number} --output-dir {folder / 'out'}"
            command = (
                f"{sys.executable} -m bpflow contributions --model {folder / 'model.safetensors'}"
                f" --sequences {folder / 'sequences.fa'} {options}"
            )
            done = measure.run(["env", f"PYTHONPATH={SOURCE}", *command.split()])
            rows.append({"sequences": number, "peak_mb": round(done.peak_mb, 1), "seconds": round(done.seconds, 1)})
            print(json.dumps(rows[-1]), flush=True)
    if args.json:
        record = {**machine(), "filters": args.filters, "references": args.references, "runs": rows}
        args.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def write_fasta(path: Path, number: int, length: int) -> None:
    """Random sequences."""
    random = np.random.default_rng(0)
    letters = np.frombuffer(b"ACGT", dtype=np.uint8)
    with open(path, "wb") as handle:
        for index in range(number):
            handle.write(b">s%d\n%s\n" % (index, letters[random.integers(0, 4, length)].tobytes()))


if __name__ == "__main__":
    main()
