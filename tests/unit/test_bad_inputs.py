"""What a user can get wrong, and what the command line says: one row a mistake, message and exit code 2 checked.

Mistakes in the configuration and the sample sheet have their own table in tests/workflow/test_config.py.
"""

from __future__ import annotations

import gzip
import json
import re
import shutil
from pathlib import Path

import h5py
import numpy as np
import pyBigWig
import pytest
import torch
from safetensors.numpy import save_file

from bpflow.bigwig_writer import write_bigwig
from bpflow.checkpoints import save_model
from bpflow.cli import main
from bpflow.formats.keras import write_keras
from bpflow.models import BPNet, BPNetConfig
from bpflow.new_hdf5 import new_hdf5
from bpflow.prediction import Prediction
from bpflow.prediction_file import write_predictions
from bpflow.regions import from_centers, write_regions
from unit import simulated

FOLD = {"train": ["chr1"], "valid": ["chr2"], "test": ["chr3"]}


class Kit:
    """Makes good files, and bad ones from them, in one folder."""

    def __init__(self, folder: Path, genome_json: Path, fragment_file: Path) -> None:
        self.folder, self.genome, self.fragments = folder, genome_json, fragment_file

    def text(self, name: str, content: str) -> str:
        (self.folder / name).write_text(content)
        return str(self.folder / name)

    def json(self, name: str, content: object) -> str:
        return self.text(name, json.dumps(content))

    def gzipped(self, name: str, content: str) -> str:
        (self.folder / name).write_bytes(gzip.compress(content.encode()))
        return str(self.folder / name)

    def cut_short(self, path: Path, name: str, share: float = 0.5) -> str:
        (self.folder / name).write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
        return str(self.folder / name)

    def bigwig(self, name: str = "signal.bw", value: float = 1.0, sizes: dict[str, int] | None = None) -> str:
        sizes = sizes or {key: size for key, size in simulated.SIZES.items() if key != "chrM"}
        place = [(chrom, np.arange(1000, size - 1000, 7), None) for chrom, size in sizes.items()]
        write_bigwig(self.folder / name, sizes, [(chrom, at, np.full(len(at), value)) for chrom, at, _ in place])
        return str(self.folder / name)

    def regions(self, name: str = "regions.narrowPeak", places: tuple[int, ...] = (8000, 20000)) -> str:
        chroms = [chrom for chrom in ("chr1", "chr2", "chr3") for _ in places]
        write_regions(from_centers(chroms, np.array(places * 3), 300), self.folder / name)
        return str(self.folder / name)

    def out(self, name: str) -> str:
        return str(self.folder / "out" / name)

    def signal(self, *reads: str, extra: tuple[str, ...] = ()) -> list[str]:
        return [
            *("signal", "--reads", *reads, "--assay", "ATAC", "--genome", str(self.genome)),
            *("--output", self.out("x.bw"), "--qc", self.out("x.json"), *extra),
        ]

    def peaks(self, *extra: str, signal: str | None = None) -> list[str]:
        signal = signal or self.bigwig()
        outputs = ("--output", self.out("p.narrowPeak"), "--qc", self.out("p.json"))
        return ["peaks", "--signal", signal, "--genome", str(self.genome), *outputs, *extra]

    def nonpeaks(self, fold: str, *extra: str) -> list[str]:
        outputs = ("--output", self.out("n.narrowPeak"), "--qc", self.out("n.json"))
        return [
            *("nonpeaks", "--genome", str(self.genome), "--peaks", self.regions(), "--fold", fold),
            *(*outputs, *extra),
        ]

    def folds(self, *extra: str, peaks: str | None = None) -> list[str]:
        peaks = peaks or self.regions()
        return ["folds", "--genome", str(self.genome), "--peaks", peaks, "--output-dir", self.out("folds"), *extra]

    def select_bias(self, signal: str) -> list[str]:
        return [
            *("select", "bias", "--genome", str(self.genome), "--signal", signal, "--peaks", self.regions()),
            *("--nonpeaks", self.regions("n.narrowPeak", (12_000,)), "--fold", self.json("fold.json", FOLD)),
            *("--threshold-factor", "0.5", "--input-length", "500", "--output-length", "200"),
            *("--output-peaks", self.out("a"), "--output-nonpeaks", self.out("b"), "--qc", self.out("c")),
        ]

    def make_genome(self, content: str, name: str = "g.fa", *extra: str) -> list[str]:
        return ["genome", "--fasta", self.text(name, content), "--output", self.out("genome.json"), *extra]

    def train_bias(self, *extra: str) -> list[str]:
        return [
            *("train", "bias", "--genome", str(self.genome), "--signal", self.bigwig(), "--nonpeaks", self.regions()),
            *("--fold", self.json("fold.json", FOLD), "--selection", self.json("s.json", {"counts_loss_weight": 1})),
            *("--output", self.out("m.safetensors"), "--history", self.out("h.tsv"), "--qc", self.out("t.json")),
            *extra,
        ]

    def train_strands(self, model: str, tasks: list[list[str]], *extra: str, peaks: str | None = None) -> list[str]:
        return [
            *("train", model, *(word for task in tasks for word in ("--task", *task)), "--genome", str(self.genome)),
            *("--peaks", peaks or self.regions(), "--fold", self.json("fold.json", FOLD), "--device", "cpu"),
            *("--output", self.out("m.safetensors"), "--history", self.out("h.tsv"), "--qc", self.out("t.json")),
            *("--input-length", "200", "--output-length", "80", "--filters", "4", "--layers", "2", *extra),
        ]

    def strands(self, name: str = "a") -> list[str]:
        return [name, self.bigwig(f"{name}_plus.bw"), self.bigwig(f"{name}_minus.bw")]

    def clusters(self, signal: str, *extra: str) -> list[str]:
        outputs = ("--output", self.out("c.narrowPeak"), "--qc", self.out("c.json"))
        return ["clusters", "--plus", signal, "--genome", str(self.genome), *outputs, *extra]

    def predict(self, model: str, *extra: str) -> list[str]:
        return ["predict", "--model", model, "--genome", str(self.genome), "--output", self.out("p.h5"), *extra]

    def evaluate(self, predictions: str) -> list[str]:
        return [
            *("evaluate", "--predictions", predictions, "--signal", self.bigwig(), "--genome", str(self.genome)),
            *("--model-kind", "bias", "--output", self.out("e.json"), "--table", self.out("e.tsv.gz")),
        ]


