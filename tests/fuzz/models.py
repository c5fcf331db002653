"""The readers of models and of predictions: safetensors, Keras's HDF5, PyTorch's archives, and HDF5 of our own."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import safetensors.numpy
import torch
from hypothesis import strategies as st

from bpflow.checkpoints import load_model, save_model
from bpflow.evaluation import open_predictions
from bpflow.formats.keras import write_keras
from bpflow.models import BPNet, BPNetConfig, ChromBPNet
from bpflow.prediction import Prediction
from bpflow.prediction_file import write_predictions
from fuzz.damage import ODD_VALUES, PLACE, change_json, damaged_bytes, json_values
from fuzz.guard import Target
from fuzz.tables import small_genome, unique_keys
from unit.formats.keras_bpnet_files import BPNetFile

__all__ = ["bpnet", "keras", "own_models", "predictions", "procapnet"]

SIZES = {"input_length": 60, "output_length": 20, "first_kernel": 5, "profile_kernel": 5}
METADATA = {"model": "bias", "seed": 1, "history": [1.5, 1.25]}
# What a layer does, of its options in Keras, and what an option is where it is left out.
MEANING = {
    **dict.fromkeys(["activation", "dilation_rate", "cropping", "kernel_size", "filters", "units"]),
    **{"padding": "valid", "strides": [1], "use_bias": True, "data_format": "channels_last", "groups": 1},
}


def own_models(folder: Path) -> Target:
    """Model files of bpflow, by the safetensors library and Python's JSON."""
    seeds = []
    for number, model in enumerate((_tower(2, 1), ChromBPNet(_tower(3, 2), _tower(2, 1)))):
        save_model(model, folder / f"{number}.safetensors", metadata=METADATA)
        seeds.append((folder / f"{number}.safetensors").read_bytes())

    def read(path: Path) -> object:
        model, metadata = load_model(path)
        weights = {name: (tuple(value.shape), value.numpy().tobytes()) for name, value in model.state_dict().items()}
        return weights, model.config.model_dump(), metadata.get("history")

    def reference(path: Path) -> object:
        content = path.read_bytes()
        try:
            weights = safetensors.numpy.load(content)
            header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")], object_pairs_hook=unique_keys)
            metadata = json.loads(header["__metadata__"]["bpflow"], object_pairs_hook=unique_keys)
            architecture = metadata["architecture"]
            model = ChromBPNet if architecture["kind"] == "chrombpnet" else BPNet
        except Exception:
            return None
        if not all(np.isfinite(value).all() and value.dtype == np.float32 for value in weights.values()):
            return None
        sizes = BPNetConfig().model_dump()
        towers = {part: {**sizes, **architecture[part]} for part in ("accessibility", "bias") if part in architecture}
        return (
            {name: (value.shape, value.tobytes()) for name, value in weights.items()},
            {**architecture, **towers} if model is ChromBPNet else {**sizes, **architecture},
            metadata.get("history"),
        )

    structured = st.builds(_remade_safetensors, st.sampled_from(seeds), json_values(2), json_values(2), PLACE, PLACE)
    return Target(damaged_bytes(seeds) | structured, read, reference, suffix=".safetensors")


def keras(folder: Path) -> Target:
    """Official Keras files, by h5py and Python's JSON."""
    kinds = {"bias": _tower(2, 1), "nobias": _tower(3, 2), "chrombpnet": ChromBPNet(_tower(3, 2), _tower(2, 1))}
    seeds = []
    for kind, model in kinds.items():
        write_keras(model, folder / f"{kind}.h5", kind=kind)
        seeds.append((folder / f"{kind}.h5").read_bytes())
    good = {meaning for seed in seeds if (meaning := _keras_content(io.BytesIO(seed))[1])}

    def read(path: Path) -> object:
        model, _ = load_model(path)
        return sorted(value.numpy().T.tobytes() for value in model.state_dict().values())

    def reference(path: Path) -> object:
        try:
            weights, meaning = _keras_content(path)
        except (OSError, RuntimeError, KeyError):
            # It walks through parts of the file that no model needs.
            return NotImplemented
        except Exception:
            return None
        return weights if meaning in good else None

    structured = st.builds(_remade_hdf5, st.sampled_from(seeds), HDF5_CHANGES)
    return Target(damaged_bytes(seeds) | structured, read, reference, suffix=".h5")


