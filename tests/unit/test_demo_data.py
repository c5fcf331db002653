"""The simulated data set: valid files, exact truth, and a signal that only the sequence decides."""

from __future__ import annotations

import gzip
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pyBigWig
import pytest

ROOT = Path(__file__).resolve().parents[2]
SCALE = 0.1
# From an insertion to the aligned ends: a + read starts at insertion + first, a - read ends at insertion + second.
ENDS = {"ATAC": (-4, 5), "DNASE": (0, 0)}


def load_script():
    spec = importlib.util.spec_from_file_location("make_demo_data", ROOT / "scripts" / "make_demo_data.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


script = load_script()


class Demo:
    """One simulated data set, read back with nothing of the script."""

    def __init__(self, folder: Path, assay: str) -> None:
        self.folder, self.assay = folder, assay
        self.text = read_fasta(folder / "genome.fa.gz")
        table = np.full(256, 4)
        table[list(b"ACGTacgt")] = [0, 1, 2, 3] * 2
        self.codes = {name: table[np.frombuffer(text.encode(), np.uint8)] for name, text in self.text.items()}
        first, second = ENDS[assay]
        self.fragments = read_table(folder / "fragments.tsv.gz")
        self.insertions = {name: np.zeros(len(text), int) for name, text in self.text.items()}
        for name, start, end, *_ in self.fragments:
            self.insertions[name][int(start) - first] += 1
            self.insertions[name][int(end) - second] += 1
        self.accessibility = read_bigwig(folder / "truth" / "accessibility.bw")
        self.bias = read_bigwig(folder / "truth" / "bias.bw")
        self.truth = json.loads((folder / "truth" / "truth.json").read_text())
        self.sites = read_table(folder / "truth" / "sites.bed")
        self.regions = read_table(folder / "truth" / "regions.bed")

    def nuclear(self, arrays: dict[str, np.ndarray]) -> np.ndarray:
        return np.concatenate([arrays[f"chr{number}"] for number in range(1, 7)])


def read_fasta(path: Path) -> dict[str, str]:
    records = gzip.decompress(path.read_bytes()).decode().split(">")[1:]
    return {record.split()[0]: "".join(record.split("\n")[1:]) for record in records}


def read_table(path: Path) -> list[list[str]]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt") as handle:
        return [line.rstrip("\n").split("\t") for line in handle if not line.startswith("#")]


def read_bigwig(path: Path) -> dict[str, np.ndarray]:
    with pyBigWig.open(str(path)) as handle:
        return {name: np.nan_to_num(handle.values(name, 0, size, numpy=True)) for name, size in handle.chroms().items()}


@pytest.fixture(scope="module", params=["ATAC", "DNASE"])
def demo(request, tmp_path_factory) -> Demo:
    folder = tmp_path_factory.mktemp(request.param)
    script.simulate(folder, request.param, seed=3, scale=SCALE)
    return Demo(folder, request.param)


def content(path):
    """A file's bytes; of a bigWig, whose compressor may leave other ones, what is read."""
    if path.suffix != ".bw":
        return path.read_bytes()
    with pyBigWig.open(str(path)) as handle:
        return {name: handle.intervals(name) for name in handle.chroms()}


def test_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path):
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        script.simulate(tmp_path / name, "ATAC", seed=seed, scale=0.02)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.*"))
    assert len(files) == 9
    for file in files:
        assert content(tmp_path / "a" / file) == content(tmp_path / "b" / file), file
    assert (tmp_path / "a/fragments.tsv.gz").read_bytes() != (tmp_path / "c/fragments.tsv.gz").read_bytes()


