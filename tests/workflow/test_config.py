"""The configuration and the sample sheet: what is filled in, and what each mistake is told."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import yaml
from plans import ROOT, Project, merged

from bpflow import settings
from bpflow.errors import InputError
from bpflow.verdicts import STAGES

SCHEMAS = {
    name: settings.load_schema(ROOT / f"workflow/schemas/{name}.schema.yaml")
    for name in ("config", "samples", "sister_config")
}
# All but the settings of a benchmark.
WORKED = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "config").rglob("*.yaml")
    if path.parent.name != "yeast_reference"
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project that is also the working directory."""
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path)


def resolve(project: Project, **changes) -> dict:
    project.write()
    return settings.resolve_config(merged(project.config, changes), SCHEMAS["config"])


def read(project: Project, **changes) -> dict[str, settings.Sample]:
    config = resolve(project, **changes)
    return read_sheet(config, merged(project.config, changes))


def read_sheet(config: dict, given: dict | None = None) -> dict[str, settings.Sample]:
    config_of = settings.overriding(given or {}, SCHEMAS["config"])
    return settings.read_samples("samples.tsv", SCHEMAS["samples"], config, config_of=config_of)


# What a wrong configuration is told: changes to a right one, and words that the message must hold.
WRONG_CONFIGS = [
    pytest.param({"sede": 1}, ["key sede", "unknown key 'sede'", "Perhaps seed is meant"], id="misspelt key"),
    pytest.param({"model": {"presets": "small"}}, ["key model.presets", "Perhaps preset"], id="misspelt nested key"),
    pytest.param({"epochs": 5}, ["key epochs", "Perhaps training.epochs"], id="key in the wrong section"),
    pytest.param({"genome": {"fasta": None}}, ["key genome.fasta", "nothing given", "text"], id="no genome"),
    pytest.param({"model": {"preset": "tiny"}}, ["model.preset", "'tiny'", "small or full"], id="unknown preset"),
    pytest.param({"device": "gpu"}, ["key device", "'gpu'", "auto or cpu or cuda or mps"], id="unknown device"),
    pytest.param({"precision": "fp16"}, ["key precision", "bfloat16"], id="unknown precision"),
    pytest.param({"shift_check": "no"}, ["key shift_check", "stop or warn"], id="unknown shift check"),
    pytest.param({"training": {"learning_rate": math.nan}}, ["training.learning_rate", "nan", "finite"], id="NaN"),
    pytest.param({"nonpeaks": {"ratio": math.inf}}, ["nonpeaks.ratio", "inf", "finite"], id="infinity"),
    pytest.param({"training": {"learning_rate": "1e-3"}}, ["learning_rate", "'1e-3'", "1.0e-3"], id="1e-3 is text"),
    pytest.param({"training": {"epochs": -1}}, ["training.epochs", "-1", "not below 1"], id="negative epochs"),
    pytest.param({"training": {"epochs": 2.5}}, ["training.epochs", "2.5", "a whole number"], id="half an epoch"),
    pytest.param({"training": {"batch_size": True}}, ["training.batch_size", "True"], id="true is no number"),
    pytest.param({"training": {"jitter": -1}}, ["training.jitter", "-1"], id="negative jitter"),
    pytest.param({"training": {"outlier_quantile": 0.2}}, ["outlier_quantile", "above 0.5"], id="quantile"),
    pytest.param(
        {"training": {"bias_threshold_factor": "low"}},
        ["bias_threshold_factor", "'low'", "auto or a number, above 0"],
        id="factor",
    ),
    pytest.param({"training": {"bias_threshold_factor": []}}, ["bias_threshold_factor", "not empty"], id="no factors"),
    pytest.param(
        {"training": {"bias_threshold_factor": [0.5, 0.50]}}, ["bias_threshold_factor", "none twice"], id="factor twice"
    ),
    pytest.param(
        {"training": {"bias_threshold_factor": [0.5, "auto"]}},
        ["bias_threshold_factor", "each a number, above 0"],
        id="auto among factors",
    ),
    pytest.param({"peaks": {"p_value": 0}}, ["peaks.p_value", "above 0"], id="p-value of zero"),
    pytest.param({"peaks": {"reproducible": "yes"}}, ["peaks.reproducible", "replicates"], id="reproducible"),
    pytest.param({"nonpeaks": {"stride": 0}}, ["nonpeaks.stride", "not below 1"], id="stride of zero"),
    pytest.param({"reads": {"exclude_flags": ["dup"]}}, ["reads.exclude_flags", "'dup'", "duplicate"], id="flag"),
    pytest.param({"reads": {"min_mapq": 300}}, ["reads.min_mapq", "300", "not above 255"], id="mapping quality"),
    pytest.param({"model": {"output_length": 999}}, ["model.output_length", "999 is odd", "even"], id="odd output"),
    pytest.param({"model": {"input_length": 2115}}, ["model.input_length", "2115 is odd"], id="odd input"),
    pytest.param({"model": {"input_length": -2114}}, ["model.input_length", "-2114"], id="negative length"),
    pytest.param(
        {"model": {"input_length": 2112}},
        ["model.input_length", "2112 is too short", "2114 or more", "model.chrombpnet.layers"],
        id="input too short",
    ),
    pytest.param({"folds": {"run": [0, 5]}}, ["folds.run", "fold 5 of 5", "0 to 4"], id="fold beyond the last"),
    pytest.param({"folds": {"run": [0, 0]}}, ["folds.run", "none twice"], id="fold twice"),
    pytest.param({"folds": {"run": []}}, ["folds.run", "not empty"], id="no folds"),
    pytest.param({"folds": {"run": 0}}, ["folds.run", "a list"], id="folds not a list"),
    pytest.param(
        {"folds": {"files": ["{data}/fold_a.json", "{data}/fold_b.json"]}},
        ["folds.files", "2 files for 5 folds", "Set folds.n: 2"],
        id="number of fold files",
    ),
    pytest.param(
        {"folds": {"n": 1, "files": ["nofold.json"]}}, ["folds.files", "no such file: nofold.json"], id="no fold file"
    ),
    pytest.param({"genome": {"fasta": "no.fa"}}, ["genome.fasta", "no such file: no.fa"], id="no genome file"),
    pytest.param({"genome": {"fasta": "data"}}, ["genome.fasta", "a folder: data"], id="genome is a folder"),
    pytest.param({"genome": {"blacklist": "{data}/no.bed"}}, ["genome.blacklist", "data/no.bed"], id="no blacklist"),
    pytest.param({"genome": "hg37"}, ["genome.name", "'hg37'", "hg38, mm10", "Perhaps hg38"], id="unknown name"),
    pytest.param({"genome": ["hg38"]}, ["key genome", "a section or text"], id="genome a list"),
    pytest.param({"genome": {"name": "hg38", "catalogue": "no.tsv"}}, ["genome.catalogue", "no.tsv"], id="no table"),
    pytest.param(
        {"genome": {"name": "hg38", "catalogue": "{data}/a.bam"}},
        ["genome.name", "data/a.bam", "no genomes"],
        id="table",
    ),
    pytest.param({"genome": {"chromosomes": "chr["}}, ["genome.chromosomes", "not a pattern"], id="bad pattern"),
    pytest.param({"genome": {"chromosomes": "chr1,chr2"}}, ["genome.chromosomes", "comma"], id="comma"),
    pytest.param({"genome": {"chromosomes": []}}, ["genome.chromosomes"], id="no chromosomes"),
    pytest.param({"data": "nowhere"}, ["key data", "no folder 'nowhere'"], id="no data folder"),
    pytest.param({"data": None}, ["genome.fasta", "data is not set"], id="data not set"),
    pytest.param({"truth": "{here}/truth.json"}, ["key truth", "{here}", "{data}"], id="unknown placeholder"),
    pytest.param({"footprints": {"motifs": "no.tsv"}}, ["footprints.motifs", "no.tsv"], id="no motifs"),
    pytest.param({"footprints": {"tf_motifs": "fly"}}, ["footprints.tf_motifs", "'fly'", "yeast"], id="taxon"),
    pytest.param({"mutagenesis": {"regions": "no.bed"}}, ["mutagenesis.regions", "no.bed"], id="no regions"),
    pytest.param(
        {"mutagenesis": {"width": 2115}}, ["mutagenesis.width", "2115 bases", "at most", "2114"], id="wide mutagenesis"
    ),
    pytest.param({"report": {"loci": "no.bed"}}, ["report.loci", "no such file: no.bed"], id="no loci"),
    pytest.param(
        {"report": {"genome_name": "hg 38"}}, ["report.genome_name", "'hg 38'", "letters"], id="genome's name"
    ),
    pytest.param({"variants": {"file": "no.vcf"}}, ["variants.file", "no such file: no.vcf"], id="no variants"),
    pytest.param({"variants": {"parts": 0}}, ["variants.parts", "not below 1"], id="no parts of variants"),
    pytest.param({"variants": {"null": 10}}, ["variants.null", "one of file, null_variants"], id="misspelt null"),
    pytest.param(
        {"motifs": {"window": 2115}},
        ["motifs.window", "2115 bases", "at most", "2114"],
        id="wide motifs",
    ),
    pytest.param({"motifs": {"window": 20}}, ["motifs.window", "20", "50"], id="narrow motifs"),
    pytest.param({"motifs": {"database": "no.meme"}}, ["motifs.database", "no such file: no.meme"], id="no database"),
    pytest.param({"contributions": {"parts": 0}}, ["contributions.parts", "0", "1"], id="no parts"),
    pytest.param({"results": "my results"}, ["key results", "'my results'", "letters"], id="space in results"),
    *(
        pytest.param({"results": name}, ["key results", "letters"], id=f"results {name!r}")
        for name in (
            "r\n",
            "r\nrm",
            "-r",
            "r; touch pwned",
            "$(touch pwned)",
            "`touch pwned`",
            "it's",
            "{sample}",
            "a&b",
        )
    ),
    pytest.param({"report": {"title": "one\ntwo"}}, ["report.title", "one line"], id="title of two lines"),
    pytest.param({"report": {"email": "a@b\nhub x"}}, ["report.email", "one word"], id="e-mail of two lines"),
    pytest.param(
        {"report": {"genome_name": "-x"}}, ["report.genome_name", "starts with"], id="genome named as an option"
    ),
    pytest.param({"genome": {"chromosomes": ["chr1\n"]}}, ["genome.chromosomes"], id="chromosome with a line end"),
    pytest.param({"genome": {"fasta": "-x.fa"}}, ["key genome.fasta", "begins with a dash"], id="path like an option"),
    pytest.param(
        {"genome": {"fasta": "{sample}.fa"}}, ["key genome.fasta", "no placeholder but"], id="path with braces"
    ),
    pytest.param({"results": "."}, ["key results", "'.'"], id="results in the working directory"),
    pytest.param({"samples": "no.tsv"}, ["key samples", "no such file: no.tsv"], id="no sheet"),
    pytest.param({"reads_already_shifted": "4"}, ["reads_already_shifted", "'4' is not a shift"], id="shift"),
    pytest.param({"gates": {"shft": "warn"}}, ["gates.shft", "Perhaps shift is meant"], id="misspelt gate"),
    pytest.param({"gates": {"folds": "no"}}, ["gates.folds", "'no'", "warn or stop or nothing"], id="unknown action"),
    pytest.param({"gates": {"on_fail": None}}, ["gates.on_fail", "warn or stop"], id="no action"),
    pytest.param({"training": [1]}, ["key training", "a section"], id="list in place of a section"),
]


