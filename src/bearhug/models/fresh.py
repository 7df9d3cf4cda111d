"""Fresh values: of a new model, of a head that a checkpoint lacks, of tokens that are added to a vocabulary."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from bearhug.models.pretrained import PreTrainedModel


@torch.no_grad()
def initialize(model: PreTrainedModel, only: Iterable[str] | None = None) -> None:
    """Fresh values as the reference draws them: matrices normal with initializer_range, biases 0, norms 1.

    Args:
        only: our names of the parameters to set; None: all.
    """
    config = model.model.config
    wanted = None if only is None else set(only)
    for path, module in model.named_modules():
        for last, parameter in module._parameters.items():
            name = f"{path}.{last}" if path else last
            if parameter is None or (wanted is not None and name not in wanted):
                continue
            if hasattr(module, "constant"):
                parameter.copy_(module.constant())
                continue
            start = getattr(module, "start", None)  # what a norm's weights are before training
            drawn = parameter.ndim > 1 or last in getattr(module, "drawn", ())
            if not drawn or start is not None:
                parameter.fill_((1.0 if start is None else start) if last == "weight" else 0.0)
                continue
            deep = config.scaled_residual_init and path.endswith((".o_proj", ".down_proj"))
            spread = (2 * config.num_hidden_layers) ** -0.5 if deep else 1.0
            base = config.initializer_ranges.get(path.rpartition(".")[2], config.initializer_range)
            parameter.normal_(0.0, base * spread)
            padding = getattr(module, "padding_idx", None)
            if padding is not None:
                parameter[padding].zero_()
    _drawn(model, wanted)


def _drawn(model: nn.Module, wanted: set[str] | None) -> None:
    """The fresh values of modules that have a way of their own."""
    for path, module in model.named_modules():
        draw: Any = getattr(module, "draw", tuple)
        for name, value in draw():
            if wanted is None or f"{path}.{name}" in wanted:
                module.get_parameter(name).copy_(value)


def materialize(model: nn.Module, names: Iterable[str]) -> None:
    """Give parameters that exist only as shapes memory, on the device and in the dtype of the others."""
    real = next((parameter for parameter in model.parameters() if parameter.device.type != "meta"), None)
    for name in names:
        path, _, last = name.rpartition(".")
        module = model.get_submodule(path)
        old = module._parameters[last]
        if old is not None and old.device.type == "meta":
            device, dtype = ("cpu", old.dtype) if real is None else (real.device, real.dtype)
            new = torch.empty_like(old, device=device, dtype=dtype)
            module._parameters[last] = nn.Parameter(new, old.requires_grad)


@torch.no_grad()
def resize(model: PreTrainedModel, size: int, mean: bool, decoder: bool) -> None:
    """Make room for `size` tokens in the tables of words and in the output over them; see `resize_token_embeddings`.

    decoder: of two vocabularies the decoder's.
    """
    own, config, encoder = model.model, model.config, model.model.encoder
    apart = encoder is not None and encoder.config.own_table
    two = apart and two_vocabularies(config)
    std = own.config.initializer_range
    output = model.get_output_embeddings()
    tied = output is not None and output.weight is own.embed_tokens.weight
    if apart and not decoder:
        _resize_table(encoder.embed_tokens, size, mean, std)  # type: ignore[union-attr]
    if not two or decoder:
        _resize_table(own.embed_tokens, size, mean, std)
        own.config = replace(own.config, vocab_size=size)
        if output is not None:
            _resize_output(output, size, mean, std, own.embed_tokens.weight if tied else None)
    if encoder is not None and not (two and decoder):
        encoder.config = replace(encoder.config, vocab_size=size)
        own.config = replace(own.config, encoder=encoder.config)
    for name in ("decoder_vocab_size",) if decoder else ("vocab_size", *(() if two else ("decoder_vocab_size",))):
        if name in config.__dict__ or name in config.attribute_map:
            setattr(config, name, size)


def two_vocabularies(config: Any) -> bool:
    """Whether an encoder and its decoder each have words of their own (Marian; a config of two configs)."""
    return not getattr(config, "share_encoder_decoder_embeddings", "decoder" not in config.__dict__)


def _resize_table(table: nn.Embedding, size: int, mean: bool, std: float) -> None:
    table.weight = nn.Parameter(_resized(table.weight, size, mean, std), table.weight.requires_grad)
    table.num_embeddings = size
    if table.padding_idx is not None and table.padding_idx >= size:
        table.padding_idx = None


def _resize_output(output: nn.Linear, size: int, mean: bool, std: float, shared: Any) -> None:
    old, bias = output.weight, output.bias
    output.weight = nn.Parameter(_resized(old, size, mean, std), old.requires_grad) if shared is None else shared
    output.out_features = size
    if bias is not None:
        new = bias.new_zeros(max(0, size - len(bias)))
        if mean and shared is None and bias.requires_grad:  # as the reference: a tied output's and a constant one: 0
            new += bias.float().mean()
        output.bias = nn.Parameter(torch.cat((bias[:size], new)), bias.requires_grad)


def _resized(weight: Tensor, size: int, mean: bool, std: float) -> Tensor:
    """The first `size` rows, and new ones where there are not so many."""
    if size <= weight.shape[0]:
        return weight[:size].clone()
    new = torch.randn(size - weight.shape[0], weight.shape[1], device=weight.device)
    if mean:  # as the reference: normal around the mean, with a billionth of the old rows' variance
        new = weight.float().mean(0) + new * weight.float().std(0) * 1e-9**0.5
    else:
        new = new * std
    return torch.cat((weight, new.to(weight.dtype)))