def test_genome_has_what_real_ones_have(demo):
    assert list(demo.text) == [*(f"chr{number}" for number in range(1, 7)), "chrM", "chrUn_random"]
    for number in range(1, 7):
        assert demo.text[f"chr{number}"].startswith("N" * 500)
    middle = demo.text["chr2"][len(demo.text["chr2"]) // 4 : len(demo.text["chr2"]) // 2]
    assert "N" * 500 in middle
    whole = "".join(demo.text.values())
    assert 0.15 < sum(map(str.islower, whole)) / len(whole) < 0.6
    assert set(whole) == set("ACGTNacgt")
    gc = np.isin(demo.codes["chr1"], (1, 2))[10_000:70_000].reshape(-1, 1_000).mean(axis=1)
    assert gc.std() > 0.03, "GC content must vary along the chromosome, not only by chance (0.016)"


def test_fragments_are_sorted_within_bounds_and_marked(demo):
    with gzip.open(demo.folder / "fragments.tsv.gz", "rt") as handle:
        assert handle.readline().startswith("# ")
    assert {len(row) for row in demo.fragments} == {5}
    order = {name: index for index, name in enumerate(demo.text)}
    places = [(order[row[0]], int(row[1]), int(row[2])) for row in demo.fragments]
    assert places == sorted(places)
    sizes = {index: len(text) for index, text in enumerate(demo.text.values())}
    assert all(0 <= start < end <= sizes[index] for index, start, end in places)
    share = demo.insertions["chrM"].sum() / sum(counts.sum() for counts in demo.insertions.values())
    assert 0.08 < share < 0.2


def test_expected_insertions_are_accessibility_times_bias(demo):
    observed = demo.nuclear(demo.insertions)
    expected = demo.nuclear(demo.accessibility) * demo.nuclear(demo.bias)
    name, start, end = read_table(demo.folder / "blacklist.bed")[0]
    artefact = demo.insertions[name][int(start) : int(end)].sum()
    planned = (demo.accessibility[name] * demo.bias[name])[int(start) : int(end)].sum()
    assert artefact > 5 * planned
    assert abs((observed.sum() - artefact) / (expected.sum() - planned) - 1) < 0.05
    open_bases = demo.nuclear(demo.accessibility) > 0.3
    assert np.corrcoef(observed[open_bases], expected[open_bases])[0, 1] > 0.9
    # Moved by one base, or without the enzyme, the expectation is much worse.
    assert np.corrcoef(observed[open_bases], np.roll(expected, 1)[open_bases])[0, 1] < 0.75
    assert np.corrcoef(observed[open_bases], demo.nuclear(demo.accessibility)[open_bases])[0, 1] < 0.7


def test_bias_is_the_stated_pwm_around_the_cut(demo):
    codes, bias = demo.codes["chr1"], demo.bias["chr1"]
    called = np.concatenate([demo.codes[name] for name in demo.codes]) < 4
    assert np.concatenate([demo.bias[name] for name in demo.codes])[called].mean() == pytest.approx(1, abs=1e-4)
    rates = script.ENZYMES[demo.assay]
    expected = sum(np.append(rate, 0.0)[codes[15_000 + offset : 16_000 + offset]] for offset, rate in rates.items())
    difference = np.log(bias[15_000:16_000]) - expected
    assert np.ptp(difference) < 1e-3


def test_cut_sites_show_the_enzyme_at_the_stated_offset(demo):
    rates = script.ENZYMES[demo.assay]
    codes = np.concatenate([demo.codes[f"chr{number}"] for number in range(1, 7)])
    cuts = np.flatnonzero(demo.nuclear(demo.insertions))
    cuts = cuts[(cuts > 100) & (cuts < len(codes) - 100)]

    def agreement(shift: int) -> float:
        seen = [np.bincount(codes[cuts + offset + shift], minlength=5)[:4] for offset in rates]
        log_odds = np.log(np.array(seen) / np.sum(seen, axis=1, keepdims=True) / np.bincount(codes, minlength=5)[:4])
        log_odds -= log_odds.mean(axis=1, keepdims=True)
        planted = np.array(list(rates.values()))
        planted = planted - planted.mean(axis=1, keepdims=True)
        return float(np.corrcoef(log_odds.ravel(), planted.ravel())[0, 1])

    scores = {shift: agreement(shift) for shift in range(-5, 6)}
    assert scores[0] > 0.95
    assert max(score for shift, score in scores.items() if shift) < 0.75


def test_enzyme_prefers_both_strands_alike():
    for assay, mirror in (("ATAC", 0), ("DNASE", -1)):
        rates = script.ENZYMES[assay]
        for offset, rate in rates.items():
            assert rate.tolist() == rates[mirror - offset][::-1].tolist()


def test_planted_sites_match_and_no_other_site_is_left(demo):
    motifs = {motif.name: motif for motif in script.MOTIFS}
    listed = {name: set() for name in motifs}
    for chrom, start, end, name, _, strand in demo.sites:
        motif = motifs[name]
        codes = demo.codes[chrom][int(start) : int(end)]
        assert len(codes) == len(motif)
        if strand == "-":
            codes = 3 - codes[::-1]
        against = sum(not motif.allowed[place, code] for place, code in enumerate(codes))
        assert against <= motif.mismatches
        listed[name].add((chrom, int(start)))
    for name, motif in motifs.items():
        found = {
            (chrom, start)
            for chrom, codes in demo.codes.items()
            if chrom in script.CHROMOSOME_LENGTHS
            for start, _ in script.find_sites(codes.astype(np.uint8), motif)
        }
        assert found == listed[name]
    assert all(len(places) > 5 for places in listed.values())


def test_region_totals_follow_the_motif_grammar_alone(demo):
    strengths = {motif.name: motif.strength for motif in script.MOTIFS}
    sites = [(chrom, int(start), strengths[name]) for chrom, start, _, name, *_ in demo.sites]
    assert len(demo.regions) > 50
    for chrom, start, end, *_ in demo.regions[::5]:
        middle = (int(start) + int(end)) // 2
        inside = [strength for name, place, strength in sites if name == chrom and abs(place - middle) < 200]
        assert 1 <= len(inside) <= 3
        window = demo.accessibility[chrom][middle - 390 : middle + 390]
        added = (window - script.BACKGROUND).sum()
        assert added == pytest.approx(script.SITE_TOTAL * 2 ** sum(inside), rel=0.01)


def test_truth_names_its_files_and_effects(demo):
    assert demo.truth["assay"] == demo.assay
    assert demo.truth["seed"] == 3
    for key in ("accessibility", "bias", "sites", "regions"):
        assert (demo.folder / "truth" / demo.truth[key]).is_file()
    folds = {}
    for motif in demo.truth["motifs"]:
        pwm = np.array(motif["pwm"])
        assert pwm.shape == (len(motif["consensus"]), 4)
        assert np.allclose(pwm.sum(axis=1), 1, atol=1e-3)
        folds[motif["name"]] = motif["log2_fold"]
    closed = script.BACKGROUND * 1_000
    assert folds["CTCF"] == pytest.approx(np.log2(1 + script.SITE_TOTAL * 2**1.7 / closed))
    assert len(set(folds.values())) == len(folds) >= 3


def test_closed_windows_are_many_and_not_empty(demo):
    width, stride = 1_000, 200
    per_peak, counts = 0, []
    for name in script.CHROMOSOME_LENGTHS:
        taken = np.zeros(len(demo.codes[name]), bool)
        for _, start, end, *_ in (row for row in demo.regions if row[0] == name):
            taken[max(int(start) - width // 2, 0) : int(end) + width // 2] = True
        starts = np.arange(0, len(taken) - width, stride)
        closed = [start for start in starts.tolist() if not taken[start : start + width].any()]
        closed = [start for start in closed if (demo.codes[name][start : start + width] < 4).all()]
        counts += [demo.insertions[name][start : start + width].sum() for start in closed]
        per_peak += len(closed)
    assert per_peak / len(demo.regions) > 4
    assert np.median(counts) > 40
    peaks = [demo.insertions[c][int(s) - 250 : int(e) + 250].sum() for c, s, e, *_ in demo.regions]
    assert np.quantile(peaks, 0.05) > 2 * np.median(counts)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--assay", "CAGE"], "invalid choice"),
        (["--assay", "ATAC", "--scale", "0"], "from 0.02 to 20"),
        (["--assay", "ATAC", "--seed", "-1"], "0 or more"),
    ],
)
def test_wrong_options_exit_with_2(tmp_path, capsys, options, message):
    with pytest.raises(SystemExit) as caught:
        script.main(["--output", str(tmp_path), *options])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


@pytest.fixture
def variants(demo):
    lines = (demo.folder / "truth" / "variants.vcf").read_text().splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    return [(name, int(pos) - 1, ref, alt, info) for name, pos, _, ref, alt, _, _, info in rows]


class TestVariants:
    """truth/variants.vcf: substitutions that break a planted site, and as many beside that break and make none."""

    def test_the_reference_allele_is_the_genome(self, demo, variants):
        assert len(variants) > 20
        for name, place, ref, alt, _ in variants:
            assert demo.text[name][place].upper() == ref != alt

    def test_those_that_break_lie_in_a_site_of_their_motif_and_no_other_touches_one(self, demo, variants):
        effects = [info.split(";")[0] for *_, info in variants]
        assert effects.count("EFFECT=breaks") == effects.count("EFFECT=none")
        for name, place, _, _, info in variants:
            touched = [row[3] for row in demo.sites if row[0] == name and int(row[1]) <= place < int(row[2])]
            motif = info.split("MOTIF=")[1]
            assert (motif in touched) if info.startswith("EFFECT=breaks") else not touched

    def test_a_broken_site_matches_its_motif_no_more(self, demo, variants):
        motifs = {motif.name: motif for motif in script.MOTIFS}
        for name, place, _, alt, info in variants:
            motif = motifs[info.split("MOTIF=")[1]]
            near = demo.codes[name][place - len(motif) + 1 : place + len(motif)].copy()
            before = len(list(script.find_sites(near, motif)))
            near[len(motif) - 1] = "ACGT".index(alt)
            after = len(list(script.find_sites(near, motif)))
            assert after < before if info.startswith("EFFECT=breaks") else after == before
