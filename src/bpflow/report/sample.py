"""The part of the page about one sample: reads, enzyme shift, peaks, non-peaks, selection, folds, tracks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bpflow.report import figures
from bpflow.report.blocks import Badge, Block, Facts, Figures, Legend, Panel, Prose, Section, anchor, table
from bpflow.report.enrichment import enrichment_blocks
from bpflow.report.fold import Limits, fold_section, footprint_blocks
from bpflow.report.format import ABSENT, number, percent, plain, signed
from bpflow.report.fragments import fragment_blocks
from bpflow.report.loci import loci_section
from bpflow.report.logos import information, logo_svg
from bpflow.report.metrics import metrics_section
from bpflow.report.motifs import motif_section
from bpflow.report.run import FoldResult, Record, Run, Sample
from bpflow.report.sheet import sheet_section
from bpflow.report.summary import worst
from bpflow.report.sweep import sweep_section
from bpflow.report.track_labels import COMBINED, TRACKS
from bpflow.report.variants import variant_section

__all__ = ["genome_section", "sample_section"]

MOST_CHROMOSOMES = 60
SPLITS = ("train", "valid", "test")


def genome_section(run: Run) -> Section:
    """The genome that all samples share, and how its chromosomes are split."""
    genome, chromosomes = run.genome, run.genome["chromosomes"]
    blocks: list[Block] = [
        Facts(
            [
                ("FASTA", plain(genome["source"])),
                ("Chromosomes kept", number(len(chromosomes))),
                ("Bases kept", number(sum(entry["length"] for entry in chromosomes))),
                ("Sequences dropped", number(len(genome.get("dropped") or ()))),
                ("Rule", plain(genome.get("rule"))),
            ]
        )
    ]
    if genome.get("dropped"):
        dropped = [
            (entry["name"], number(entry.get("length")), plain(entry.get("reason"))) for entry in genome["dropped"]
        ]
        blocks.append(
            table(
                "Sequences left out of everything",
                {"sequence": "t", "length (bp)": "n", "reason": "t"},
                dropped[:200],
                note=f"The first 200 of {len(dropped):,}." if len(dropped) > 200 else "",
                folded=True,
            )
        )
    rows = [
        (
            number(fold["fold"]),
            *(
                item
                for split in SPLITS
                for item in (
                    " ".join(map(str, fold.get(split) or ())) or ABSENT,
                    number((fold.get("length") or {}).get(split)),
                    number((fold.get("peaks") or {}).get(split)),
                )
            ),
        )
        for fold in run.folds["folds"]
    ]
    columns = {"fold": "n"}
    for split in SPLITS:
        columns |= {f"{split} chromosomes": "t", f"{split} bp": "n", f"{split} peaks": "n"}
    how = "as given" if run.folds.get("given") else "balanced by length and peaks"
    blocks.append(
        table(
            f"Folds ({how})",
            columns,
            rows,
            note="The models of a fold never saw its test chromosomes.",
        )
    )
    return Section("genome", "Genome and folds", blocks)


def sample_section(run: Run, sample: Sample, index: int, limits: Limits) -> Section:
    """Everything about one sample."""
    here = anchor(f"s{index}", sample.name)
    mine = [check for check in run.checks if check.sample == sample.name]
    state = worst(mine)
    section = Section(here, sample.name, badge=Badge(state) if state else None)
    shared = sheet_section(run.config, sample.name, here)
    section.children = [
        *([shared] if shared else []),
        Section(f"{here}-reads", "Reads", _reads(sample.signal, sample.cells)),
        Section(f"{here}-shift", "Enzyme shift", _shift(sample.signal, here)),
        Section(f"{here}-peaks", "Peaks", _peaks(sample.peaks)),
        Section(f"{here}-nonpeaks", "Non-peaks", _nonpeaks(sample.folds)),
    ]
    selection = _selection(sample.folds)
    if selection:
        section.children.append(Section(f"{here}-selection", "Selection", selection))
    if run.reaches("bias"):
        if sample.bias_choice:
            section.children.append(sweep_section(sample.bias_choice, here))
        section.children.append(metrics_section(sample.folds, here))
        for position, fold in enumerate(sample.folds):
            checks = [check for check in mine if check.fold == fold.number]
            section.children.append(fold_section(fold, here, checks, limits, folded=position > 0))
    if run.reaches("all"):
        if sample.footprints:
            title = f"Marginal footprints, mean of {number(sample.footprints.get('models'))} folds"
            blocks = footprint_blocks(sample.footprints)
            section.children.append(Section(f"{here}-mean-footprints", title, blocks, folded=True))
        if sample.loci:
            section.children.append(loci_section(sample.loci, here))
        if sample.motifs:
            section.children.append(motif_section(sample.motifs, here))
        if sample.variants:
            section.children.append(variant_section(sample.variants, here))
        if sample.tracks:
            section.children.append(Section(f"{here}-tracks", "Tracks", _tracks(sample)))
    return section


def _reads(signal: Record, cells: Record | None) -> list[Block]:
    files = signal["files"]
    blocks: list[Block] = [
        Facts(
            [
                ("Assay", plain(signal["assay"])),
                *(_cluster(cells) if cells else ()),
                ("Insertions", number(signal["insertions"])),
                ("Positions with an insertion", number(signal["positions"])),
                ("Insertions follow the convention", plain(signal.get("output_shift"))),
                ("bigWig", "given, checked as it is" if signal.get("given") else "made from the reads below"),
                ("Seed", plain(signal.get("seed"))),
            ]
        ),
        table(
            "Input files",
            {"file": "t", "format": "t", "records": "n", "kept": "n", "share kept": "n", "insertions": "n"},
            [(plain(signal.get("path")), "bigWig", *[ABSENT] * 3, number(signal["insertions"]))]
            if signal.get("given")
            else [
                (
                    plain(file.get("path")),
                    plain(file.get("format")),
                    number(file.get("records")),
                    number(file.get("kept")),
                    percent(file.get("kept"), file.get("records")),
                    number(file.get("insertions")),
                )
                for file in files
            ],
        ),
    ]
    blocks += fragment_blocks(signal)
    causes = list(dict.fromkeys(cause for file in files for cause in file.get("dropped") or {}))
    if causes:
        blocks.append(
            table(
                "Records dropped, by cause",
                {"file": "t", **{cause.replace("_", " "): "n" for cause in causes}},
                [
                    (_name(file), *(number((file.get("dropped") or {}).get(cause)) for cause in causes))
                    for file in files
                ],
            )
        )
    counts = signal["chromosomes"]
    shown = dict(list(counts.items())[:MOST_CHROMOSOMES])
    cut = f"The first {len(shown)} of {len(counts):,} chromosomes are drawn." if len(counts) > len(shown) else ""
    blocks.append(
        Figures(
            "Insertions per chromosome",
            "Good: bars follow the chromosomes' lengths; an empty bar means that reads and genome disagree on names.",
            [Panel("", figures.chromosome_counts(shown), wide=True)],
            note=cut,
        )
    )
    blocks.append(
        table(
            "Insertions per chromosome",
            {"chromosome": "t", "insertions": "n", "share": "n"},
            [(name, number(count), percent(count, signal["insertions"])) for name, count in counts.items()],
            folded=True,
        )
    )
    return blocks


def _cluster(cells: Record) -> list[tuple[str, str]]:
    seen = f"{number(cells.get('barcodes_seen'))} of {number(cells.get('barcodes'))} listed"
    share = percent(cells.get("fragments"), cells["all_fragments"])
    return [
        ("Cluster of cells", plain(cells.get("label"))),
        ("Cells with a fragment", seen),
        ("Fragments of the cluster", f"{number(cells.get('fragments'))} ({share} of those of all cells)"),
    ]


def _shift(signal: Record, here: str) -> list[Block]:
    shifts = [(file, file["shift"]) for file in signal["files"] if file.get("shift")]
    blocks: list[Block] = []
    if shifts:
        blocks.append(
            table(
                "Shift of the reads as they came, and what was added to reach the convention",
                {
                    "file": "t", "shift in use": "t", "how": "t", "added to plus": "n", "added to minus": "n",
                    "vote": "t", "voted for": "t", "usual": "t", "margin": "n", "agreement": "n",
                    "sites used (plus)": "n", "sites used (minus)": "n",
                },
                [_shift_row(file, shift) for file, shift in shifts],
            )
        )  # fmt: skip
        votes = [(file, vote) for file, shift in shifts for vote in shift.get("votes") or ()]
        if votes:
            blocks.append(
                table(
                    "Votes of the reference motifs",
                    {
                        "file": "t", "reference": "t", "strand": "t", "shift": "n", "score": "n", "second": "n",
                        "margin": "n",
                    },
                    [
                        (
                            _name(file),
                            plain(vote.get("reference")),
                            plain(vote.get("strand")),
                            signed(vote.get("shift")),
                            number(vote.get("score")),
                            number(vote.get("second")),
                            number(vote.get("margin")),
                        )
                        for file, vote in votes
                    ],
                )
            )  # fmt: skip
        panels = [
            Panel(_name(file), figures.shift_scores(shift["scores"], shift.get("input")))
            for file, shift in shifts
            if shift.get("scores")
        ]
        if panels:
            blocks.append(
                Figures(
                    "How well each shift explains the cut sites",
                    "Good: the shift in use stands clearly above all others.",
                    panels,
                    legend=[Legend("bias", "box", "in use"), Legend("observed", "box", "other shifts")],
                    note="The best shifts are drawn; the score is the mean correlation with the reference motifs.",
                )
            )
    else:
        blocks.append(Prose("The bigWig was given, so no reads were shifted; its cut-site motif below tells the rest."))
        blocks.append(Facts([("Correlation with the best reference motif", number(signal.get("reference_r")))]))
    pwm = signal["pwm"]
    background = ", ".join(f"{base} {number(share)}" for base, share in zip("ACGT", pwm["background"], strict=False))
    heights = information(pwm["frequencies"], pwm["background"])
    blocks.append(
        Figures(
            "Cut-site motif",
            "Good: the enzyme's motif is plain and centred on the insertion (grey); "
            "a blurred or split one means that strands were shifted apart.",
            [
                Panel(
                    "",
                    drawing=logo_svg(
                        heights,
                        start=pwm.get("offset", -(len(heights) // 2)),
                        identity=f"logo-{here}",
                        x="position from the insertion (bp)",
                        y="bits",
                        title="Sequence logo of the bases around insertions",
                    ),
                    wide=True,
                )
            ],
            note=f"Letter heights: information against the motif's own background ({background}).",
        )
    )
    return blocks


def _shift_row(file: Record, shift: Record) -> tuple[str, ...]:
    applied, sites = shift.get("applied") or {}, shift.get("sites_used") or {}
    return (
        _name(file),
        plain(shift.get("input")),
        plain(shift.get("how")),
        signed(applied.get("plus")),
        signed(applied.get("minus")),
        plain(shift.get("verdict")),
        plain(shift.get("best")),
        plain(shift.get("usual")),
        number(shift.get("margin")),
        number(shift.get("agreement")),
        number(sites.get("plus")),
        number(sites.get("minus")),
    )


def _peaks(peaks: Record) -> list[Block]:
    inside, all_insertions = peaks.get("insertions_in_peaks"), peaks.get("insertions")
    outside = peaks.get("insertions_outside_blacklist")
    source = {"macs3": "called by MACS3", "given": "given"}.get(peaks["source"], plain(peaks["source"]))
    items = [
        ("Peaks", source),
        ("Format", plain(peaks.get("format"))),
        ("Called or read", number(peaks.get("called"))),
        ("Kept", number(peaks["kept"])),
        ("Reproducible by", plain(peaks.get("reproducible"))),
        ("Insertions", number(all_insertions)),
        ("Insertions outside the blacklist", f"{number(outside)} ({percent(outside, all_insertions)})"),
        ("Insertions in peaks", number(inside)),
        ("FRiP (share of insertions in peaks)", number(peaks.get("frip"))),
    ]
    if peaks.get("macs3"):
        items.append(("MACS3", plain(peaks["macs3"])))
    removed = [(cause.replace("_", " "), number(count)) for cause, count in peaks["removed"].items()]
    return [
        Facts(items),
        table("Peaks removed, by cause", {"cause": "t", "peaks": "n"}, removed),
        *enrichment_blocks(peaks),
    ]


def _nonpeaks(folds: Sequence[FoldResult]) -> list[Block]:
    rows = []
    panels = []
    for fold in folds:
        record = fold.nonpeaks
        splits = record.get("splits") or {}
        moved = sum(split.get("moved") or 0 for split in splits.values()) if splits else None
        rows.append(
            (
                number(fold.number),
                *(number(record.get(key)) for key in ("candidates", "excluded", "wanted", "matched", "unmatched")),
                number(moved),
                percent(record["matched"], record["wanted"]),
            )
        )
        gc = record["gc"]
        note = (
            f"{number(record['matched'])} matched, {number(record['unmatched'])} unmatched, "
            f"of {number(record.get('candidates'))} candidates"
        )
        panels.append(Panel(f"Fold {fold.number}", figures.gc_content(gc), note=note))
    kinds = ("peaks", "wanted", "matched", "unmatched", "moved")
    by_split = [
        (number(fold.number), name, *(number(split.get(key)) for key in kinds))
        for fold in folds
        for name, split in (fold.nonpeaks.get("splits") or {}).items()
    ]  # fmt: skip
    blocks: list[Block] = [
        table(
            "Non-peaks: background regions with the GC content of peaks",
            {
                "fold": "n", "candidates": "n", "excluded": "n", "wanted": "n", "matched": "n", "unmatched": "n",
                "moved": "n", "share matched": "n",
            },
            rows,
            note="Unmatched: wanted, but no candidate was left. Moved: taken from another GC bin than the peak's.",
        )
    ]  # fmt: skip
    if by_split:
        blocks.append(
            table(
                "Non-peaks by split",
                {"fold": "n", "split": "t", **dict.fromkeys(kinds, "n")},
                by_split,
                folded=True,
            )
        )  # fmt: skip
    blocks.append(
        Figures(
            "GC content",
            "Good: non-peaks lie on the line of peaks, however far off the candidates are.",
            panels,
            legend=[
                Legend("peaks", "solid", "peaks"),
                Legend("nonpeaks", "dash", "non-peaks (matched)"),
                Legend("observed", "dot", "all candidates"),
            ],
        )
    )
    return blocks


def _selection(folds: Sequence[FoldResult]) -> list[Block]:
    chosen = [
        (fold.number, model, record)
        for fold in folds
        for model, record in (("bias", fold.bias_selection), ("ChromBPNet", fold.chrombpnet_selection))
        if record
    ]
    if not chosen:
        return []
    rows = []
    for fold, model, record in chosen:
        low, high = [*(record.get("count_range") or ()), None, None][:2]
        rows.append(
            (
                number(fold),
                model,
                number(record.get("threshold")),
                plain(record.get("threshold_factor")),
                number(record.get("peak_quantile_1pct")),
                number(low),
                number(high),
                number(record["counts_loss_weight"]),
                plain(record.get("fallback")),
            )
        )
    columns = {
        "fold": "n", "model": "t", "threshold (insertions)": "n", "factor": "n", "1 % quantile of peaks": "n",
        "fewest": "n", "most": "n", "counts loss weight": "n",
        "fallback": "t",
    }  # fmt: skip
    causes = list(dict.fromkeys(cause for _, _, record in chosen for cause in record.get("removed") or {}))
    blocks: list[Block] = [
        table(
            "Thresholds and weights of the regions that the models train on",
            columns,
            rows,
            note="The bias model trains on non-peaks with fewer insertions than its threshold; "
            "the weight puts the counts loss on the scale of the profile loss.",
        ),
        table(
            "Regions chosen, by split",
            {
                "fold": "n", "model": "t",
                **{f"{split} {kind}": "n" for split in SPLITS for kind in ("peaks", "non-peaks")},
            },
            [
                (
                    number(fold),
                    model,
                    *(
                        number((record["regions"].get(split) or {}).get(kind))
                        for split in SPLITS
                        for kind in ("peaks", "nonpeaks")
                    ),
                )
                for fold, model, record in chosen
            ],
        ),
    ]  # fmt: skip
    if causes:
        blocks.append(
            table(
                "Regions removed, by cause",
                {"fold": "n", "model": "t", **{cause.replace("_", " "): "n" for cause in causes}},
                [
                    (number(fold), model, *(number((record.get("removed") or {}).get(cause)) for cause in causes))
                    for fold, model, record in chosen
                ],
                folded=True,
            )
        )
    return blocks


def _tracks(sample: Sample) -> list[Block]:
    rows = [
        (f"{sample.name}/tracks/{combine}/{name}", TRACKS.get(name, ABSENT), COMBINED[combine])
        for combine, names in sample.tracks.items()
        for name in sorted(names, key=lambda name: [*TRACKS, name].index(name))
    ]
    return [
        table(
            "Which track is for what",
            {"file": "t", "what it holds": "t", "when to use it": "t"},
            rows,
            note="Predicted tracks are expected insertions per base, over peaks only.",
        )
    ]


def _name(file: Record) -> str:
    return Path(str(file.get("path") or ABSENT)).name