@pytest.mark.parametrize(("changes", "words"), WRONG_CONFIGS)
def test_wrong_configuration_names_its_key(project: Project, changes: dict, words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        resolve(project, **changes)
    for word in ("config, ", *words):
        assert word in str(caught.value)


BAM = "{data}/a.bam"
WRONG_ROWS = [
    pytest.param({"sample": ""}, ["line 2", "column sample", "is missing"], id="no name"),
    pytest.param({"sample": "a b"}, ["line 2", "'a b'", "letters, digits"], id="space in a name"),
    pytest.param({"sample": "../a"}, ["line 2", "column sample", "letters, digits"], id="path as a name"),
    pytest.param({"sample": "genome"}, ["line 2", "column sample", "results use themselves"], id="reserved name"),
    pytest.param({"assay": "atac"}, ["line 2 (sample 'A')", "column assay", "'atac'", "ATAC or DNASE"], id="assay"),
    pytest.param({"assay": ""}, ["line 2 (sample 'A')", "column assay", "is missing"], id="no assay"),
    pytest.param({"format": "sam"}, ["column format", "'sam'", "fragments"], id="format"),
    pytest.param({"reads": ""}, ["line 2 (sample 'A')", "neither reads nor signal"], id="neither"),
    pytest.param({"signal": "{data}/given.bw"}, ["line 2 (sample 'A')", "both reads and signal"], id="both"),
    pytest.param({"reads": "{data}/no.bam"}, ["line 2 (sample 'A'), column reads", "data/no.bam"], id="no reads"),
    pytest.param({"reads": f"{BAM},,"}, ["column reads", "empty name between commas"], id="empty name"),
    pytest.param({"reads": f"{BAM},{BAM}"}, ["column reads", "named twice"], id="file twice"),
    pytest.param({"peaks": "no.bed"}, ["column peaks", "no such file: no.bed"], id="no peaks file"),
    pytest.param({"reads": "", "signal": "no.bw"}, ["column signal", "no.bw"], id="no signal file"),
    pytest.param(
        {"reads": "", "signal": "{data}/given.bw", "format": "bam"}, ["column format", "'bam' with a signal"], id="idle"
    ),
    pytest.param({"bias_model": "{data}/models/fold_{fold}.h5"}, ["bias_model", "fold_0.h5"], id="no bias model"),
    pytest.param({"bias_model": "{data}/{sample}.h5"}, ["bias_model", "{sample}", "{fold}"], id="placeholder"),
    pytest.param({"reads_already_shifted": "+4/5/6"}, ["reads_already_shifted", "not a shift"], id="shift"),
    pytest.param(
        {"reads": f"{BAM},{{data}}/b.bam,{{data}}/c.fragments.tsv.gz", "reads_already_shifted": "0/0,+4/-5"},
        ["column reads_already_shifted", "2 shifts for 3 read files"],
        id="number of shifts",
    ),
]


CELLS = {"reads": "{data}/c.fragments.tsv.gz", "barcodes": "cells.tsv"}
WRONG_CELLS = [
    pytest.param({"barcodes": "no.tsv"}, ["column barcodes", "no such file: no.tsv"], id="no file"),
    pytest.param({"barcodes": "cells.tsv,"}, ["column barcodes", "empty name"], id="empty name"),
    pytest.param({"barcodes": "cells.tsv,cells.tsv"}, ["2 files of barcodes for 1 read files"], id="number of files"),
    pytest.param({"barcodes": "twice.tsv"}, ["twice.tsv, line 2: the barcode 'AC'", "in line 1"], id="barcode twice"),
    pytest.param({"format": "bam"}, ["column format", "'bam', but barcodes"], id="alignments"),
    pytest.param({"reads": "", "signal": "{data}/given.bw"}, ["column barcodes", "with a signal"], id="signal"),
    pytest.param({"train": "bias"}, ["column train", "barcodes are given"], id="bias alone"),
    pytest.param(
        {"reads": f"{BAM},{{data}}/b.bam", "reads_already_shifted": "0/0,+4/-5"},
        ["reads_already_shifted", "several shifts"],
        id="shifts",
    ),
    pytest.param({"config": "replicates.yaml"}, ["column barcodes", "peaks.reproducible: replicates"], id="replicates"),
    pytest.param({"bias_from": "C"}, ["sample 'A.B'", "column bias_from", "'C' is no sample"], id="source"),
]


@pytest.mark.parametrize(("changes", "words"), WRONG_CELLS)
def test_wrong_row_of_cells(project: Project, changes: dict, words: list[str]) -> None:
    Path("cells.tsv").write_text("AC\tB\nGT\tT\n")
    Path("twice.tsv").write_text("AC\tB\nAC\tT\n")
    Path("replicates.yaml").write_text("peaks: {reproducible: replicates}")
    project.rows = [{**project.rows[0], **CELLS, **changes}]
    with pytest.raises(InputError) as caught:
        read(project)
    for word in words:
        assert word in str(caught.value)


def test_cells_become_a_sample_for_each_cluster(project: Project) -> None:
    Path("cells.tsv").write_text("barcode\tcluster\nAC\tT cell\nGT\t10\nTT\t9\n")
    row = {**project.rows[0], **CELLS, "reads_already_shifted": "+4/-5", "peak_set": "all"}
    project.rows = [row, {**row, "sample": "G", "bias_model": "{data}/models/fold_0.safetensors"}]
    samples = read(project, results="out")
    assert list(samples) == ["A", "A.9", "A.10", "A.T_cell", "G.9", "G.10", "G.T_cell"]
    everything, cluster, given = samples["A"], samples["A.T_cell"], samples["G.9"]
    assert (everything.train, everything.reads, everything.peak_set) == ("bias", ("data/c.fragments.tsv.gz",), None)
    assert everything.trains_bias
    assert everything.cells is None
    assert (cluster.train, cluster.bias_from, cluster.cells, cluster.peak_set) == ("all", "A", "A", "all")
    assert cluster.reads == ("out/A/clusters/T_cell.fragments.tsv.gz",)
    assert (cluster.fragments, cluster.barcodes) == (("data/c.fragments.tsv.gz",), ("cells.tsv",))
    assert (everything.shifts, cluster.shifts) == (("+4/-5",), ("+4/-5",))
    assert (given.bias_from, given.bias_model) == (None, "data/models/fold_0.safetensors")


def test_a_cluster_and_a_row_of_one_name(project: Project) -> None:
    Path("cells.tsv").write_text("AC\tT\n")
    project.rows = [{**project.rows[0], **CELLS}, {**project.rows[0], "sample": "A.T"}]
    with pytest.raises(InputError, match=r"line 3 \(sample 'A\.T'\): sample 'A\.T' is in line 2 already"):
        read(project)
    project.rows = project.rows[::-1]
    with pytest.raises(InputError, match=r"line 3 \(sample 'A'\): sample 'A\.T' is in line 2 already"):
        read(project)


@pytest.mark.parametrize(("changes", "words"), WRONG_ROWS)
def test_wrong_row_names_its_line_and_column(project: Project, changes: dict, words: list[str]) -> None:
    project.rows = [{**project.rows[0], **changes}]
    with pytest.raises(InputError) as caught:
        read(project)
    for word in ("samples.tsv, ", *words):
        assert word in str(caught.value)


def test_sample_twice(project: Project) -> None:
    project.rows = [{**project.rows[0], "sample": name} for name in ("A", "B", "A")]
    with pytest.raises(InputError, match=r"line 4 \(sample 'A'\): sample 'A' is in line 2 already"):
        read(project)


def test_replicates_need_two_files(project: Project) -> None:
    changes = {"peaks": {"reproducible": "replicates"}}
    with pytest.raises(InputError, match=r"sample 'A'.*fewer than two read files.*peaks\.reproducible"):
        read(project, **changes)
    project.rows = [{**project.rows[0], "peaks": "{data}/given.narrowPeak"}]
    assert read(project, **changes)["A"].peaks == "data/given.narrowPeak"


WRONG_SHEETS = [
    pytest.param("sample\tassay\tread\nA\tATAC\tx\n", ["line 1", "'read'", "Perhaps reads"], id="unknown column"),
    pytest.param("sample,assay,reads\nA,ATAC,x\n", ["line 1", "no tabs"], id="commas"),
    pytest.param("sample\tassay\tassay\n", ["line 1", "'assay' is there twice"], id="column twice"),
    pytest.param("sample\tassay\treads\nA\tATAC\n", ["line 2", "2 columns", "3 as in the header"], id="short row"),
    pytest.param("sample\tassay\treads\n", ["no samples"], id="no rows"),
    pytest.param("", ["no samples"], id="empty"),
]


@pytest.mark.parametrize(("text", "words"), WRONG_SHEETS)
def test_wrong_sheet(project: Project, text: str, words: list[str]) -> None:
    config = resolve(project)
    Path("samples.tsv").write_text(text)
    with pytest.raises(InputError) as caught:
        read_sheet(config)
    for word in ("samples.tsv", *words):
        assert word in str(caught.value)


def test_binary_sheet(project: Project) -> None:
    config = resolve(project)
    Path("samples.tsv").write_bytes(b"\xff\xfe\x00s")
    with pytest.raises(InputError, match="not text"):
        read_sheet(config)


def test_sheet_of_any_habit(project: Project) -> None:
    """Windows line ends, a byte order mark, comments, blank lines, missing columns and spaces are no mistakes."""
    config = resolve(project)
    text = "\ufeff# my samples\r\nassay\tsample\treads\r\n\r\n ATAC\tA \t{data}/a.bam , {data}/b.bam\r\n"
    Path("samples.tsv").write_bytes(text.encode())
    samples = read_sheet(config)
    assert samples == {"A": settings.Sample("A", "ATAC", ("data/a.bam", "data/b.bam"))}


def test_row_is_filled_in(project: Project) -> None:
    project.rows = [
        {
            "sample": "A.1-x_y",
            "assay": "DNASE",
            "reads": "{data}/a.bam,{data}/b.bam",
            "format": "bam",
            "reads_already_shifted": "0/0,0/+1",
            "peaks": "{data}/given.narrowPeak",
            "bias_model": "{data}/models/fold_{fold}.safetensors",
        }
    ]
    sample = read(project, folds={"run": [0, 1]})["A.1-x_y"]
    assert sample.shifts == ("0/0", "0/+1")
    assert sample.bias_model_for(1) == "data/models/fold_1.safetensors"
    assert sample.signal is None


def test_shift_of_the_config_is_the_default(project: Project) -> None:
    assert read(project)["A"].shifts == ("auto",)
    assert read(project, reads_already_shifted="+4/-5")["A"].shifts == ("+4/-5",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("trainin: {epochs: 5}", ["key trainin", "Perhaps training"]),
        ("training: {epochs: many}", ["key training.epochs", "a whole number"]),
        ("folds: {run: [1]}", ["key folds", "a key of the whole run"]),
        ("genome: {blacklist: null}", ["key genome", "a key of the whole run"]),
        ("model: {input_length: 500}", ["over the config, key model.input_length", "too short"]),
        ("", ["no keys", "keys as in config/config.yaml"]),
        ("- 1", ["no keys"]),
        ("a: [", ["not YAML"]),
    ],
)
def test_wrong_keys_of_a_sample(project: Project, text: str, words: list[str]) -> None:
    (project.folder / "own.yaml").write_text(text)
    project.rows = [{**project.rows[0], "config": "own.yaml"}]
    with pytest.raises(InputError) as caught:
        read(project)
    for word in ("own.yaml", *words):
        assert word in str(caught.value)


