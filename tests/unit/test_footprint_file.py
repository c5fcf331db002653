"""The footprint file: what is written is read again, and other files are refused."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from bpflow.errors import InputError
from bpflow.footprint_file import DEVIATION, read_profiles, write_profiles
from bpflow.footprints import measure
from bpflow.inserts import Insert, bias_probes
from unit.simulated_footprints import OUTPUT, backgrounds, enzyme_only


def test_profiles_are_written_unrounded(tmp_path):
    footprints = measure(backgrounds(2), bias_probes("ATAC"), enzyme_only(OUTPUT, ["GCACAGTACAG"], corrected_spike=0.1))
    write_profiles(footprints, tmp_path / "f.h5", backgrounds=2)
    with h5py.File(tmp_path / "f.h5") as handle:
        assert sorted(handle["corrected"]) == ["control", "tn5_1", "tn5_2", "tn5_3", "tn5_4", "tn5_5"]
        dataset = handle["with_bias/tn5_1"]
        assert (dataset[:] == footprints[1].effects["with_bias"].profile).all()
        assert dataset.attrs["sequence"] == "GCACAGTACAGAGCTG"
        assert dataset.attrs["counts"] == 80


def test_what_is_written_is_read_again_in_its_order(tmp_path):
    inserts = [*bias_probes("ATAC"), Insert("AP1", "TGACTCA", "motif")]
    footprints = measure(backgrounds(3), inserts, enzyme_only(OUTPUT, ["GCACAGTACAG"], corrected_spike=0.1))
    write_profiles(footprints, tmp_path / "a.h5", backgrounds=3, deviations=footprints[:2])
    again, number = read_profiles(tmp_path / "a.h5")
    assert number == 3
    assert [footprint.insert for footprint in again] == [footprint.insert for footprint in footprints]
    for one, other in zip(footprints, again, strict=True):
        for view, effect in one.effects.items():
            np.testing.assert_array_equal(other.effects[view].profile, effect.profile)
            assert other.effects[view].counts == effect.counts
    write_profiles(again, tmp_path / "b.h5", backgrounds=3, deviations=footprints[:2])
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    with h5py.File(tmp_path / "a.h5") as handle:
        assert sorted(handle[f"{DEVIATION}/corrected"]) == ["control", "tn5_1"]


def test_other_files_are_refused(tmp_path):
    (tmp_path / "text.h5").write_text("no HDF5")
    with h5py.File(tmp_path / "other.h5", "w") as handle:
        handle["coords/name"] = 1
    for name in ("text.h5", "other.h5"):
        with pytest.raises(InputError, match="not a footprint file"):
            read_profiles(tmp_path / name)
    with pytest.raises(InputError, match="no such file"):
        read_profiles(tmp_path / "absent.h5")
