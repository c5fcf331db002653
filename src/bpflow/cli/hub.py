"""``bpflow hub``."""

from __future__ import annotations

import argparse
import logging
import os
from pathlib import Path

from bpflow.cli.options import add_genome
from bpflow.errors import InputError
from bpflow.files import atomic_path

SUMMARY = (
    "Write hub.txt (a UCSC track hub) and igv_session.xml over the tracks of a run, by relative paths. UCSC reads hubs "
    "from a web server: put the results there. Without --genome-name the genome is written as genome.2bit for both."
)

TWO_BIT = "genome.2bit"
LEFT_OUT = "UCSC reads no text files from hubs, so peaks and instances of motifs are in the IGV session alone."

log = logging.getLogger("bpflow")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow hub``."""
    parser.add_argument("--results", required=True, metavar="DIR", help="output tree of the run")
    parser.add_argument("--samples", required=True, nargs="+", metavar="NAME", help="samples, in the tracks' order")
    add_genome(parser)
    parser.add_argument(
        "--genome-name", metavar="NAME", help="what UCSC and IGV call the genome, such as hg38; without it, a 2bit file"
    )
    parser.add_argument("--title", default="bpflow", help="what the hub is called")
    parser.add_argument("--email", metavar="ADDRESS", help="whom to ask about the hub; public ones must say")
    parser.add_argument("--output-dir", required=True, metavar="DIR", help="folder of the two files (, genome.2bit)")


def run(args: argparse.Namespace) -> None:
    """Write both files."""
    from bpflow.genome import Genome
    from bpflow.report.browser_tracks import find_groups
    from bpflow.report.igv_session import session_xml
    from bpflow.report.track_hub import HubGenome, hub_text
    from bpflow.two_bit import write_two_bit

    folder = Path(args.output_dir)
    groups = find_groups(args.results, args.samples)
    if not groups:
        raise InputError(
            f"no tracks of {', '.join(args.samples)}", where=args.results, expected="the output tree of a run"
        )
    genome = Genome.open(args.genome)
    place = f"{genome.names[0]}:1-{min(genome.sizes[genome.names[0]], 10_000)}"

    def located(path: Path) -> str:
        return Path(os.path.relpath(Path(args.results) / path, folder)).as_posix()

    if not args.genome_name:
        write_two_bit(folder / TWO_BIT, genome)
    hub_genome = HubGenome(args.genome_name or "genome", None if args.genome_name else TWO_BIT, place)
    hub = hub_text(args.title, groups, hub_genome, located, email=args.email)
    session = session_xml(groups, args.genome_name or TWO_BIT, place, located)
    for name, content in (("hub.txt", hub.encode()), ("igv_session.xml", session)):
        with atomic_path(folder / name) as temporary:
            temporary.write_bytes(content)
    log.info("%d tracks in %d groups. %s", sum(len(group.tracks) for group in groups), len(groups), LEFT_OUT)
