"""The footprint file (HDF5): every footprint of a model, or the mean over models, unrounded.

``VIEW/NAME`` (O,) with the attributes counts, sequence, kind and place (its number in the order of measuring); NAME
``control`` is the backgrounds alone. A mean over models has ``standard_deviation/VIEW/NAME`` beside it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

import h5py

from bpflow.errors import InputError
from bpflow.files import existing
from bpflow.footprints import REPORTED, Effect, Footprint
from bpflow.inserts import Insert
from bpflow.new_hdf5 import new_hdf5

__all__ = ["DEVIATION", "read_profiles", "write_profiles"]

DEVIATION = "standard_deviation"
EXPECTED = "footprints of 'bpflow footprints'"


def write_profiles(
    footprints: Iterable[Footprint],
    path: str | os.PathLike[str],
    *,
    backgrounds: int,
    deviations: Iterable[Footprint] = (),
) -> None:
    """Write footprints, and those of their standard deviations if there are any.

    Parameters
    ----------
    footprints
        The control first.
    path
        The HDF5 to write. The same footprints give the same bytes.
    backgrounds
        How many sequences they are means over.
    deviations
        Standard deviations over models, in place of profiles and counts.
    """
    with new_hdf5(path) as handle:
        handle.attrs["backgrounds"] = backgrounds
        for prefix, group in (("", footprints), (f"{DEVIATION}/", deviations)):
            for place, footprint in enumerate(group):
                for view, effect in footprint.effects.items():
                    dataset = handle.create_dataset(f"{prefix}{view}/{footprint.insert.name}", data=effect.profile)
                    dataset.attrs["counts"] = effect.counts
                    dataset.attrs["sequence"] = footprint.insert.sequence
                    dataset.attrs["kind"] = footprint.insert.kind
                    dataset.attrs["place"] = place


def read_profiles(path: str | os.PathLike[str]) -> tuple[list[Footprint], int]:
    """Read footprints in the order in which they were written, and the number of backgrounds."""
    existing(path, EXPECTED)
    try:
        with h5py.File(path, "r") as handle:
            names = sorted(handle["corrected"], key=lambda name: int(handle["corrected"][name].attrs["place"]))
            return [_read(handle, name) for name in names], int(handle.attrs["backgrounds"])
    except (OSError, KeyError) as error:
        raise InputError(f"not a footprint file ({error})", where=str(path), expected=EXPECTED) from None


def _read(handle: h5py.File, name: str) -> Footprint:
    datasets = {view: handle[f"{view}/{name}"] for view in REPORTED}
    attributes = datasets["corrected"].attrs
    return Footprint(
        Insert(name, attributes["sequence"], attributes["kind"]),
        {view: Effect(dataset[:], float(dataset.attrs["counts"])) for view, dataset in datasets.items()},
    )