@pytest.fixture
def kit(tmp_path, genome_json, fragment_file):
    return Kit(tmp_path, genome_json, fragment_file)


def foreign_model(kit):
    save_file({"weight": np.zeros(3, np.float32)}, kit.folder / "foreign.safetensors")
    return str(kit.folder / "foreign.safetensors")


def saved_module(kit: Kit) -> str:
    torch.save(torch.nn.Linear(2, 1), kit.folder / "procapnet.model")
    return str(kit.folder / "procapnet.model")


def keras_file(kit):
    model = BPNet(BPNetConfig(input_length=300, output_length=100, filters=4, layers=2))
    write_keras(model, kit.folder / "model.h5", kind="bias")
    return kit.folder / "model.h5"


def stranded_model(kit):
    config = BPNetConfig(input_length=300, output_length=100, filters=4, layers=2, tasks=("a", "b"), strands=2)
    save_model(BPNet(config), kit.folder / "strands.safetensors", metadata={"model": "bpnet"})
    return str(kit.folder / "strands.safetensors")


def stranded_predictions(kit):
    attributes, coordinates = (
        {"strands": 2},
        {"coords_chrom": np.array(["chr1"], dtype=object), "coords_center": np.array([5000])},
    )
    path = kit.folder / "strands.h5"
    with write_predictions(path, coordinates, width=200, attributes=attributes) as writer:
        writer.append(Prediction(np.zeros((1, 200), np.float32), np.zeros(1, np.float32)))
    return str(path)


def other_hdf5(kit):
    with h5py.File(kit.folder / "other.h5", "w") as handle:
        handle["x"] = 1
    return str(kit.folder / "other.h5")


def cut_genome(kit):
    shutil.copy(kit.genome, kit.folder)
    kit.cut_short(kit.genome.with_suffix(".seq"), "genome.seq")
    return str(kit.folder / "genome.json")


