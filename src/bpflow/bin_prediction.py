"""Predicted bins: with averaging over strands and shifts, in a file by window, and as one bigWig a track."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import Tensor

from bpflow.bigwig_writer import BigWigWriter
from bpflow.bin_file import Bins, shifted
from bpflow.devices import autocast
from bpflow.errors import InputError
from bpflow.genome import reverse_complement_codes
from bpflow.models import Basenji2
from bpflow.models.encoding import one_hot
from bpflow.new_hdf5 import new_hdf5

__all__ = ["bigwig_names", "predict_bins", "predictions_file", "write_bin_tracks"]

# Tracks written side by side.
TRACKS_AT_ONCE = 16
UNUSUAL = re.compile(r"[^\w.+-]")


@torch.inference_mode()
def predict_bins(
    model: Basenji2,
    codes: np.ndarray,
    *,
    device: torch.device | str = "cpu",
    precision: torch.dtype = torch.float32,
    partners: np.ndarray | None = None,
    shifts: Sequence[int] = (0,),
) -> Tensor:
    """Predict (n, bins, targets) coverage of (n, input_length) base codes; float32, on the device.

    Parameters
    ----------
    model
        The model, on any device.
    codes
        uint8 base codes.
    device, precision
        Where, and in which precision convolutions run.
    partners
        (T,) number of the track of the other strand: if given, the mean over both strands is predicted.
    shifts
        Bases to move the sequence by; the mean over them is predicted.
    """
    device = torch.device(device)
    model.to(device).eval()
    total, passes = None, 0
    for shift in shifts:
        moved = shifted(codes, np.full(len(codes), shift))
        for reverse in (False, True) if partners is not None else (False,):
            batch = torch.from_numpy(reverse_complement_codes(moved) if reverse else moved).to(device)
            with autocast(device, precision):
                found = model(one_hot(batch, model.config.channels))
            if reverse:
                found = found.flip(1)[:, :, torch.as_tensor(partners, device=device)]
            total, passes = found if total is None else total + found, passes + 1
    if total is None:
        raise InputError("no shift to predict with", expected="0, or several")
    return total / passes


@contextmanager
def predictions_file(path: str | os.PathLike[str], bins: Bins, rows: np.ndarray) -> Iterator[h5py.Dataset]:
    """Open a file of predictions for writing, windows `rows` of `bins`; it appears only if the block succeeds.

    Yields
    ------
    Dataset
        (n, targets, bins) float32, to be filled by window.
    """
    tracks = len(bins.identifiers)
    with new_hdf5(path) as handle:
        handle.attrs["bin_width"], handle.attrs["genome"] = bins.layout.bin_width, bins.genome.digest
        handle.create_dataset("windows/chrom", data=bins.chroms[rows], dtype=h5py.string_dtype())
        handle["windows/start"] = bins.starts[rows]
        identifiers = np.array(bins.identifiers, dtype=object)
        handle.create_dataset("targets/identifier", data=identifiers, dtype=h5py.string_dtype())
        yield handle.create_dataset(
            "predictions",
            (len(rows), tracks, bins.layout.bins),
            np.float32,
            chunks=(1, min(tracks, TRACKS_AT_ONCE), bins.layout.bins),
            compression="gzip",
            compression_opts=1,
            shuffle=True,
        )


def bigwig_names(identifiers: Sequence[str]) -> list[str]:
    """File names of tracks: identifiers, without what is unusual in file names.

    Raises
    ------
    InputError
        Two tracks would have the same file.
    """
    names = [f"{UNUSUAL.sub('_', identifier)}.bw" for identifier in identifiers]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"two tracks whose file would be {twice}", expected="identifiers that differ in their letters")
    return names


def write_bin_tracks(
    predictions: str | os.PathLike[str], folder: str | os.PathLike[str], bins: Bins, *, threads: int = 1
) -> None:
    """Write one bigWig a track from a file of predictions whose windows are in the genome's order.

    Parameters
    ----------
    predictions
        Written with :func:`predictions_file`.
    folder
        Where the files go, by :func:`bigwig_names`.
    bins
        What was predicted.
    threads
        Threads that compress.
    """
    names, width = bigwig_names(bins.identifiers), bins.layout.bin_width
    along = width * np.arange(bins.layout.bins)
    with h5py.File(predictions, "r") as handle:
        chroms, starts = handle["windows/chrom"].asstr()[:], handle["windows/start"][:]
        for first in range(0, len(names), TRACKS_AT_ONCE):
            tracks = slice(first, first + TRACKS_AT_ONCE)
            with ExitStack() as stack:
                writers = [
                    stack.enter_context(
                        BigWigWriter(Path(folder, name), bins.genome.sizes, threads=threads, span=width)
                    )
                    for name in names[tracks]
                ]
                for row, (chrom, start) in enumerate(zip(chroms, starts.tolist(), strict=True)):
                    for writer, values in zip(writers, handle["predictions"][row, tracks], strict=True):
                        writer.add(chrom, start + along, values)
