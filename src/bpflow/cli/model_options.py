"""Options that the commands which run a model share."""

from __future__ import annotations

import argparse
import logging
import os
from typing import TYPE_CHECKING, NamedTuple

from bpflow.cli.options import positive_int

if TYPE_CHECKING:
    import torch

__all__ = ["Computing", "add_computing", "add_device", "make_deterministic", "resolve_computing"]

log = logging.getLogger("bpflow")

# Set before torch is imported. Threads that wait spin for a while before they sleep; where other work shares the cores,
# the library's long default makes training several times slower, and a short one costs little on a free machine.
os.environ.setdefault("GOMP_SPINCOUNT", "2000")


class Computing(NamedTuple):
    """Where and how a model is computed."""

    device: torch.device
    precision: torch.dtype
    threads: int

    @property
    def precision_name(self) -> str:
        """``float32`` or ``bfloat16``."""
        return str(self.precision).removeprefix("torch.")


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add ``--device`` and ``--threads``, for what is computed in float32 always."""
    parser.add_argument("--device", default="auto", help="auto (a GPU if there is one), cpu, cuda, cuda:1 or mps")
    parser.add_argument(
        "--threads", type=positive_int, default=None, help="CPU threads; without it OMP_NUM_THREADS or all cores"
    )


def add_computing(parser: argparse.ArgumentParser) -> None:
    """Add ``--device``, ``--threads``, ``--precision`` and ``--batch-size``."""
    add_device(parser)
    parser.add_argument(
        "--precision",
        choices=("auto", "float32", "bfloat16"),
        default="auto",
        help="of the convolutions; auto is bfloat16 where the device has units for it. Losses are float32 always",
    )
    parser.add_argument("--batch-size", type=positive_int, default=64, help="regions computed at once")


def resolve_computing(args: argparse.Namespace) -> Computing:
    """Find the device and precision that were asked for, and set the number of threads."""
    import torch

    from bpflow.devices import resolve_device, resolve_precision, set_threads

    threads = set_threads(args.threads)
    device = resolve_device(args.device)
    # By default PyTorch rounds what GPUs convolve to 10 bits.
    torch.backends.cudnn.allow_tf32 = False
    precision = resolve_precision(getattr(args, "precision", "float32"), device)
    computing = Computing(device, precision, threads)
    log.info("computing on %s in %s with %d CPU threads", device, computing.precision_name, threads)
    return computing


def make_deterministic() -> None:
    """Let PyTorch use no algorithm whose result depends on the order of parallel work."""
    import torch

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
