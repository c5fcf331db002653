from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from bpflow.errors import InputError
from bpflow.models import BPNet, BPNetConfig, ProCapNet, ProCapNetConfig, build
from bpflow.models.convolution import cropped
from bpflow.models.encoding import one_hot
from bpflow.models.tower import tower_lengths

SMALL = {"input_length": 300, "output_length": 100, "filters": 8, "layers": 3}


def sequences(number=3, length=300):
    return one_hot(torch.randint(0, 5, (number, length), dtype=torch.uint8, generator=torch.Generator().manual_seed(7)))


def parameters(model):
    return sum(weights.numel() for weights in model.parameters())


@pytest.mark.parametrize(("filters", "layers", "expected"), [(128, 4, 217_730), (512, 8, 6_377_986)])
def test_official_sizes(filters, layers, expected):
    assert parameters(BPNet(BPNetConfig(filters=filters, layers=layers))) == expected


@pytest.mark.parametrize(
    ("model", "expected"),
    [(BPNet(BPNetConfig.published()), 130_960), (ProCapNet(ProCapNetConfig()), 6_416_387)],
    ids=["BPNet", "ProCapNet"],
)
def test_published_sizes(model, expected):
    assert parameters(model) == expected


def test_official_lengths_and_arithmetic():
    assert tower_lengths(2114, 8) == [2094, 2090, 2082, 2066, 2034, 1970, 1842, 1586, 1074]
    assert tower_lengths(2114, 4)[-1] == 2034
    assert BPNetConfig().gigaflops == pytest.approx(23.4, abs=0.1)


def test_output_shapes_and_types():
    output = BPNet(BPNetConfig(**SMALL))(sequences())
    assert output.profile_logits.shape == (3, 100)
    assert output.log_counts.shape == (3,)
    assert output.profile_logits.dtype == output.log_counts.dtype == torch.float32


@pytest.mark.parametrize(
    ("options", "profile", "counts"),
    [
        ({"strands": 2}, (3, 200), (3,)),
        ({"strands": 2, "shared_strands": False}, (3, 2, 100), (3, 2)),
        ({"strands": 2, "tasks": ("a", "b", "c")}, (3, 3, 200), (3, 3)),
        ({"strands": 2, "shared_strands": False, "tasks": ("a", "b", "c"), "same": True}, (3, 6, 100), (3, 6)),
    ],
)
def test_shapes_of_tasks_and_strands(options, profile, counts):
    config = BPNetConfig(**SMALL, **options)
    output = BPNet(config)(sequences())
    assert (output.profile_logits.shape, output.log_counts.shape) == (profile, counts)
    assert (config.outputs.groups, config.outputs.width) == (counts[1] if len(counts) > 1 else 1, profile[-1])


def test_tracks_are_those_of_models_of_one_with_their_weights():
    model = BPNet(BPNetConfig(**SMALL, strands=2, tasks=("a", "b")), torch.Generator().manual_seed(1)).eval()
    whole = model.config.outputs.by_track(model(sequences()).profile_logits)
    single = BPNet(BPNetConfig(**SMALL)).eval()
    single.tower.load_state_dict(model.tower.state_dict())
    for track in range(4):
        single.profile.weight.data, single.profile.bias.data = (
            weights.data[track : track + 1] for weights in (model.profile.weight, model.profile.bias)
        )
        torch.testing.assert_close(whole[:, track], single(sequences()).profile_logits, rtol=1e-5, atol=1e-6)


def test_kept_lengths_give_what_valid_convolutions_do_where_no_zeros_are_seen():
    valid = BPNet(BPNetConfig(**SMALL), torch.Generator().manual_seed(1)).eval()
    same = BPNet(BPNetConfig(**SMALL, same=True)).eval()
    same.load_state_dict(valid.state_dict())
    x = sequences()
    inner, kept = valid.tower(x), same.tower(x)
    assert kept.shape[2] == 300
    torch.testing.assert_close(cropped(kept, inner.shape[2]), inner, rtol=0, atol=1e-5)
    one, other = valid(x), same(x)
    torch.testing.assert_close(one.profile_logits, other.profile_logits, rtol=0, atol=1e-5)
    # Counts pool what saw the zeros too.
    assert not torch.allclose(one.log_counts, other.log_counts)


def test_kept_lengths_are_those_of_padded_convolutions():
    model = BPNet(BPNetConfig(**{**SMALL, "output_length": 300}, same=True), torch.Generator().manual_seed(1)).eval()
    weights = {name: value.double() for name, value in model.state_dict().items()}
    h = sequences().double()
    for layer in range(SMALL["layers"] + 1):
        name, dilation = (f"tower.dilated.{layer - 1}", 2**layer) if layer else ("tower.stem", 1)
        pair = weights[f"{name}.weight"], weights[f"{name}.bias"]
        y = functional.conv1d(h, *pair, dilation=dilation, padding="same").relu()
        h = h + y if layer else y
    expected = functional.conv1d(h, weights["profile.weight"], weights["profile.bias"], padding="same")[:, 0]
    found = model(sequences())
    torch.testing.assert_close(found.profile_logits.double(), expected, rtol=0, atol=1e-5)
    log_counts = h.mean(2) @ weights["counts.weight"][0] + weights["counts.bias"]
    torch.testing.assert_close(found.log_counts.double(), log_counts, rtol=0, atol=1e-5)


def test_heads_of_tasks_are_drawn_one_by_one():
    config = BPNetConfig(**SMALL, strands=2, shared_strands=False, tasks=("a", "b", "c"))
    weights = BPNet(config, torch.Generator().manual_seed(0)).profile.weight
    # Glorot's bound for two channels, not for six.
    limit = (6 / ((8 + 2) * 75)) ** 0.5
    assert weights.abs().max().item() == pytest.approx(limit, rel=0.02)


