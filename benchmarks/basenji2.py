"""Measure Basenji2 at its published size, and the memory of its input.

python benchmarks/basenji2.py [--no-step] [--no-input] [--scale 1] [--json FILE]

One training step on a batch of four and one prediction at 131,072 bases, 5,313 tracks, float32, on the CPU, each in a
process of its own; processor seconds are told too, as others may use the machine. Then `bpflow bins`, and one pass over
its file as training reads it, on made-up genomes and tracks of several sizes: memory must not grow with either. Needs
Linux.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import measure
import numpy as np
from machine import machine

# The package of this checkout, installed or not.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from bpflow.bigwig_writer import BigWigWriter
from bpflow.genome import Genome, encode_fasta

SOURCE = sys.path[0]
BATCH = 4
MODEL = """
import json, sys, time, torch
from bpflow.batches import DeviceBatch
from bpflow.bin_training import BinObjective
from bpflow.models import Basenji2, Basenji2Config
from bpflow.models.encoding import one_hot
from bpflow.optimiser import make_optimiser
from bpflow.stepping import Stepper

cpu, config = torch.device("cpu"), Basenji2Config(**json.loads(sys.argv[1]))
model = Basenji2(config, torch.Generator().manual_seed(1))
"""
STEP = """
batch = int(sys.argv[2])
optimiser = make_optimiser("sgd", model.parameters(), 0.15)
objective = BinObjective(config.targets, cpu)
stepper = Stepper(optimiser, objective, device=cpu, precision=torch.float32, clip_norm=2.0)
codes = torch.randint(0, 4, (batch, config.input_length), dtype=torch.uint8)
counts = torch.rand(batch, config.targets, config.bins).half()
begin = time.perf_counter(), time.process_time()
sums, _ = stepper.update(model.train(), DeviceBatch(codes, counts, batch))
assert torch.isfinite(sums).all() and all(torch.isfinite(p).all() for p in model.parameters())
print("seconds", time.perf_counter() - begin[0], time.process_time() - begin[1])
"""
PREDICTION = """
codes = torch.randint(0, 4, (1, config.input_length), dtype=torch.uint8)
begin = time.perf_counter(), time.process_time()
with torch.inference_mode():
    tracks = model.eval()(one_hot(codes))
assert tracks.shape == (1, config.bins, config.targets) and torch.isfinite(tracks).all()
print("seconds", time.perf_counter() - begin[0], time.process_time() - begin[1])
"""
READING = """
import sys, torch
from bpflow.bin_datasets import BinTrainingSet
from bpflow.bin_file import open_bins
from bpflow.bin_training import BinBatches
from bpflow.genome import Genome

genome = Genome.open(sys.argv[1])
with open_bins(sys.argv[2], genome) as bins:
    rows = bins.rows_on(genome.names)
    for batch in BinBatches(bins, torch.device("cpu")).iterate(BinTrainingSet(rows, 4).epoch(1), 4):
        assert batch.counts.shape[1:] == (len(bins.identifiers), bins.layout.bins)
"""
# Millions of bases and tracks of the made-up inputs.
INPUTS = ((25, 16), (100, 16), (25, 128))
CHROMOSOME = 5_000_000
SPAN = 64


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write the record."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--no-step", action="store_true", help="leave out the model")
    parser.add_argument("--no-input", action="store_true", help="leave out the memory of the input")
    parser.add_argument("--sizes", type=json.loads, default={}, help="other sizes of the model than the published ones")
    parser.add_argument("--scale", type=float, default=1.0, help="size of the made-up genomes")
    parser.add_argument("--json", type=Path, help="record to write")
    args = parser.parse_args(arguments)
    record: dict[str, Any] = machine()
    if not args.no_step:
        record["sizes"] = args.sizes
        record["training_step"] = {"batch": BATCH, **_model(STEP, args.sizes)}
        record["prediction"] = {"windows": 1, **_model(PREDICTION, args.sizes)}
    if not args.no_input:
        record["inputs"] = [_input(int(1e6 * millions * args.scale), tracks) for millions, tracks in INPUTS]
    print(json.dumps(record, indent=1))
    if args.json:
        args.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def _model(program: str, sizes: dict[str, Any]) -> dict[str, float]:
    done = _python(MODEL + program, json.dumps(sizes), str(BATCH))
    seconds, processor = (float(word) for word in done.output.split("seconds ")[1].split())
    return {"seconds": round(seconds, 3), "cpu_seconds": round(processor, 3), "peak_mb": round(done.peak_mb, 1)}


def _input(bases: int, tracks: int) -> dict[str, float]:
    """Time and memory of making and of reading bins of a random genome and one track under many names."""
    with tempfile.TemporaryDirectory(prefix="bpflow_") as name:
        folder = Path(name)
        genome = _make(folder, bases)
        rows = [f"t{number}\t{folder / 'track.bw'}" for number in range(tracks)]
        (folder / "targets.tsv").write_text("\n".join(["identifier\tfile", *rows]) + "\n")
        options = f"--genome {folder / 'genome.json'} --targets {folder / 'targets.tsv'} --output {folder / 'bins.h5'}"
        words = ["-m", "bpflow", "bins", *options.split(), "--qc", str(folder / "qc.json")]
        made = measure.run([sys.executable, *words], environment=_environment())
        read = _python(READING, str(folder / "genome.json"), str(folder / "bins.h5"))
        windows = json.loads((folder / "qc.json").read_text())["windows"]
        result = {"bases": genome.array.size, "tracks": tracks, "windows": windows}
        for what, done in (("made", made), ("read", read)):
            result |= {f"{what}_seconds": round(done.seconds, 1), f"{what}_peak_mb": round(done.peak_mb, 1)}
        result["file_mb"] = round((folder / "bins.h5").stat().st_size / 2**20, 3)
    print(json.dumps(result), flush=True)
    return result


def _make(folder: Path, bases: int) -> Genome:
    random = np.random.default_rng(0)
    letters = np.frombuffer(b"ACGT", dtype=np.uint8)
    with open(folder / "genome.fa", "wb") as handle:
        for number, first in enumerate(range(0, bases, CHROMOSOME), start=1):
            sequence = letters[random.integers(0, 4, min(CHROMOSOME, bases - first))].tobytes()
            handle.write(b">chr%d\n%s\n" % (number, sequence))
    encode_fasta(folder / "genome.fa", folder / "genome.json")
    genome = Genome.open(folder / "genome.json")
    with BigWigWriter(folder / "track.bw", genome.sizes, span=SPAN) as writer:
        for name, size in genome.sizes.items():
            values = random.gamma(0.5, 2, size // SPAN).astype(np.float32)
            writer.add(name, SPAN * np.arange(len(values)), values)
    return genome


def _python(program: str, *words: str) -> measure.Measured:
    return measure.run([sys.executable, "-c", program, *words], environment=_environment())


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": SOURCE}


if __name__ == "__main__":
    main()
