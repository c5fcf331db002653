"""The command line: ``bpflow COMMAND``. A command's module is imported only when it is called."""

from __future__ import annotations

import argparse
import errno
import logging
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from bpflow import __version__
from bpflow.cli.options import HelpFormatter
from bpflow.errors import BpflowError

__all__ = ["COMMANDS", "main"]

COMMANDS = {
    "fetch-genome": "a genome by its name: FASTA, blacklist and published folds, checked and kept",
    "genome": "encode a FASTA once, for all other commands",
    "split": "fragments of single cells to a file for each cluster",
    "signal": "reads to a base-resolution bigWig of cut sites",
    "check-signal": "check a bigWig that was made elsewhere",
    "peaks": "call peaks with MACS3, or check given ones",
    "clusters": "regions of stranded 5' ends",
    "consensus": "one set of peaks for several samples",
    "folds": "split the chromosomes into balanced folds",
    "bins": "bins of tracks in windows over the genome, for Basenji2",
    "nonpeaks": "GC-matched background regions within a fold's splits",
    "select": "choose the regions that a model trains on",
    "train": "train a bias model, a ChromBPNet, a BPNet, a ProCapNet or a Basenji2",
    "choose-bias": "choose the bias threshold factor among candidates",
    "scale-bias": "scale a bias model's counts to a sample's background",
    "predict": "predict profiles and counts of regions or sequences",
    "gather-predictions": "join predictions that were computed in parts",
    "evaluate": "compare predictions with the observed signal",
    "evaluate-bins": "predict held-out chromosomes by a Basenji2, and compare",
    "compare": "samples beside each other at the peaks they share",
    "tracks": "predicted and bias-corrected bigWigs over peaks",
    "footprints": "marginal footprints of motifs and bias probes",
    "task-footprints": "marginal footprints of motifs on each strand of a task",
    "contributions": "how much each base adds to predicted counts and profile",
    "gather-contributions": "join contributions that were computed in parts",
    "average-contributions": "the mean of contributions over folds",
    "average-footprints": "mean footprints over the models of several folds",
    "mutagenesis": "effects of every substitution in chosen regions",
    "motifs": "motifs, their names and their instances, from contributions",
    "variants": "what variants do to predicted accessibility",
    "gather-variants": "results of variants that were scored in parts",
    "convert": "models of other programs, in and out: the official chrombpnet, MultiMolecule, BPNet, ProCapNet",
    "loci": "tracks and contributions of chosen loci, for the report",
    "recovery": "what was recovered of a simulation's planted truth",
    "bin-recovery": "what a model of bins learned of a simulation",
    "stranded-recovery": "what a model of strands learned of a simulation",
    "gate": "stop a sample's run where a verdict that must not fail has failed",
    "report": "one HTML page over a whole run",
    "sister-report": "the page of a run of BPNets or ProCapNets",
    "hub": "a UCSC track hub and an IGV session over a run's tracks",
    "doctor": "check machine and configuration before a long run",
    "status": "what is done, running, failed or waiting, while a run goes on or after it stopped",
}

# What is wrong with a disk or its rights, and not with the package.
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
MACHINE_ERRORS = {*FULL, errno.EACCES, errno.EPERM, errno.EROFS}

log = logging.getLogger("bpflow")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; a user's mistake ends in its message and exit code 2."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    parser = _top_parser()
    if not arguments or arguments[0] not in COMMANDS:
        parser.parse_args(arguments or ["--help"])
    module = import_module(f"bpflow.cli.{arguments[0].replace('-', '_')}")
    command = argparse.ArgumentParser(
        prog=f"bpflow {arguments[0]}",
        description=module.SUMMARY,
        formatter_class=HelpFormatter,
    )
    module.configure(command)
    parsed = command.parse_args(arguments[1:], argparse.Namespace(arguments=arguments))
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S"
    )
    try:
        module.run(parsed)
    except BpflowError as error:
        sys.stderr.write(f"bpflow {arguments[0]}: error: {error}\n")
        raise SystemExit(error.exit_code) from None
    except OSError as error:
        if _number(error) not in MACHINE_ERRORS:
            raise
        sys.stderr.write(f"bpflow {arguments[0]}: error: {_explained(error)}\n")
        raise SystemExit(2) from None


def _number(error: OSError) -> int:
    """The system's number of an error; libraries in Rust leave it in the text."""
    said = re.search(r"\(os error (\d+)\)", str(error))
    return error.errno or (int(said[1]) if said else 0)


def _explained(error: OSError) -> str:
    """What is wrong with a disk. Where the system names no file, it is one of those that are made for a while only."""
    place = Path(error.filename or tempfile.gettempdir())
    text = f"{error.filename or f'a temporary file in {place}'}: {os.strerror(_number(error))}."
    if _number(error) not in FULL:
        return text
    folder = next(folder for folder in (place, *place.absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(folder).free / 2**20
    mend = "Make room" if error.filename else "Make room, or set TMPDIR to a folder of another disk"
    return f"{text} The disk of {folder} has {free:.0f} MiB left without it. {mend}, and start it again."


def _top_parser() -> argparse.ArgumentParser:
    width = max(map(len, COMMANDS))
    listing = "\n".join(f"  {name:<{width}}  {summary}" for name, summary in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="bpflow",
        description="Base-resolution models of chromatin accessibility, from reads to report.",
        epilog=f"commands:\n{listing}\n\n'bpflow COMMAND --help' shows a command's options.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"bpflow {__version__}")
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help="one of the commands below")
    return parser
