"""Configs. `Config`: the sizes of a canonical transformer and the name of the part that fills each place.
`PretrainedConfig`: a checkpoint's own config.json, under its own names; a recipe translates it into a `Config`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bearhug.checkpoints.config import FULL, StoredConfig


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What the layers of one kind have of their own; what is left open is the model's."""

    window: int | None = None  # a token looks at this many, itself the last of them; None: at all
    turned: bool = True  # rotary positions turn its queries and keys
    rope: Mapping[str, Any] | None = None  # by these parameters instead of `Config.rope`
    mixer: str = "attention"  # transformer.MIXERS: how tokens learn of one another
    mlp: str | None = None  # transformer.BRANCHES, instead of `Config.mlp`


@dataclass(frozen=True, kw_only=True)
class Experts:
    """A mixture of experts: how many there are, how a token's are chosen, and what stands beside them."""

    count: int
    chosen: int  # a token goes to so many
    size: int  # the inner width of each
    mlp: str = "gated"  # mlp.MLPS: what an expert is
    bias: bool = False  # of an expert's matrices
    limit: float = 0.0  # of "gated_clipped": what is multiplied stays within it
    slope: float = 1.0  # and how steep its gate is
    choose: str = "softmax"  # experts.CHOICES: how scores become weights
    router_bias: bool = False
    correction: bool = False  # numbers are added to the scores for choosing alone, that no gradient trains
    counted: bool = False  # they are counted among the model's parameters
    float32: bool = False  # the router computes in it, whatever the model's dtype
    normalized: bool = False  # the chosen ones' weights are divided by their sum
    least: float = 0.0  # which is taken as at least this
    scale: float = 1.0  # and then multiplied by this
    groups: int = 1  # experts stand in groups, of which
    chosen_groups: int = 1  # so many are open to a token
    best: int = 0  # by the sum of so many of their best scores; 0: all are open
    jitter: float = 0.0  # in training inputs are multiplied by numbers so near to 1
    router_jitter: float = 0.0  # and the router's own once more
    tolerance: float = 0.0  # of "sparsemixer": how near to the best a score has to be
    shared: int = 0  # the inner width of an expert that every token goes to
    shared_gate: bool = False  # which a gate of its own weighs
    loss_weight: float | None = None  # of what uneven use of the experts adds to a language model's loss; None: nothing


@dataclass(frozen=True, kw_only=True)
class Latents:
    """The sizes of the "latent" mixer: queries, keys and values are made from short vectors."""

    query_rank: int | None  # of the vector that queries come from; None: from the token's own
    key_rank: int  # of the one that keys and values come from
    plain: int  # the part of a query that positions do not turn; the other is `Config.head_dim`
    value: int  # the size of a value
    bias: bool = False