def test_keys_of_a_sample_go_before_those_of_the_run(project: Project) -> None:
    (project.folder / "own.yaml").write_text(
        "model: {preset: full}\nreads_already_shifted: +4/-5\nvariants: {file: '{data}/v.vcf'}"
    )
    project.rows = [project.rows[0], {**project.rows[0], "sample": "B", "config": "own.yaml"}]
    first, second = read(project, training={"epochs": 3}, model={"bias": {"filters": 8}}).values()
    assert first.config["model"]["bias"] == {"filters": 8, "layers": 4}
    assert second.config["model"]["bias"] == {"filters": 8, "layers": 4}
    assert (first.config["model"]["chrombpnet"]["filters"], second.config["model"]["chrombpnet"]["filters"]) == (
        64,
        512,
    )
    assert (first.shifts, second.shifts) == (("auto",), ("+4/-5",))
    assert first.config["training"]["epochs"] == second.config["training"]["epochs"] == 3
    assert (first.config["variants"]["file"], second.config["variants"]["file"]) == (None, "data/v.vcf")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bias_from": "C"}, ["'C' is no sample"]),
        ({"bias_from": "B"}, ["'B' trains none"]),
        ({"bias_from": "A", "assay": "DNASE"}, ["'A' is ATAC, this sample DNASE"]),
        ({"bias_from": "A", "bias_model": "{data}/models/fold_0.safetensors"}, ["both bias_model and bias_from"]),
        ({"bias_from": "A", "train": "bias"}, ["train: bias, but bias_from is given"]),
        ({"bias_from": "A", "config": "own.yaml"}, ["model.input_length is 2114 for 'A' and 1600 for this sample"]),
    ],
)
def test_wrong_sources_of_bias_models(project: Project, changes: dict[str, str], words: list[str]) -> None:
    (project.folder / "own.yaml").write_text("model: {input_length: 1600, output_length: 400}")
    project.rows = [project.rows[0], {**project.rows[0], "sample": "B", **changes}]
    with pytest.raises(InputError) as caught:
        read(project)
    for word in ("samples.tsv, line 3 (sample 'B')", *words):
        assert word in str(caught.value)


