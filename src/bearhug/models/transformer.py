"""The canonical transformer: embed, layers, norm. Whatever the architecture, `Config` says which parts.

B rows, T new tokens, S all tokens (in the cache and new), D width.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from bearhug._lib.errors import part
from bearhug.caches.kv import KVCache
from bearhug.checkpoints.devices import home
from bearhug.models.attention import (
    ATTEND,
    Attention,
    CrossAttention,
    DisentangledAttention,
    Gated,
    Sight,
    Source,
    TurnedFirst,
    biased,
    sight,
)
from bearhug.models.config import Config
from bearhug.models.delta import GatedDelta
from bearhug.models.experts import Mixture
from bearhug.models.latent import LatentAttention
from bearhug.models.mamba import Mamba, Mamba2
from bearhug.models.mlp import ACTIVATIONS, MLPS, NORMS, ScaledEmbedding
from bearhug.models.outputs import BaseModelOutput
from bearhug.models.positions import POSITIONS, Place, Rotary, Rotate, counted

MIXERS: dict[str, Callable[[Config, int], nn.Module]] = {
    "attention": Attention,
    "disentangled": DisentangledAttention,
    "gated": Gated,
    "gated_delta": GatedDelta,
    "latent": LatentAttention,
    "state_space": Mamba,
    "state_space_heads": Mamba2,
    "turned_first": TurnedFirst,
}
BRANCHES: dict[str, Callable[[Config], nn.Module]] = {**MLPS, "experts": Mixture}


class Block(nn.Module):
    """One layer's parts; how they are joined is the subclass's forward.

    `look` is what a mixer takes besides the vectors: what turns queries and keys, the sight, the cache, and a list that
    gets the weights.
    """

    norms: ClassVar[tuple[str, ...]] = ("attention_norm", "mlp_norm")
    attention_norm: nn.Module
    attention_out_norm: nn.Module
    mlp_norm: nn.Module
    mlp_out_norm: nn.Module

    def __init__(self, config: Config, layer: int):
        super().__init__()
        norm = part(NORMS, config.norm, "norm")
        for name in self.norms:
            setattr(self, name, norm(config.hidden_size, config.norm_eps))
        if layer == 0 and not config.first_norm:
            self.attention_norm = nn.Identity()
        kind = config.kind(config.layer_type(layer))
        self.attention = part(MIXERS, kind.mixer, "mixer")(config, layer)
        self.mlp = part(BRANCHES, kind.mlp or config.mlp, "mlp")(config)
        self.attention_drop, self.mlp_drop = config.residual_dropout, config.mlp_dropout
        self.scale = config.residual_scale

    def drop(self, x: Tensor, rate: float) -> Tensor:
        """What a branch adds: scaled, and with dropout in training."""
        if self.training and rate:
            x = F.dropout(x, rate)
        return x if self.scale == 1.0 else x * self.scale


class PreNorm(Block):
    """Norm first, and the residual stream stays untouched (GPT-2, Llama)."""

    def forward(self, x: Tensor, *look: Any) -> Tensor:
        """X (B, T, D) -> (B, T, D)."""
        x = x + self.drop(self.attention(self.attention_norm(x), *look), self.attention_drop)
        return x + self.drop(self.mlp(self.mlp_norm(x)), self.mlp_drop)


class Single(Block):
    """Norm first, and nothing behind the mixer (Mamba)."""

    norms = ("attention_norm",)
    constants: ClassVar[tuple[str, ...]] = ("narrow",)

    def __init__(self, config: Config, layer: int):
        super().__init__(config, layer)
        self.wide = config.wide_residual

    def narrow(self) -> torch.dtype:
        """The weights' dtype."""
        return next(self.attention.parameters()).dtype

    def forward(self, x: Tensor, *look: Any) -> Tensor:
        """X (B, T, D) -> (B, T, D)."""
        if self.wide:
            y = self.attention_norm(x.to(self.narrow()))
            x = x.float() if x.dtype.itemsize < 4 else x
        else:
            y = self.attention_norm(x)
        return x + self.drop(self.attention(y, *look), self.attention_drop)


class PostNorm(Block):
    """Norm after each addition (Vaswani et al. 2017; BERT)."""

    def forward(self, x: Tensor, *look: Any) -> Tensor:
        """X (B, T, D) -> (B, T, D)."""
        x = self.attention_norm(x + self.drop(self.attention(x, *look), self.attention_drop))
        return self.mlp_norm(x + self.drop(self.mlp(x), self.mlp_drop))


