"""One head per task, with its loss. B rows, T tokens, D width, V vocabulary, N labels."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bearhug.models.config import Config, PretrainedConfig
from bearhug.models.mlp import ACTIVATIONS, NORMS
from bearhug.models.outputs import (
    BaseModelOutput,
    CausalLMOutput,
    MaskedLMOutput,
    QuestionAnsweringModelOutput,
    SequenceClassifierOutput,
    TokenClassifierOutput,
)
from bearhug.models.parts import part
from bearhug.models.pretrained import PreTrainedModel
from bearhug.models.recipe import Head

IGNORED = -100  # a label that counts for nothing


class Output(nn.Module):
    """A head's parts: an extra layer with activation and norm where the recipe has one, dropout, the output matrix."""

    def __init__(self, head: Head, hf: PretrainedConfig, config: Config, size: int | None = None):
        super().__init__()
        width = config.word_size or config.hidden_size
        self.dense = nn.Linear(width, width) if head.dense else None
        self.activation = part(ACTIVATIONS, _activation(head, config), "activation")
        self.norm = part(NORMS, config.norm, "norm")(width, config.norm_eps) if head.norm else None
        self.out = nn.Linear(width, config.vocab_size if size is None else size, bias=head.bias)
        if head.constant_bias:
            self.out.bias.requires_grad_(False)
        self.scale, self.cap = (config.logit_scale, config.logit_softcap) if size is None else (1.0, None)
        rate = head.dropout(hf)
        self.drop_first, self.drop_last = rate * head.drop_first, rate * head.drop_last

    def forward(self, x: Tensor) -> Tensor:
        """X (..., D) -> (..., size), or over the vocabulary where no size was given."""
        if self.dense is not None:
            if self.training and self.drop_first:
                x = F.dropout(x, self.drop_first)
            x = self.activation(self.dense(x))
            if self.norm is not None:
                x = self.norm(x)
        if self.training and self.drop_last:
            x = F.dropout(x, self.drop_last)
        x = self.out(x)
        if self.scale != 1.0:
            x = x * self.scale
        return x if self.cap is None else torch.tanh(x / self.cap) * self.cap


def _activation(head: Head, config: Config) -> str:
    """The recipe's activation; "same": the transformer's."""
    return config.activation if head.dense == "same" else head.dense or "linear"


class Pooler(nn.Module):
    """The first token through one layer and tanh, as BERT was trained with; a model without a head gives it."""

    def __init__(self, config: Config):
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        """X (B, D) -> (B, D)."""
        return torch.tanh(self.dense(x))


class BaseModel(PreTrainedModel):
    """The transformer without a head; with a pooler where the architecture has one."""

    task = "base"

    def build_head(self, head: Head | None) -> nn.Module | None:
        """The pooler, or nothing."""
        return None if head is None else Pooler(self.model.config)

    def answer(self, head: Any, base: BaseModelOutput, mask: Tensor | None, **options: Any) -> BaseModelOutput:
        """last_hidden_state (B, T, D), and pooler_output (B, D) where there is a pooler."""
        if head is not None:
            base = BaseModelOutput(**{**base, "pooler_output": head(first_real(base.last_hidden_state, mask))})
        return base


class TextEncoding(BaseModel):
    """The encoder alone, of an architecture that has a decoder too."""

    task = "text-encoding"

    def build_head(self, head: Head | None) -> nn.Module | None:
        """Nothing."""
        return None


class CausalLM(PreTrainedModel):
    """Scores of the next token."""

    task = "causal-lm"
    takes = ("labels", "logits_to_keep", "num_items_in_batch")

    def build_head(self, head: Head | None) -> nn.Module | None:
        """D -> V."""
        assert head is not None
        if not self.model.causal:
            raise ValueError(
                f"{type(self).__name__} would see the tokens that it is to predict: its config has is_decoder=False.\n"
                "Load it with is_decoder=True, or as AutoModelForMaskedLM."
            )
        self.shift = head.shift
        return Output(head, self.config, self.model.config)

    def answer(
        self,
        head: Any,
        base: BaseModelOutput,
        mask: Tensor | None,
        labels: Tensor | None = None,
        logits_to_keep: int | Tensor = 0,
        num_items_in_batch: Any = None,
    ) -> CausalLMOutput:
        """logits (B, T, V); loss: cross entropy of each token's scores with the next label."""
        x = base["last_hidden_state"]
        if not isinstance(logits_to_keep, int):
            x = x[:, logits_to_keep]
        elif logits_to_keep:
            x = x[:, -logits_to_keep:]
        logits = head(x)
        loss = None
        if labels is not None:
            labels = matching(labels, logits.shape[:2], "labels")
            after = F.pad(labels, (0, 1), value=IGNORED)[:, 1:] if self.shift else labels
            loss = cross_entropy(logits, after, num_items_in_batch)
        return CausalLMOutput(
            loss=loss,
            logits=logits,
            past_key_values=base.get("past_key_values"),
            hidden_states=base.get("hidden_states"),
            attentions=base.get("attentions"),
            cross_attentions=base.get("cross_attentions"),
        )