def test_a_sheet_of_bias_models_alone(project: Project) -> None:
    project.rows = [{**project.rows[0], "train": "bias"}]
    with pytest.raises(InputError, match="every sample has train: bias"):
        read(project)


@pytest.mark.parametrize(("preset", "bias", "chrombpnet"), [("small", (32, 4), (64, 8)), ("full", (128, 4), (512, 8))])
def test_presets(project: Project, preset: str, bias: tuple, chrombpnet: tuple) -> None:
    config = resolve(project, model={"preset": preset})
    model = config["model"]
    assert (model["input_length"], model["output_length"], config["training"]["jitter"]) == (2114, 1000, 500)
    assert tuple(model["bias"].values()) == bias
    assert tuple(model["chrombpnet"].values()) == chrombpnet


def test_given_sizes_go_before_the_preset(project: Project) -> None:
    config = resolve(project, model={"bias": {"filters": 8}}, training={"jitter": 0})
    assert config["model"]["bias"] == {"filters": 8, "layers": 4}
    assert config["training"]["jitter"] == 0


PLACE = "results/genome/fetched/"
HG38_FOLDS = [f"{PLACE}fold_{fold}.json" for fold in range(5)]


def test_genome_by_name(project: Project) -> None:
    """A name is enough; what is fetched lies in the results."""
    project.config["genome"] = "hg38"
    config = resolve(project)
    assert config["genome"] == {
        "name": "hg38",
        "fasta": f"{PLACE}hg38.fa.gz",
        "blacklist": f"{PLACE}ENCFF356LFX.bed.gz",
        "chromosomes": "auto",
        "cache": None,
        "catalogue": None,
    }
    assert config["folds"]["files"] == HG38_FOLDS
    assert config["report"]["genome_name"] == "hg38"
    assert [file.part for file in settings.fetched_files(config).values()] == [
        *("fasta", "blacklist"),
        *(f"fold_{fold}" for fold in range(5)),
    ]