class ConvolvedPostNorm(PostNorm):
    """The same; the first layer adds a convolution of what it is given (DeBERTa V2)."""

    def __init__(self, config: Config, layer: int):
        super().__init__(config, layer)
        told, width = config.disentangled, config.hidden_size
        self.conv = self.conv_norm = None
        if layer == 0:
            kernel = told["kernel"]
            self.conv = nn.Conv1d(width, width, kernel, padding=(kernel - 1) // 2, groups=told["groups"])
            self.conv_norm = part(NORMS, config.norm, "norm")(width, config.norm_eps)
            self.conv_activation = part(ACTIVATIONS, told["activation"], "conv_act")

    def forward(self, x: Tensor, *look: Any) -> Tensor:
        """X (B, T, D) -> (B, T, D). Padding counts as nothing, like what stands beyond the text."""
        y = super().forward(x, *look)
        if self.conv is None or self.conv_norm is None:
            return y
        sight: Sight = look[1]
        real = None if sight.mask is None or sight.mask.shape[-2] != 1 else sight.mask[:, 0, 0, :, None]  # (B, T, 1)
        if real is not None:
            x = x.masked_fill(~real, 0.0)
        x = self.conv(x.transpose(1, 2)).transpose(1, 2)
        if real is not None:
            x = x.masked_fill(~real, 0.0)
        y = self.conv_norm(y + self.conv_activation(self.drop(x, self.mlp_drop)))
        return y if real is None else y * real


class NormedResidual(Block):
    """Norm first, and what it gives is the residual too (an option of BLOOM)."""

    def forward(self, x: Tensor, *look: Any) -> Tensor:
        """X (B, T, D) -> (B, T, D)."""
        x = self.attention_norm(x)
        x = self.mlp_norm(x + self.drop(self.attention(x, *look), self.attention_drop))
        return x + self.drop(self.mlp(x), self.mlp_drop)


class CrossBlock(Block):
    """A layer that looks at another text too, after its own: x, rotate, sight, cache, seen, source."""

    norms = ("attention_norm", "cross_norm", "mlp_norm")
    cross_norm: nn.Module

    def __init__(self, config: Config, layer: int):
        super().__init__(config, layer)
        self.cross = CrossAttention(config, layer)


class CrossPreNorm(CrossBlock):
    """Norm first (T5, MBART, GPT-2)."""

    def forward(
        self, x: Tensor, rotate: Rotate | None, sight: Sight, cache: Any, seen: Any, source: Source | None = None
    ) -> Tensor:
        """X (B, T, D) -> (B, T, D)."""
        x = x + self.drop(self.attention(self.attention_norm(x), rotate, sight, cache, seen), self.attention_drop)
        if source is not None:
            x = x + self.drop(self.cross(self.cross_norm(x), source, cache), self.attention_drop)
        return x + self.drop(self.mlp(self.mlp_norm(x)), self.mlp_drop)


class CrossPostNorm(CrossBlock):
    """Norm after each addition (Vaswani et al. 2017; BART, BERT)."""

    def forward(
        self, x: Tensor, rotate: Rotate | None, sight: Sight, cache: Any, seen: Any, source: Source | None = None
    ) -> Tensor:
        """X (B, T, D) -> (B, T, D)."""
        x = self.attention_norm(x + self.drop(self.attention(x, rotate, sight, cache, seen), self.attention_drop))
        if source is not None:
            x = self.cross_norm(x + self.drop(self.cross(x, source, cache), self.attention_drop))
        return self.mlp_norm(x + self.drop(self.mlp(x), self.mlp_drop))


class BranchNorm(Block):
    """Norm on what each branch gives, before it is added (OLMo 2, arXiv:2501.00656)."""

    def forward(self, x: Tensor, *look: Any) -> Tensor:
        """X (B, T, D) -> (B, T, D)."""
        x = x + self.drop(self.attention_norm(self.attention(x, *look)), self.attention_drop)
        return x + self.drop(self.mlp_norm(self.mlp(x)), self.mlp_drop)


class Sandwich(Block):
    """Norm before and after each branch (Gemma 2, arXiv:2408.00118)."""

    norms = ("attention_norm", "attention_out_norm", "mlp_norm", "mlp_out_norm")

    def forward(self, x: Tensor, *look: Any) -> Tensor:
        """X (B, T, D) -> (B, T, D)."""
        y = self.attention_out_norm(self.attention(self.attention_norm(x), *look))
        x = x + self.drop(y, self.attention_drop)
        return x + self.drop(self.mlp_out_norm(self.mlp(self.mlp_norm(x))), self.mlp_drop)


class Parallel(Block):
    """Attention and MLP side by side, on the same norm (GPT-J; arXiv:2204.02311, section 2)."""

    norms = ("attention_norm",)

    def forward(self, x: Tensor, *look: Any) -> Tensor:
        """X (B, T, D) -> (B, T, D)."""
        y = self.attention_norm(x)
        attended = self.drop(self.attention(y, *look), self.attention_drop)
        return x + attended + self.drop(self.mlp(y), self.mlp_drop)


class ParallelTwoNorms(Block):
    """The same, with a norm for each (GPT-NeoX, arXiv:2204.06745, section 2.1)."""

    def forward(self, x: Tensor, *look: Any) -> Tensor:
        """X (B, T, D) -> (B, T, D)."""
        attended = self.attention(self.attention_norm(x), *look)
        return x + self.drop(attended, self.attention_drop) + self.drop(self.mlp(self.mlp_norm(x)), self.mlp_drop)


BLOCKS: dict[str, Callable[[Config, int], Block]] = {
    "branch_norm": BranchNorm,
    "normed_residual": NormedResidual,
    "parallel": Parallel,
    "parallel_two_norms": ParallelTwoNorms,
    "post_norm": PostNorm,
    "post_norm_convolved": ConvolvedPostNorm,
    "pre_norm": PreNorm,
    "sandwich": Sandwich,
    "single": Single,
}
CROSS_BLOCKS: dict[str, Callable[[Config, int], Block]] = {"post_norm": CrossPostNorm, "pre_norm": CrossPreNorm}


def table(rows: int, width: int, padding: int | None = None, scale: float = 1.0) -> nn.Embedding:
    """Vectors (rows, width), not drawn yet; `scale`: they are multiplied by it as they are looked up.

    nn.Embedding would draw them, and to draw on the meta device torch imports its whole compiler, a second's work.
    """
    weight = torch.empty(rows, width)
    if scale == 1.0:
        return nn.Embedding(rows, width, padding, _weight=weight)
    scaled = ScaledEmbedding(rows, width, padding, _weight=weight)
    scaled.scale = scale
    return scaled


class Transformer(nn.Module):
    """Tokens in, one vector for each out. Every architecture is this class with another `Config`."""

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        norm = part(NORMS, config.norm, "norm")
        width, inner = config.word_size or config.hidden_size, config.hidden_size
        self.embed_tokens = table(config.vocab_size, width, config.padding_index, config.embed_scale)
        narrow = config.narrow_embeddings
        self.project_in = nn.Linear(width, inner, bias=narrow) if width != inner else None
        self.project_out = nn.Linear(inner, width, bias=False) if width != inner and not narrow else None
        self.project_late = narrow and self.project_in is not None
        self.input_scale = config.input_scale
        self.positions = part(POSITIONS, config.positions, "positions")(config)
        self.embed_types = table(config.type_vocab_size, config.embed_size) if config.token_types == "own" else None
        self.embed_tasks = table(config.task_types, config.embed_size) if config.task_types else None
        self.embed_norm = norm(config.embed_size, config.norm_eps) if config.embed_norm else None
        self.causal = config.causal
        block = part(CROSS_BLOCKS if config.cross_attention else BLOCKS, config.block, "block")
        self.order = config.layer_order
        count = max(self.order) + 1 if self.order else config.num_hidden_layers
        self.layers = nn.ModuleList([block(config, layer) for layer in range(count)])
        self.norm = norm(config.hidden_size, config.norm_eps) if config.final_norm else None
        self.kinds = [config.layer_type(layer) for layer in range(config.num_hidden_layers)]
        self.rotaries = {name: Rotary(config, kind.rope) for name, kind in config.kinds.items() if kind.rope}
        self.straight = {name for name, kind in config.kinds.items() if not kind.turned}
        self.spread = False  # the layers are on several devices
        self.checkpointing: dict[str, Any] | None = None  # arguments of torch's checkpoint, where it is on
        self.checkpoint_every = 1  # layers
        self.encoder = Transformer(config.encoder) if config.encoder is not None else None
        self.share_table()

    def share_table(self) -> None:
        """Let the encoder look its words up in this table, where it has none of its own."""
        if self.encoder is not None and not self.encoder.config.own_table:
            self.encoder._modules.pop("embed_tokens", None)
            self.encoder.__dict__["embed_tokens"] = self.embed_tokens  # seen, but not counted as its own

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        past_key_values: KVCache | None = None,
        use_cache: bool = False,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
        source: Source | None = None,
    ) -> BaseModelOutput:
        """Run the layers. Arguments as in `PreTrainedModel.forward`; last_hidden_state is (B, T, D)."""
        x = embedded(self.embed_tokens, input_ids, inputs_embeds)
        new, device = x.shape[1], x.device
        cache = past_key_values
        if cache is None and use_cache and self.causal:
            cache = self.new_cache(0, 0)
        start = 0 if cache is None else cache.length
        real, extra = read_mask(attention_mask, x, start)
        offset = self.config.position_offset
        positions = None if real is None else counted(real, start, offset or self.config.padding_before)  # (B, T)
        if position_ids is not None:  # given as rows of the table
            positions = position_ids - offset if offset else position_ids
        if self.input_scale != 1.0 and (inputs_embeds is None or self.config.scale_given):
            x = x * self.input_scale
        if self.project_in is not None and not self.project_late:
            x = self.project_in(x)
        x = self.positions.embed(self._typed(x, token_type_ids), start, positions)
        if self.embed_norm is not None:
            x = self.embed_norm(x)
        if self.training and self.config.embed_dropout:
            x = F.dropout(x, self.config.embed_dropout)
        if self.project_late:
            x = self.project_in(x)  # type: ignore[misc]
        place = Place(start, new, positions, real, x)
        bias = self.positions.bias(place)
        rotate, turns, sights = self.positions.rotation(place), {}, {}
        for kind in dict.fromkeys(self.kinds):
            turns[kind] = self.rotaries[kind].rotation(place) if kind in self.rotaries else rotate
            if kind in self.straight:
                turns[kind] = None
            sights[kind] = sight(self.config, kind, real, start, new, device) if extra is None else extra
            if bias is not None:
                sights[kind] = biased(sights[kind], bias[kind] if isinstance(bias, dict) else bias, new)
        states: list[Tensor] | None = [x] if output_hidden_states else None
        seen: list[Tensor] | None = [] if output_attentions else None
        more = (seen,) if source is None else (seen, source)
        layers = enumerate([self.layers[number] for number in self.order] if self.order else self.layers)
        if self.training and self.config.layer_dropout:
            layers = [pair for pair in layers if float(torch.rand([])) >= self.config.layer_dropout]
        for number, layer in layers:
            held, kind = None if cache is None else cache.layers[number], self.kinds[number]
            if self.checkpointing is not None and self.training and number % self.checkpoint_every == 0:
                x = checkpoint(layer, x, turns[kind], sights[kind], None, *more, **self.checkpointing)
            else:
                x = layer(x, turns[kind], sights[kind], held, *more)
            if states is not None:
                states.append(x)
        if cache is not None:
            cache.length = start + new
        if self.config.wide_residual:
            x = x.to(self.embed_tokens.weight.dtype)
        if self.norm is not None:
            x = self.norm(x)
        if self.project_out is not None:
            x = self.project_out(x)
        if self.training and self.config.final_dropout:
            x = F.dropout(x, self.config.final_dropout)
        if states is not None:
            states = [*states[1:], x] if self.config.unnormed_states else [*states[:-1], x]
        return BaseModelOutput(
            last_hidden_state=x,
            past_key_values=cache if use_cache and self.causal else None,
            hidden_states=tuple(states) if states is not None else None,
            attentions=tuple(seen) if seen else None,
            cross_attentions=tuple(source.seen) if source is not None and source.seen is not None else None,
        )

    def new_cache(self, batch: int, length: int) -> KVCache:
        """An empty cache with room for `length` tokens of `batch` rows."""
        like = self.embed_tokens.weight
        each = [like.new_empty(0, device=home(layer)) if self.spread else like for layer in self.layers]
        layers = zip(self.layers, each, strict=True)
        return KVCache([layer.attention.new_cache(batch, length, like) for layer, like in layers])  # type: ignore[union-attr]

    def _typed(self, x: Tensor, token_type_ids: Tensor | None) -> Tensor:
        """Add the vectors of the token types, where the architecture has them."""
        if self.embed_tasks is not None:
            x = x + self.embed_tasks.weight[0]
        if self.embed_types is not None:
            if token_type_ids is None:
                return x + self.embed_types.weight[0]
            return x + looked_up(self.embed_types, token_type_ids, "token_type_ids", "type_vocab_size")
        if token_type_ids is not None and self.config.token_types == "shared":
            return x + looked_up(self.embed_tokens, token_type_ids, "token_type_ids", "vocab_size")
        return x

    def use_attention(self, implementation: str) -> None:
        """Compute attention by "sdpa", "eager" or "flex_attention" from now on."""
        attend = part(ATTEND, implementation, "attn_implementation")
        # which torch's fused kernels cannot
        capped = self.config.score_softcap is not None or self.config.sinks
        for module in self.modules():
            if hasattr(module, "attend"):
                module.attend = module.stepwise if capped else attend  # type: ignore[assignment]


