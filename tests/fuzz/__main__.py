"""Fuzz the readers of files that users bring: PYTHONPATH=src:tests python -m fuzz [--minutes 10] [TARGET ...].

What goes wrong is kept in --folder: the file, and beside it what happened. Exit code 1 if anything did.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from fuzz import models, tables
from fuzz.guard import fuzz

TARGETS = {
    "fragments": tables.fragments,
    "peaks": tables.peaks,
    "folds": tables.folds,
    "variants": tables.variants,
    "safetensors": models.own_models,
    "keras": models.keras,
    "bpnet": models.bpnet,
    "procapnet": models.procapnet,
    "predictions": models.predictions,
}


def main() -> None:
    """Fuzz the targets one after another."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--minutes", type=float, default=10, help="for each target")
    parser.add_argument("--seed", type=int, help="of the first file; of the clock if none is given")
    parser.add_argument("--folder", type=Path, default=Path("fuzz_findings"), help="where findings are kept")
    args = parser.parse_args()
    seed = int(time.time()) if args.seed is None else args.seed
    wrong = 0
    for name in args.targets or TARGETS:
        found = fuzz(name, TARGETS[name], 60 * args.minutes, args.folder, seed)
        wrong += len(found.faults)
        print(
            f"{name}: {found.files} files in {found.seconds:.0f} s ({found.rate:.0f} a second), {found.accepted} read, "
            f"the slowest in {found.slowest:.2f} s, seed {seed}, {len(found.faults)} finding(s)",
            *(f"  {path}" for path in found.faults.values()),
            sep="\n",
            flush=True,
        )
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
