"""BPNet files as Keras 2.2 wrote them, made here from random weights, and what such a model predicts.

No published file is at hand: layers, shapes and names are those of its description. What is predicted is computed from
the file's own arrays, with transposed convolutions, and with nothing of bpflow.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from torch.nn import functional

TASKS = ("Oct4", "Sox2", "Nanog", "Klf4")
BOX = 50


class BPNetFile:
    """Arrays of a model by layer and name, its configuration, and how both are written."""

    def __init__(
        self,
        tasks: tuple[str, ...] = TASKS,
        *,
        length: int | None = 100,
        filters: int = 4,
        dilated: int = 3,
        width: int = 25,
        control: str | None = None,
        seed: int = 5,
    ) -> None:
        self.tasks, self.filters, self.dilated = tasks, filters, dilated
        self.random = np.random.default_rng(seed)
        self.arrays: dict[str, dict[str, np.ndarray]] = {}
        self.layers: list[dict[str, Any]] = []
        self._input("seq", [None, length, 4])
        self._body()
        for number, task in enumerate(tasks, start=1):
            self._profile(number, task, width, control)
            self._counts(number, task, control)

    def write(self, path: Path) -> Path:
        """Write the file; returns its path."""
        with h5py.File(path, "w") as handle:
            handle.attrs["keras_version"], handle.attrs["backend"] = b"2.2.4", b"tensorflow"
            handle.attrs["model_config"] = json.dumps({"class_name": "Model", "config": self.config()}).encode()
            top = handle.create_group("model_weights")
            top.attrs["layer_names"] = [layer["name"].encode() for layer in self.layers]
            for layer in self.layers:
                group, arrays = top.create_group(layer["name"]), self.arrays.get(layer["name"], {})
                group.attrs["weight_names"] = [f"{layer['name']}/{name}".encode() for name in arrays]
                for name, array in arrays.items():
                    group[f"{layer['name']}/{name}"] = array
        return path

    def config(self) -> dict[str, Any]:
        """What model_config says."""
        outputs = [[f"{task}/{head}", 0, 0] for task in self.tasks for head in ("profile", "counts")]
        return {"name": "model_1", "layers": self.layers, "input_layers": [["seq", 0, 0]], "output_layers": outputs}

    def layer(self, name: str) -> dict[str, Any]:
        """Options of a layer, to change."""
        return next(layer["config"] for layer in self.layers if layer["name"] == name)

    def predicted(
        self, one_hot: torch.Tensor, control: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits (N, tracks, L) and log counts (N, tracks) from (N, 4, L) and a control (N, 2, L), in float64."""
        w = {layer: {name: torch.from_numpy(a).double() for name, a in it.items()} for layer, it in self.arrays.items()}
        h = self._same(one_hot.double(), w["conv1d_1"], 1).relu()
        for i in range(1, self.dilated + 1):
            h = h + self._same(h, w[f"conv1d_{i + 1}"], 2**i).relu()
        logits, counts = [], []
        for number in range(1, len(self.tasks) + 1):
            head = w[f"conv2d_transpose_{number}"]
            kernel = head["kernel:0"].squeeze(1).permute(2, 1, 0)
            whole = functional.conv_transpose1d(h, kernel, head["bias:0"])
            logits.append(whole[:, :, (kernel.shape[2] - 1) // 2 :][:, :, : h.shape[2]])
            dense = w[f"dense_{2 * number - 1 if control is not None else number}"]
            counts.append(h.mean(2) @ dense["kernel:0"] + dense["bias:0"])
            if control is not None:
                logits[-1] = logits[-1] + self._control_shape(w, number, control.double())
                counts[-1] = counts[-1] + control.double().sum(2).log1p() @ w[f"dense_{2 * number}"]["kernel:0"]
        return torch.cat(logits, dim=1), torch.cat(counts, dim=1)

    def _control_shape(self, w: dict[str, Any], number: int, control: torch.Tensor) -> torch.Tensor:
        features = [control]
        if f"separable_conv1d_{number}" in w:
            padded = functional.pad(control, ((BOX - 1) // 2, BOX // 2)).sum(1, keepdim=True)
            features.append(functional.conv1d(padded, torch.ones(1, 1, BOX, dtype=torch.float64)))
        kernel = w[f"conv1d_{self.dilated + 1 + number}"]["kernel:0"][0]
        return torch.einsum("ncl,co->nol", torch.cat(features, dim=1), kernel)

    @staticmethod
    def _same(x: torch.Tensor, weights: dict[str, torch.Tensor], dilation: int) -> torch.Tensor:
        kernel = weights["kernel:0"].permute(2, 1, 0)
        side = (kernel.shape[2] - 1) // 2 * dilation
        return functional.conv1d(x, kernel, weights["bias:0"], padding=side, dilation=dilation)

    def _body(self) -> None:
        last = "seq"
        for i in range(self.dilated + 1):
            name, shape = f"conv1d_{i + 1}", (3, self.filters, self.filters) if i else (25, 4, self.filters)
            options = {"kernel_size": [shape[0]], "dilation_rate": [2**i if i else 1], "activation": "relu"}
            self._layer("Conv1D", name, [last], kernel=shape, bias=self.filters, strides=[1], **options)
            if i:
                self._layer("Add", f"add_{i}", [last, name])
            last = f"add_{i}" if i else name

    def _profile(self, number: int, task: str, width: int, control: str | None) -> None:
        name, inputs = f"conv2d_transpose_{number}", [f"add_{self.dilated}"]
        options = {"kernel_size": [width, 1], "strides": [1, 1], "activation": "linear"}
        self._layer("Conv2DTranspose", name, inputs, kernel=(width, 1, 2, self.filters), bias=2, **options)
        if control:
            channels = {"raw": 2, "boxes": 2, "pooled": 4}[control]
            given, smoothed = f"bias/{task}/profile", f"separable_conv1d_{number}"
            self._input(given, [None, None, channels])
            if control == "boxes":
                kernels = {"depthwise_kernel:0": (BOX, 2, 1), "pointwise_kernel:0": (1, 2, 1)}
                self.arrays[smoothed] = {part: np.ones(shape, np.float32) for part, shape in kernels.items()}
                options = {"kernel_size": [BOX], "strides": [1], "activation": "linear", "use_bias": False}
                self._layer("SeparableConv1D", smoothed, [given], **options)
                channels = 3
            plain = f"conv1d_{self.dilated + 1 + number}"
            options = {"kernel_size": [1], "strides": [1], "activation": "linear", "use_bias": False}
            self._layer("Conv1D", plain, [given], kernel=(1, channels, 1), **options)
        self._layer("Lambda", f"{task}/profile", [name])

    def _counts(self, number: int, task: str, control: str | None) -> None:
        name = f"dense_{2 * number - 1 if control else number}"
        self._layer("Dense", name, ["gap"], kernel=(self.filters, 2), bias=2, units=2, activation="linear")
        if control:
            self._input(f"bias/{task}/counts", [None, 2])
            options = {"units": 1, "activation": "linear", "use_bias": False}
            self._layer("Dense", f"dense_{2 * number}", [f"bias/{task}/counts"], kernel=(2, 1), **options)
        self._layer("Lambda", f"{task}/counts", [name])

    def _input(self, name: str, shape: list[int | None]) -> None:
        self.layers.append(
            {"class_name": "InputLayer", "name": name, "config": {"batch_input_shape": shape, "name": name}}
            | {"inbound_nodes": []}
        )

    def _layer(
        self,
        kind: str,
        name: str,
        inputs: list[str],
        *,
        kernel: tuple[int, ...] | None = None,
        bias: int | None = None,
        **options: Any,
    ) -> None:
        shapes = {"kernel:0": kernel, "bias:0": None if bias is None else (bias,)}
        drawn = {part: self.random.normal(0, 0.3, shape).astype(np.float32) for part, shape in shapes.items() if shape}
        if drawn:
            self.arrays[name] = drawn
        config = {"name": name, "padding": "same", "data_format": "channels_last", "use_bias": True, **options}
        nodes = [[[source, 0, 0, {}] for source in inputs]]
        self.layers.append({"class_name": kind, "name": name, "config": config, "inbound_nodes": nodes})
