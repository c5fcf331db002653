"""``bpflow motifs``."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from bpflow.cli.options import positive_int
from bpflow.errors import InputError

SUMMARY = (
    "Motifs from contribution scores (TF-MoDISco), what known motifs they resemble (TOMTOM), and where they occur "
    "(FIMO over the bases that contribute)."
)

log = logging.getLogger("bpflow")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow motifs``."""
    parser.add_argument(
        "--contributions", required=True, metavar="H5", help="counts.h5 or profile.h5 of 'bpflow contributions'"
    )
    parser.add_argument(
        "--database",
        metavar="FILE",
        help="known motifs (MEME or JASPAR); without it a built-in table of published ones",
    )
    parser.add_argument("--window", type=positive_int, default=500, help="bases around the centre that are searched")
    parser.add_argument(
        "--max-seqlets", type=positive_int, default=50_000, help="at most so many instances of each sign are clustered"
    )
    parser.add_argument("--threads", type=positive_int, default=None, help="CPU threads; all cores without it")
    parser.add_argument(
        "--output-dir",
        required=True,
        metavar="DIR",
        help="folder of modisco.h5, motifs.tsv, motifs.meme, motifs.json and, for regions, instances.bed.gz",
    )


def run(args: argparse.Namespace) -> None:
    """Find the motifs."""
    if args.threads:
        import numba

        numba.set_num_threads(min(args.threads, numba.get_num_threads()))
    import numpy as np

    from bpflow.contribution_file import open_contributions
    from bpflow.files import write_json
    from bpflow.motif_discovery import discover, read_window
    from bpflow.motif_files import Motif, built_in_motifs, read_motif_file, write_meme
    from bpflow.motif_instances import find_instances, place_instances
    from bpflow.motif_matches import match
    from bpflow.motif_record import label, motif_table, report
    from bpflow.tables import write_table

    database = read_motif_file(args.database) if args.database else built_in_motifs()
    with open_contributions(args.contributions) as handle:
        head, view = (str(handle.attrs.get(name, "unknown")) for name in ("head", "view"))
        split = handle.attrs.get("split")
        on_genome = "coords/coords_center" in handle
        measured = "convergence/difference" in handle and len(handle["convergence/difference"])
        effect = float(np.median(handle["convergence/difference"])) if measured else float("nan")
        if on_genome:
            coordinates = {
                "chrom": handle["coords/coords_chrom"].asstr()[:].astype(object),
                "center": handle["coords/coords_center"][:],
            }
    one_hot, hypothetical = read_window(args.contributions, args.window)
    if not len(one_hot):
        raise InputError("no sequences", where=args.contributions, expected="contributions of some regions")
    folder = Path(args.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    patterns = discover(one_hot, hypothetical, folder / "modisco.h5", max_seqlets=args.max_seqlets)
    log.info("found %d motifs in %d sequences", len(patterns), len(one_hot))
    matches = match([pattern.frequencies[pattern.core] for pattern in patterns], database)
    instances = find_instances(one_hot, hypothetical, patterns)
    table = motif_table(patterns, matches, instances["pattern"].value_counts())
    write_table(table, folder / "motifs.tsv")
    named = [
        Motif(f"{pattern.name} {label(pattern, found)}", pattern.frequencies[pattern.core])
        for pattern, found in zip(patterns, matches, strict=True)
    ]
    write_meme(named, folder / "motifs.meme")
    if on_genome:
        names = dict(zip(table["pattern"], table["label"], strict=True))
        write_table(
            place_instances(instances, coordinates, args.window, names), folder / "instances.bed.gz", header=False
        )
    record = report(
        patterns,
        matches,
        table,
        head=head,
        view=view,
        split=None if split is None else str(split),
        regions=len(one_hot),
        window=args.window,
        database=len(database),
        effect=effect,
    )
    write_json(folder / "motifs.json", record)
    for row in table.itertuples():
        log.info("%s: %s, %d seqlets, %d instances", row.pattern, row.label, row.seqlets, row.instances)
    for item in record["verdicts"]:
        log.info("%s: %s (%s)", item["name"], item["value"], item["verdict"])
