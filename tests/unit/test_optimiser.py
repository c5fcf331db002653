from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch

from bpflow.optimiser import MOMENTUM, OPTIMISERS, KerasAdam, make_optimiser


def keras_step(w, m, v, gradient, t, lr=0.001, epsilon=1e-7):
    """Keras's update, written out in float64."""
    m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
    scaled = lr * math.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    return w - scaled * m / (np.sqrt(v) + epsilon), m, v


def test_steps_equal_those_of_keras_also_for_tiny_gradients():
    # Gradients as small as epsilon tell apart where it is added.
    gradients = np.array([[1.0, 1e-3, 1e-6, 1e-8], [0.5, -1e-3, 3e-6, -2e-8], [2.0, 1e-4, 1e-7, 1e-8]])
    weights = torch.zeros(4, requires_grad=True)
    optimiser = KerasAdam([weights], lr=0.001)
    w = m = v = np.zeros(4)
    for t, gradient in enumerate(gradients, start=1):
        weights.grad = torch.tensor(gradient, dtype=torch.float32)
        optimiser.step()
        w, m, v = keras_step(w, m, v, gradient, t)
    np.testing.assert_allclose(weights.detach().numpy(), w, rtol=1e-4)


def test_steps_of_adam_and_of_momentum_equal_their_formulas():
    gradients = np.array([[1.0, 1e-3, 1e-6, 1e-8], [0.5, -1e-3, 3e-6, -2e-8], [2.0, 1e-4, 1e-7, 1e-8]])
    adam, sgd = torch.zeros(4, requires_grad=True), torch.zeros(4, requires_grad=True)
    optimisers = make_optimiser("adam", [adam], 0.001), make_optimiser("sgd", [sgd], 0.1)
    w = m = v = other = momentum = np.zeros(4)
    for t, gradient in enumerate(gradients, start=1):
        adam.grad, sgd.grad = (torch.tensor(gradient, dtype=torch.float32) for _ in range(2))
        for optimiser in optimisers:
            optimiser.step()
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        w = w - 0.001 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        momentum = MOMENTUM * momentum + gradient
        other = other - 0.1 * momentum
    np.testing.assert_allclose(adam.detach().numpy(), w, rtol=1e-4)
    np.testing.assert_allclose(sgd.detach().numpy(), other, rtol=1e-5)


def test_optimisers_by_name():
    made = {name: make_optimiser(name, [torch.zeros(1)], 0.1) for name in OPTIMISERS}
    assert isinstance(made["keras_adam"], KerasAdam)
    assert made["sgd"].param_groups[0]["momentum"] == MOMENTUM
    with pytest.raises(ValueError, match="none of keras_adam, adam, sgd"):
        make_optimiser("lion", [torch.zeros(1)], 0.1)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_a_restored_optimiser_goes_on_as_if_it_had_not_stopped(name):
    def steps(weights, optimiser, number):
        for i in range(number):
            weights.grad = torch.full((3,), 1e-6 * (i + 1))
            optimiser.step()

    one = torch.ones(3, requires_grad=True)
    first = make_optimiser(name, [one], 0.001)
    steps(one, first, 3)
    other = one.detach().clone().requires_grad_()
    second = make_optimiser(name, [other], 0.001)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    steps(one, first, 2)
    steps(other, second, 2)
    assert torch.equal(one, other)