@pytest.mark.parametrize("same", [False, True])
def test_fused_and_modular_passes_agree_in_values_and_gradients(same):
    model = BPNet(BPNetConfig(**SMALL, same=same, strands=1 + same), torch.Generator().manual_seed(1))
    gradients = []
    for training in (True, False):
        model.train(training)
        model.zero_grad()
        output = model(sequences())
        (output.profile_logits.square().mean() + output.log_counts.sum()).backward()
        gradients.append([output.profile_logits, *(weights.grad.clone() for weights in model.parameters())])
    for fused, modular in zip(*gradients, strict=True):
        torch.testing.assert_close(fused, modular, rtol=1e-4, atol=1e-5)


def test_evaluation_with_gradients_calls_one_activation_module_a_layer():
    model = BPNet(BPNetConfig(**SMALL)).eval()
    called = []
    for activation in model.tower.activations:
        activation.register_forward_hook(lambda module, *_: called.append(id(module)))
    model(sequences())
    assert len(called) == len(set(called)) == SMALL["layers"] + 1


def test_counts_pool_all_positions_and_profile_only_the_centre():
    model = BPNet(BPNetConfig(input_length=400, output_length=100, filters=4, layers=1)).eval()
    x = sequences(1, 400)
    changed = x.clone()
    changed[0, :, 25] = 1 - changed[0, :, 25]
    one, other = model(x), model(changed)
    # The profile sees 100 + 74 + 24 bases around the centre: base 25 is not among them, but the counts see it.
    assert torch.equal(one.profile_logits, other.profile_logits)
    assert not torch.equal(one.log_counts, other.log_counts)


def test_keras_initialisation():
    model = BPNet(BPNetConfig(), torch.Generator().manual_seed(0))
    limits = {
        "tower.stem.weight": 0.0235,
        "tower.dilated.3.weight": 0.0442,
        "profile.weight": 0.0125,
        "counts.weight": 0.1081,
    }
    weights = dict(model.named_parameters())
    for name, limit in limits.items():
        assert weights[name].abs().max().item() == pytest.approx(limit, rel=0.02), name
        assert weights[name].mean().abs().item() < 0.1 * limit, name
    assert all(not tensor.any() for name, tensor in weights.items() if name.endswith("bias"))


def test_same_generator_seed_gives_same_weights_and_another_seed_others():
    first, again, other = (BPNet(BPNetConfig(**SMALL), torch.Generator().manual_seed(seed)) for seed in (5, 5, 6))
    for name, weights in first.state_dict().items():
        assert torch.equal(weights, again.state_dict()[name])
    assert not torch.equal(first.profile.weight, other.profile.weight)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"input_length": 301}, "even"),
        ({"output_length": 99}, "even"),
        ({"profile_kernel": 74}, "odd"),
        ({"filters": 0}, "filters"),
        ({"layers": 8}, "1214 or more"),
        ({"colour": "red"}, "colour"),
        ({"kind": "unet"}, "kind"),
        ({"strands": 3}, "strands"),
        ({"tasks": ()}, "tasks"),
        ({"tasks": ("a", "b", "a")}, "'a', 'b', 'a'.*a name of its own for each"),
        ({"tasks": ("a", "")}, "a name of its own for each"),
        ({"same": True, "output_length": 302}, "302 or more"),
    ],
)
def test_wrong_sizes_are_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        BPNetConfig(**{**SMALL, **wrong})


def test_minimum_input_length_is_exact():
    least = BPNetConfig(**SMALL).minimum_input_length
    config = BPNetConfig(**{**SMALL, "input_length": least})
    assert BPNet(config)(sequences(1, least)).profile_logits.shape == (1, 100)
    with pytest.raises(InputError, match=f"{least} or more"):
        BPNetConfig(**{**SMALL, "input_length": least - 2})


def test_wrong_input_shape_is_refused():
    with pytest.raises(InputError, match=r"\(N, 4, 300\)"):
        BPNet(BPNetConfig(**SMALL))(sequences(1, 302))


def test_an_n_channel_adds_to_what_four_channels_say():
    four = BPNet(BPNetConfig(**SMALL), torch.Generator().manual_seed(1)).eval()
    five = BPNet(BPNetConfig(**SMALL, n_channel=True), torch.Generator().manual_seed(2)).eval()
    assert four.config.channels == 4
    assert five.config.channels == 5
    weights = four.state_dict()
    assert set(weights) == set(five.state_dict())
    of_n = five.state_dict()["tower.stem.weight"][:, 4:]
    weights["tower.stem.weight"] = torch.cat([weights["tower.stem.weight"], of_n], dim=1)
    five.load_state_dict(weights)
    codes = torch.randint(0, 4, (2, 300), dtype=torch.uint8, generator=torch.Generator().manual_seed(7))
    torch.testing.assert_close(five(one_hot(codes, 5)), four(one_hot(codes)))
    codes[:, 150] = 4
    assert not torch.allclose(five(one_hot(codes, 5)).profile_logits, four(one_hot(codes)).profile_logits)
    with pytest.raises(InputError, match=r"\(N, 5, 300\)"):
        five(one_hot(codes))


def test_registry_builds_by_kind_and_refuses_others():
    model = build({"kind": "bpnet", **SMALL})
    assert model.config == BPNetConfig(**SMALL)
    built = build({"kind": "procapnet", **SMALL})
    assert isinstance(built, ProCapNet)
    assert built.config.outputs.track_names == ("plus", "minus")
    with pytest.raises(InputError, match="one of basenji2, bpnet, chrombpnet, own, procapnet"):
        build({"kind": "enformer"})
