"""Models in GGUF files: a config out of the metadata, weights under GGUF's names, and both written back.

Models and their configs are known here only by what they hold.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bearhug._lib.errors import near
from bearhug.checkpoints.gguf.file import GGUF, write
from bearhug.checkpoints.gguf.layouts import ARCHITECTURES, CONSTANTS, KEYS, PROOFS, TOKENS, Layout
from bearhug.checkpoints.weight_map import Ours, renamed, rules
from bearhug.hub.client import Repo

if TYPE_CHECKING:
    import torch
    from torch import Tensor

FILE_TYPES = {  # what general.file_type calls most of a file's tensors
    "F32": 0, "F16": 1, "Q4_0": 2, "Q4_1": 3, "Q8_0": 7, "Q5_0": 8, "Q5_1": 9, "Q4_K": 15, "Q5_K": 17, "Q6_K": 18,
    "BF16": 32,
}  # fmt: skip
SMALLER = {"Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0"}  # where rows are no whole blocks of 256
TRAINING = ("dropout", "initializer", "scaled_residual_init", "padding_index", "max_position_embeddings")


def is_gguf(name: Any) -> bool:
    """Whether a name is that of a GGUF file which is here."""
    return str(name).endswith(".gguf") and Path(name).is_file()


def gguf_path(repo: Repo, name: str) -> Path:
    """One GGUF file of a repository.

    Raises:
        OSError: it has none of this name.
    """
    path = repo.path(name)
    if path is None:
        others = [other for other in repo.files() if other.endswith(".gguf")]
        raise OSError(f"{repo.name!r} has no file {name!r}.\nIts GGUF files: {', '.join(others) or 'none'}.")
    return path


def layout_of(file: GGUF) -> Layout:
    """The layout of a file's architecture.

    Raises:
        ValueError: it is not known here.
    """
    name = file.architecture
    if file.metadata.get("general.name") in ARCHITECTURES and name == next(iter(ARCHITECTURES)):
        name = file.metadata["general.name"]  # some files of siblings have only the name to tell them by
    if name not in ARCHITECTURES:
        raise ValueError(
            f"{str(file.path)!r} is of the architecture {file.architecture!r}, which cannot be read."
            f"{near(file.architecture, ARCHITECTURES)}\nThere are: {', '.join(sorted(ARCHITECTURES))}."
        )
    return ARCHITECTURES[name]


def read_config(path: str | os.PathLike, config_class: Callable[[str], Any]) -> dict[str, Any]:
    """What a config.json of the model in a file would hold; `config_class` gives the class of a model_type.

    Raises:
        ValueError: the file is no GGUF, or of an unknown architecture.
    """
    with GGUF(path) as file:
        layout = layout_of(file)
        prefix = f"{file.architecture}."
        about = {key.removeprefix(prefix): value for key, value in file.metadata.items() if key.startswith(prefix)}
        factors = {name: _floats(file, name) for name in CONSTANTS if name in file.tensors}
        return _config(
            config_class(layout.model_type),
            layout,
            about,
            file.metadata,
            {name: t.shape for name, t in file.tensors.items()},
            factors,
        )


def _floats(file: GGUF, name: str) -> list[float]:
    return list(struct.unpack(f"<{file.tensors[name].size_bytes // 4}f", file.data(name)))


def _config(
    cls: Any,
    layout: Layout,
    about: Mapping[str, Any],
    metadata: Mapping[str, Any],
    shapes: Mapping[str, tuple[int, ...]],
    factors: Mapping[str, list[float]],
) -> dict[str, Any]:
    known = {*cls.defaults, *cls.attribute_map}
    values: dict[str, Any] = {"model_type": layout.model_type, **layout.values}
    values["tie_word_embeddings"] = "output.weight" not in shapes
    for key, names in KEYS.items():
        names = (layout.names[key],) if key in layout.names else names
        name = next((name for name in names if name in known), None)
        if name is not None and about.get(key) is not None:
            values[name] = about[key]
    for key, name in layout.names.items():
        if key in about:
            values[name] = about[key]
    for name, key in TOKENS.items():
        if (token := metadata.get(f"tokenizer.ggml.{key}_token_id")) is not None:
            values[name] = token
    if "token_embd.weight" in shapes:
        values["vocab_size"] = shapes["token_embd.weight"][0]
    for name, tensors in PROOFS.items():
        if name in cls.defaults and shapes:
            values[name] = any(f"blk.0.{tensor}" in shapes for tensor in tensors)
    if "use_parallel_residual" in known and "use_parallel_residual" not in about and shapes:
        values["use_parallel_residual"] = "blk.0.ffn_norm.weight" not in shapes
    if "multi_query" in known and "attention.head_count_kv" in about:
        values["multi_query"] = about["attention.head_count_kv"] != about["attention.head_count"]
    _rope(cls, about, values, factors)
    return values


def _rope(cls: Any, about: Mapping[str, Any], values: dict[str, Any], factors: Mapping[str, list[float]]) -> None:
    """How positions turn: the base, how much of a head, and the scaling."""
    if "rope_parameters" not in cls.defaults:
        return
    usual = cls.defaults["rope_parameters"] or {}
    if "rope.freq_base" in about:
        values["rope_theta"] = about["rope.freq_base"]
    turned = about.get("rope.dimension_count")
    head = values.get("head_dim") or about["embedding_length"] // about["attention.head_count"]
    if turned is not None and "partial_rotary_factor" in usual:
        values["partial_rotary_factor"] = turned / head
    elif turned is not None and "head_dim" in cls.defaults and "head_dim" not in values:
        values["head_dim"] = turned
    kind, scaling = about.get("rope.scaling.type"), {}
    trained = about.get("rope.scaling.original_context_length")
    if "rope_factors_long.weight" in factors:
        scaling = {
            "rope_type": "longrope",
            "short_factor": factors["rope_factors_short.weight"],
            "long_factor": factors["rope_factors_long.weight"],
        }
        if "original_max_position_embeddings" in cls.defaults and trained is not None:
            values["original_max_position_embeddings"] = trained
    elif "rope_freqs.weight" in factors:  # llama3's scaling, already computed
        same = factors["rope_freqs.weight"]
        scaling = {"rope_type": "longrope", "short_factor": same, "long_factor": same, "attention_factor": 1.0}
        trained = trained or values.get("max_position_embeddings")
    elif kind in ("linear", "yarn"):
        scaling = {"rope_type": kind, "factor": about.get("rope.scaling.factor", 1.0)}
    if scaling and about.get("rope.scaling.attn_factor") is not None:
        scaling["attention_factor"] = about["rope.scaling.attn_factor"]
    if scaling and trained is not None:
        scaling["original_max_position_embeddings"] = trained
    if scaling:
        values["rope_scaling"] = scaling


class Weights(Mapping[str, "Tensor"]):
    """A file's tensors under its own names, as the model takes them; unpacked when asked for."""

    def __init__(self, path: str | os.PathLike, config: Any, dtype: torch.dtype | None = None):
        self.file, self.dtype = GGUF(path), dtype
        self.layout = layout_of(self.file)
        self.heads = config.num_attention_heads
        self.groups = getattr(config, "num_key_value_heads", None) or self.heads

    def __iter__(self) -> Iterator[str]:
        return iter(self.file.tensors)

    def __len__(self) -> int:
        return len(self.file.tensors)

    def __getitem__(self, name: str) -> Tensor:
        import torch

        from bearhug.checkpoints.blocks import dequantize

        entry = self.file.tensors[name]
        raw = torch.frombuffer(self.file.data(name), dtype=torch.uint8)
        dtype = torch.float32 if self._changed(name) else self.dtype or torch.float32
        tensor = _change(self.layout, name, dequantize(raw, entry.type, entry.shape, dtype), self._heads_of(name), True)
        return tensor.to(self.dtype or torch.float32)

    def table(self, model: Any) -> dict[str, Ours]:
        """All names for a model's weights, theirs: ours."""
        return table_of(model, self.layout)

    def _heads_of(self, name: str) -> int:
        return self.heads if ".attn_q." in name else self.groups

    def _changed(self, name: str) -> bool:
        return self.layout.plus_one and name.endswith("norm.weight")