class MaskedLM(PreTrainedModel):
    """Scores of the token at each place."""

    task = "masked-lm"
    takes = ("labels", "num_items_in_batch")

    def build_head(self, head: Head | None) -> nn.Module | None:
        """D -> V."""
        assert head is not None
        return Output(head, self.config, self.model.config)

    def answer(
        self,
        head: Any,
        base: BaseModelOutput,
        mask: Tensor | None,
        labels: Tensor | None = None,
        num_items_in_batch: Any = None,
    ) -> MaskedLMOutput:
        """logits (B, T, V); loss: cross entropy with the label at the same place."""
        logits = head(base.last_hidden_state)
        loss = None
        if labels is not None:
            loss = cross_entropy(logits, matching(labels, logits.shape[:2], "labels"), num_items_in_batch)
        return MaskedLMOutput(loss=loss, logits=logits, **_captured(base))


class SequenceClassification(PreTrainedModel):
    """Scores of a text's label; by the last real token where the model is causal, by the first where it is not."""

    task = "sequence-classification"
    takes = ("labels", "num_items_in_batch")

    def build_head(self, head: Head | None) -> nn.Module | None:
        """D -> N."""
        assert head is not None
        self.pick = head.pick
        return Output(head, self.config, self.model.config, self.config.num_labels)

    def answer(
        self,
        head: Any,
        base: BaseModelOutput,
        mask: Tensor | None,
        labels: Tensor | None = None,
        num_items_in_batch: Any = None,
    ) -> SequenceClassifierOutput:
        """logits (B, N); loss: by config.problem_type, which is set at the first labels where it is not yet."""
        x = base.last_hidden_state
        if self.pick == "first":
            x = first_real(x, mask)
        else:
            x = last_real(x, mask)
        logits = head(x)
        loss = None if labels is None else text_loss(logits, labels, self.config, num_items_in_batch)
        return SequenceClassifierOutput(
            loss=loss, logits=logits, past_key_values=base.past_key_values, **_captured(base)
        )


class TokenClassification(PreTrainedModel):
    """Scores of each token's label."""

    task = "token-classification"
    takes = ("labels", "num_items_in_batch")

    def build_head(self, head: Head | None) -> nn.Module | None:
        """D -> N."""
        assert head is not None
        return Output(head, self.config, self.model.config, self.config.num_labels)

    def answer(
        self,
        head: Any,
        base: BaseModelOutput,
        mask: Tensor | None,
        labels: Tensor | None = None,
        num_items_in_batch: Any = None,
    ) -> TokenClassifierOutput:
        """logits (B, T, N); loss: cross entropy over the labels that are not -100."""
        logits = head(base.last_hidden_state)
        loss = None
        if labels is not None:
            loss = cross_entropy(logits, matching(labels, logits.shape[:2], "labels"), num_items_in_batch)
        return TokenClassifierOutput(loss=loss, logits=logits, **_captured(base))


class QuestionAnswering(PreTrainedModel):
    """Scores of where an answer starts and ends."""

    task = "question-answering"
    takes = ("start_positions", "end_positions", "num_items_in_batch")

    def build_head(self, head: Head | None) -> nn.Module | None:
        """D -> 2."""
        assert head is not None
        return Output(head, self.config, self.model.config, 2)

    def answer(
        self,
        head: Any,
        base: BaseModelOutput,
        mask: Tensor | None,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        num_items_in_batch: Any = None,
    ) -> QuestionAnsweringModelOutput:
        """start_logits and end_logits (B, T); loss: the mean of both cross entropies; beyond T is ignored."""
        start, end = head(base.last_hidden_state).unbind(-1)
        loss = span_loss(start, end, start_positions, end_positions, num_items_in_batch)
        return QuestionAnsweringModelOutput(
            loss=loss, start_logits=start.contiguous(), end_logits=end.contiguous(), **_captured(base)
        )


TASKS: dict[str, type[PreTrainedModel]] = {
    kind.task: kind
    for kind in (
        BaseModel, TextEncoding, CausalLM, MaskedLM, SequenceClassification, TokenClassification, QuestionAnswering,
    )
}  # fmt: skip