def embedded(table: nn.Embedding, input_ids: Tensor | None, inputs_embeds: Tensor | None) -> Tensor:
    """The tokens' vectors (B, T, D), looked up or as given.

    Raises:
        ValueError: neither or both are given, or their shape is wrong.
        TypeError: input_ids are no integer tensor.
        IndexError: an id lies outside of the vocabulary.
    """
    if inputs_embeds is not None:
        if input_ids is not None:
            raise ValueError("input_ids and inputs_embeds were both given; give one of them.")
        if inputs_embeds.ndim != 3 or inputs_embeds.shape[-1] != table.embedding_dim:
            raise ValueError(
                f"inputs_embeds has the shape {tuple(inputs_embeds.shape)}, "
                f"expected (rows, tokens, {table.embedding_dim})."
            )
        return inputs_embeds
    if not isinstance(input_ids, Tensor):
        raise _no_ids(input_ids)
    if input_ids.ndim != 2:
        way = "input_ids.unsqueeze(0)" if input_ids.ndim == 1 else "a tensor (rows, tokens)"
        raise ValueError(f"input_ids has the shape {tuple(input_ids.shape)}, expected (rows, tokens): give {way}.")
    if input_ids.is_floating_point() or input_ids.dtype == torch.bool:
        dtype = str(input_ids.dtype).removeprefix("torch.")
        raise TypeError(f"input_ids is of dtype {dtype}, expected integers: give input_ids.long().")
    return looked_up(table, input_ids, "input_ids", "vocab_size")