def bpnet(folder: Path) -> Target:
    """BPNet's own Keras files, by h5py and Python's JSON."""
    seeds = []
    for tasks in (("a",), ("a", "b")):
        path = BPNetFile(tasks, length=60, filters=2, dilated=2, width=5).write(folder / f"{len(tasks)}.h5")
        seeds.append(path.read_bytes())
    good = {meaning for seed in seeds if (meaning := _bpnet_content(io.BytesIO(seed))[1])}

    def read(path: Path) -> object:
        model, _ = load_model(path)
        return _sorted_values([value.numpy() for value in model.state_dict().values()])

    def reference(path: Path) -> object:
        try:
            weights, meaning = _bpnet_content(path)
        except (OSError, RuntimeError, KeyError):
            return NotImplemented
        except Exception:
            return None
        return weights if meaning in good else None

    structured = st.builds(_remade_hdf5, st.sampled_from(seeds), HDF5_CHANGES)
    return Target(damaged_bytes(seeds) | structured, read, reference, suffix=".h5")


def procapnet(folder: Path) -> Target:
    """ProCapNet's own weights, by PyTorch."""
    shapes = {"iconv.weight": (2, 4, 21), "iconv.bias": (2,), "fconv.weight": (2, 2, 75), "fconv.bias": (2,)}
    shapes |= {"linear.weight": (1, 2), "linear.bias": (1,)}
    for layer in range(8):
        shapes |= {f"rconvs.{layer}.weight": (2, 2, 3), f"rconvs.{layer}.bias": (2,)}
    random = torch.Generator().manual_seed(1)
    seeds = []
    for kind in (torch.float32, torch.float16):
        weights = {name: torch.randn(shape, generator=random).to(kind) for name, shape in shapes.items()}
        torch.save(weights, folder / "m.torch")
        seeds.append((folder / "m.torch").read_bytes())

    def read(path: Path) -> object:
        model, _ = load_model(path)
        return _sorted_values([value.numpy() for value in model.state_dict().values()])

    def reference(path: Path) -> object:
        try:
            weights = torch.load(path, map_location="cpu", weights_only=True)
            found = {name: tuple(value.shape) for name, value in weights.items()}
            values = [value.float().numpy() for value in weights.values() if value.is_floating_point()]
        except Exception:
            return None
        sound = found == shapes and len(values) == len(shapes) and all(np.isfinite(value).all() for value in values)
        return _sorted_values(values) if sound else None

    return Target(damaged_bytes(seeds), read, reference, suffix=".torch")


def predictions(folder: Path) -> Target:
    """Prediction files, by h5py."""
    genome, draw = small_genome(folder), np.random.default_rng(1)
    chrom = np.array(["chr1", "chr2", "chr3"] * 4, dtype=object)
    coordinates = {
        "coords_chrom": chrom,
        "coords_center": np.arange(1000, 1000 + len(chrom)),
        "coords_peak": np.arange(len(chrom)) % 2,
    }
    with write_predictions(folder / "p.h5", coordinates, output_length=10, attributes={"split": "test"}) as writer:
        logits = draw.standard_normal((len(chrom), 10)).astype(np.float32)
        writer.append(Prediction(logits, draw.standard_normal(len(chrom)).astype(np.float32)))
    seeds = [(folder / "p.h5").read_bytes()]

    def read(path: Path) -> object:
        with open_predictions(path, genome) as found:
            profiles = [values.tolist() for values in found.profiles(slice(0, 5))]
            return list(found.chrom), found.center.tolist(), found.log_counts.tolist(), profiles[0]

    def reference(path: Path) -> object:
        try:
            with h5py.File(path, "r") as handle:
                if any(_claims_too_much(handle[name]) for name in _objects(handle)):
                    return None
                columns = [handle[name][()] for name in ("coords/coords_center", "predictions/logcounts")]
                names = [name.decode() for name in handle["coords/coords_chrom"][()]]
                profiles = handle["predictions/profs"][:5].astype(np.float64).tolist()
                return names, columns[0].astype(int).tolist(), columns[1].astype(float).ravel().tolist(), profiles
        except Exception:
            return NotImplemented

    structured = st.builds(_remade_hdf5, st.sampled_from(seeds), HDF5_CHANGES)
    return Target(damaged_bytes(seeds) | structured, read, reference, suffix=".h5")


def _tower(filters: int, layers: int) -> BPNet:
    return BPNet(BPNetConfig(**SIZES, filters=filters, layers=layers))