def _captured(base: BaseModelOutput) -> dict[str, Any]:
    return {"hidden_states": base.hidden_states, "attentions": base.attentions}


def last_real(x: Tensor, mask: Tensor | None) -> Tensor:
    """The vector of each row's last real token: x (B, T, D), mask (B, T) -> (B, D)."""
    if mask is None:
        return x[:, -1]
    places = torch.arange(x.shape[1], device=x.device)
    return x[torch.arange(x.shape[0], device=x.device), (places * mask.bool()).argmax(-1)]


def first_real(x: Tensor, mask: Tensor | None) -> Tensor:
    """The vector of each row's first real token: x (B, T, D), mask (B, T) -> (B, D)."""
    if mask is None:
        return x[:, 0]
    return x[torch.arange(x.shape[0], device=x.device), mask.bool().int().argmax(-1)]


def matching(labels: Tensor, shape: torch.Size, name: str) -> Tensor:
    """The labels on one device with what they label.

    Raises:
        ValueError: their shape is another one.
    """
    if labels.shape != shape:
        raise ValueError(
            f"{name} have the shape {tuple(labels.shape)}, expected {tuple(shape)}: one for each logit's place."
        )
    return labels


def cross_entropy(logits: Tensor, labels: Tensor, items: Any = None, ignored: int = IGNORED) -> Tensor:
    """Mean cross entropy over the labels that are not ignored; 0 where there are none (never NaN).

    Args:
        logits: (..., N), taken as float32.
        labels: (...), integers.
        items: divide the sum by this instead of by the number of labels (for gradients over several batches).

    Raises:
        IndexError: a label is not below N.
    """
    flat, labels = logits.float().flatten(0, -2), labels.flatten().to(logits.device).long()
    try:
        total = F.cross_entropy(flat, labels, ignore_index=ignored, reduction="sum")
    except IndexError:
        size = flat.shape[-1]
        wrong = labels[(labels != ignored) & ((labels < 0) | (labels >= size))][0].item()
        raise IndexError(
            f"a label is {wrong}, but the head tells {size} apart (0 to {size - 1}; {ignored} is ignored).\n"
            f"Load the model with num_labels={max(int(labels.max()) + 1, size)}, or mend the labels."
        ) from None
    if items is not None:
        return total / (items.to(total.device) if isinstance(items, Tensor) else items)
    return total / (labels != ignored).sum().clamp(min=1)


def span_loss(
    start: Tensor, end: Tensor, starts: Tensor | None, ends: Tensor | None, items: Any = None
) -> Tensor | None:
    """The loss of where answers start and end: the mean of both cross entropies; places beyond the logits are ignored.

    Args:
        start, end: logits (B, T).
        starts, ends: (B,); None of one of them: no loss.
    """
    if starts is None or ends is None:
        return None
    beyond, losses = start.shape[1], []
    for logits, places in ((start, starts), (end, ends)):
        places = matching(places.reshape(-1), logits.shape[:1], "positions").clamp(0, beyond)
        losses.append(cross_entropy(logits, places, items, ignored=beyond))
    return (losses[0] + losses[1]) / 2


def text_loss(logits: Tensor, labels: Tensor, config: PretrainedConfig, items: Any = None) -> Tensor:
    """The loss of labels of whole texts, logits (B, N), by config.problem_type.

    "regression": mean squared error; "single_label_classification": cross entropy with labels (B,);
    "multi_label_classification": binary cross entropy with labels (B, N) of floats.
    """
    labels = labels.to(logits.device)
    if config.problem_type is None:
        single = labels.dtype in (torch.long, torch.int)
        config.problem_type = (
            "regression"
            if config.num_labels == 1
            else ("single_label_classification" if single else "multi_label_classification")
        )
    if config.problem_type == "single_label_classification":
        return cross_entropy(logits, matching(labels.reshape(-1), logits.shape[:1], "labels"), items)
    if config.problem_type == "regression":
        if config.num_labels == 1:
            logits, labels = logits.reshape(-1), labels.reshape(-1)
        return _mean_over(
            F.mse_loss(logits, matching(labels, logits.shape, "labels").to(logits.dtype), reduction="none"), items
        )
    labels = matching(labels, logits.shape, "labels").to(logits.dtype)
    return _mean_over(F.binary_cross_entropy_with_logits(logits, labels, reduction="none"), items)


def _mean_over(losses: Tensor, items: Any) -> Tensor:
    """The mean of all; where the number of rows is given, the sum over the rows of each one's mean, divided by it."""
    if items is None:
        return losses.mean()
    return losses.flatten(1).mean(-1).sum() / items if losses.ndim > 1 else losses.sum() / items
