from __future__ import annotations

import torch

from bpflow.models.encoding import one_hot, reverse_complement


def test_one_hot_places_each_base_and_leaves_others_empty():
    encoded = one_hot(torch.tensor([[0, 1, 2, 3, 4, 255]], dtype=torch.uint8))
    assert encoded.shape == (1, 4, 6)
    assert encoded.dtype == torch.float32
    assert torch.equal(encoded[0, :, :4], torch.eye(4))
    assert not encoded[0, :, 4:].any()


def test_one_hot_of_five_channels_gives_unknown_bases_their_own():
    encoded = one_hot(torch.tensor([[0, 1, 2, 3, 4, 255]], dtype=torch.uint8), channels=5)
    assert encoded.shape == (1, 5, 6)
    assert torch.equal(encoded[0, :, :5], torch.eye(5))
    assert not encoded[0, :, 5].any()


def test_reverse_complement_reads_the_other_strand():
    codes = torch.tensor([[0, 0, 1, 4, 3]], dtype=torch.uint8)
    assert reverse_complement(codes).tolist() == [[0, 4, 2, 3, 3]]


def test_reverse_complement_is_a_flip_of_both_axes_of_one_hot():
    codes = torch.randint(0, 5, (3, 50), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    assert torch.equal(one_hot(reverse_complement(codes)), one_hot(codes).flip(1, 2))