def _change(layout: Layout, name: str, tensor: Tensor, heads: int, reading: bool) -> Tensor:
    """What llama.cpp's converter does to a tensor, undone or done."""
    if layout.turned and (".attn_q." in name or ".attn_k." in name):
        halves = (heads, -1, 2) if reading else (heads, 2, -1)
        return tensor.unflatten(0, halves).transpose(1, 2).flatten(0, 2)
    if layout.plus_one and name.endswith("norm.weight"):
        return tensor - 1 if reading else tensor.float() + 1
    return tensor


def table_of(model: Any, layout: Layout) -> dict[str, Ours]:
    """All names for a model's weights, theirs: ours."""
    table = {theirs: renamed(ours, "model.{}".format) for theirs, ours in layout.table().items()}
    if model.get_output_embeddings() is not None:
        return {**table, "output.*": "head.out.*", **dict.fromkeys(CONSTANTS)}
    head = model.recipe.heads.get(model.task)  # no file has it, and a load has to notice
    return {**table, **(head.weights if head else {}), **dict.fromkeys((*CONSTANTS, "output.*"))}


def save(model: Any, path: str | os.PathLike, kind: str, words: Mapping[str, Any]) -> None:
    """Write a model as one GGUF file, as llama.cpp reads it.

    Args:
        kind: of the matrices: "q8_0", "f16", "bf16", "f32", "q4_0", "q4_1", "q5_0", "q5_1", "q4_k", "q5_k", "q6_k".
            Vectors stay float32; the table of words and the output get at least Q6_K.
        words: metadata of the tokenizer, which goes into the file too.

    Raises:
        ValueError: an unknown type; an architecture, or a config's setting, that GGUF has no word for.
    """
    from bearhug.checkpoints.blocks import writable

    kind = writable(kind)
    model_type = model.config.model_type
    found = next((item for item in ARCHITECTURES.items() if item[1].model_type == model_type), None)
    if found is None:
        raise ValueError(
            f"GGUF files have no layout for {model_type!r} here; there are those of "
            f"{', '.join(sorted({layout.model_type for layout in ARCHITECTURES.values()}))}."
        )
    name, layout = found
    factors = _factors(model)
    tensors = _tensors(model, layout, kind) | {theirs: _vector(values) for theirs, values in factors.items()}
    metadata = {"general.architecture": name, "general.name": Path(model.name_or_path or model_type).name}
    metadata |= {f"{name}.{key}": value for key, value in _about(model, layout).items()}
    metadata |= {"general.file_type": FILE_TYPES[kind], "general.quantization_version": 2}
    for token, key in TOKENS.items():
        value = getattr(model.config, token, None)
        value = value[0] if isinstance(value, list) else value
        if value is not None:
            metadata[f"tokenizer.ggml.{key}_token_id"] = value
    metadata |= words
    shapes = {theirs: shape for theirs, (_, shape, _) in tensors.items()}
    _prove(model, layout, name, metadata, shapes, factors)
    write(path, metadata, tensors)