def _remade_safetensors(
    content: bytes,
    header_changes: Sequence[tuple[int, str, int]],
    own_changes: Sequence[tuple[int, str, int]],
    how: int,
    place: int,
) -> bytes:
    """A file whose header says something else of its tensors, or of the model, than it did."""
    length = int.from_bytes(content[:8], "little")
    header, data = json.loads(content[8 : 8 + length]), content[8 + length :]
    own = change_json(json.loads(header["__metadata__"]["bpflow"]), own_changes)
    header["__metadata__"]["bpflow"] = json.dumps(own)
    text = json.dumps(change_json(header, header_changes)).encode()
    if how % 16 == 1:
        text = text.replace(b'"dtype": "F32"', [b'"dtype": "I32"', b'"dtype": "F16"', b'"dtype": "BF16"'][place % 3])
    text += b" " * (-len(text) % 8)
    said = {2: 10**12, 3: (1 << 64) - 1, 4: 0, 5: len(text) - 1, 6: len(text) + 8}.get(how % 32, len(text))
    data = {7: data[: place % len(data)], 8: data + b"\0" * 4, 9: b"\xff" * len(data)}.get(how % 32, data)
    return said.to_bytes(8, "little") + text + data


def _keras_content(path: Path | io.BytesIO) -> tuple[list[bytes], tuple[Any, ...]]:
    """Sorted weights as float32, and what the configuration says its layers do."""
    with h5py.File(path, "r") as handle:
        if any(_claims_too_much(handle[name]) for name in _objects(handle)):
            raise ValueError("more is claimed than is stored")
        weights: dict[str, np.ndarray] = {}
        handle["model_weights"].visititems(
            lambda name, item: weights.update({name: item[()]}) if name.endswith(("kernel:0", "bias:0")) else None
        )
        text = handle.attrs["model_config"]
    if not all(np.isfinite(value).all() for value in weights.values()):
        raise ValueError("not finite")
    configuration = json.loads(text, object_pairs_hook=unique_keys)
    return sorted(np.asarray(value, np.float32).tobytes() for value in weights.values()), _meaning(configuration)


def _meaning(configuration: Any) -> tuple[Any, ...]:
    found = []
    for layer in configuration["config"]["layers"]:
        options = layer["config"]
        if "layers" in options:
            found.append((layer["config"]["name"], _meaning(layer)))
        elif layer["class_name"] in ("Conv1D", "Cropping1D", "Dense"):
            # Nothing else in a file speaks of a cropping layer by its name.
            name = "" if layer["class_name"] == "Cropping1D" else options["name"]
            found.append((name, layer["class_name"], *(str(options.get(*item)) for item in MEANING.items())))
        elif layer["class_name"] == "InputLayer":
            found.append(str(options["batch_input_shape"]))
    return tuple(found)


def _bpnet_content(path: Path | io.BytesIO) -> tuple[bytes, tuple[Any, ...]]:
    """Sorted weights as float32, and what the configuration says its layers do."""
    with h5py.File(path, "r") as handle:
        if any(_claims_too_much(handle[name]) for name in _objects(handle)):
            raise ValueError("more is claimed than is stored")
        weights: list[np.ndarray] = []
        handle["model_weights"].visititems(
            lambda name, item: weights.append(item[()]) if isinstance(item, h5py.Dataset) else None
        )
        text = handle.attrs["model_config"]
    if not all(np.isfinite(value).all() for value in weights):
        raise ValueError("not finite")
    layers = json.loads(text, object_pairs_hook=unique_keys)["config"]["layers"]
    convolutions = [
        (layer["class_name"], layer["config"]["name"], *(str(layer["config"].get(*item)) for item in MEANING.items()))
        for layer in layers
        if layer["class_name"] in ("Conv1D", "Conv2DTranspose")
    ]
    heads = [
        (layer["config"]["name"], layer["config"]["activation"], layer["config"]["use_bias"])
        for layer in layers
        if layer["class_name"] == "Dense"
    ]
    return _sorted_values(weights), (*convolutions, *heads)


def _sorted_values(arrays: Sequence[np.ndarray]) -> bytes:
    """All numbers of a model, wherever they stand: readers turn and join its kernels."""
    return np.sort(np.concatenate([np.asarray(array, np.float32).ravel() for array in arrays])).tobytes()


def _objects(handle: h5py.File) -> list[str]:
    names: list[str] = []
    handle.visit(names.append)
    return names


def _leave_out(handle: h5py.File, name: str, number: int) -> None:
    del handle[name]


def _other_dataset(handle: h5py.File, name: str, number: int) -> None:
    item = handle[name]
    shape = item.shape if isinstance(item, h5py.Dataset) else (3,)
    data = np.zeros(shape, [np.int32, np.float64, np.complex64, np.bool_, "S5", np.float16, [("a", "f4")]][number % 7])
    del handle[name]
    handle[name] = data


