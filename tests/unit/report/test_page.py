"""The page itself, parsed: its numbers, verdicts, safety and size."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest

import made_up_run
from bpflow.cli import main
from bpflow.report.collect import collect
from bpflow.report.page import LEAST, MOST, MOST_SAMPLES, SCRIPTS, limits_for, render

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(HTMLParser):
    """Text by section, tables as rows of cells, attributes, scripts; and whether every element is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[tuple[str, str, str]] = []
        self.scripts: list[tuple[dict[str, str], str]] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.captions: list[str] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.headings: list[tuple[str, str]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        attributes = {name: value or "" for name, value in attributes}
        self.elements.append((tag, attributes))
        if tag not in VOID:
            self.open.append(tag)
        if "id" in attributes:
            self.ids.append(attributes["id"])
        for name in ("src", "href", "xlink:href", "action", "srcset", "data", "poster"):
            if name in attributes:
                self.links.append((tag, name, attributes[name]))
        if tag in ("br", "dd"):
            self.handle_data(" ")
        if tag == "script":
            self.scripts.append((attributes, ""))
        elif tag == "caption":
            self.captions.append("")
        elif tag == "tr":
            self.tables.setdefault(self.captions[-1].strip(), []).append([])
        elif tag in ("td", "th"):
            self.tables[self.captions[-1].strip()][-1].append("")
        elif re.fullmatch("h[1-6]", tag):
            self.headings.append((tag, ""))

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "script" in self.open:
            attributes, text = self.scripts[-1]
            self.scripts[-1] = (attributes, text + data)
            return
        if "style" in self.open:
            return
        self.text += data
        if "caption" in self.open:
            self.captions[-1] += data
        for tag in ("td", "th"):
            if tag in self.open:
                self.tables[self.captions[-1].strip()][-1][-1] += data
        if self.open and re.fullmatch("h[1-6]", self.open[-1]):
            tag, text = self.headings[-1]
            self.headings[-1] = (tag, text + data)

    def rows(self, caption: str) -> list[list[str]]:
        return [[" ".join(cell.split()) for cell in row] for row in self.tables[caption]]

    def words(self) -> str:
        return " ".join(self.text.split())


def make(tree, samples=("yeast_wt",), folds=(0,), sample_pages=None, **options):
    run = collect(tree.root, samples=list(samples), folds=list(folds), **options)
    return render(run, title=f"Report of {', '.join(samples)}", sample_pages=sample_pages)


@pytest.fixture(scope="module")
def page(tmp_path_factory, build_tree) -> Page:
    tree = build_tree(tmp_path_factory.mktemp("report") / "results", folds=(0, 1, 2))
    return Page(make(tree, folds=(0, 1, 2)))


def test_page_is_well_formed_and_its_contents_lead_somewhere(page):
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    targets = [link[1:] for tag, _, link in page.links if tag == "a"]
    assert len(targets) > 20
    assert set(targets) <= set(page.ids)
    levels = [int(tag[1]) for tag, _ in page.headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert all(caption.strip() for caption in page.captions)


def test_page_asks_nothing_of_a_network(page):
    outside = [link for link in page.links if not link[2].startswith(("#", "data:"))]
    assert outside == []
    policy = next(a["content"] for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "http" not in policy
    libraries = [text for attributes, text in page.scripts if "plotly.js" in text[:200]]
    assert len(libraries) == 1


def test_figures_are_json_with_a_sentence_on_what_is_good(page):
    figures = [json.loads(text) for attributes, text in page.scripts if attributes.get("type") == "application/json"]
    plots = [figure for figure in figures if "data" in figure]
    assert len(plots) > 30
    assert all(figure["layout"]["height"] > 0 for figure in plots)
    captions = re.findall(r"Good: ", page.text)
    assert len(captions) == sum(tag == "figure" for tag, _ in page.elements)


def test_verdicts_are_told_by_word_with_number_threshold_source_and_advice(page):
    header, *rows = page.rows("Checks, worst first: the verdict and its number in each fold")
    assert header == [
        "sample", "stage", "check", "fold 0", "fold 1", "fold 2", "threshold, and where it comes from", "advice",
    ]  # fmt: skip
    assert rows[0] == [
        "yeast_wt",
        "model",
        "largest corrected response to bias probes",
        "✓ good 0.00141",
        "✓ good 0.00141",
        "✕ fail 0.00610",
        "below 0.003 good, below 0.005 check kundajelab/chrombpnet report advice",
        "The corrected model still answers to the enzyme's motif; lower --threshold-factor of the bias model.",
    ]
    assert rows[1][4] == "! check 0.451"
    assert any(row[3] == "✓ good 0.493" for row in rows)
    assert "Do not rely on this run" in page.words()
    assert "22 checks: 1 fail, 1 check, 20 good." in page.words()
    assert "12 % of the reads are duplicates" in page.words()


def test_overall_line_follows_the_worst_check(make_tree):
    tree = make_tree()
    assert "Every check passed; read the warnings below before you rely on this run." in Page(make(tree)).words()
    tree.change("yeast_wt/signal/signal.json", lambda record: record["messages"].clear())
    words = Page(make(tree)).words()
    assert "You can trust this run: every check passed." in words
    assert "No stage gave a warning." in words

    def worsen(record):
        record["verdicts"][0]["verdict"] = "check"

    tree.change("yeast_wt/fold_0/evaluation/chrombpnet_metrics.json", worsen)
    assert "Use this run with care" in Page(make(tree)).words()


def test_run_without_any_verdict_is_not_called_good(make_tree):
    tree = make_tree()
    tree.change("yeast_wt/signal/signal.json", lambda record: record.update(files=[], given=True, path="x.bw"))
    tree.change("yeast_wt/signal/signal.json", lambda record: record.pop("verdicts"))
    for name in ("bias_metrics", "chrombpnet_metrics", "footprints", "recovery"):
        tree.change(f"yeast_wt/fold_0/evaluation/{name}.json", lambda record: record.pop("verdicts"))
    for path in (tree.root / "yeast_wt/mean").rglob("*.json"):
        tree.change(str(path.relative_to(tree.root)), lambda record: record.pop("verdicts"))
    words = Page(make(tree)).words()
    assert "Nothing has been checked yet." in words
    assert "You can trust" not in words
    assert "Every check passed" not in words
    assert "x.bw" in words


def test_key_numbers_are_on_the_page(page):
    assert page.rows("Input files")[1] == [
        "resources/yeast_wt.bam", "bam", "12,345,678", "9,876,543", "80.0 %", "9,876,543",
    ]  # fmt: skip
    assert page.rows("Records dropped, by cause")[1] == ["yeast_wt.bam", "1,234,567", "1,000,000", "234,568"]
    assert page.rows("Folds (balanced by length and peaks)")[1] == [
        "0", "chrIV chrV", "2,108,807", "3,210", "chrII", "813,184", "1,234", "chrI", "230,218", "456",
    ]  # fmt: skip
    shift = page.rows("Shift of the reads as they came, and what was added to reach the convention")[1]
    assert shift[:6] == ["yeast_wt.bam", "0/0", "estimated", "+4", "−4", "clear"]
    assert ["yeast_wt.bam", "tn5_bulk", "+", "0", "0.912", "0.431", "0.481"] in page.rows(
        "Votes of the reference motifs"
    )
    assert ["blacklisted", "89"] in page.rows("Peaks removed, by cause")
    assert page.rows("Non-peaks: background regions with the GC content of peaks")[1] == [
        "0", "11,873", "4,321", "9,800", "9,700", "100", "33", "99.0 %",
    ]  # fmt: skip
    selection = page.rows("Thresholds and weights of the regions that the models train on")
    assert selection[1][:8] == ["0", "bias", "86.5", "0.5", "173", "12", "4,321", "4.30"]
    bias = page.rows("Bias model on the test chromosomes chrI")
    assert bias[1] == ["peaks", "200", "3", "−0.123", "−0.173", "0.568", "0.457", "0.358", "346"]
    chrombpnet = page.rows("ChromBPNet on the test chromosomes chrI")
    assert chrombpnet[1] == ["peaks", "200", "3", "0.765", "0.715", "0.568", "0.457", "0.358", "346"]
    assert chrombpnet[3][0] == "both"
    assert page.rows("Training runs")[2][:6] == ["ChromBPNet", "6,372,611", "12", "7", "197", "patience"]
    assert page.rows("Response to each motif")[1][:3] == ["tn5_1", "GCACAGTACAGAGCTG", "bias probe"]
    assert page.rows("Motif effects, planted and predicted")[1] == [
        "ABF1", "ATCACTATATACGA", "+1.90", "+1.61", "+0.0200", "+1.60",
    ]  # fmt: skip
    words = page.words()
    for shown in (
        "FRiP (share of insertions in peaks) 0.550",
        "Insertions outside the blacklist 9,700,001 (98.2 %)",
        "Bias scaling: added to log counts +0.432",
        "corrected_0.001_0.001/0.001",
        "Corrected profile against the planted one, r 0.871",
        "Quantile 0.05 of fit",
        "200 of 200 regions",
        "crossfit/corrected.bw",
        "mean/observed.bw",
        "9f" * 32,
        "ab" * 32,
        '"p_value": 0.01',
    ):
        assert shown in words, shown


def test_metrics_over_folds_have_mean_and_spread(page):
    rows = page.rows("ChromBPNet on held-out test chromosomes")
    assert rows[0] == [
        "regions",
        "metric",
        *(f"fold {fold}" for fold in range(3)),
        "mean",
        "SD",
        "floor",
        "ceiling",
        "way",
    ]
    assert ["peaks", "counts: Pearson r", *["0.765"] * 4, "0", "0", "0.900", "85 %"] in rows
    assert ["peaks", "profile: median JSD", *["0.457"] * 4, "0", "0.600", "0.400", "72 %"] in rows
    assert ["peaks", "counts: mean squared error", *["0.568"] * 4, "0", "—", "—", "—"] in rows
    assert ["bias probes", "corrected: mean of their maxima", *["0.00141"] * 4, "0", "—", "—", "—"] in rows
    assert page.rows("Bias model on held-out test chromosomes")[1][2] == "−0.123"


def test_stages_of_each_sample_are_summed_up(page):
    header, row = page.rows("Verdicts by sample and stage")
    assert header == ["sample", "inputs", "bias model", "model", "interpretation", "planted truth"]
    assert row == ["yeast_wt", "✓ good 1 of 1", "✓ good 3 of 3", "✕ fail 1 of 7", "✓ good 8 of 8", "✓ good 3 of 3"]


@pytest.mark.slow
def test_samples_stand_side_by_side(make_tree):
    tree = make_tree(samples=["a", "b", "c"])
    page = Page(make(tree, ["a", "b", "c"]))
    rows = page.rows("Samples")
    assert rows[1][:6] == ["a", "ATAC", "9,876,543", "4,900", "0.550", "0.765"]
    agreement = page.rows("Agreement of each two samples at the peaks they share")
    assert agreement[3] == ["b", "c", "1,234", "0.912", "0.871", "0.412"]
    assert "Samples side by side" not in Page(make(make_tree())).text


@pytest.mark.slow
def test_page_of_many_samples_leaves_details_to_their_own_pages(make_tree):
    names = [f"sample {number}" for number in range(MOST_SAMPLES + 1)]
    tree = make_tree(samples=names)
    page = Page(make(tree, names, sample_pages="report.html"))
    assert not any(title.startswith("Enzyme shift") for _, title in page.headings)
    outside = {link[2] for link in page.links if not link[2].startswith(("#", "data:"))}
    assert outside == {f"sample%20{number}/report.html" for number in range(MOST_SAMPLES + 1)}
    assert len(page.rows("Verdicts by sample and stage")) == len(names) + 1
    few = Page(make(tree, names[:MOST_SAMPLES], sample_pages="report.html"))
    assert any(title.startswith("Enzyme shift") for _, title in few.headings)
    assert not [link for link in few.links if not link[2].startswith(("#", "data:"))]


@pytest.mark.parametrize(
    ("stage", "there", "missing"),
    [("bias", {"Test metrics", "Training"}, {"Motifs", "Tracks", "Marginal footprints", "Profile examples"}),
     ("model", {"Marginal footprints", "Profile examples", "Planted truth"}, {"Motifs", "Tracks", "Variants"})],
)  # fmt: skip
def test_pages_on_the_way_show_what_is_there(make_tree, stage, there, missing):
    page = Page(make(make_tree(), stage=stage))
    titles = {title for _, title in page.headings}
    assert there <= titles
    assert not missing & titles
    assert "This page ends with" in page.words()


def test_mean_footprints_have_a_section_where_there_are_several_folds(page, make_tree):
    assert "Marginal footprints, mean of 3 folds" in page.text
    assert "Marginal footprints, mean of" not in Page(make(make_tree())).text


def test_provenance(page):
    assert ["torch", "2.9.1", "training"] in page.rows("Versions")
    assert ["MACS3", "3.0.3", "peaks"] in page.rows("Versions")
    assert ["yeast_wt", "signal", "1234"] in page.rows("Seeds")
    assert ["train_chrombpnet", "3", "24 min 43 s", "8 min 14 s", "3 GiB"] in page.rows("Time and memory by rule")


def test_a_genome_by_name_is_shown_with_addresses_and_digests(make_tree, page):
    tree = make_tree(stage="qc")
    address, digest = "https://genomes.example/hg38.fa.gz", "5c" * 32
    file = {"part": "fasta", "address": address, "sha256": digest, "bytes": 9, "checked": "md5 of a list"}
    path = tree.root / "genome/fetched/fetched.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"stage": "fetched_genome", "name": "hg38", "files": [file], "messages": []}))
    shown = Page(make(tree, stage="qc")).rows("The genome hg38, as it was fetched")
    assert ["fasta", address, digest, "md5 of a list"] in shown
    assert "as it was fetched" not in page.text


def test_quality_control_page_has_no_training_sections(make_tree):
    page = Page(make(make_tree(stage="qc"), stage="qc"))
    titles = [title for _, title in page.headings]
    assert "Non-peaks" in titles
    assert "Selection" in titles
    assert not {"Training", "Metrics", "Tracks", "Fold 0"} & set(titles)
    assert "no model is judged here" in page.words()
    assert "before you rely on these inputs" in page.words()


def test_missing_optional_sections_are_left_out_and_said(make_tree):
    tree = make_tree()
    for name in ("footprints", "recovery"):
        (tree.root / f"yeast_wt/fold_0/evaluation/{name}.json").unlink()
    page = Page(make(tree))
    titles = {title for _, title in page.headings}
    assert not {"Planted truth", "Marginal footprints"} & titles
    assert "yeast_wt/fold_0/evaluation/footprints.json" in page.words()


def test_a_cluster_of_cells_is_told(make_tree):
    tree = make_tree(samples=["x.T"], stage="qc")
    cluster = {"name": "T", "label": "T cells", "barcodes": 30, "barcodes_seen": 20, "fragments": 1000}
    tree.write("x/clusters/split.json", "split", fragments=4000, clusters=[cluster])
    tree.write("config.json", "config", sheet=[{"name": "x.T", "cells": "x"}])
    text = Page(render(collect(tree.root, samples=["x.T"], folds=[0], stage="qc"))).text
    assert re.search(r"Cluster of cells\s+T cells\s+Cells with a fragment\s+20 of 30 listed", text)
    assert "1,000 (25 % of those of all cells)" in text


def test_null_numbers_show_as_a_dash(make_tree):
    tree = make_tree()

    def blank(record):
        record["counts_metrics"]["peaks"] = {"spearmanr": None, "pearsonr": None, "mse": None}
        record["verdicts"][0]["value"] = None
        record["examples"] = []

    tree.change("yeast_wt/fold_0/evaluation/chrombpnet_metrics.json", blank)
    page = Page(make(tree))
    assert page.rows("ChromBPNet on the test chromosomes chrI")[1][3:6] == ["—", "—", "—"]
    assert "Profile examples" not in {title for _, title in page.headings}


def test_hostile_texts_are_shown_not_obeyed(make_tree):
    sample = "<img src=x onerror=alert(1)>"
    tree = make_tree()
    (tree.root / "yeast_wt").rename(tree.root / sample)
    evil = "</script><script>alert(2)</script>"

    def poison(record):
        record["motifs"][0]["name"] = evil
        record["motifs"][3]["name"] = '"><b onmouseover="alert(3)">'

    tree.change(f"{sample}/fold_0/evaluation/footprints.json", poison)
    tree.change(f"{sample}/fold_0/evaluation/recovery.json", lambda record: record["motifs"][0].update(name=evil))
    tree.change(f"{sample}/signal/signal.json", lambda record: record["messages"].append(evil))
    page = Page(make(tree, [sample]))
    assert page.open == []
    assert sample in page.text
    assert evil in page.text
    assert not any(tag == "img" for tag, _ in page.elements)
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert len([1 for attributes, _ in page.scripts if "type" not in attributes]) == len(SCRIPTS) + 1
    assert len(page.ids) == len(set(page.ids))


def test_names_of_contigs_motifs_loci_and_files_make_no_elements(make_tree):
    """A page in which every name is hostile has the elements of one in which none is."""
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&"
    names = {*made_up_run.CHROMOSOMES, *made_up_run.MOTIFS, *made_up_run.PROBES}
    names |= {"GAL1", "Reb1", "Tn5", "CCAAT", "chrIV:1001-1300", "resources/genome.fa.gz", "mitochondrion", "v.vcf.gz"}

    def poisoned(value):
        if isinstance(value, dict):
            return {poisoned(key): poisoned(item) for key, item in value.items()}
        if isinstance(value, list):
            return [poisoned(item) for item in value]
        return value + evil if isinstance(value, str) and value in names else value

    tree = make_tree()
    before = Page(make(tree))
    for path in tree.root.rglob("*.json"):
        path.write_text(json.dumps(poisoned(json.loads(path.read_text()))))
    after = Page(make(tree))
    assert after.text.count(evil) > 20
    assert [tag for tag, _ in after.elements] == [tag for tag, _ in before.elements]
    assert [set(attributes) for _, attributes in after.elements] == [
        set(attributes) for _, attributes in before.elements
    ]
    assert after.links == before.links


def test_page_is_the_same_each_time(make_tree):
    tree = make_tree()
    assert make(tree) == make(tree)


@pytest.mark.slow
def test_page_of_five_folds_and_long_tables_stays_small(make_tree):
    tree = make_tree(folds=range(5), regions=2000)
    table = tree.root / "yeast_wt/fold_0/evaluation/chrombpnet_regions.tsv.gz"
    long = "chrom\tcenter\tpeak\tobserved_log_counts\tpredicted_log_counts\tnorm_jsd\n" + "".join(
        f"chrI\t{row}\t{int(row < 200_000)}\t{row % 97 / 10}\t{row % 89 / 10}\t0.5\n" for row in range(250_000)
    )
    table.with_name("long.tsv").write_text(long)
    for fold in range(5):
        for model in ("bias", "chrombpnet"):
            # A plain table under the gzip name is read as well: files are told by their bytes.
            place = tree.root / f"yeast_wt/fold_{fold}/evaluation/{model}_regions.tsv.gz"
            place.unlink()
            place.hardlink_to(table.with_name("long.tsv"))
    html = make(tree, folds=range(5))
    assert len(html.encode()) < 15_000_000
    assert "5,000 of 200,000 regions" in html
    assert "5,000 of 50,000 regions" in html
    assert "At most 5,000 regions a plot, drawn at random with seed 1234" in html


def test_figures_share_out_what_a_page_may_hold():
    assert limits_for(1) == limits_for(20) == MOST
    assert limits_for(100).points == 1000
    assert limits_for(100).examples == 4
    assert limits_for(10_000) == LEAST


def test_command_writes_the_page(make_tree, tmp_path):
    tree = make_tree()
    output = tmp_path / "out" / "report.html"
    common = ["report", "--results", str(tree.root), "--folds", "0", "--output", str(output)]
    main([*common, "--samples", "yeast_wt", "--title", "A & B"])
    assert "<h1>A &amp; B</h1>" in output.read_text()
    with pytest.raises(SystemExit) as stopped:
        main([*common, "--samples", "nobody"])
    assert stopped.value.code == 2
    assert [path.name for path in output.parent.iterdir()] == ["report.html"]


def test_default_title_names_the_samples(make_tree, tmp_path, capsys):
    tree = make_tree(stage="qc")
    output = tmp_path / "qc.html"
    arguments = ["--results", str(tree.root), "--samples", "yeast_wt", "--folds", "0", "--stage", "qc"]
    main(["report", *arguments, "--output", str(output)])
    assert "<h1>Inputs of yeast_wt</h1>" in output.read_text()
    with pytest.raises(SystemExit):
        main(["report", *arguments, "--output", str(output), "--config", str(tmp_path / "no.json")])
    assert "no.json: no such file" in capsys.readouterr().err


def test_motifs_are_shown_with_their_names_and_logos(page):
    rows = page.tables["Motifs of the corrected profile: central 500 bp of 3,456 regions"]
    assert rows[1][:6] == ["Reb1", "TTACCCG", "raises", "321", "642", "Reb1 (0.00100)"]
    assert rows[2][:6] == ["—", "CCAAT", "lowers", "23", "46", "—"]
    labels = [attributes.get("aria-label", "") for tag, attributes in page.elements if tag == "svg"]
    assert "Contributions of the motif Reb1, TTACCCG" in labels
    assert "No motif recurs often enough in 3,456 regions." in page.text


def test_variants_are_told_by_status_and_by_how_many_stand_out(page):
    assert page.tables["What became of the alleles"][1:] == [
        ["scored", "4,300"],
        ["the genome has another reference allele", "20"],
        ["its window reaches past the chromosome's end", "1"],
    ]
    rows = page.tables["Alleles whose effect stands out (q of at most 0.0500)"][1:]
    assert rows[0] == ["log2 fold change of counts", "123", "2.86 %"]


def test_a_run_without_variants_lacks_nothing(make_tree):
    tree = make_tree()
    (tree.root / "yeast_wt/variants/variants.json").unlink()
    page = Page(make(tree))
    assert "What became of the alleles" not in page.tables
    assert "variants.json" not in page.text
