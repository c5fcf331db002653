"""HDF5 that others wrote: what is not in the file, or is not what it should be, is refused by name."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from bpflow import hdf5_files
from bpflow.errors import InputError
from bpflow.hdf5_files import is_hdf5, opened_hdf5


@pytest.fixture
def path(tmp_path):
    (tmp_path / "secret").write_bytes(bytes(80))
    with h5py.File(tmp_path / "other.h5", "w") as handle:
        handle["x"] = np.arange(10.0)
    with h5py.File(tmp_path / "m.h5", "w") as handle:
        handle["group/good"] = np.arange(6.0).reshape(2, 3)
        handle["group/texts"] = ["a", "b"]
        handle["group/none"] = h5py.Empty("f4")
        handle.create_dataset("group/zeros", (1000, 1000), "f4", compression="gzip", data=np.zeros((1000, 1000), "f4"))
        handle.create_dataset("huge", (1 << 40,), "f4")
        handle.create_dataset("huge_in_chunks", (1 << 40,), "f4", chunks=True, compression="gzip")
        handle.create_dataset("outside", (10,), "f8", external=[("secret", 0, 80)])
        handle.create_virtual_dataset("virtual", _virtual(tmp_path / "other.h5"))
        handle["linked"] = h5py.ExternalLink("other.h5", "/x")
        handle["circle"] = h5py.SoftLink("/circle")
    return tmp_path / "m.h5"


def _virtual(source):
    layout = h5py.VirtualLayout((10,), "f8")
    layout[:] = h5py.VirtualSource(source, "x", (10,))
    return layout


def test_what_is_stored_is_read(path):
    assert is_hdf5(path)
    with opened_hdf5(path, "numbers") as stored:
        assert "group/good" in stored
        assert "group/bad" not in stored
        good = stored.dataset("group/good", dimensions=2, kinds="f")
        np.testing.assert_array_equal(stored.read(good, slice(1, 2)), [[3, 4, 5]])
        assert list(stored.texts("group/texts")) == ["a", "b"]
        # Zeros pack as tightly as deflate can.
        assert not stored.read(stored.dataset("group/zeros")).any()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("group", "group holds no array"),
        ("group/none", "holds no array"),
        ("group/absent", "group/absent cannot be read"),
        ("group/texts", "of shape .2,. and of the type object"),
        ("huge", "huge claims 4398046511104 bytes, of which 0 are stored"),
        ("huge_in_chunks", "claims 4398046511104 bytes, of which 0 are stored"),
        ("outside", "outside lies in another file"),
        ("virtual", "virtual lies in another file"),
        ("linked", "linked lies in another file"),
        ("circle", "circle cannot be read"),
    ],
)
def test_what_is_not_stored_is_refused(path, name, message):
    with (
        opened_hdf5(path, "numbers") as stored,
        pytest.raises(InputError, match=rf"m\.h5: .*{message}.*Expected numbers"),
    ):
        stored.dataset(name, kinds="f")


def test_a_file_that_hdf5_never_ends_with_or_crashes_on_is_refused(path, monkeypatch):
    monkeypatch.setattr(hdf5_files, "TRIAL", "while True: pass")
    monkeypatch.setattr(hdf5_files, "PATIENCE", 1)
    with pytest.raises(InputError, match="HDF5 does not come to an end with it"), opened_hdf5(path, "numbers"):
        pass
    monkeypatch.setattr(hdf5_files, "TRIAL", "import os; os.kill(os.getpid(), 11)")
    with pytest.raises(InputError, match="HDF5 crashes on it, signal 11"), opened_hdf5(path, "numbers"):
        pass


def test_a_damaged_heap_is_refused(tmp_path, monkeypatch):
    """An object's size that leaves its heap, on which HDF5 2.0 goes round for ever."""
    with h5py.File(tmp_path / "m.h5", "w") as handle:
        handle.attrs["names"] = ["bpnet_1st_conv/kernel:0", "bpnet_1conv/kernel:0"]
    content = bytearray((tmp_path / "m.h5").read_bytes())
    place = content.index(b"bpnet_1conv/kernel:0")
    content[place - 7] ^= 0x06
    (tmp_path / "m.h5").write_bytes(content)
    monkeypatch.setattr(hdf5_files, "PATIENCE", 5)
    with pytest.raises(InputError, match=r"m\.h5"), opened_hdf5(tmp_path / "m.h5", "names") as stored:
        stored.attributes()


def test_a_file_cut_short_is_refused(path):
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match="not an HDF5 file, or a damaged one"), opened_hdf5(path, "numbers"):
        pass