def _prove(
    model: Any,
    layout: Layout,
    name: str,
    metadata: Mapping[str, Any],
    shapes: Mapping[str, Any],
    factors: Mapping[str, list[float]],
) -> None:
    """Refuse to write a file that would be read as another model."""
    about = {key.removeprefix(f"{name}."): value for key, value in metadata.items() if key.startswith(f"{name}.")}
    cls, recipe = type(model.config), model.recipe
    read = _config(cls, layout, about, metadata, shapes, factors)
    read.pop("model_type")
    again, ours = recipe.config(cls(**read)), model.model.config
    for item in fields(ours):
        mine, other = getattr(ours, item.name), getattr(again, item.name)
        same = abs(mine - other) <= 1e-6 * abs(mine) if isinstance(mine, float) and isinstance(other, float) else None
        if same is None:
            same = mine == other
        if item.name == "rope" and factors:
            continue  # the factors say it, computed
        if not same and not any(word in item.name for word in TRAINING):
            raise ValueError(
                f"a GGUF file cannot say that {item.name} is {mine!r} in this model; it would be read as {other!r}.\n"
                "Save it as safetensors: model.save_pretrained(folder)."
            )


def _factors(model: Any) -> dict[str, list[float]]:
    """By what rotary frequencies are divided, where that is more than one number."""
    rope = model.model.config.rope or {}
    kind = rope.get("rope_type")
    if kind == "longrope":
        return {f"rope_factors_{name}.weight": [*map(float, rope[f"{name}_factor"])] for name in ("long", "short")}
    if kind != "llama3":
        return {}
    import torch

    dim, limit = model.model.config.head_dim, model.model.config.max_position_embeddings
    scaled, _ = model.model.positions.scaling(rope, dim, limit, None)
    usual = 1.0 / rope["rope_theta"] ** (torch.arange(0, dim, 2, dtype=torch.float32) / dim)
    return {"rope_freqs.weight": (usual / scaled).tolist()}


