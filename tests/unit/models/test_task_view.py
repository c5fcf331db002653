from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bpflow.errors import InputError
from bpflow.models import BPNet, BPNetConfig, ChromBPNet, ProCapNet, ProCapNetConfig, TaskView, chosen_task
from bpflow.models.encoding import one_hot
from bpflow.models.outputs import Output
from bpflow.models.task_view import joined, one_task
from bpflow.prediction import predict_codes

SIZES = {"input_length": 60, "output_length": 20, "filters": 5, "layers": 2, "first_kernel": 5, "profile_kernel": 7}
CODES = torch.randint(0, 5, (3, 60), dtype=torch.uint8, generator=torch.Generator().manual_seed(7))


def model(**options):
    return BPNet(BPNetConfig(**SIZES, **options), torch.Generator().manual_seed(1)).eval()


def outputs_of(network):
    with torch.no_grad():
        return network(one_hot(CODES))


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("strands", [1, 2])
def test_a_task_predicts_what_the_whole_does_of_it(strands, shared):
    whole = model(tasks=("a", "b", "c"), strands=strands, shared_strands=shared, control=True)
    expected = outputs_of(whole)
    for name in "abc":
        found = outputs_of(one_task(whole, name))
        groups = whole.config.outputs.groups_of(name)
        logits, logs = expected.profile_logits[:, groups], expected.log_counts[:, groups]
        torch.testing.assert_close(found.profile_logits, logits.squeeze(1), rtol=0, atol=1e-6)
        torch.testing.assert_close(found.log_counts, logs.squeeze(1), rtol=0, atol=1e-6)


def test_weights_are_shared_with_the_whole_model():
    whole = model(tasks=("a", "b"), strands=2)
    single = one_task(whole, "b")
    with torch.no_grad():
        whole.tower.stem.weight.zero_()
        whole.profile.weight.zero_()
    assert not single.tower.stem.weight.any()
    assert not single.profile.weight.any()


def test_a_view_sums_what_is_expected_of_each_strand():
    whole = model(tasks=("a", "b"), strands=2, shared_strands=False)
    view = chosen_task(whole, "b")
    assert isinstance(view, TaskView)
    assert (view.config.outputs.groups, view.config.outputs.width, view.config.output_length) == (1, 40, 20)
    found, parts = outputs_of(view), outputs_of(one_task(whole, "b"))
    expected = parts.log_counts.double().expm1().clamp_min(1e-6)
    profile = parts.profile_logits.double().softmax(2) * expected[:, :, None]
    tracks = found.profile_logits.double().softmax(1) * found.log_counts.double().expm1()[:, None]
    np.testing.assert_allclose(tracks, profile.flatten(1), rtol=1e-4, atol=1e-7)
    predicted = predict_codes(view, CODES.numpy())
    np.testing.assert_allclose(predicted.profile_logits, found.profile_logits, atol=1e-6)


@settings(max_examples=40)
@given(st.lists(st.floats(-20, 12, width=32), min_size=2, max_size=2))
def test_joined_strands_are_finite_and_sum_to_one(log_counts):
    logits = torch.randn(1, 2, 6, generator=torch.Generator().manual_seed(0))
    found = joined(Output(logits, torch.tensor([log_counts])))
    assert found.profile_logits.isfinite().all()
    shares = found.profile_logits.double().softmax(1).view(2, 6).sum(1)
    expected = np.maximum(np.expm1(np.array(log_counts, dtype=np.float64)), 1e-6)
    np.testing.assert_allclose(shares, expected / expected.sum(), rtol=1e-3, atol=1e-7)
    assert found.log_counts.item() == pytest.approx(np.log1p(expected.sum()), rel=1e-3, abs=3e-6)


def test_one_group_is_left_as_it_is():
    output = Output(torch.zeros(2, 6), torch.zeros(2))
    assert joined(output) is output
    single = model(tasks=("a",), strands=2)
    assert chosen_task(single, None) is chosen_task(single, "a") is single


def test_a_task_of_a_procapnet_is_one():
    whole = ProCapNet(ProCapNetConfig(**SIZES, tasks=("a", "b"))).eval()
    single = chosen_task(whole, "b")
    assert (single.config.kind, single.config.tasks) == ("procapnet", ("b",))
    torch.testing.assert_close(outputs_of(single).profile_logits, outputs_of(whole).profile_logits[:, 1])


@pytest.mark.parametrize(
    ("tasks", "task", "message"),
    [
        (("a", "b"), None, "no task. Expected one of a, b"),
        (("a", "b"), "c", "the task 'c'. Expected one of a, b"),
        (("a",), "b", "the task 'b'. Expected one of a"),
        (("",), "b", "the task 'b'. Expected none"),
    ],
)
def test_a_task_that_is_not_there(tasks, task, message):
    with pytest.raises(InputError, match=message):
        chosen_task(model(tasks=tasks, strands=2), task)


def test_a_chrombpnet_has_no_tasks():
    whole = ChromBPNet(model(), model())
    assert chosen_task(whole, None) is whole
    with pytest.raises(InputError, match="the task 'x'"):
        chosen_task(whole, "x")