def test_own_files_go_before_those_of_the_name(project: Project) -> None:
    files = ["{data}/fold_a.json", "{data}/fold_b.json"]
    genome = {"name": "hg38", "fasta": "{data}/genome.fa", "blacklist": "{data}/blacklist.bed"}
    config = resolve(project, genome=genome, folds={"n": 2, "files": files}, report={"genome_name": "mine"})
    assert (config["genome"]["fasta"], config["genome"]["blacklist"]) == ("data/genome.fa", "data/blacklist.bed")
    assert config["folds"]["files"] == ["data/fold_a.json", "data/fold_b.json"]
    assert config["report"]["genome_name"] == "mine"
    assert settings.fetched_files(config) == {}
    assert settings.fetched_files(resolve(project)) == {}


def test_published_folds_are_taken_by_their_number(project: Project) -> None:
    project.config["genome"] = {"name": "hg38", "blacklist": "none"}
    config = resolve(project, folds={"n": 3})
    assert config["folds"]["files"] is None
    assert config["genome"]["blacklist"] is None
    assert list(settings.fetched_files(config)) == [f"{PLACE}hg38.fa.gz"]


def test_genome_without_a_published_blacklist(project: Project) -> None:
    project.config["genome"] = "sacCer3"
    config = resolve(project, results="elsewhere/")
    assert (config["genome"]["fasta"], config["genome"]["blacklist"]) == (
        "elsewhere/genome/fetched/sacCer3.fa.gz",
        None,
    )
    assert config["folds"]["files"] is None