@dataclass(frozen=True, kw_only=True)
class Recurrence:
    """The sizes of mixers that read a text in order; in `mamba` and `delta` they are explained."""

    heads: int  # of values
    head_dim: int = 1
    groups: int = 1  # of heads that share what is read and written; the delta rule's key heads
    state: int  # numbers for each channel; the delta rule's size of a key
    kernel: int = 4  # tokens that the convolution before it looks at
    rank: int = 0  # of Mamba's steps
    bias: bool = False
    conv_bias: bool = True
    norm: str | None = None  # mlp.NORMS, of what Mamba's tokens say of step, input and output
    norm_eps: float = 1e-6
    norm_groups: int = 1  # of the norm behind Mamba-2
    step_limit: tuple[float, float] | None = None
    step_range: tuple[float, float, float] = (0.001, 0.1, 1e-4)  # of new models: from, to, at the least
    step_scale: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Config:
    """What the canonical transformer is built from. Names of parts are keys of the tables in the files of the parts."""

    # sizes
    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    # embeddings
    positions: str  # positions.POSITIONS: "learned", "rotary", "alibi", "none"
    max_position_embeddings: int
    position_offset: int = 0  # learned positions count from here
    position_skip: int = 0  # rows of the table of learned positions that stand before the first
    padding_before: bool = False  # padding stands in the last of these rows
    relative_buckets: int = 0  # "relative" positions: distances are sorted into so many
    relative_distance: int = 0  # from here on they are all one
    disentangled: Mapping[str, Any] = field(default_factory=dict)  # what positions.Disentangled takes
    rope: Mapping[str, Any] | None = None  # rope_type, rope_theta and what that type asks for
    rope_interleaved: bool = False  # the pairs that are turned stand side by side, not half a head apart
    alibi: Mapping[str, Any] = field(default_factory=dict)  # what positions.Alibi takes
    token_types: str = "none"  # "own" has a table of its own, "shared" looks in the table of the words
    type_vocab_size: int = 0
    padding_index: int | None = None  # a row of the table of words that is never trained
    embed_norm: bool = False
    embed_scale: float = 1.0  # the words' vectors are multiplied by it, as they are looked up
    input_scale: float = 1.0  # and what goes into the model, given vectors too
    scale_given: bool = True  # False: but not given vectors
    word_size: int | None = None  # the words' vectors have another width, and are projected in and out
    narrow_embeddings: bool = False  # so have positions, types and their norm; nothing is projected out
    task_types: int = 0  # rows of a table of tasks, of which the first is added
    own_table: bool = True  # False, of an encoder: it looks its words up in the decoder's table
    # layers
    encoder: Config | None = None  # reads a text first, whose vectors the layers look at
    cross_attention: bool = False  # the layers look at another text's vectors, an encoder's or given ones
    source_width: int | None = None  # their width; None: the same
    shift_inputs: bool = False  # a decoder that is given nothing reads the encoder's text
    starts_with_last: bool = False  # a decoder's text starts with its last token, not with one of the config's
    causal: bool
    layer_order: tuple[int, ...] = ()  # which of the layers runs, each time; (): each once
    block: str = "pre_norm"  # transformer.BLOCKS
    norm: str  # mlp.NORMS: "layer", "rms", ...
    norm_eps: float
    final_norm: bool = True
    first_norm: bool = True  # False: the first layer's attention has none, after that of the embeddings
    mlp: str  # transformer.BRANCHES: "plain", "gated", "experts"
    experts: Experts | None = None  # what "experts" are
    latents: Latents | None = None  # the sizes of "latent" mixers
    activation: str  # mlp.ACTIVATIONS
    mlp_bias: bool = True
    qkv_bias: bool = True
    output_bias: bool = True
    qk_norm: bool | str = False  # norms on queries and keys, mlp.HEAD_NORMS; True: "head"
    clip_qkv: float | None = None  # queries, keys and values stay between this and its negative
    score_softcap: float | None = None  # attention's scores are squeezed by tanh to below this
    sinks: bool = False  # attention may also look at nothing, as much as a trained number for each head says
    attention_scale: float | None = None  # None: head_dim ** -0.5
    scale_by_layer: bool = False  # and divided by the layer's number
    recurrence: Recurrence | None = None
    wide_residual: bool = False  # the residual stream is in float32 whatever the weights are
    unnormed_states: bool = False  # hidden_states are the layers' results and the end, without the embeddings
    layer_types: tuple[str, ...] = ()  # each layer's kind, a key of `kinds`; (): all are "full_attention"
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    residual_scale: float = 1.0  # what a branch adds is multiplied by it
    logit_scale: float = 1.0  # scores over the vocabulary are multiplied by it
    logit_softcap: float | None = None  # and squeezed by tanh to below this
    # training
    embed_dropout: float = 0.0
    residual_dropout: float = 0.0  # on what attention adds
    mlp_dropout: float = 0.0  # on what the MLP adds
    activation_dropout: float = 0.0  # within the MLP
    final_dropout: float = 0.0  # after the last norm
    attention_dropout: float = 0.0
    layer_dropout: float = 0.0  # a layer is left out this often (Fan et al. 2019, arXiv:1909.11556)
    initializer_range: float = 0.02
    initializer_ranges: Mapping[str, float] = field(default_factory=dict)  # of the parts with these names
    scaled_residual_init: bool = False  # the layers' last matrices start smaller by sqrt(2 * layers)
    tie_word_embeddings: bool = False

    @property
    def embed_size(self) -> int:
        """The width of what is added to the words' vectors."""
        return (self.word_size or self.hidden_size) if self.narrow_embeddings else self.hidden_size

    def layer_type(self, layer: int) -> str:
        """The name of a layer's kind."""
        return self.layer_types[layer] if self.layer_types else FULL

    def kind(self, name: str) -> Kind:
        """What the layers of this kind have of their own."""
        return self.kinds.get(name) or Kind()


class PretrainedConfig(StoredConfig):
    """A checkpoint's config under its own names, with every default filled in: `config.n_layer`, `config.id2label`.

    The reference's common names work beside a family's own (`hidden_size` is `n_embd` on a GPT-2 config), for reading,
    writing and construction. `GPT2Config(n_layer=2)` and its like are made from the recipes.
    """

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike, **options: Any) -> Any:
        """The config of a folder, a file or a name; see `AutoConfig.from_pretrained` for the options.

        A config of another family is read with this family's names, as the reference does, and a line says so.
        """
        from bearhug.models.auto_config import load_config

        return load_config(pretrained_model_name_or_path, cls, **options)
