"""DeepLIFT multipliers against the official program, an implementation in float64, and tangermeme."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tangermeme.deep_lift_shap import deep_lift_shap
from torch import nn
from torch.nn import functional

from bpflow.contributions import deep_shap
from bpflow.errors import InputError
from bpflow.formats.keras import read_keras
from bpflow.models import BPNet, BPNetConfig, ChromBPNet, TaskView, chosen_task
from bpflow.models.deeplift import HEADS, attribute
from bpflow.models.task_view import one_task

# The official program's scores, relative to the largest; TensorFlow's softmax differs more than its convolutions.
OFFICIAL_TOLERANCE = {"counts": 2e-6, "profile": 1e-4}


def small_model(seed: int, *, filters: int = 5, layers: int = 2, spare: int = 6, **options: object) -> BPNet:
    """Random weights and biases of the size that trained ones have."""
    output, profile_kernel, first = 12, 5, 7
    length = output + profile_kernel - 1 + first - 1 + 2 * (2 ** (layers + 1) - 2) + spare
    config = BPNetConfig(
        input_length=length,
        output_length=output,
        filters=filters,
        layers=layers,
        first_kernel=first,
        profile_kernel=profile_kernel,
        **options,
    )
    generator = torch.Generator().manual_seed(seed)
    model = BPNet(config, generator).eval()
    with torch.no_grad():
        for values in model.parameters():
            values.add_(0.2 * torch.randn(values.shape, generator=generator))
    return model


def random_one_hot(generator: torch.Generator, model: BPNet, *shape: int) -> torch.Tensor:
    """One-hot sequences with unknown bases among them: zeros, or the N channel."""
    channels, length = model.config.channels, model.config.input_length
    codes = torch.randint(0, 5, (*shape, length), generator=generator)
    return functional.one_hot(codes, 5)[..., :channels].transpose(-1, -2).float()


def inputs(model: BPNet, seed: int, n: int, references: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return random_one_hot(generator, model, n), random_one_hot(generator, model, n, references)


def rescaled_relu(x: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """relu(x), whose derivative is the rescale rule's multiplier."""
    apart = x - reference
    quotient = (x.relu() - reference.relu()) / apart
    multiplier = torch.where(apart == 0, (x > 0).double(), quotient).detach()
    return x.relu().detach() + multiplier * (x - x.detach())


def expected_contributions(model: BPNet, sequence: torch.Tensor, references: torch.Tensor, head: str) -> torch.Tensor:
    """Of one sequence, in float64, from the published formulas: no code of the package but its weights."""
    weights = {name: value.double() for name, value in model.state_dict().items()}
    padding, groups = "same" if model.config.same else "valid", model.config.outputs.groups

    def outputs(x: torch.Tensor, others: list[torch.Tensor] | None) -> tuple[torch.Tensor, ...]:
        seen = []
        for layer in range(model.config.layers + 1):
            name = f"tower.dilated.{layer - 1}" if layer else "tower.stem"
            pair, dilation = (weights[f"{name}.weight"], weights[f"{name}.bias"]), 2**layer if layer else 1
            z = functional.conv1d(x, *pair, dilation=dilation, padding=padding)
            seen.append(z.detach())
            y = z.relu() if others is None else rescaled_relu(z, others[layer])
            crop = (x.shape[2] - y.shape[2]) // 2
            x = y + x[..., crop : x.shape[2] - crop] if layer else y
        logits = functional.conv1d(x, weights["profile.weight"], weights["profile.bias"], padding=padding)
        crop = (logits.shape[2] - model.config.output_length) // 2
        log_counts = x.mean(2) @ weights["counts.weight"].T + weights["counts.bias"]
        return logits[..., crop : crop + model.config.output_length].reshape(groups, -1), log_counts, seen

    found = []
    for reference in references.double():
        theirs, _, before = outputs(reference[None], None)
        x = sequence[None].double().requires_grad_()
        logits, log_counts, _ = outputs(x, before)
        weight = (logits.softmax(1) + theirs.softmax(1)).detach() / 2
        profile = (weight * (logits - logits.mean(1, keepdim=True))).sum(1)
        target = log_counts.mean() if head == "counts" else profile.mean()
        (multipliers,) = torch.autograd.grad(target, x)
        found.append(multipliers[0] - (multipliers[0] * reference).sum(0))
    return torch.stack(found).mean(0)


