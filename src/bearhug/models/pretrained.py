"""A model as people meet it: a transformer with a head; loaded, called, trained, saved, pushed."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from bearhug._lib.errors import unexpected_keyword
from bearhug._lib.files import replacing
from bearhug._lib.outputs import ModelOutput
from bearhug.adapters.methods import Adapters
from bearhug.caches.kinds import kept
from bearhug.caches.kv import KVCache
from bearhug.checkpoints.config import repo_config
from bearhug.checkpoints.devices import placed, put
from bearhug.checkpoints.dtypes import named_dtype, wanted_dtype
from bearhug.checkpoints.folder import Renamed, read_weights, write_weights
from bearhug.checkpoints.gguf.model import gguf_path, is_gguf
from bearhug.checkpoints.where import where
from bearhug.generation.mixin import GenerationMixin
from bearhug.hub.client import open_repo
from bearhug.hub.pushed import PUSH, Pushed
from bearhug.kernels.bare import WORTH, bare
from bearhug.kernels.products import usable
from bearhug.kernels.quantized import is_quantized, quantize, wanted_bits
from bearhug.models.attention import EVERYTHING, Sight, Source
from bearhug.models.auto_config import config_from, gguf_config
from bearhug.models.config import Config, PretrainedConfig
from bearhug.models.experts import watched
from bearhug.models.fresh import initialize, resize, two_vocabularies
from bearhug.models.loading import fill, settle, stored
from bearhug.models.positions import Learned, Relative
from bearhug.models.recipe import Head, Recipe
from bearhug.models.transformer import Transformer

# Options of the reference's from_pretrained that change nothing here: loading is lazy and takes no extra memory anyway.
NEEDLESS = (
    "low_cpu_mem_usage", "offload_state_dict", "offload_buffers", "weights_only",
    "from_tf", "from_flax", "use_flash_attention_2", "adapter_kwargs", "adapter_name", "tp_plan", "tp_size",
    "device_mesh", "distributed_config", "fusion_config", "disable_mmap", "allow_all_kernels", "use_kernels",
    "tqdm_class", "kernel_config", "experts_implementation", "_fast_init", "_commit_hash", "_from_auto",
    "_from_pipeline",
)  # fmt: skip


class PreTrainedModel(Adapters, GenerationMixin, Pushed, nn.Module):
    """A transformer and a head.

    The classes with names (`GPT2LMHeadModel`, `BertForSequenceClassification`, ...) are made from a recipe and a task;
    `AutoModelForCausalLM` and its like pick them by a checkpoint's config.
    """

    recipe: Recipe
    config_class: ClassVar[type[PretrainedConfig]]
    task: ClassVar[str]
    takes: ClassVar[tuple[str, ...]] = ()  # what `answer` takes besides
    main_input_name: ClassVar[str] = "input_ids"
    framework: ClassVar[str] = "pt"
    supports_gradient_checkpointing: ClassVar[bool] = True
    input_modalities: ClassVar[str] = "text"
    hf_device_map: dict[str, Any]  # where its modules are, of a model that was loaded by a device_map

    def __init__(self, config: PretrainedConfig, *, attn_implementation: str | None = None, pooler: bool = True):
        super().__init__()
        if not hasattr(type(self), "recipe"):
            raise TypeError(
                f"{type(self).__name__} stands for every architecture.\n"
                "Construct a class of one, GPT2LMHeadModel(config), or AutoModelForCausalLM.from_config(config)."
            )
        if self.recipe.made is not None:
            self.recipe = self.recipe.made(config)
        head = self.recipe.heads.get(self.task)
        if head is not None and head.part:
            config = copy.deepcopy(config)
            config.is_encoder_decoder, config.is_decoder = False, head.part == "decoder"
        self.config = config
        self.name_or_path = config.name_or_path
        self.peft_config = {}
        self.fresh_weights: list[str] = []  # parameters that no checkpoint gave
        device = torch.get_default_device()
        with torch.device("meta"):
            head = self.recipe.heads.get(self.task)
            self.model = Transformer(_part(self.recipe.config(config), head))
            self.head = self.build_head(head) if pooler or self.task != "base" else None
        if device.type != "meta":
            self.to_empty(device=device)
            initialize(self)
        self.tie_weights()
        self.set_attn_implementation(attn_implementation or config.attn_implementation or "sdpa")
        self._input_hooks: list[Any] = []

    # What a task's class says

    def build_head(self, head: Head | None) -> nn.Module | None:
        """The task's parts, from what the recipe says of them."""
        raise TypeError(f"{type(self).__name__} has no task")

    def answer(self, head: Any, base: Any, mask: Tensor | None, *args: Any, **kwargs: Any) -> ModelOutput:
        """The task's output, from the transformer's by the head. mask (B, T) is 1 for real tokens, or None."""
        raise TypeError(f"{type(self).__name__} has no task")

    # Calling

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        past_key_values: KVCache | None = None,
        labels: Tensor | None = None,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        use_cache: bool | None = None,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        return_dict: bool | None = None,
        logits_to_keep: int | Tensor = 0,
        num_items_in_batch: Tensor | int | None = None,
        cache_position: Tensor | None = None,
        encoder_hidden_states: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
        cache_params: KVCache | None = None,
        output_router_logits: bool | None = None,
        **others: Any,
    ) -> Any:
        """Run the model. B rows, T new tokens, S all tokens (held in the cache, then the new ones), D width.

        Args:
            input_ids: (B, T), integers.
            attention_mask: (B, S), 1 for tokens and 0 for padding, on either side; None: no padding. Positions are
                counted over the real tokens, so padding changes nothing. Also (B or 1, 1 or H, T, S): True where a
                token may look, or floats that are added to the scores.
            token_type_ids: (B, T), for architectures that have them.
            position_ids: (B, T) or (1, T), in place of the counted ones.
            inputs_embeds: (B, T, D), in place of input_ids.
            past_key_values: what earlier calls have seen; it is added to.
            labels: what the loss compares with; see the task's class.
            start_positions, end_positions: (B,), the labels of question answering.
            use_cache: give past_key_values back; None: as the config says, for causal models.
            output_hidden_states, output_attentions: give each layer's; attentions are computed step by step ("eager").
            return_dict: False gives a tuple.
            logits_to_keep: only the last so many, or these, places' logits; 0: all.
            num_items_in_batch: divide the summed loss by this (gradients over several batches).
            cache_position: accepted; the cache knows.
            encoder_hidden_states: (B, S, D), what cross attention looks at, of decoders that have it.
            encoder_attention_mask: (B, S), 1 for its tokens and 0 for its padding.
            cache_params: past_key_values, of architectures that call it so; they give it back by this name.
            output_router_logits: give the scores of a mixture's routers, and let uneven use of its experts count.
            others: what the task's class takes besides: next_sentence_label, mc_labels, ...

        Raises:
            IndexError: an id, type or label is out of range.
            ValueError: a wrong shape; more tokens than positions.
            TypeError: text or a dictionary as input_ids; labels of another task; an unknown keyword.
        """
        config, cache_name = self.config, self.recipe.cache_name
        if cache_params is not None:
            if cache_name != "cache_params":
                raise unexpected_keyword(type(self).__name__, "cache_params", ("past_key_values",))
            past_key_values = cache_params
        if use_cache is None:
            use_cache = getattr(config, "use_cache", False) and not (self.training and self.model.checkpointing)
        run, head = self._computation(past_key_values, input_ids)
        if output_router_logits is None:  # while decoding nobody reads them
            output_router_logits = past_key_values is None and getattr(config, "output_router_logits", False)
        if output_router_logits:
            run = watched(self.model)
        if output_hidden_states is None:
            output_hidden_states = config.output_hidden_states
        seen = config.output_attentions if output_attentions is None else output_attentions
        inputs = (input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds, past_key_values)
        source = []
        if encoder_hidden_states is not None:
            source = [self.source(encoder_hidden_states, encoder_attention_mask, output_attentions)]
        base = run(*inputs, use_cache, output_hidden_states, seen, *source)
        labelled = {"labels": labels, "start_positions": start_positions, "end_positions": end_positions}
        options = self.asked(labelled, others, logits_to_keep, num_items_in_batch)
        if attention_mask is not None and attention_mask.ndim == 2:
            attention_mask = attention_mask[:, -base["last_hidden_state"].shape[1] :]
        else:
            attention_mask = None
        output = self.answer(head, base, attention_mask, **options)
        if cache_name != "past_key_values":
            output = type(output)(**{cache_name if n == "past_key_values" else n: v for n, v in output.items()})
        return output if (config.return_dict if return_dict is None else return_dict) else output.to_tuple()

    def asked(
        self, labelled: Mapping[str, Any], others: dict[str, Any], logits_to_keep: int | Tensor, items: Any
    ) -> dict[str, Any]:
        """What `answer` gets besides: the labels that are given, and what else the task takes.

        Raises:
            TypeError: labels of another task, or an unknown keyword.
        """
        others |= {name: value for name, value in labelled.items() if value is not None}
        for name in others:
            if name not in self.takes:
                raise unexpected_keyword(
                    f"{type(self).__name__} (task {self.task!r})", name, self.takes or ("input_ids",)
                )
        if items is not None and "num_items_in_batch" in self.takes:
            others["num_items_in_batch"] = items
        if "logits_to_keep" in self.takes:
            others["logits_to_keep"] = logits_to_keep
        return others

    def _computation(self, cache: KVCache | None, input_ids: Tensor | None) -> tuple[Any, Any]:
        """The transformer and the head; without gradients, what they compute without torch's bookkeeping."""
        if self.training or not usable():
            return self.model, self.head
        if cache is None:
            if not self._worth_baring():
                return self.model, self.head
            return bare(self.model), None if self.head is None else bare(self.head)
        if cache.bare is None or not isinstance(input_ids, Tensor) or input_ids.shape[-1] != 1:
            cache.bare = (bare(self.model), None if self.head is None else bare(self.head))
        return cache.bare

    def _worth_baring(self) -> bool:
        """Whether a single call is cheaper for it; to make it costs a small model as much as it spares."""
        return not self.training and usable() and self.model.config.hidden_size**2 >= WORTH

    def source(self, states: Tensor | None, mask: Tensor | None, output_attentions: bool | None) -> Source:
        """What cross attention looks at: vectors (B, S, D), or those that the cache holds; mask (B, S).

        Raises:
            ValueError: the layers have no cross attention.
        """
        if not self.model.config.cross_attention:
            raise ValueError(
                f"encoder_hidden_states were given, but {type(self).__name__} looks at no other text.\n"
                "Load it with is_decoder=True, add_cross_attention=True."
            )
        wanted = self.config.output_attentions if output_attentions is None else output_attentions
        real = None if mask is None or bool(mask.all()) else mask.bool()
        if real is not None and real.ndim == 2:
            real = real[:, None, None, :]
        return Source(states, EVERYTHING if real is None else Sight(real), [] if wanted else None)

    @property
    def position_limit(self) -> int | None:
        """How many tokens can be read at all; None: positions are computed, so there is no last one."""
        config, learned = self.model.config, isinstance(self.model.positions, Learned)
        return config.max_position_embeddings - config.position_offset if learned else None

    def new_cache(
        self, batch: int, length: int, kind: str | None = None, settings: Mapping[str, Any] | None = None
    ) -> KVCache:
        """An empty cache with room for `length` tokens of `batch` rows.

        Args:
            kind: "quantized" or "offloaded": see `caches.kinds`; they take room as they need it.
            settings: of the quantized one.
        """
        if kind is None:
            return self.model.new_cache(batch, length)
        return kept(self.model.new_cache(batch, 0), kind, settings or {})

    def first_layers(self, count: int) -> Any:
        """This model without the layers behind the first `count`; the weights are shared."""
        twin, inner = copy.copy(self), copy.copy(self.model)
        inner.__dict__["_modules"] = {**inner._modules, "layers": self.model.layers[:count]}
        twin.__dict__["_modules"] = {**twin._modules, "model": inner}
        return twin

    # Loading

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike | None,
        *,
        config: PretrainedConfig | str | os.PathLike | None = None,
        dtype: str | torch.dtype | None = None,
        torch_dtype: str | torch.dtype | None = None,
        device_map: Any = None,
        max_memory: Mapping[Any, int | str] | None = None,
        offload_folder: str | os.PathLike | None = None,
        attn_implementation: str | None = None,
        new_head: bool = False,
        ignore_mismatched_sizes: bool = False,
        output_loading_info: bool = False,
        state_dict: Mapping[str, Tensor] | None = None,
        use_safetensors: bool | None = None,
        variant: str | None = None,
        add_pooling_layer: bool = True,
        generation_config: Any = None,
        gguf_file: str | None = None,
        key_mapping: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Any:
        """Load a model from a folder, a bundled name, the cache or the hub; it is in evaluation mode.

        Weights are mapped into memory, not read: nothing is copied that has the right dtype and device.

        Args:
            pretrained_model_name_or_path: a folder or a name; None with `config` and `state_dict`.
            config: instead of the checkpoint's own.
            dtype: of the weights, `torch.bfloat16` or "bfloat16"; None or "auto": as the checkpoint says.
            torch_dtype: version 4's name of dtype.
            device_map: "cpu", "cuda", a device or a GPU's number; {module: place} by the checkpoint's names of modules,
                with numbers of GPUs, "cpu" and "disk" as places; "auto" (or "balanced", "balanced_low_0",
                "sequential"): over all GPUs, the rest on the CPU and on disk. A part computes where its weights are,
                on the CPU where they are on disk; `hf_device_map` holds the result.
            max_memory: with device_map="auto", the most that a place may hold: {0: "10GB", "cpu": "30GB"}.
            offload_folder: where weights for "disk" go that the checkpoint's own files do not hold as they are needed.
            attn_implementation: "sdpa" (torch's fused kernels) or "eager".
            new_head: allow a head that the checkpoint has no weights for, or has of another size; it starts from random
                values, to be trained.
            ignore_mismatched_sizes: make anew what has another shape in the checkpoint.
            output_loading_info: return (model, {"missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs"}).
            state_dict: these weights instead of the checkpoint's.
            use_safetensors, variant: see `read_weights`.
            add_pooling_layer: False leaves BERT's pooler out.
            key_mapping: other names for the checkpoint's weights, {regular expression: replacement}.
            gguf_file: load this file of the folder; the name may itself be that of a GGUF file.
            options: where to look (revision, token, cache_dir, subfolder, local_files_only, force_download); any
                attribute of the config (num_labels, id2label, problem_type, ...); load_in_8bit=True, load_in_4bit=True
                or quantization_config={"bits": 8}, which round the matrices, see `quantize`.

        Raises:
            OSError: the name cannot be found, or a file is missing or cut short.
            ValueError: an unknown architecture; weights that the checkpoint lacks or has in another shape.
            TypeError: a keyword that is neither an option nor an attribute of the config.
        """
        place = where(options)
        for name in NEEDLESS:
            options.pop(name, None)
        bits = wanted_bits(options)
        weights: Mapping[str, Tensor] | None = state_dict
        repo, gguf = None, None
        if is_gguf(pretrained_model_name_or_path):
            gguf_file = Path(pretrained_model_name_or_path).name  # type: ignore[arg-type]
            pretrained_model_name_or_path = Path(pretrained_model_name_or_path).parent  # type: ignore[arg-type]
        if pretrained_model_name_or_path is not None:
            repo = open_repo(pretrained_model_name_or_path, **place)
        elif config is None or state_dict is None:
            raise ValueError("without a name or folder, from_pretrained needs config= and state_dict=.")
        if gguf_file is not None and repo is not None:
            gguf = gguf_path(repo, gguf_file)
        config = _config(cls, config, repo, options, place, gguf)
        wanted = dtype if dtype is not None else torch_dtype
        packed = None  # a GGUF file
        if weights is None and gguf is not None:
            from bearhug.checkpoints.gguf.model import Weights

            packed = weights = Weights(gguf, config, None if wanted in (None, "auto") else named_dtype(wanted))
        if weights is None:
            assert repo is not None
            weights = read_weights(repo, use_safetensors=use_safetensors, variant=variant)
        if key_mapping:
            weights = Renamed(weights, key_mapping)
        about = config.__dict__.pop("quantization_config", None)  # what is loaded is plain
        if about is not None and packed is None:
            from bearhug.checkpoints.quantized import Unpacked

            weights = Unpacked(weights, about)
            wanted = wanted if wanted not in (None, "auto") else config.dtype or weights.dtype()
        with torch.device("meta"):
            model = cls(config, attn_implementation=attn_implementation, pooler=add_pooling_layer)
        loaded = wanted_dtype(wanted, config, weights)
        places = placed(model, device_map, max_memory, loaded)
        table = packed.table(model) if packed is not None else None
        report = fill(model, weights, dtype=loaded, places=places, table=table)
        settle(model, report, new_head, ignore_mismatched_sizes, config.name_or_path or "the state_dict")
        if places is not None:
            put(model, places, offload_folder, report.mapped)
        first = model.model.embed_tokens.weight
        config.dtype = first.dtype
        model.eval()
        if bits is not None:
            quantize(model, bits)
        if generation_config is not None:
            model.generation_config = generation_config
        elif repo is not None and model.can_generate():
            model.read_generation_config(repo)
        return (model, report.to_dict()) if output_loading_info else model

    @classmethod
    def from_config(
        cls, config: PretrainedConfig, *, dtype: Any = None, torch_dtype: Any = None, **options: Any
    ) -> Any:
        """A model with random weights, as the reference draws them."""
        model = cls(config, **options)
        wanted = dtype if dtype is not None else torch_dtype
        wanted = config.dtype if wanted in (None, "auto") else named_dtype(wanted)
        return model if wanted is None else model.to(wanted)

    # Saving

    def save_pretrained(
        self,
        save_directory: str | os.PathLike,
        is_main_process: bool = True,
        state_dict: Mapping[str, Tensor] | None = None,
        push_to_hub: bool = False,
        max_shard_size: int | str = "50GB",
        variant: str | None = None,
        **options: Any,
    ) -> None:
        """Write config.json, generation_config.json and safetensors, as the reference writes and reads them.

        Saving, loading and saving again gives the same bytes. Each file is whole before it is seen.

        Args:
            max_shard_size: the largest file, "5GB" or a number of bytes.
            variant: a word before the ending, `model.fp16.safetensors`.
            is_main_process: False writes nothing.
            state_dict: write these, `model.state_dict()` gathered from elsewhere.
            push_to_hub: push the folder too; options are `push_to_hub`'s, repo_id is the folder's name by default.

        Raises:
            OSError: the folder cannot be written.
        """
        push = {name: options.pop(name) for name in list(options) if name in PUSH}
        if options.pop("safe_serialization", True) is False:
            raise ValueError("bearhug writes safetensors, never pickles: leave safe_serialization out.")
        for name in options:
            if name not in ("save_function", "save_peft_format", "save_original_format", "distributed_checkpoint"):
                raise unexpected_keyword("save_pretrained", name, ("max_shard_size", "variant", "push_to_hub", *PUSH))
        if is_quantized(self):
            raise ValueError(
                f"this {type(self).__name__} has rounded matrices, and a checkpoint holds whole ones.\n"
                "Save the model without load_in_8bit, load_in_4bit and quantize(); round it again after loading."
            )
        folder = Path(save_directory)
        if self.peft_config and not folder.is_file():
            return self.save_active_adapter(folder) if is_main_process else None
        if folder.is_file():
            raise NotADirectoryError(f"{str(folder)!r} is a file; save_pretrained writes a folder.")
        if is_main_process:
            folder.mkdir(parents=True, exist_ok=True)
            self.config.architectures = [type(self).__name__]
            self.config.dtype = self.dtype
            write_weights(folder, stored(self, state_dict), max_shard_size, variant)
            self.config.save_pretrained(folder)
            if self.can_generate():
                self.generation_config.save_pretrained(folder)
        if push_to_hub:
            self.push_to_hub(push.pop("repo_id", folder.name), **push)

    def save_gguf(self, path: str | os.PathLike, kind: str = "q8_0", tokenizer: Any = None) -> None:
        """Write the model as one GGUF file, for llama.cpp and its like; `from_pretrained(path)` reads it again.

        Args:
            kind: of the matrices: "f32", "f16", "bf16", "q8_0", "q6_k", "q5_k", "q5_0", "q5_1", "q4_k", "q4_0", "q4_1".
            tokenizer: goes into the file too.

        Raises:
            ValueError: an unknown kind; an architecture or a setting that GGUF has no word for.
        """
        from bearhug.checkpoints.gguf.model import save

        words: dict[str, Any] = {}
        if tokenizer is not None:
            from bearhug.tokenizers.gguf import metadata_of

            words = metadata_of(tokenizer)
        save(self, path, kind, words)

    def study(self, path: str | os.PathLike | None = None) -> str:
        """The one plain file of torch that this model's recipe stands for; written to `path` where one is given.

        It reads the checkpoint's safetensors by itself, needs no bearhug, and gives the same numbers for a text.

        Raises:
            ValueError: there is no plain file for the task.
        """
        from bearhug.study.writer import study

        text = study(self)
        if path is not None:
            with replacing(path, "w", encoding="utf-8") as file:
                file.write(text)
        return text

    # Parts

    def __getattr__(self, name: str) -> Any:
        """The reference's names of the parts, too: `model.transformer`, `model.bert`, `model.lm_head`, ..."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            module = self._named(name)
            if module is None:
                raise
            return module

    def _named(self, name: str) -> nn.Module | None:
        recipe = type(self).__dict__.get("recipe")
        if recipe is None or name.startswith("_") or (self.task == "base" and name not in ("shared", "encoder")):
            return None
        if name == self.base_model_prefix:
            return self.model
        if name in ("shared", "encoder", "decoder") and recipe.defaults.get("is_encoder_decoder"):
            parts = {"shared": self.model.embed_tokens, "encoder": self.model.encoder or self.model}
            return parts.get(name, self.model)  # type: ignore[return-value]
        if name == "lm_head" and self.can_generate():
            return self.get_output_embeddings()
        for theirs, ours in recipe.heads[self.task].weights.items():
            path = theirs.split(".")
            if path[0] == name and isinstance(ours, str) and ours.startswith("head."):
                return self.head.get_submodule(ours.split(".")[1]) if len(path) == 2 else self.head  # type: ignore[union-attr]
        return None

    @property
    def base_model_prefix(self) -> str:
        """What the transformer is called in checkpoints."""
        return self.recipe.prefix_of(self.task) or self.recipe.prefix

    @property
    def base_model(self) -> nn.Module:
        """The transformer without the head; of a model without a head, itself."""
        return self if self.task == "base" else self.model

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.model.embed_tokens.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """The weights' dtype."""
        return self.model.embed_tokens.weight.dtype

    def num_parameters(self, only_trainable: bool = False, exclude_embeddings: bool = False) -> int:
        """How many numbers the model holds; tied ones once."""
        left_out = {
            id(module.weight) for module in self.modules() if isinstance(module, nn.Embedding | Learned | Relative)
        }
        constants = {
            id(module.get_parameter(name)) for module in self.modules() for name in getattr(module, "uncounted", ())
        }
        return sum(
            parameter.numel()
            for parameter in self.parameters()
            if id(parameter) not in constants
            and (parameter.requires_grad or not only_trainable)
            and not (exclude_embeddings and id(parameter) in left_out)
        )

    def get_memory_footprint(self, return_buffers: bool = True) -> int:
        """The bytes of the weights."""
        held = [*self.parameters(), *(self.buffers() if return_buffers else ())]
        return sum(tensor.numel() * tensor.element_size() for tensor in held)

    def get_input_embeddings(self) -> nn.Embedding:
        """The table of words; of two vocabularies the encoder's."""
        two = two_vocabularies(self.config) and self.model.encoder is not None
        return self.model.encoder.embed_tokens if two else self.model.embed_tokens  # type: ignore[union-attr]

    def set_input_embeddings(self, value: nn.Embedding) -> None:
        """Replace the table of words, of two vocabularies the encoder's; a tied output follows."""
        encoder = self.model.encoder
        if encoder is not None and encoder.config.own_table:
            encoder.embed_tokens = value
        if encoder is None or not two_vocabularies(self.config):
            self.model.embed_tokens = value
        self.model.share_table()
        self.tie_weights()

    def get_output_embeddings(self) -> nn.Linear | None:
        """The matrix from the width to the vocabulary, for language models."""
        return self.head.out if getattr(self.head, "words", False) else None  # type: ignore[union-attr,return-value]

    def set_output_embeddings(self, new_embeddings: nn.Linear) -> None:
        """Replace the output matrix."""
        if self.get_output_embeddings() is None:
            raise ValueError(f"{type(self).__name__} has no output over the vocabulary.")
        self.head.out = new_embeddings  # type: ignore[union-attr]

    def tie_weights(self, missing_keys: set[str] | None = None, recompute_mapping: bool = True) -> None:
        """Let the output share the table of words, where the config says so. The arguments are the reference's."""
        head = self.recipe.heads.get(self.task)
        if head is not None and head.tied and self.model.config.tie_word_embeddings:
            self.head.out.weight = self.model.embed_tokens.weight  # type: ignore[union-attr]

    def resize_token_embeddings(
        self, new_num_tokens: int | None = None, pad_to_multiple_of: int | None = None, mean_resizing: bool = True
    ) -> nn.Embedding:
        """Make room for another number of tokens; new rows start near the mean of the old ones.

        Args:
            new_num_tokens: usually len(tokenizer); None changes nothing unless there is `pad_to_multiple_of`.
            pad_to_multiple_of: round the number up to a multiple of this.
            mean_resizing: False draws new rows like those of a new model.
        """
        return self._resize(self.get_input_embeddings(), new_num_tokens, pad_to_multiple_of, mean_resizing)

    def resize_decoder_token_embeddings(self, new_num_tokens: int | None) -> nn.Embedding:
        """The same for the decoder's words, of a model with two vocabularies.

        Raises:
            ValueError: it has one, see `resize_token_embeddings`.
        """
        if self.model.encoder is None or not two_vocabularies(self.config):
            raise ValueError(
                f"{type(self).__name__} has one vocabulary: call resize_token_embeddings({new_num_tokens})."
            )
        return self._resize(self.model.embed_tokens, new_num_tokens, None, True, True)

    def _resize(
        self, table: nn.Embedding, size: int | None, multiple: int | None, mean: bool, decoder: bool = False
    ) -> nn.Embedding:
        if multiple is not None and not isinstance(multiple, int):
            raise ValueError(f"pad_to_multiple_of={multiple!r} is no whole number.")
        size = table.num_embeddings if size is None else size
        if multiple:
            size = -(-size // multiple) * multiple
        if size != table.num_embeddings:
            resize(self, size, mean, decoder)
        return table

    def set_attn_implementation(self, attn_implementation: str | dict[str, str], **_: Any) -> None:
        """Compute attention by "sdpa", "eager" or "flex_attention" from now on; also {"": name}."""
        if isinstance(attn_implementation, Mapping):
            attn_implementation = attn_implementation.get("", self.config.attn_implementation or "sdpa")
        self.model.use_attention(attn_implementation)
        self.config.attn_implementation = attn_implementation

    def gradient_checkpointing_enable(
        self, gradient_checkpointing_kwargs: dict[str, Any] | None = None, every_n_layers: int = 1
    ) -> None:
        """Keep no activations inside the layers in training; compute them again in the backward pass.

        Args:
            gradient_checkpointing_kwargs: of `torch.utils.checkpoint.checkpoint`.
            every_n_layers: only in one layer of so many.
        """
        self._checkpoint({"use_reentrant": False, **(gradient_checkpointing_kwargs or {})}, every_n_layers)

    def activation_checkpointing_enable(
        self, activation_checkpointing_kwargs: dict[str, Any] | None = None, every_n_layers: int = 1
    ) -> None:
        """The reference's newer name of `gradient_checkpointing_enable`."""
        self.gradient_checkpointing_enable(activation_checkpointing_kwargs, every_n_layers)

    def gradient_checkpointing_disable(self) -> None:
        """Keep activations again."""
        self._checkpoint(None)

    activation_checkpointing_disable = gradient_checkpointing_disable

    def _checkpoint(self, arguments: dict[str, Any] | None, every: int = 1) -> None:
        for model in (self.model, self.model.encoder):
            if model is not None:
                model.checkpointing, model.checkpoint_every = arguments, every

    @property
    def is_gradient_checkpointing(self) -> bool:
        """Whether gradient checkpointing is on."""
        return self.model.checkpointing is not None

    is_activation_checkpointing = is_gradient_checkpointing

    def enable_input_require_grads(self) -> None:
        """Let gradients reach the embeddings' output even where the table itself is frozen (adapters need it)."""
        hook = self.model.embed_tokens.register_forward_hook(lambda module, given, output: output.requires_grad_(True))
        self._input_hooks.append(hook)

    def disable_input_require_grads(self) -> None:
        """Undo `enable_input_require_grads`."""
        while self._input_hooks:
            self._input_hooks.pop().remove()

    def get_decoder(self) -> nn.Module:
        """The part that writes: the transformer without the head."""
        return self.base_model


def _part(config: Config, head: Head | None) -> Config:
    """The config of what a head stands on: of an encoder and a decoder maybe only one."""
    if head is None or not head.part:
        return config
    if head.part == "encoder":
        assert config.encoder is not None
        return replace(config.encoder, own_table=True)
    return replace(config, encoder=None)


def _config(
    cls: type[PreTrainedModel],
    config: Any,
    repo: Any,
    options: dict[str, Any],
    place: dict[str, Any],
    gguf: Path | None = None,
) -> PretrainedConfig:
    """The config to build from: given, or the repository's, with overrides from `options`."""
    if isinstance(config, str | os.PathLike):
        return cls.config_class.from_pretrained(config, **options, **place)
    if config is None:
        values = repo_config(repo) if gguf is None else gguf_config(gguf)
        return config_from(values, repo.name, cls.config_class, False, options)
    if repo is not None:
        config.name_or_path = repo.name
    for name, value in options.items():
        if not hasattr(config, name):
            raise unexpected_keyword(f"{cls.__name__}.from_pretrained", name, config.__dict__)
        setattr(config, name, value)
    return config