def test_empty_section_is_its_default(project: Project) -> None:
    assert resolve(project, training=None) == resolve(project)


def test_configuration_is_not_changed(project: Project) -> None:
    project.write()
    before = json.dumps(project.config)
    settings.resolve_config(project.config, SCHEMAS["config"])
    assert json.dumps(project.config) == before


@pytest.mark.parametrize(
    ("given", "assay", "factor"),
    [("auto", "ATAC", 0.5), ("auto", "DNASE", 0.8), (1, "ATAC", 1.0), ([0.3], "DNASE", 0.3), ([0.3, 1], "DNASE", 0.8)],
)
def test_threshold_factor(project: Project, given: object, assay: str, factor: float) -> None:
    config = resolve(project, training={"bias_threshold_factor": given})
    assert settings.threshold_factor(config, assay) == factor


@pytest.mark.parametrize(("given", "factors"), [("auto", []), (0.5, []), ([0.5], []), ([1, 0.3], [0.3, 1.0])])
def test_candidate_factors(project: Project, given: object, factors: list[float]) -> None:
    config = resolve(project, training={"bias_threshold_factor": given})
    assert settings.candidate_factors(config) == factors


def test_gates_have_a_key_for_every_verdict_that_comes_before_one() -> None:
    keys = set(SCHEMAS["config"]["properties"]["gates"]["properties"])
    of_sister_models = {"truth_starts", "truth_counts", "truth_bins", "truth_places", "tracks"}
    before = {key for stage, keys in STAGES.items() if stage != "interpretation" for key in keys} - of_sister_models
    assert keys == {"on_fail", *before}


