"""How the official program names layers in Keras, and the configurations that Keras 2.8 writes of its models."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bpflow.models import BPNetConfig, ChromBPNetConfig

__all__ = ["PARTS", "TOWERS", "TRUNK", "TowerNames", "combined_configuration", "tower_configuration"]

# The first layer and the dilated ones, of the bias model and of the accessibility model.
TRUNK = re.compile(r"(wo_bias_|)bpnet_(1st_|\d+)conv")


@dataclass(frozen=True)
class TowerNames:
    """Names of one tower: the model's in a file of its own, prefixes of layers, and the first residual sum's number."""

    model: str
    prefix: str
    heads: str
    crop: str
    first_add: int

    @property
    def stem(self) -> str:
        """The first convolution."""
        return f"{self.prefix}bpnet_1st_conv"

    def dilated(self, layer: int) -> str:
        """The convolution of dilated layer 1, 2, ..."""
        return f"{self.prefix}bpnet_{layer}conv"

    def cropped(self, layer: int) -> str:
        """What dilated layer 1, 2, ... adds its output to."""
        return f"{self.prefix}bpnet_{layer}crop"

    def add(self, layer: int) -> str:
        """The residual sum of dilated layer 1, 2, ..."""
        number = self.first_add + layer - 1
        return f"add_{number}" if number else "add"

    def head(self, name: str) -> str:
        """A layer of the heads."""
        return self.heads + name

    def layers(self, dilated: int) -> list[str]:
        """All layers of a tower with so many dilated ones, in Keras's order."""
        trunk = [f(layer) for layer in range(1, dilated + 1) for f in (self.dilated, self.cropped, self.add)]
        heads = (self.head("logits_profile_predictions"), self.head("logcount_predictions"))
        return ["sequence", self.stem, *trunk, self.head("prof_out_precrop"), self.crop, "gap", *heads]


TOWERS = {
    "bias": TowerNames("model", "", "", "logits_profile_predictions_preflatten", 0),
    # Keras numbers models and sums through a session, in which the bias model, of four sums, comes first.
    "nobias": TowerNames("model_2", "wo_bias_", "wo_bias_bpnet_", "wo_bias_bpnet_logitt_before_flatten", 4),
}
# The parts of a combined model: its attribute, its tower's kind, its layer in Keras.
PARTS = (("accessibility", "nobias", "model_wo_bias"), ("bias", "bias", "model"))


def tower_configuration(config: BPNetConfig, names: TowerNames) -> str:
    """The ``model_config`` of one tower in a file of its own."""
    return json.dumps(_tower(config, names, names.model))


def combined_configuration(config: ChromBPNetConfig) -> str:
    """The ``model_config`` of a combined model.

    As the official one, but that log counts are joined by Keras's own wrapper of ``math.reduce_logsumexp``, where the
    official program has a Lambda layer of marshalled code.
    """
    towers = [
        {
            **_tower(getattr(config, part), TOWERS[kind], name, trainable=part != "bias"),
            "name": name,
            "inbound_nodes": [[["sequence", 0, 0, {}]]],
        }
        for part, kind, name in PARTS
    ]
    # Each tower's second use, after the one it was built in; output 0 are logits and output 1 log counts.
    logits, log_counts = ([(name, 1, output) for _, _, name in PARTS] for output in (0, 1))
    total = _layer("TFOpLambda", "logcount_predictions", [], function="math.reduce_logsumexp")
    total["inbound_nodes"] = [["concatenate", 0, 0, {"axis": -1, "keepdims": True}]]
    layers = [
        *towers,
        _layer("Concatenate", "concatenate", log_counts, axis=-1),
        _layer("Add", "logits_profile_predictions", logits),
        total,
    ]
    outputs = ["logits_profile_predictions", "logcount_predictions"]
    return json.dumps(_functional("model_1", config.input_length, layers, outputs))


def _tower(config: BPNetConfig, names: TowerNames, model: str, *, trainable: bool = True) -> dict[str, Any]:
    layers = [_convolution(names.stem, "sequence", config.filters, config.first_kernel, activation="relu")]
    last = names.stem
    for layer in range(1, config.layers + 1):
        convolution, crop, rate = names.dilated(layer), names.cropped(layer), 2**layer
        margin = (config.dilated_kernel - 1) // 2 * rate
        layers += [
            _convolution(convolution, last, config.filters, config.dilated_kernel, dilation=rate, activation="relu"),
            _layer("Cropping1D", crop, [last], cropping=[margin, margin]),
            _layer("Add", names.add(layer), [convolution, crop]),
        ]
        last = names.add(layer)
    profile, flat, counts = (
        names.head(name) for name in ("prof_out_precrop", "logits_profile_predictions", "logcount_predictions")
    )
    margin = (config.lengths[-1] - (config.profile_kernel - 1) - config.output_length) // 2
    layers += [
        _convolution(profile, last, 1, config.profile_kernel),
        _layer("Cropping1D", names.crop, [profile], cropping=[margin, margin]),
        _layer("GlobalAveragePooling1D", "gap", [last], data_format="channels_last", keepdims=False),
        _layer("Flatten", flat, [names.crop], data_format="channels_last"),
        _layer("Dense", counts, ["gap"], units=1, activation="linear", **_kernel_options()),
    ]
    for item in layers:
        item["config"]["trainable"] = trainable
    return _functional(model, config.input_length, layers, [flat, counts])


def _functional(name: str, input_length: int, layers: Sequence[dict[str, Any]], outputs: list[str]) -> dict[str, Any]:
    shape = [None, input_length, 4]
    entry = {"batch_input_shape": shape, "dtype": "float32", "sparse": False, "ragged": False, "name": "sequence"}
    content = {
        "name": name,
        "layers": [
            {"class_name": "InputLayer", "config": entry, "name": "sequence", "inbound_nodes": []},
            *layers,
        ],
        "input_layers": [["sequence", 0, 0]],
        "output_layers": [[output, 0, 0] for output in outputs],
    }
    return {"class_name": "Functional", "config": content}


def _layer(class_name: str, name: str, inputs: Sequence[str | tuple[str, int, int]], **options: Any) -> dict[str, Any]:
    sources = [(source, 0, 0) if isinstance(source, str) else source for source in inputs]
    return {
        "class_name": class_name,
        "config": {"name": name, "trainable": True, "dtype": "float32", **options},
        "name": name,
        "inbound_nodes": [[[*source, {}] for source in sources]],
    }


def _convolution(
    name: str, source: str, filters: int, kernel: int, *, dilation: int = 1, activation: str = "linear"
) -> dict[str, Any]:
    return _layer(
        "Conv1D",
        name,
        [source],
        filters=filters,
        kernel_size=[kernel],
        strides=[1],
        padding="valid",
        data_format="channels_last",
        dilation_rate=[dilation],
        groups=1,
        activation=activation,
        **_kernel_options(),
    )


def _kernel_options() -> dict[str, Any]:
    unset = ("kernel_regularizer", "bias_regularizer", "activity_regularizer", "kernel_constraint", "bias_constraint")
    return {
        "use_bias": True,
        "kernel_initializer": {"class_name": "GlorotUniform", "config": {"seed": None}},
        "bias_initializer": {"class_name": "Zeros", "config": {}},
        **dict.fromkeys(unset),
    }