def _vector(values: list[float]) -> tuple:
    from array import array

    return "F32", (len(values),), lambda: array("f", values).tobytes()


def _about(model: Any, layout: Layout) -> dict[str, Any]:
    """A config as GGUF's keys."""
    config, ours = model.config, model.recipe.config(model.config)
    known = {*config.defaults, *config.attribute_map}
    about: dict[str, Any] = {}
    for key, names in {**KEYS, **{key: (name,) for key, name in layout.names.items()}}.items():
        name = next((name for name in names if name in known), None)
        if name is not None and getattr(config, name, None) is not None:
            value = getattr(config, name)
            about[key] = float(value) if key.rpartition(".")[2] in FLOATS else value
    about |= {
        "attention.head_count_kv": ours.num_key_value_heads,
        "attention.key_length": ours.head_dim,
        "attention.value_length": ours.head_dim,
        "feed_forward_length": ours.intermediate_size,
        "context_length": ours.max_position_embeddings,
    }
    for key in ("attention.layer_norm_rms_epsilon", "attention.layer_norm_epsilon"):
        about.pop(key, None)
    about[f"attention.layer_norm{'_rms' if 'rms' in ours.norm else ''}_epsilon"] = float(ours.norm_eps)
    rope = getattr(config, "rope_parameters", None)
    if rope:
        whole = rope.get("full_attention", rope)
        about["rope.freq_base"] = float(whole["rope_theta"])
        about["rope.dimension_count"] = int(ours.head_dim * whole.get("partial_rotary_factor", 1.0))
        if whole["rope_type"] in ("linear", "yarn"):
            about |= {"rope.scaling.type": whole["rope_type"], "rope.scaling.factor": float(whole["factor"])}
        if (trained := whole.get("original_max_position_embeddings")) is not None:
            about["rope.scaling.original_context_length"] = trained
        if whole.get("attention_factor") is not None:
            about["rope.scaling.attn_factor"] = float(whole["attention_factor"])
    return about


FLOATS = (
    "layer_norm_epsilon", "layer_norm_rms_epsilon", "attn_logit_softcapping", "final_logit_softcapping", "logit_scale",
    "clamp_kqv", "embedding_scale", "residual_scale", "scale",
)  # fmt: skip


def _tensors(model: Any, layout: Layout, kind: str) -> dict[str, tuple]:
    """What is written: their name -> (type, shape, what makes the bytes)."""
    from bearhug.checkpoints.blocks import quantize

    ours = dict(model.named_parameters(remove_duplicate=False))
    output = model.get_output_embeddings()
    tied = output is not None and output.weight is model.get_input_embeddings().weight
    config = model.model.config
    tensors, written = {}, set()
    for theirs, rule in rules(table_of(model, layout), ours).items():
        if (theirs == "output.weight" and tied) or (output is None and rule.parts[0].startswith("head.")):
            continue
        parts = [ours[name].detach() for name in rule.parts]
        shape = rule.shape(parts)
        chosen = _type(theirs, shape, kind)
        heads = config.num_attention_heads if ".attn_q." in theirs else config.num_key_value_heads

        def make(rule=rule, parts=parts, theirs=theirs, heads=heads, chosen=chosen) -> memoryview:
            changed = _change(layout, theirs, rule.join(parts), heads, False)
            return quantize(changed.cpu().contiguous(), chosen).numpy().data

        tensors[theirs] = (chosen, shape, make)
        written.update(rule.parts)
    needless = "head." if model.task == "base" else "head.out.weight" if tied else None
    left = [name for name in ours if name not in written and not (needless and name.startswith(needless))]
    if left:
        raise ValueError(f"GGUF files have no name for {left[0]!r} of {model.config.model_type}.")
    return tensors


def _type(name: str, shape: tuple[int, ...], kind: str) -> str:
    """The type of one tensor in a file that is mostly of `kind`."""
    if len(shape) == 1 or "norm" in name or name.startswith(("position_embd", "token_types")) or "rel_b" in name:
        return "F32"
    if kind in ("F32", "F16", "BF16"):
        return kind
    if name in ("token_embd.weight", "output.weight") and kind != "Q8_0":
        kind = "Q6_K"
    if shape[-1] % 256:
        kind = SMALLER.get(kind, kind)
    return "F16" if shape[-1] % 32 else kind