@pytest.mark.parametrize(
    ("gates", "stop"),
    [
        (None, ["shift", "folds"]),
        ({"shift": "warn", "bias_response": "stop"}, ["folds", "bias_response"]),
        ({"shift": None, "folds": None}, []),
    ],
)
def test_verdicts_that_stop(project: Project, gates: dict | None, stop: list[str]) -> None:
    assert set(settings.stopping_verdicts(resolve(project, gates=gates)["gates"])) == set(stop)


def test_all_failed_verdicts_may_stop_but_some(project: Project) -> None:
    stop = settings.stopping_verdicts(resolve(project, gates={"on_fail": "stop", "depth": "warn"})["gates"])
    assert {"shift", "nonpeaks", "bias_counts_peaks", "truth_profile"} <= set(stop)
    assert "depth" not in stop


def test_demo_data_need_not_exist(project: Project) -> None:
    assert settings.made_by_demo("./demo/data/ATAC/genome.fa.gz")
    assert not settings.made_by_demo("demo/data/ATAC/other.fa.gz")
    project.rows = [{**project.rows[0], "reads": "{data}/fragments.tsv.gz"}]
    samples = read(project, data="demo/data/DNASE/", genome={"fasta": "{data}/genome.fa.gz"})
    assert samples["A"].reads == ("demo/data/DNASE/fragments.tsv.gz",)