def relative_error(found: torch.Tensor | np.ndarray, expected: torch.Tensor | np.ndarray) -> float:
    found, expected = np.asarray(found, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    return float(np.abs(found - expected).max() / np.abs(expected).max())


@pytest.mark.parametrize("head", HEADS)
def test_contributions_equal_the_official_ones(shared_data, head):
    folder = shared_data / "golden" / "chrombpnet-1.0.1"
    model = read_keras(folder / "chrombpnet_nobias.h5").model
    with np.load(folder / "contributions.npz") as arrays:
        one_hot, references, expected = (arrays[name].swapaxes(-1, -2) for name in ("onehot", "references", head))
    found = deep_shap(model, one_hot, references, head)
    assert found.shape == expected.shape == (3, 4, 2114)
    assert relative_error(found, expected) < OFFICIAL_TOLERANCE[head]


@settings(max_examples=25)
@given(
    st.integers(0, 2**31),
    st.integers(1, 9),
    st.integers(1, 4),
    st.integers(0, 7).map(lambda half: 2 * half),
    st.booleans(),
    st.integers(1, 4),
)
def test_contributions_equal_the_rescale_rule_in_float64(seed, filters, layers, spare, n_channel, references):
    model = small_model(seed, filters=filters, layers=layers, spare=spare, n_channel=n_channel)
    one_hot, others = inputs(model, seed + 1, 2, references)
    found = attribute(model, one_hot, others, HEADS)
    for head in HEADS:
        expected = torch.stack(
            [expected_contributions(model, *pair, head) for pair in zip(one_hot, others, strict=True)]
        )
        scale = expected.abs().max().item()
        np.testing.assert_allclose(found[head].hypothetical, expected, rtol=0, atol=1e-4 * scale + 1e-6)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("same", [True, False])
def test_contributions_to_strands_equal_the_rescale_rule_in_float64(same, shared):
    model = small_model(6, strands=2, shared_strands=shared, same=same)
    one_hot, others = inputs(model, 7, 2, 3)
    found = attribute(model, one_hot, others, HEADS)
    for head in HEADS:
        expected = torch.stack(
            [expected_contributions(model, *pair, head) for pair in zip(one_hot, others, strict=True)]
        )
        scale = expected.abs().max().item()
        np.testing.assert_allclose(found[head].hypothetical, expected, rtol=0, atol=1e-4 * scale + 1e-6)
        np.testing.assert_allclose(found[head].explained, found[head].difference, atol=2e-5)


def test_kept_lengths_whose_profile_is_as_long_as_the_input():
    sizes = {"input_length": 24, "output_length": 24, "filters": 5, "layers": 2, "first_kernel": 7}
    config = BPNetConfig(**sizes, profile_kernel=5, same=True, strands=2, shared_strands=False)
    model = BPNet(config, torch.Generator().manual_seed(1)).eval()
    one_hot, others = inputs(model, 2, 2, 3)
    for head, found in attribute(model, one_hot, others, HEADS).items():
        expected = torch.stack(
            [expected_contributions(model, *pair, head) for pair in zip(one_hot, others, strict=True)]
        )
        assert relative_error(found.hypothetical, expected) < 1e-4
        np.testing.assert_allclose(found.explained, found.difference, atol=2e-5)


def test_a_view_of_a_task_is_explained_as_the_task():
    whole = small_model(4, tasks=("a", "b"), strands=2, shared_strands=False)
    view = chosen_task(whole, "b")
    assert isinstance(view, TaskView)
    one_hot, others = inputs(whole, 2, 2, 3)
    for head in HEADS:
        expected = attribute(one_task(whole, "b"), one_hot, others, [head])[head]
        assert torch.equal(attribute(view, one_hot, others, [head])[head].hypothetical, expected.hypothetical)
    with pytest.raises(InputError, match="a model of the tasks a, b"):
        attribute(whole, one_hot, others, HEADS)


class LogCounts(nn.Module):
    def __init__(self, model: BPNet) -> None:
        super().__init__()
        self.model = model

    def forward(self, one_hot: torch.Tensor) -> torch.Tensor:
        return self.model(one_hot).log_counts[:, None]


def test_contributions_to_counts_equal_those_of_tangermeme():
    model = small_model(3, filters=8, layers=3)
    generator = torch.Generator().manual_seed(0)
    shape = (4, 7, model.config.input_length)
    known = functional.one_hot(torch.randint(0, 4, shape, generator=generator), 4).transpose(-1, -2).float()
    one_hot, references = known[:, 0].contiguous(), known[:, 1:].contiguous()
    expected = deep_lift_shap(LogCounts(model), one_hot, references=references, hypothetical=True, device="cpu")
    assert relative_error(deep_shap(model, one_hot, references, "counts"), expected) < 1e-5


@given(st.integers(0, 2**31), st.booleans())
@settings(max_examples=15)
def test_contributions_sum_to_the_difference_from_the_references(seed, n_channel):
    model = small_model(seed, n_channel=n_channel)
    one_hot, references = inputs(model, seed, 3, 5)
    found = attribute(model, one_hot, references, HEADS)
    with torch.no_grad():
        ours, theirs = model(one_hot), model(references.flatten(0, 1))
    counts = ours.log_counts[:, None] - theirs.log_counts.view(3, 5)
    np.testing.assert_allclose(found["counts"].difference, counts, atol=1e-5)
    logits, other_logits = ours.profile_logits[:, None], theirs.profile_logits.view(3, 5, -1)
    weights = (logits.softmax(2) + other_logits.softmax(2)) / 2
    apart = logits - other_logits
    profile = (weights * (apart - apart.mean(2, keepdim=True))).sum(2)
    np.testing.assert_allclose(found["profile"].difference, profile, atol=1e-5)
    for result in found.values():
        np.testing.assert_allclose(result.explained, result.difference, atol=2e-5)
        if n_channel:
            # Without that channel an unknown base is no base, so the sum over bases lacks its share.
            total = (result.hypothetical * one_hot).sum((1, 2))
            np.testing.assert_allclose(total, result.difference.mean(1), atol=2e-5)


def test_a_sequence_is_its_own_reference_and_contributes_nothing():
    model = small_model(1)
    one_hot, _ = inputs(model, 0, 2, 1)
    for result in attribute(model, one_hot, one_hot[:, None], HEADS).values():
        assert result.explained.abs().max() < 1e-6
        assert result.hypothetical.abs().max() > 0.01
        assert (result.hypothetical * one_hot).abs().max() < 1e-6


def test_the_result_does_not_depend_on_what_else_is_computed():
    model = small_model(5, filters=7, layers=3)
    one_hot, references = inputs(model, 2, 4, 9)
    whole = attribute(model, one_hot, references, HEADS)
    for head in HEADS:
        rows = [attribute(model, one_hot[i : i + 1], references[i : i + 1], [head])[head] for i in range(4)]
        for field in ("hypothetical", "explained", "difference"):
            together = torch.cat([getattr(row, field) for row in rows])
            torch.testing.assert_close(together, getattr(whole[head], field), rtol=0, atol=0)
        for piece in (1, 2, 9, 100):
            other = attribute(model, one_hot, references, [head], piece=piece)[head]
            assert relative_error(other.hypothetical, whole[head].hypothetical) < 1e-5
            torch.testing.assert_close(other.difference, whole[head].difference, rtol=1e-4, atol=1e-5)


def test_arrays_of_any_type_are_taken_and_the_model_is_left_as_it_was():
    model = small_model(7)
    one_hot, references = inputs(model, 3, 2, 3)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    expected = deep_shap(model, one_hot, references, "profile")
    arrays = one_hot.numpy().astype(np.int8), references.numpy().astype(np.uint8)
    torch.testing.assert_close(deep_shap(model, *arrays, "profile"), expected, rtol=0, atol=0)
    strided = np.ascontiguousarray(arrays[0].swapaxes(1, 2)).swapaxes(1, 2)
    torch.testing.assert_close(deep_shap(model, strided, references, "profile"), expected, rtol=0, atol=0)
    assert not expected.requires_grad
    assert all(value.requires_grad and value.grad is None for value in model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def wrong_inputs():
    model = small_model(0)
    one_hot, references = inputs(model, 0, 2, 3)
    call = partial(deep_shap, model)
    return {
        "a ChromBPNet whole": (
            partial(deep_shap, ChromBPNet(model, small_model(1)), one_hot, references, "counts"),
            r"a model of kind 'chrombpnet'.*\.accessibility",
        ),
        "an unknown head": (partial(call, one_hot, references, "total"), r"the head 'total'\. Expected counts"),
        "length before base": (partial(call, one_hot.mT, references, "counts"), r"sequences of shape \(2, .*, 4\)"),
        "one sequence": (partial(call, one_hot[0], references, "counts"), "sequences of shape"),
        "references of others": (partial(call, one_hot, references[:1], "counts"), r"references of shape \(1, 3"),
        "references of another length": (partial(call, one_hot, references[..., 1:], "counts"), "references of shape"),
        "one reference each": (partial(call, one_hot, references[:, 0], "counts"), r"Expected \(2, R, 4, "),
        "no references": (partial(call, one_hot, references[:, :0], "counts"), "no references"),
    }


@pytest.mark.parametrize("mistake", wrong_inputs())
def test_wrong_inputs_are_named(mistake):
    call, message = wrong_inputs()[mistake]
    with pytest.raises(InputError, match=message):
        call()
