from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from bpflow import batches as batches_module
from bpflow.batches import DeviceBatches, HostBatches, batches_on
from bpflow.datasets import Epoch, Windows
from bpflow.mappability import Mappability
from bpflow.signal_groups import SignalGroups
from bpflow.world import World
from unit import simulated

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def windows():
    random = np.random.default_rng(4)
    genome = random.integers(0, 5, 5000).astype(np.uint8)
    return Windows(genome, simulated.signal_track(random.poisson(0.2, 5000)), 60, 24)


@pytest.fixture(scope="module")
def epoch():
    random = np.random.default_rng(5)
    # Windows that touch both ends of the genome are among them.
    centers = np.concatenate([[30, 4970], random.integers(30, 4970, 47)])
    return Epoch(centers, random.random(49) < 0.5)


def gathered(batches, epoch, **options):
    options.setdefault("world", World())
    return list(batches.iterate(epoch, 10, **options))


def test_batches_gathered_on_the_device_equal_those_of_the_host(windows, epoch):
    host, device = (gathered(kind(windows, CPU), epoch) for kind in (HostBatches, DeviceBatches))
    assert [batch.size for batch in host] == [10, 10, 10, 10, 9] == [batch.size for batch in device]
    for one, other in zip(host, device, strict=True):
        assert torch.equal(one.codes, other.codes)
        assert torch.equal(one.counts, other.counts)
        assert (one.codes.dtype, one.counts.dtype) == (other.codes.dtype, other.counts.dtype)


def test_a_device_without_any_site_gives_zeros(windows, epoch):
    silent = Windows(windows.genome, simulated.signal_track(np.zeros(5000, dtype=np.int32)), 60, 24)
    assert not any(batch.counts.any() for batch in gathered(DeviceBatches(silent, CPU), epoch))


@pytest.mark.parametrize("kind", [HostBatches, DeviceBatches])
def test_an_epoch_goes_on_from_any_batch(kind, windows, epoch):
    whole, rest = gathered(kind(windows, CPU), epoch), gathered(kind(windows, CPU), epoch, first=3)
    assert len(rest) == 2
    assert torch.equal(whole[3].codes, rest[0].codes)


@pytest.mark.parametrize("kind", [HostBatches, DeviceBatches])
def test_processes_share_each_batch_without_rest(kind, windows, epoch):
    whole = gathered(kind(windows, CPU), epoch)
    shares = [gathered(kind(windows, CPU), epoch, world=World(rank, 3)) for rank in range(3)]
    for number, batch in enumerate(whole):
        parts = [share[number] for share in shares]
        assert all(part.size == batch.size for part in parts)
        together = torch.empty_like(batch.counts)
        for rank, part in enumerate(parts):
            together[rank::3] = part.counts
        assert torch.equal(together, batch.counts)


def test_a_processor_gathers_on_the_host(windows):
    assert isinstance(batches_on(windows, CPU), HostBatches)


@pytest.fixture
def accompanied(windows):
    """The same windows with a mask and a control."""
    random = np.random.default_rng(6)
    tracks = tuple(simulated.signal_track(random.poisson(0.2, 5000)) for _ in range(2))
    mappability = Mappability(random.random(5000) < 0.5)
    return dataclasses.replace(windows, mappability=mappability, control=SignalGroups(tracks, 2, (1, 0)))


def test_masks_and_controls_are_cut_and_shared_with_their_batch(accompanied, epoch):
    whole = gathered(HostBatches(accompanied, CPU), epoch)
    share = gathered(HostBatches(accompanied, CPU), epoch, world=World(1, 2))
    expected = accompanied.gather(epoch.centers[:10], epoch.reverse[:10])
    for found, rows in ((whole[0], expected), (share[0], [part[1::2] for part in expected])):
        for one, other in zip((found.codes, found.counts, found.mask, found.control), rows, strict=True):
            np.testing.assert_array_equal(one, other)
    # More processes than examples: one has none.
    nothing = gathered(HostBatches(accompanied, CPU), epoch, world=World(10, 11))[0]
    assert (nothing.codes.shape, nothing.counts.shape, nothing.mask.shape) == ((0, 60), (0, 24), (0, 24))
    pieces = list(whole[0].pieces(4))
    assert [len(piece.codes) for piece in pieces] == [4, 4, 2]
    for part in ("codes", "counts", "mask", "control"):
        assert torch.equal(torch.cat([getattr(piece, part) for piece in pieces]), getattr(whole[0], part))
    unmasked = gathered(HostBatches(accompanied, CPU), Epoch(epoch.centers, epoch.reverse, masked=False))
    assert unmasked[0].mask is None
    assert torch.equal(unmasked[0].control, whole[0].control)


@pytest.mark.parametrize("absent", ["mappability", "control"])
def test_a_gpu_gathers_itself_only_where_nothing_goes_with_the_signal(accompanied, absent, monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (1 << 40, 1 << 40))
    monkeypatch.setattr(batches_module, "DeviceBatches", lambda *_: "on the GPU")
    gpu = torch.device("cuda")
    one = dataclasses.replace(accompanied, **{absent: None})
    assert isinstance(batches_on(one, gpu), HostBatches)
    assert batches_on(dataclasses.replace(one, mappability=None, control=None), gpu) == "on the GPU"