def _other_shape(handle: h5py.File, name: str, number: int) -> None:
    shape = getattr(handle[name], "shape", ())
    del handle[name]
    shapes = [(), (0,), (1,), shape[::-1], (*shape, 1), shape[1:], (*shape[:-1], 7)]
    handle[name] = np.ones(shapes[number % 7], np.float32)


def _nothing(handle: h5py.File, name: str, number: int) -> None:
    del handle[name]
    handle[name] = h5py.Empty("f4")


def _claims_too_much(item: h5py.Group | h5py.Dataset) -> bool:
    return isinstance(item, h5py.Dataset) and item.nbytes > 2000 * item.id.get_storage_size()


def _text(handle: h5py.File, name: str, number: int) -> None:
    del handle[name]
    handle[name] = ["text", b"\xff\xfe", ["chr1", "chrUn"], [b"chr1"]][number % 4]


def _claim(handle: h5py.File, name: str, number: int) -> None:
    """Many elements, none of which are stored."""
    shape = getattr(handle[name], "shape", (1,)) or (1,)
    del handle[name]
    huge = (*shape[:-1], 1 << (20 + number % 24)) if number % 2 else (1 << (20 + number % 24), *shape[1:])
    options = [{}, {"chunks": True}, {"chunks": True, "compression": "gzip"}][number % 3]
    handle.create_dataset(name, huge, "f4", **options)


def _soft_link(handle: h5py.File, name: str, number: int) -> None:
    del handle[name]
    handle[name] = h5py.SoftLink([name, "/", "/nowhere", "/model_weights"][number % 4])


def _external_link(handle: h5py.File, name: str, number: int) -> None:
    del handle[name]
    handle[name] = h5py.ExternalLink(["nowhere.h5", "/dev/null", "/etc/passwd", "/proc/self/mem"][number % 4], "/x")


def _external_storage(handle: h5py.File, name: str, number: int) -> None:
    shape = getattr(handle[name], "shape", (4,)) or (1,)
    del handle[name]
    source = ["/etc/passwd", "/dev/zero", "/nowhere"][number % 3]
    handle.create_dataset(name, shape, "f4", external=[(source, 0, 1 << 20)])


def _numbers(handle: h5py.File, name: str, number: int) -> None:
    item = handle[name]
    if isinstance(item, h5py.Dataset) and item.dtype.kind in "fi" and item.size:
        item[...] = [np.nan, np.inf, -1, 1 << 30, 3][number % 5]


def _attribute(handle: h5py.File, name: str, number: int) -> None:
    for owner in (handle[name], handle):
        for key in owner.attrs:
            owner.attrs[key] = [1, "x", b"\xff", [1, 2], np.float32(2), h5py.Empty("f4"), "[" * 30_000][number % 7]


def _configuration(handle: h5py.File, name: str, number: int) -> None:
    """Something else in one place of the configuration."""
    if "model_config" in handle.attrs:
        place, odd = number * 31 + len(name), number % len(ODD_VALUES)
        value = change_json(
            json.loads(handle.attrs["model_config"]), [(place, ["put", "drop", "add", "twice"][number % 4], odd)]
        )
        handle.attrs["model_config"] = json.dumps(value)


HDF5_KINDS: tuple[Callable[[h5py.File, str, int], None], ...] = (
    *(_leave_out, _other_dataset, _other_shape, _nothing, _text, _claim, _soft_link, _external_link),
    *(_external_storage, _numbers, _attribute, _configuration, _configuration, _configuration),
)
# What is made larger is claimed alone: values of it would fill the memory.
MOST_VALUES = 1 << 16
HDF5_CHANGES = st.lists(st.tuples(st.integers(0, len(HDF5_KINDS) - 1), PLACE, PLACE), min_size=1, max_size=3)


def _remade_hdf5(content: bytes, changes: Sequence[tuple[int, int, int]]) -> bytes:
    """A sound HDF5 file that holds something else; what HDF5 itself does not let one do is left out."""
    file = io.BytesIO(content)
    with h5py.File(file, "r+") as handle:
        for kind, place, number in changes:
            names = _objects(handle)
            name = names[place % len(names)] if names else ""
            try:
                if getattr(handle[name], "size", 0) < MOST_VALUES:
                    HDF5_KINDS[kind](handle, name, number)
            except (KeyError, ValueError, OSError, RuntimeError, TypeError, AttributeError):
                continue
    return file.getvalue()
