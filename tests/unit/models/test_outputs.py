from __future__ import annotations

import pytest
import torch

from bpflow.models.outputs import Outputs


@pytest.mark.parametrize(
    ("outputs", "groups", "width", "tracks", "partners"),
    [
        (Outputs(("",), 1, True, 10), ("",), 10, ("",), (0,)),
        (Outputs(("",), 2, True, 10), ("",), 20, ("plus", "minus"), (1, 0)),
        (Outputs(("a", "b"), 1, False, 10), ("a", "b"), 10, ("a", "b"), (0, 1)),
        (Outputs(("a", "b"), 2, True, 10), ("a", "b"), 20, ("a.plus", "a.minus", "b.plus", "b.minus"), (1, 0, 3, 2)),
        (
            Outputs(("a", "b"), 2, False, 10),
            ("a.plus", "a.minus", "b.plus", "b.minus"),
            10,
            ("a.plus", "a.minus", "b.plus", "b.minus"),
            (1, 0, 3, 2),
        ),
    ],
)
def test_groups_and_tracks(outputs, groups, width, tracks, partners):
    assert (outputs.groups, outputs.group_names, outputs.width) == (len(groups), groups, width)
    assert (outputs.tracks, outputs.track_names, outputs.partners) == (len(tracks), tracks, partners)


def test_the_groups_of_a_task():
    assert Outputs(("a", "b", "c"), 2, False, 10).groups_of("b") == slice(2, 4)
    assert Outputs(("a", "b", "c"), 2, True, 10).groups_of("c") == slice(2, 3)


@pytest.mark.parametrize(("tasks", "shared"), [(1, True), (1, False), (3, True), (3, False)])
def test_tracks_are_laid_out_and_found_again(tasks, shared):
    outputs = Outputs(tuple("abc"[:tasks]), 2, shared, 5)
    logits = torch.arange(4 * outputs.tracks * 5.0).view(4, outputs.tracks, 5)
    found = outputs.laid_out(logits, torch.zeros(4, outputs.groups))
    groups = () if outputs.groups == 1 else (outputs.groups,)
    assert found.profile_logits.shape == (4, *groups, outputs.width)
    assert found.log_counts.shape == (4, *groups)
    assert torch.equal(outputs.by_track(found.profile_logits), logits)
    last = found.profile_logits.view(4, -1)[:, -outputs.width :]
    assert torch.equal(last[:, -5:], logits[:, -1])