def test_resolved_configuration_is_written(project: Project) -> None:
    (project.folder / "own.yaml").write_text("training: {epochs: 3, patience: 5}")
    project.rows = [project.rows[0], {**project.rows[0], "sample": "B", "config": "own.yaml"}]
    config, samples = resolve(project), read(project)
    settings.write_resolved("config.json", settings.resolved(config, list(samples.values())))
    written = json.loads(Path("config.json").read_text())
    assert written["stage"] == "config"
    assert written["training"]["jitter"] == 500
    assert written["sheet"][0]["reads"] == ["data/a.bam"]
    assert written["sheet"][0]["config"] == {}
    assert written["sheet"][1]["config"] == {"training": {"epochs": 3}}
    assert [path.name for path in Path().glob(".*")] == []


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=list(SCHEMAS))
def test_schemas_are_closed_and_described(schema: dict) -> None:
    assert schema["additionalProperties"] is False
    for key, part in settings.schema_keys(schema):
        assert part["description"].endswith("."), key
        assert "default" in part or key in {"sample", "assay", "samples", "model.system"}, key
        assert part.get("additionalProperties") is False or "properties" not in part, key


@pytest.mark.parametrize("path", WORKED)
def test_worked_configurations_hold_every_key(path: str) -> None:
    """Snakemake lays --configfile over config/config.yaml, so a key left out would be the user's own one."""

    def leaves(section: dict, prefix: str = "") -> set[str]:
        return {
            name
            for key, value in section.items()
            for name in (leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key})
        }

    content = yaml.safe_load((ROOT / path).read_text())
    schema = SCHEMAS["sister_config" if settings.is_sister(content) else "config"]
    expected = {key for key, part in settings.schema_keys(schema) if "properties" not in part}
    assert leaves(content) == expected


def test_manual_agrees_with_the_schemas(load_script) -> None:
    manual = load_script("config_manual")
    text = (ROOT / "config/README.md").read_text()
    assert manual.render(text) == text
    for schema in SCHEMAS.values():
        for key, part in settings.schema_keys(schema):
            assert "properties" in part or f"| `{key}` |" in text, key