def _no_ids(given: Any) -> Exception:
    if given is None:
        return ValueError(
            'neither input_ids nor inputs_embeds was given. Write model(**tokenizer("a text", return_tensors="pt")).'
        )
    if isinstance(given, str) or (isinstance(given, list | tuple) and given and isinstance(given[0], str)):
        return TypeError(
            "a model reads token ids, not text.\n"
            'Write model(**tokenizer(text, return_tensors="pt")), or pipeline(...)(text).'
        )
    if hasattr(given, "keys"):
        return TypeError("a dictionary was given as input_ids. Unpack it: model(**inputs).")
    return TypeError(
        f"input_ids is a {type(given).__name__}, expected a torch tensor: give torch.tensor(input_ids), "
        'or ask the tokenizer for return_tensors="pt".'
    )


def looked_up(table: nn.Embedding, ids: Tensor, name: str, size: str) -> Tensor:
    """Rows of a table; an id outside of it is named in the error, also on a GPU (where a longer text is checked)."""
    if ids.is_cuda and ids.shape[1] > 1 and (int(ids.min()) < 0 or int(ids.max()) >= table.num_embeddings):
        raise _outside(table, ids, name, size)
    try:
        return table(ids)
    except IndexError:
        raise _outside(table, ids, name, size) from None