def cut_model(kit):
    model = BPNet(BPNetConfig(input_length=300, output_length=100, filters=4, layers=2))
    save_model(model, kit.folder / "whole.safetensors", metadata={"model": "bias"})
    return kit.cut_short(kit.folder / "whole.safetensors", "cut.safetensors", 0.99)


def cut_predictions(kit):
    with new_hdf5(kit.folder / "whole.h5") as handle:
        handle["predictions/logcounts"] = np.zeros(5000)
    return kit.cut_short(kit.folder / "whole.h5", "cut.h5", 0.99)


def absent_device():
    return "mps" if torch.cuda.is_available() else "cuda"


def mixed_style_bigwig(kit):
    path = kit.folder / "other.bw"
    with pyBigWig.open(str(path), "w") as handle:
        handle.addHeader([("1", 60_000)])
        handle.addEntries("1", [5], values=[1.0], span=1)
    return str(path)


def bam(kit, **options):
    return str(simulated.write_bam(kit.folder / "reads.bam", [], simulated.SIZES, **options))


MISTAKES = {
    # Reads.
    "reads missing": (lambda k: k.signal("nowhere.bam"), r"nowhere\.bam: no such file"),
    "reads are a folder": (lambda k: k.signal(str(k.folder)), "a folder"),
    "truncated gzip": (lambda k: k.signal(k.cut_short(k.fragments, "cut.tsv.gz")), r"cut\.tsv\.gz: .*cut short"),
    "empty fragment file": (lambda k: k.signal(k.text("e.tsv", "")), r"e\.tsv: no reads"),
    "only comments": (lambda k: k.signal(k.text("e.tsv", "# a\n# b\n")), r"e\.tsv: no reads"),
    "spaces in place of tabs": (
        lambda k: k.signal(k.text("s.tsv", "chr1 10 60\n")),
        r"s\.tsv: 1 tab-separated column\(s\)",
    ),
    "two columns": (
        lambda k: k.signal(k.text("f.tsv", "chr1\t10\t60\nchr1\t10\n")),
        r"f\.tsv, line 2: 2 column\(s\)",
    ),
    "a number with a fraction": (
        lambda k: k.signal(k.text("f.tsv", "chr1\t10.5\t60\n")),
        r"f\.tsv, line 1: the start '10\.5'. Expected a whole number",
    ),
    "a number too large": (
        lambda k: k.signal(k.text("f.tsv", f"chr1\t10\t{10**30}\n")),
        r"f\.tsv, line 1",
    ),
    "end before start": (
        lambda k: k.signal(k.text("f.tsv", "chr1\t60\t10\n")),
        r"f\.tsv, line 1: start 60 and end 10",
    ),
    "a strand that is none": (
        lambda k: k.signal(k.text("t.tagAlign", "chr1\t1\t60\tN\t0\t+\nchr1\t1\t60\tN\t0\t?\n")),
        r"t\.tagAlign, line 2: the strand '\?'",
    ),
    "contigs of another style": (
        lambda k: k.signal(k.text("f.tsv", "1\t10\t60\n")),
        r"'1' where the genome says 'chr1'",
    ),
    "BAM without reads": (lambda k: k.signal(bam(k)), r"reads\.bam: no reads"),
    "BAM whose reads are all filtered": (
        lambda k: k.signal(bam(k, extra=[{"mapping_quality": 3}] * 4)),
        r"no usable reads.*Dropped: 4 low mapping quality",
    ),
    "BAM of another assembly": (
        lambda k: k.signal(str(simulated.write_bam(k.folder / "o.bam", [], {"chr1": 999}, extra=[{}]))),
        r"o\.bam: its header gives chr1 999 bases. Expected 60000",
    ),
    "truncated BAM": (
        lambda k: k.signal(
            k.cut_short(
                simulated.write_bam(k.folder / "a.bam", [("chr1", i, i + 90) for i in range(9000)], simulated.SIZES),
                "cut.bam",
            )
        ),
        r"cut\.bam: .*cut short",
    ),
    "too few reads for a vote": (
        lambda k: k.signal(k.text("f.tsv", "chr1\t100\t160\n")),
        r"Only 1 distinct sites.*State it: --input-shift",
    ),
    "malformed shift": (
        lambda k: k.signal(str(k.fragments), extra=("--input-shift", "four")),
        r"--input-shift: the shift 'four'",
    ),
    "more shifts than files": (
        lambda k: k.signal(str(k.fragments), extra=("--input-shift", "0/0", "+4/-5")),
        "2 shifts for 1 files",
    ),
    "unknown flag": (
        lambda k: k.signal(str(k.fragments), extra=("--exclude-flags", "dupes")),
        r"--exclude-flags: 'dupes'.*duplicate",
    ),
    "negative mapping quality": (
        lambda k: k.signal(str(k.fragments), extra=("--min-mapq", "-1")),
        r"--min-mapq: '-1' found, a whole number of 0 or more expected",
    ),
    # Genome.
    "not a FASTA": (lambda k: k.make_genome("chr1\t5\n"), r"g\.fa, line 1: starts with b'c'"),
    "empty FASTA": (lambda k: k.make_genome(""), r"g\.fa, line 1: starts with b''"),
    "protein letters": (lambda k: k.make_genome(">a\nACGTJJ\n"), r"the letter 'J' at a:4 \(0-based\) is no DNA"),
    "a name with a bell": (lambda k: k.make_genome(">a\a\nACGT\n"), r"the name 'a\\x07'.*can be printed"),
    "a name twice": (lambda k: k.make_genome(">a\nACGT\n>a\nACGT\n"), "the name 'a' comes twice"),
    "an empty sequence": (lambda k: k.make_genome(">a\n>b\nACGT\n"), "the sequence 'a' is empty"),
    "truncated FASTA gzip": (
        lambda k: [
            *("genome", "--output", k.out("g.json"), "--fasta"),
            k.cut_short(Path(k.gzipped("g.fa.gz", ">a\n" + "".join(map(str, range(9999))))), "cut.fa.gz"),
        ],
        r"cut\.fa\.gz: .*cut short",
    ),
    "no chromosome left": (
        lambda k: k.make_genome(">a\nACGT\n", "g.fa", "--chromosomes", "chr.*"),
        "no sequence is left by the chromosome rule",
    ),
    "a bad pattern": (lambda k: k.make_genome(">a\nACGT\n", "g.fa", "--chromosomes", "chr["), "is not a pattern"),
    "a JSON that is no genome": (
        lambda k: [*k.peaks()[:4], k.json("x.json", {"a": 1}), *k.peaks()[5:]],
        "not an encoded genome",
    ),
    # Signal.
    "not a bigWig": (lambda k: k.peaks(signal=k.text("x.bw", "text")), r"x\.bw: not a bigWig"),
    "normalised bigWig": (lambda k: k.peaks(signal=k.bigwig(value=0.37)), "the value 0.37 at chr1:1000"),
    "negative bigWig": (lambda k: k.peaks(signal=k.bigwig(value=-2)), "the value -2 at chr1:1000"),
    "bigWig of another style": (lambda k: k.peaks(signal=mixed_style_bigwig(k)), "differ in style"),
    "bigWig of another assembly": (
        lambda k: k.peaks(signal=k.bigwig("o.bw", sizes={"chr1": 50_000})),
        "chr1 has 50000 bases. Expected 60000",
    ),
    # Regions.
    "empty peaks": (lambda k: k.peaks("--peaks", k.text("p.bed", "")), r"p\.bed: no regions"),
    "peaks past a chromosome's end": (
        lambda k: k.peaks("--peaks", k.text("p.bed", "chr3\t31000\t32000\n")),
        r"p\.bed, line 1: the centre of chr3:31000-32000 lies past its chromosome's end \(30000 bases\)",
    ),
    "peaks of another style": (lambda k: k.peaks("--peaks", k.text("p.bed", "1\t5\t9\n")), "differ in style"),
    "peaks with ragged columns": (
        lambda k: k.peaks("--peaks", k.text("p.bed", "chr1\t5\t9\nchr1\t5\t9\tx\n")),
        r"p\.bed, line 2: 4 columns",
    ),
    "summit outside its peak": (
        lambda k: k.peaks("--peaks", k.text("p.bed", "chr1\t5\t9\t.\t0\t.\t1\t1\t1\t7\n")),
        r"p\.bed, line 1: the summit 7",
    ),
    "blacklist that is no BED": (
        lambda k: k.peaks("--blacklist", k.text("b.bed", "chr1\tx\t9\n")),
        r"b\.bed, line 1: the start 'x'",
    ),
    "binary peaks": (
        lambda k: k.peaks("--peaks", str(Path(k.bigwig("b.bw")))),
        "not text|column",
    ),
    "odd window length": (
        lambda k: k.peaks("--input-length", "2113"),
        r"--input-length: '2113' found, an even number of bases expected",
    ),
    "negative window length": (lambda k: k.peaks("--input-length", "-2"), "an even number of bases expected"),
    "p-value above 1": (lambda k: k.peaks("--p-value", "1.5"), "a number from 0 to 1 expected"),
    "NaN p-value": (lambda k: k.peaks("--p-value", "nan"), "a number from 0 to 1 expected"),
    "replicates without files": (lambda k: k.peaks("--reproducible", "replicates"), "two or more"),
    # Folds.
    "one chromosome only": (
        lambda k: k.folds(peaks=k.text("one.bed", "chr1\t8000\t8300\n")),
        r"1 chromosome\(s\) with peaks for 5 folds.*At least 3 chromosomes with peaks",
    ),
    "more folds than chromosomes": (lambda k: k.folds("--n", "5"), r"Set folds\.n to 3"),
    "two folds": (lambda k: k.folds("--n", "2"), "2 folds. Expected 3 or more"),
    "folds that overlap": (
        lambda k: k.nonpeaks(k.json("f.json", {**FOLD, "test": ["chr1"]})),
        r"f\.json: 'chr1' is in more than one place",
    ),
    "given folds that test a chromosome twice": (
        lambda k: k.folds("--given", k.json("a.json", FOLD), k.json("b.json", FOLD)),
        "'chr3' is tested in more than one fold",
    ),
    "fold that is no JSON": (lambda k: k.nonpeaks(k.text("f.json", "train: chr1")), r"f\.json, line 1: not JSON"),
    "fold with an unknown chromosome": (
        lambda k: k.nonpeaks(k.json("f.json", {**FOLD, "test": ["chr7"]})),
        "chromosome 'chr7' is not in the genome",
    ),
    "no room for non-peaks": (
        lambda k: k.nonpeaks(k.json("f.json", FOLD), "--input-length", "20000"),
        "no background window is left|no peaks on the",
    ),
    # Selection, models, predictions.
    "zero-count bias set": (
        lambda k: k.select_bias(empty_signal(k)),
        "none of the non-peaks holds a single insertion",
    ),
    "a device that is absent": (lambda k: k.train_bias("--device", absent_device()), "not|no "),
    "window too short for the layers": (
        lambda k: k.train_bias("--input-length", "100", "--output-length", "50"),
        "100",
    ),
    "negative learning rate": (lambda k: k.train_bias("--learning-rate", "-1"), "learning-rate"),
    "a model of another program": (
        lambda k: k.predict(foreign_model(k), "--regions", k.regions()),
        r"foreign\.safetensors",
    ),
    "a model that is text": (
        lambda k: k.predict(k.text("m.safetensors", "x"), "--regions", k.regions()),
        r"m\.safetensors",
    ),
    "an .h5 that is text": (
        lambda k: k.predict(k.text("m.h5", "x"), "--regions", k.regions()),
        r"m\.h5: not an HDF5 file",
    ),
    "an .h5 that is cut short": (
        lambda k: k.predict(k.cut_short(keras_file(k), "cut.h5"), "--regions", k.regions()),
        r"cut\.h5: not an HDF5 file, or a damaged one",
    ),
    "an .h5 of something else": (
        lambda k: k.predict(other_hdf5(k), "--regions", k.regions()),
        r"other\.h5: an HDF5 file without the group model_weights",
    ),
    "a folder that is no model": (
        lambda k: k.predict(str(k.folder), "--regions", k.regions()),
        r"config\.json: no such file",
    ),
    "a conversion to something else": (
        lambda k: ["convert", str(keras_file(k)), k.out("m.onnx")],
        r"the suffix '\.onnx'. Expected \.safetensors, or \.h5",
    ),
    "a bias model as a MultiMolecule folder": (
        lambda k: ["convert", str(keras_file(k)), k.out("folder")],
        "a bpnet that MultiMolecule has no architecture for. Expected a BPNet that keeps its lengths",
    ),
    "a module of PyTorch, not its weights": (
        lambda k: ["convert", saved_module(k), k.out("m.safetensors")],
        r"not the weights of a model alone, .*Of a whole module save the weights: torch\.save\(model\.state_dict\(\)",
    ),
    # Strands and tasks.
    "a task without a bigWig": (
        lambda k: k.train_strands("bpnet", [["a"]]),
        "--task: a. Expected a name and one bigWig",
    ),
    "a task of three bigWigs": (
        lambda k: k.train_strands("procapnet", [[*k.strands(), "third.bw"]]),
        r"--task: a .*third\.bw\. Expected a name and one bigWig",
    ),
    "tasks of one and of two strands": (
        lambda k: k.train_strands("bpnet", [k.strands(), k.strands("b")[:2]]),
        "--task: .*all tasks alike",
    ),
    "two tasks of one name": (
        lambda k: k.train_strands("bpnet", [k.strands(), ["a", *k.strands("b")[1:]]]),
        "'a', 'a'.*a name of its own for each",
    ),
    "one bigWig for both strands": (
        lambda k: k.train_strands("procapnet", [["a", k.bigwig(), k.bigwig()]]),
        r"signal\.bw twice. Expected a bigWig of its own",
    ),
    "a control of one strand": (
        lambda k: k.train_strands("bpnet", [k.strands()], "--control", k.bigwig()),
        "--control: expected 2 arguments",
    ),
    "a control for a ProCapNet": (
        lambda k: k.train_strands("procapnet", [k.strands()], "--control", *k.strands("c")[1:]),
        "unrecognized arguments: --control",
    ),
    "peaks without room": (
        lambda k: k.train_strands("procapnet", [k.strands()], peaks=k.regions("edge.bed", (150,))),
        "no peak to train on",
    ),
    "peaks without any to validate on": (
        lambda k: k.train_strands("bpnet", [k.strands()], peaks=k.text("p.bed", "chr1\t5000\t5300\n")),
        "no region to validate on",
    ),
    "non-peaks on other chromosomes": (
        lambda k: k.train_strands("procapnet", [k.strands()], "--nonpeaks", k.text("n.bed", "chr2\t5000\t5300\n")),
        r"n\.bed: no non-peak to train on",
    ),
    "batches too small for non-peaks": (
        lambda k: k.train_strands("procapnet", [k.strands()], "--nonpeaks", k.regions("n.bed"), "--batch-size", "7"),
        "--batch-size 7 with --nonpeaks. Expected 8 or more",
    ),
    "mappability that is no bigWig": (
        lambda k: k.train_strands("procapnet", [k.strands()], "--mappability", k.text("m.bw", "x")),
        r"m\.bw: not a bigWig",
    ),
    "a strand without ends in peaks": (
        lambda k: k.train_strands("bpnet", [["a", k.bigwig(), k.bigwig("silent.bw", sizes={"chr3": 30_000})]]),
        r"silent\.bw: all 2 training windows hold exactly 0 insertions",
    ),
    "no task of a model of two": (
        lambda k: k.predict(stranded_model(k), "--regions", k.regions()),
        "--task: no task. Expected one of a, b",
    ),
    "a task that the model has not": (
        lambda k: k.predict(stranded_model(k), "--regions", k.regions(), "--task", "c"),
        "--task: the task 'c'. Expected one of a, b",
    ),
    "a task of a model without": (
        lambda k: k.predict(str(keras_file(k)), "--regions", k.regions(), "--task", "c"),
        "--task: the task 'c'. Expected none",
    ),
    "one bigWig of two predicted strands": (
        lambda k: k.predict(stranded_model(k), "--regions", k.regions(), "--task", "a", "--bigwig", k.out("p.bw")),
        "--bigwig: 1 files. Expected 2, one for each strand",
    ),
    "one bigWig named for both predicted strands": (
        lambda k: k.predict(
            stranded_model(k), "--regions", k.regions(), "--task", "a", "--bigwig", k.out("p.bw"), k.out("p.bw")
        ),
        "--bigwig: 1 files. Expected 2, one for each strand",
    ),
    "one strand observed of two predicted": (
        lambda k: k.evaluate(stranded_predictions(k)),
        r"signal\.bw: a signal without strands. Expected one of 2, as the predictions",
    ),
    "tasks as an official file": (
        lambda k: ["convert", stranded_model(k), k.out("m.h5")],
        "a bpnet that is no part of a ChromBPNet",
    ),
    "a model of strands as a bias model": (
        lambda k: [
            *("scale-bias", "--model", stranded_model(k), "--genome", str(k.genome), "--signal", k.bigwig()),
            *("--nonpeaks", k.regions(), "--fold", k.json("fold.json", FOLD)),
            *("--output", k.out("b.safetensors"), "--qc", k.out("b.json")),
        ],
        "a BPNet. Expected a bias model",
    ),
    "no cluster": (
        lambda k: k.clusters(k.bigwig(), "--min-per-million", "2000000"),
        r"signal\.bw: no cluster of .* ends or more",
    ),
    # What was whole when it was written.
    "an encoded genome that was cut short": (
        lambda k: [*k.peaks()[:4], cut_genome(k), *k.peaks()[5:]],
        r"genome\.seq: \d+ bytes\. Expected \d+\. Make it anew",
    ),
    "a bigWig without its end": (
        lambda k: k.peaks(signal=k.cut_short(Path(k.bigwig()), "cut.bw", 0.9)),
        r"cut\.bw: damaged .*delete it and start the run again",
    ),
    "a narrowPeak cut within its last number": (
        lambda k: k.folds(peaks=k.cut_short(Path(k.regions()), "cut.narrowPeak", 0.999)),
        r"cut\.narrowPeak, line 6: the last line does not end.*delete it and start the run again",
    ),
    "a model that was cut short": (
        lambda k: k.predict(cut_model(k), "--regions", k.regions()),
        r"cut\.safetensors: not a safetensors file, or a damaged one.*delete it and start the run again",
    ),
    "predictions that were cut short": (
        lambda k: k.evaluate(cut_predictions(k)),
        r"cut\.h5: not an HDF5 file, or a damaged one.*delete it and start the run again",
    ),
    "a record that was cut short": (
        lambda k: k.train_bias("--selection", k.cut_short(Path(k.json("s.json", {"counts_loss_weight": 1})), "c.json")),
        r"c\.json, line 1: not JSON.*delete it and start the run again",
    ),
    "fewer regions than were chosen": (
        lambda k: k.train_bias(
            *("--selection", k.json("r.json", {"counts_loss_weight": 1, "regions": {"train": {"nonpeaks": 3}}})),
            *("--input-length", "500", "--output-length", "200", "--filters", "4", "--layers", "2", "--device", "cpu"),
        ),
        r"regions\.narrowPeak: 2 regions on the train chromosomes\. Expected 3, as .*r\.json says",
    ),
    "a command that is none": (lambda k: ["predikt"], "invalid choice: 'predikt'"),
}


def empty_signal(kit):
    """Insertions in the peaks, none elsewhere."""
    sizes = {key: size for key, size in simulated.SIZES.items() if key != "chrM"}
    blocks = [(name, np.array([8000, 20_000]), np.array([50, 50])) for name in sizes]
    write_bigwig(kit.folder / "empty.bw", sizes, blocks)
    return str(kit.folder / "empty.bw")


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_message_and_exit_code_2(name, kit, capfd):
    arguments, message = MISTAKES[name]
    with pytest.raises(SystemExit) as stop:
        main(arguments(kit))
    shown = capfd.readouterr().err
    assert stop.value.code == 2
    assert re.search(message, shown, flags=re.DOTALL), shown
    assert "Traceback" not in shown
    # Nothing is left under a final name, whole or half.
    assert not [path for path in (kit.folder / "out").rglob("*") if path.is_file()]
