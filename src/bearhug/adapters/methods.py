"""LoRA adapters in PEFT's format: small matrices beside large ones, several at once, merged or apart.

LoRA (Hu et al. 2021, arXiv:2106.09685) adds scale * B A to a matrix W; DoRA (arXiv:2402.09353) also gives each row of
the sum a length of its own. A model is known here only by what it holds.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bearhug._lib.errors import near
from bearhug.adapters.config import LoraConfig, read_config
from bearhug.adapters.layers import Adapted, Lora, is_own, merged_weight, restore
from bearhug.adapters.places import attach, places
from bearhug.adapters.tensors import WEIGHTS, fill, read_tensors, tensors_of
from bearhug.adapters.weighted import COMBINATIONS
from bearhug.checkpoints.safetensors import Stored, write
from bearhug.hub.client import open_repo


class Adapters:
    """What a model does with adapters: its methods, under the names of PEFT and of Hugging Face's models."""

    peft_config: dict[str, LoraConfig]
    _disabled = False

    def _layers(self) -> Iterator[Adapted]:
        for module in list(self.modules()):  # type: ignore[attr-defined]
            if isinstance(module, Adapted):
                yield module

    def _known(self, names: str | list[str]) -> list[str]:
        names = [names] if isinstance(names, str) else list(names)
        if not self.peft_config:
            raise ValueError(
                "the model has no adapter. Load one, model.load_adapter(folder), "
                "or add one: model.add_adapter(LoraConfig())."
            )
        for name in names:
            if name not in self.peft_config:
                raise ValueError(
                    f"there is no adapter {name!r}.{near(name, self.peft_config)} "
                    f"There are: {', '.join(self.peft_config)}."
                )
        return names

    def add_adapter(self, adapter_config: LoraConfig, adapter_name: str | None = None) -> None:
        """Put a fresh adapter on the model and make it the active one; only it is trained from now on.

        Raises:
            ValueError: the name is taken; target_modules name nothing.
            TypeError: adapter_config is no LoraConfig.
        """
        name = adapter_name or "default"
        if not isinstance(adapter_config, LoraConfig):
            raise TypeError(
                f"add_adapter takes a LoraConfig, not {type(adapter_config).__name__}: add_adapter(LoraConfig(r=8))."
            )
        self._free(name)
        config = replace(adapter_config)
        config.base_model_name_or_path = self.name_or_path or None  # type: ignore[attr-defined]
        attach(self, name, config)  # type: ignore[arg-type]
        self.peft_config = {**self.peft_config, name: config}
        self.set_adapter(name)
        self._train(name, True)

    def _free(self, name: str) -> None:
        if name in self.peft_config:
            raise ValueError(
                f"there is an adapter {name!r} already. "
                f"Delete it, model.delete_adapter({name!r}), or take another adapter_name."
            )
        if "." in name:
            raise ValueError(f"adapter_name={name!r} has a dot in it, which modules' names cannot have.")

    def load_adapter(
        self,
        peft_model_id: str | os.PathLike | None = None,
        adapter_name: str | None = None,
        peft_config: LoraConfig | Mapping[str, Any] | None = None,
        adapter_state_dict: Mapping[str, Tensor] | None = None,
        is_trainable: bool = False,
        **place: Any,
    ) -> None:
        """Load an adapter from a folder or a name, and make it the active one.

        Args:
            peft_model_id: where its adapter_config.json and adapter_model.safetensors are.
            adapter_name: what it is called here, "default".
            peft_config, adapter_state_dict: these instead of files.
            is_trainable: train it further.
            place: revision, token, subfolder, cache_dir, local_files_only, force_download.

        Raises:
            OSError: the files cannot be found.
            ValueError: the name is taken; the adapter was made for another model.
        """
        name = adapter_name or "default"
        self._free(name)
        for needless in ("low_cpu_mem_usage", "hotswap", "load_config", "torch_device", "ephemeral_gpu_offload"):
            place.pop(needless, None)
        place |= place.pop("adapter_kwargs", None) or {}
        repo = None if peft_model_id is None else open_repo(peft_model_id, **place)
        if repo is None and (peft_config is None or adapter_state_dict is None):
            raise ValueError("load_adapter needs a folder or a name, or peft_config= and adapter_state_dict=.")
        if peft_config is None:
            assert repo is not None
            peft_config = read_config(repo)
        config = peft_config if isinstance(peft_config, LoraConfig) else LoraConfig.from_dict(peft_config)
        config = replace(config, inference_mode=not is_trainable)
        tensors = adapter_state_dict
        if tensors is None:
            assert repo is not None
            tensors = read_tensors(repo)
        attach(self, name, config)  # type: ignore[arg-type]
        self.peft_config = {**self.peft_config, name: config}
        try:
            fill(self, name, tensors, str(peft_model_id or name))  # type: ignore[arg-type]
        except ValueError:
            self.delete_adapter(name)
            raise
        self.set_adapter(name)
        self._train(name, is_trainable)
        if not is_trainable:
            self.eval()  # type: ignore[attr-defined]

    def _train(self, name: str, on: bool) -> None:
        config = self.peft_config[name]
        for key, parameter in self.named_parameters():  # type: ignore[attr-defined]
            bias = key.endswith(".bias") and (
                config.bias == "all" or (config.bias == "lora_only" and self._beside(key))
            )
            own = f".adapters.{name}." in key
            parameter.requires_grad_(on and (own or (bias and not is_own(key))))

    def _beside(self, key: str) -> bool:
        return isinstance(self.get_submodule(key.rpartition(".")[0]), Adapted)  # type: ignore[attr-defined]

    def set_adapter(self, adapter_name: str | list[str]) -> None:
        """Make these adapters the active ones; several add up."""
        names = self._known(adapter_name)
        for layer in self._layers():
            layer.active = [] if self._disabled else [name for name in names if name in layer.adapters]
        self._active = names

    def active_adapters(self) -> list[str]:
        """The names of the adapters in use."""
        self._known([])
        return list(self._active)

    @property
    def active_adapter(self) -> str:
        """The name of the first adapter in use."""
        return self.active_adapters()[0]

    def disable_adapters(self) -> None:
        """Compute without adapters until `enable_adapters`."""
        self._known([])
        self._disabled = True
        self.set_adapter(self._active)

    def enable_adapters(self) -> None:
        """Use the active adapters again."""
        self._known([])
        self._disabled = False
        self.set_adapter(self._active)

    @contextlib.contextmanager
    def disable_adapter(self) -> Iterator[None]:
        """Compute without adapters inside of a `with`."""
        self.disable_adapters()
        try:
            yield
        finally:
            self.enable_adapters()

    def delete_adapter(self, adapter_names: str | list[str]) -> None:
        """Take adapters off the model."""
        names = self._known(adapter_names)
        self.peft_config = {name: config for name, config in self.peft_config.items() if name not in names}
        for layer in self._layers():
            for name in names:
                if name in layer.adapters:
                    del layer.adapters[name]
            layer.active = [name for name in layer.active if name not in names]
            if not layer.adapters:
                restore(layer)
        left = [name for name in getattr(self, "_active", []) if name not in names]
        self._active = left or list(self.peft_config)[:1]
        if self.peft_config:
            self.set_adapter(self._active)

    @torch.no_grad()
    def merge_adapter(self, adapter_names: list[str] | None = None) -> None:
        """Add the active adapters, or these, into the weights; `unmerge_adapter` takes them out."""
        names = self._known(getattr(self, "_active", []) if adapter_names is None else adapter_names)
        for layer in self._layers():
            for name in names:
                lora = layer.adapters[name] if name in layer.adapters else None
                if isinstance(lora, Lora) and name not in layer.merged:
                    layer.weight.data = merged_weight(layer, lora)
                    if lora.bias is not None:
                        layer.bias.data = layer.bias + lora.bias * lora.scale  # type: ignore[operator]
                    layer.merged.append(name)

    @torch.no_grad()
    def unmerge_adapter(self) -> None:
        """Take merged adapters out of the weights again, as exactly as the dtype allows."""
        for layer in self._layers():
            while layer.merged:
                lora: Any = layer.adapters[layer.merged.pop()]
                layer.weight.data = merged_weight(layer, lora, back=True)
                if lora.bias is not None:
                    layer.bias.data = layer.bias - lora.bias * lora.scale  # type: ignore[operator]

    @torch.no_grad()
    def merge_and_unload(self, safe_merge: bool = False, adapter_names: list[str] | None = None, **_: Any) -> Any:
        """Add the active adapters, or these, into the weights for good, and take all adapters off. Gives the model.

        Raises:
            ValueError: with `safe_merge`, where a weight would no longer be finite.
        """
        names = self._known(getattr(self, "_active", []) if adapter_names is None else adapter_names)
        self.merge_adapter(names)
        if safe_merge and not all(bool(layer.weight.isfinite().all()) for layer in self._layers()):
            self.unmerge_adapter()
            raise ValueError("a merged weight would not be finite; the adapter is broken.")
        for layer in self._layers():
            for name in names:
                twin = layer.adapters[name] if name in layer.adapters else None
                if twin is not None and not isinstance(twin, Lora):
                    layer._parameters.update(twin._parameters)
        return self._bared()

    def unload(self) -> Any:
        """Take all adapters off without merging. Gives the model."""
        self._known([])
        self.unmerge_adapter()
        return self._bared()

    def _bared(self) -> Any:
        for layer in self._layers():
            restore(layer)
        self.peft_config, self._active, self._disabled = {}, [], False
        model: Any = self
        output, table = model.get_output_embeddings(), model.get_input_embeddings()
        if output is not None and output.weight is not table.weight and model.model.config.tie_word_embeddings:
            model.config.tie_word_embeddings = False
            model.model.config = replace(model.model.config, tie_word_embeddings=False)
        return self

    @torch.no_grad()
    def add_weighted_adapter(
        self, adapters: list[str], weights: list[float], adapter_name: str, combination_type: str = "svd",
        svd_rank: int | None = None,
    ) -> None:  # fmt: skip
        """A new adapter out of several.

        Args:
            combination_type: "cat" is their weighted sum exactly, of all ranks together; "svd" is the nearest to it of
                the largest rank, or of `svd_rank`; "linear" adds up the matrices themselves, of one rank.
        """
        names = self._known(adapters)
        if len(names) != len(weights):
            raise ValueError(f"{len(names)} adapters need as many weights, not {len(weights)}.")
        if combination_type not in COMBINATIONS:
            raise ValueError(
                f"combination_type={combination_type!r} is none of {', '.join(map(repr, COMBINATIONS))}."
                f"{near(combination_type, COMBINATIONS)}"
            )
        self._free(adapter_name)
        configs = [self.peft_config[name] for name in names]
        ranks = [config.r for config in configs]
        if combination_type == "linear" and len(set(ranks)) > 1:
            raise ValueError(f"'linear' adds up adapters of one rank, and these have {ranks}. Take 'cat' or 'svd'.")
        rank = {"linear": ranks[0], "cat": sum(ranks), "svd": svd_rank or max(ranks)}[combination_type]
        mine: Any = self
        wanted = [
            place.name
            for place in places(mine).values()
            if any(isinstance(x, Adapted) and set(names) & set(x.adapters) for x in place.layers)
        ]
        config = replace(
            configs[0],
            r=rank,
            lora_alpha=rank,
            target_modules=wanted,
            use_rslora=False,
            rank_pattern={},
            alpha_pattern={},
        )
        attach(mine, adapter_name, config)
        self.peft_config = {**self.peft_config, adapter_name: config}
        for place in places(mine).values():
            layers = [x for x in place.layers if isinstance(x, Adapted) and adapter_name in x.adapters]
            if not layers or not isinstance(layers[0].adapters[adapter_name], Lora):
                continue
            parts = []
            for name, weight in zip(names, weights, strict=True):
                loras: list[Any] = [x.adapters[name] for x in layers if name in x.adapters]
                if loras:
                    parts.append((loras[0].a, place.join([x.b for x in loras]), weight * loras[0].scale))
            a, b = COMBINATIONS[combination_type](parts, rank)
            new: list[Any] = [x.adapters[adapter_name] for x in layers]
            new[0].a.zero_()[: a.shape[0]].copy_(a)
            for lora, part in zip(new, place.cut(b), strict=True):
                lora.b.zero_()[:, : part.shape[1]].copy_(part)
        self.set_adapter(self._active)

    def get_adapter_state_dict(self, adapter_name: str | None = None, **_: Any) -> dict[str, Tensor]:
        """An adapter's tensors under PEFT's names."""
        (name,) = self._known(adapter_name or self._active[:1])
        return {key: value.detach() for key, value in tensors_of(self, name).items()}  # type: ignore[arg-type]

    def save_active_adapter(self, folder: Path) -> None:
        """Write the active adapter into a folder.

        Raises:
            ValueError: several are active.
        """
        if len(self.active_adapters()) > 1:
            raise ValueError(
                f"the adapters {', '.join(self.active_adapters())} are active, and a folder holds one.\n"
                "Choose one, model.set_adapter(name), or merge them: model.merge_and_unload()."
            )
        self.save_adapter(folder)

    def save_adapter(self, folder: str | os.PathLike, adapter_name: str | None = None) -> None:
        """Write adapter_config.json and adapter_model.safetensors of an adapter, as PEFT reads them."""
        (name,) = self._known(adapter_name or self._active[:1])
        tensors = self.get_adapter_state_dict(name)
        stored = {
            key: Stored(value.dtype, tuple(value.shape), lambda value=value: value.contiguous())
            for key, value in tensors.items()
        }
        Path(folder).mkdir(parents=True, exist_ok=True)
        write(Path(folder) / WEIGHTS, stored)
        replace(self.peft_config[name], inference_mode=True).save_pretrained(folder)

    def get_nb_trainable_parameters(self) -> tuple[int, int]:
        """How many numbers are trained, and how many there are."""
        parameters = list(self.parameters())  # type: ignore[attr-defined]
        return sum(p.numel() for p in parameters if p.requires_grad), sum(p.numel() for p in parameters)

    def print_trainable_parameters(self) -> None:
        """Say how many numbers are trained."""
        some, everything = self.get_nb_trainable_parameters()
        print(f"trainable params: {some:,} || all params: {everything:,} || trainable%: {100 * some / everything:.4f}")


def get_peft_model(model: Any, peft_config: LoraConfig, adapter_name: str = "default", **_: Any) -> Any:
    """The model with a fresh adapter, which alone is trained; it is the same object."""
    model.add_adapter(peft_config, adapter_name)
    return model


class PeftModel:
    """PEFT's way to load an adapter; what it gives is the model itself."""

    def __init__(self, *_: Any, **__: Any):
        raise OSError(
            "PeftModel is made by PeftModel.from_pretrained(model, folder) or get_peft_model(model, LoraConfig())."
        )

    @classmethod
    def from_pretrained(
        cls,
        model: Any,
        model_id: str | os.PathLike,
        adapter_name: str = "default",
        is_trainable: bool = False,
        **place: Any,
    ) -> Any:
        """The model with an adapter from a folder or a name."""
        model.load_adapter(model_id, adapter_name, is_trainable=is_trainable, **place)
        return model