def _outside(table: nn.Embedding, ids: Tensor, name: str, size: str) -> IndexError:
    wrong = ids[(ids < 0) | (ids >= table.num_embeddings)][0].item()
    return IndexError(
        f"{name} holds {wrong}, but the model's {size} is {table.num_embeddings} (0 to {table.num_embeddings - 1}).\n"
        "Use the model's own tokenizer, or after adding tokens model.resize_token_embeddings(len(tokenizer))."
    )


def read_mask(mask: Tensor | None, x: Tensor, start: int) -> tuple[Tensor | None, Sight | None]:
    """An attention mask as (real (B, S) bool or None, a whole sight or None).

    Two dimensions, (B, S): 1 for tokens, 0 for padding; None and all ones are the same. Four, (B or 1, 1 or H, T, S):
    taken as it is, True or 1 where a token may look, or floats that are added to the scores.

    Raises:
        ValueError: the shape fits neither.
    """
    if mask is None:
        return None, None
    rows, total = x.shape[0], start + x.shape[1]
    if mask.ndim == 4 and mask.shape[-1] == total and mask.shape[-2] in (1, x.shape[1]):
        return None, Sight(mask.to(x.dtype) if mask.is_floating_point() else mask.bool())
    if mask.ndim != 2 or mask.shape != (rows, total):
        held = f" ({start} in the cache and {x.shape[1]} new)" if start else ""
        raise ValueError(
            f"attention_mask has the shape {tuple(mask.shape)}, expected ({rows}, {total}): "
            f"one number for each token{held}."
        )
    real = mask.bool()
    return (None if real.all() else real), None
