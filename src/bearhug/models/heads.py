"""One head per task, with its loss. B rows, T tokens, D width, V vocabulary, N labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bearhug._lib.errors import part
from bearhug._lib.outputs import ModelOutput
from bearhug.losses.balance import unevenness
from bearhug.losses.labels import IGNORED, cross_entropy, matching, span_loss, text_loss
from bearhug.models import outputs
from bearhug.models.config import Config, PretrainedConfig
from bearhug.models.mlp import ACTIVATIONS, NORMS
from bearhug.models.pretrained import PreTrainedModel
from bearhug.models.recipe import Head


class Output(nn.Module):
    """A head's parts: an extra layer with activation and norm where the recipe has one, dropout, the output matrix."""

    def __init__(self, head: Head, hf: PretrainedConfig, config: Config, size: int | None = None):
        super().__init__()
        self.words = size is None
        given = config.hidden_size if config.narrow_embeddings else config.word_size or config.hidden_size
        width = config.embed_size if self.words and config.narrow_embeddings else given
        self.dense = nn.Linear(given, width, bias=said(hf, head.dense_bias)) if head.dense else None
        activation = config.activation if head.dense == "same" else said(hf, head.dense)
        self.activation = part(ACTIVATIONS, activation or "linear", "activation")
        self.norm = part(NORMS, config.norm, "norm")(width, config.norm_eps) if head.norm else None
        self.out = nn.Linear(width, config.vocab_size if size is None else size, bias=said(hf, head.bias))
        if head.constant_bias:
            self.out.bias.requires_grad_(False)
            self.uncounted = ("out.bias",)
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


def said(hf: PretrainedConfig, value: Any) -> Any:
    """The value, or the config's of that name."""
    return getattr(hf, value) if isinstance(value, str) and value in hf.__dict__ else value


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

    def answer(self, head: Any, base: outputs.BaseModelOutput, mask: Tensor | None, **options: Any) -> ModelOutput:
        """last_hidden_state (B, T, D), and pooler_output (B, D) where there is a pooler."""
        experts = self.model.config.experts
        if experts is not None and experts.loss_weight is not None and base.router_logits is not None:
            return outputs.MoeModelOutput(**base)
        if head is not None:
            base = outputs.BaseModelOutput(**{**base, "pooler_output": head(first_real(base.last_hidden_state, mask))})
        return base


class TextEncoding(BaseModel):
    """The encoder alone, of an architecture that has a decoder too."""

    task = "text-encoding"

    def build_head(self, head: Head | None) -> nn.Module | None:
        """Nothing."""
        return None


class Scoring(PreTrainedModel):
    """A head of one matrix; a task says what it scores, and what its labels are compared with."""

    takes = ("labels", "num_items_in_batch")
    output: ClassVar[type[ModelOutput]]
    answers: ClassVar[str | int] = "labels"  # so many numbers the head gives, or as many as there are "labels", "words"

    def build_head(self, head: Head | None) -> nn.Module | None:
        """D -> V, N, or what the task says."""
        assert head is not None
        self.pick, self.soft_labels = said(self.config, head.pick), head.soft_labels
        size = {"words": None, "labels": self.config.num_labels}.get(self.answers, self.answers)  # type: ignore[arg-type]
        return Output(head, self.config, self.model.config, size)  # type: ignore[arg-type]

    def scores(self, head: Any, x: Tensor, mask: Tensor | None) -> Tensor:
        """The logits of x (B, T, D); mask (B, T) is 1 for real tokens, or None."""
        return head(x)

    def loss(self, logits: Tensor, labels: Tensor, items: Any, mask: Tensor | None) -> Tensor:
        """Cross entropy with the label at the same place, over the labels that are not -100."""
        return cross_entropy(logits, matching(labels, logits.shape[:-1], "labels"), items)

    def answer(
        self,
        head: Any,
        base: Mapping[str, Any],
        mask: Tensor | None,
        labels: Tensor | None = None,
        logits_to_keep: int | Tensor = 0,
        num_items_in_batch: Any = None,
    ) -> ModelOutput:
        """The logits, of all places or of those to keep, and their loss where there are labels."""
        x = base["last_hidden_state"]
        if not isinstance(logits_to_keep, int):
            x = x[:, logits_to_keep]
        elif logits_to_keep:
            x = x[:, -logits_to_keep:]
        logits = self.scores(head, x, mask)
        loss = None if labels is None else self.loss(logits, labels, num_items_in_batch, mask)
        return self.output(loss=loss, logits=logits, **captured(base, self.output))


def captured(base: Mapping[str, Any], output: type[ModelOutput]) -> dict[str, Any]:
    """What an output holds of the transformer's."""
    return {name: base[name] for name in output._fields if name in base}


class CausalLM(Scoring):
    """Scores of the next token: logits (B, T, V); loss: cross entropy of each token's scores with the next label."""

    task = "causal-lm"
    takes = ("labels", "logits_to_keep", "num_items_in_batch")
    output = outputs.CausalLMOutput
    answers = "words"

    def build_head(self, head: Head | None) -> nn.Module | None:
        """D -> V."""
        assert head is not None
        if not self.model.causal:
            raise ValueError(
                f"{type(self).__name__} would see the tokens that it is to predict: its config has is_decoder=False.\n"
                "Load it with is_decoder=True, or as AutoModelForMaskedLM."
            )
        self.shift = head.shift
        return super().build_head(head)

    def loss(self, logits: Tensor, labels: Tensor, items: Any, mask: Tensor | None) -> Tensor:
        """Cross entropy with the next label."""
        labels = matching(labels, logits.shape[:2], "labels")
        return cross_entropy(logits, F.pad(labels, (0, 1), value=IGNORED)[:, 1:] if self.shift else labels, items)

    def answer(self, head: Any, base: Mapping[str, Any], mask: Tensor | None, *args: Any, **kwargs: Any) -> ModelOutput:
        """The same; of a mixture of experts with its routers' scores, whose uneven use counts."""
        output, experts = super().answer(head, base, mask, *args, **kwargs), self.model.config.experts
        if experts is None:
            return output
        routed, uneven = base.get("router_logits"), None
        if routed and experts.loss_weight is not None:
            uneven = unevenness(routed, experts.chosen, mask)
            if "loss" in output:
                output["loss"] = output["loss"] + experts.loss_weight * uneven
        return outputs.MoeCausalLMOutput(**output, aux_loss=uneven, router_logits=routed)


class MaskedLM(Scoring):
    """Scores of the token at each place: logits (B, T, V)."""

    task = "masked-lm"
    output = outputs.MaskedLMOutput
    answers = "words"


class SequenceClassification(Scoring):
    """Scores of a text's label, logits (B, N); by the last real token where the model is causal, by the first where it
    is not. Loss: by config.problem_type, which is set at the first labels where it is not yet.
    """

    task = "sequence-classification"
    output = outputs.SequenceClassifierOutput

    def scores(self, head: Any, x: Tensor, mask: Tensor | None) -> Tensor:
        """(B, N)."""
        return picked(head, x, mask, self.pick)

    def loss(self, logits: Tensor, labels: Tensor, items: Any, mask: Tensor | None) -> Tensor:
        """By config.problem_type; labels may be chances, where the recipe says so."""
        soft = self.soft_labels and self.config.problem_type is None and labels.ndim > 1 and labels.shape[-1] > 1
        if soft and self.config.num_labels > 1:
            return F.cross_entropy(logits, labels.to(logits))
        return text_loss(logits, labels, self.config, items)


class TokenClassification(Scoring):
    """Scores of each token's label: logits (B, T, N)."""

    task = "token-classification"
    output = outputs.TokenClassifierOutput


class QuestionAnswering(Scoring):
    """Scores of where an answer starts and ends: start_logits and end_logits (B, T).

    Loss: the mean of both cross entropies; what lies beyond T is ignored.
    """

    task = "question-answering"
    takes = ("start_positions", "end_positions", "num_items_in_batch")
    output = outputs.QuestionAnsweringModelOutput
    answers = 2

    def answer(  # type: ignore[override]
        self,
        head: Any,
        base: Mapping[str, Any],
        mask: Tensor | None,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        num_items_in_batch: Any = None,
    ) -> ModelOutput:
        """Both logits, and their loss where there are positions (B,)."""
        start, end = head(base["last_hidden_state"]).unbind(-1)
        loss = span_loss(start, end, start_positions, end_positions, num_items_in_batch)
        both = {"start_logits": start.contiguous(), "end_logits": end.contiguous()}
        return self.output(loss=loss, **both, **captured(base, self.output))


class MultipleChoice(SequenceClassification):
    """Scores of several texts, of which one is right: input_ids (B, C, T), and all that goes with them."""

    task = "multiple-choice"
    takes = ()
    output = outputs.MultipleChoiceModelOutput
    answers = 1

    def forward(  # type: ignore[override]
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        num_items_in_batch: Any = None,
        return_dict: bool | None = None,
        **options: Any,
    ) -> Any:
        """logits (B, C); loss: cross entropy with the number (B,) of the right choice. C choices for each of B rows.

        Raises:
            ValueError: the inputs have no dimension of choices.
        """
        rows = grouped(input_ids, inputs_embeds)
        flat: Any = map(flattened, (input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds))
        output = super().forward(*flat, return_dict=True, **options)
        logits = output["logits"].view(rows)
        loss = None
        if labels is not None:
            loss = cross_entropy(logits, matching(labels.reshape(-1), logits.shape[:1], "labels"), num_items_in_batch)
        output = outputs.MultipleChoiceModelOutput(**{**output, "loss": loss, "logits": logits})
        return output if (self.config.return_dict if return_dict is None else return_dict) else output.to_tuple()


class NextSentence(Scoring):
    """Whether a second text follows the first, 0, or not, 1: logits (B, 2), labels (B,)."""

    task = "next-sentence"
    output = outputs.NextSentencePredictorOutput
    answers = 2

    def scores(self, head: Any, x: Tensor, mask: Tensor | None) -> Tensor:
        """(B, 2)."""
        return head(first_real(x, mask))

    def loss(self, logits: Tensor, labels: Tensor, items: Any, mask: Tensor | None) -> Tensor:
        """Cross entropy."""
        return super().loss(logits, labels.reshape(-1), items, mask)


class WordsAndText(Output):
    """Two heads: over the words at each place, and over the text as a whole."""

    def __init__(self, head: Head, hf: PretrainedConfig, config: Config, size: int):
        super().__init__(head, hf, config)
        self.pooler = nn.Linear(config.hidden_size, config.hidden_size)
        self.second = nn.Linear(config.hidden_size, size)
        self.drop_text, self.drop_last = head.dropout(hf), 0.0

    def of_text(self, x: Tensor) -> Tensor:
        """X (B, D) -> (B, size)."""
        x = torch.tanh(self.pooler(x))
        return self.second(F.dropout(x, self.drop_text, self.training))


class PreTraining(PreTrainedModel):
    """What BERT learned from: scores of the masked words, and whether the second text follows the first."""

    task = "pretraining"
    takes = ("labels", "next_sentence_label")
    output: type[ModelOutput] = outputs.BertForPreTrainingOutput
    answers: int | None = 2  # how many about the text; None: as many as the config has labels

    def build_head(self, head: Head | None) -> nn.Module | None:
        """D -> V and D -> 2."""
        assert head is not None
        return WordsAndText(head, self.config, self.model.config, self.answers or self.config.num_labels)

    def answer(
        self, head: Any, base: outputs.BaseModelOutput, mask: Tensor | None, labels: Any = None, **second: Tensor
    ) -> ModelOutput:
        """prediction_logits (B, T, V), logits of the text (B, 2); loss: both cross entropies, where both are given."""
        words, text = head(base.last_hidden_state), head.of_text(first_real(base.last_hidden_state, mask))
        loss = None
        if labels is not None and second:
            (name, answers), *_ = second.items()
            loss = cross_entropy(words, matching(labels, words.shape[:2], "labels"))
            loss = loss + cross_entropy(text, matching(answers.reshape(-1), text.shape[:1], name))
        return self.output(loss, words, text, **captured(base, self.output))


class SentenceOrder(PreTraining):
    """What ALBERT learned from: scores of the masked words, and whether two texts are in their order."""

    task = "sentence-order"
    takes = ("labels", "sentence_order_label")
    output = outputs.AlbertForPreTrainingOutput
    answers = None


class ReplacedTokens(Scoring):
    """What ELECTRA learned from: whether each token was replaced. logits (B, T)."""

    task = "replaced-tokens"
    takes = ("labels",)
    output = outputs.ElectraForPreTrainingOutput
    answers = 1

    def scores(self, head: Any, x: Tensor, mask: Tensor | None) -> Tensor:
        """(B, T)."""
        return head(x).squeeze(-1)

    def loss(self, logits: Tensor, labels: Tensor, items: Any, mask: Tensor | None) -> Tensor:
        """Binary cross entropy with labels (B, T) over the real tokens."""
        labels = matching(labels, logits.shape, "labels").to(logits)
        real = slice(None) if mask is None else mask.bool()
        return F.binary_cross_entropy_with_logits(logits[real], labels[real])


class WordsAndChoice(Output):
    """Two heads: over the words at each place, and a number for the text that ends at one of them."""

    def __init__(self, head: Head, hf: PretrainedConfig, config: Config):
        super().__init__(head, hf, config)
        size = 1 if hf.summary_proj_to_labels else config.hidden_size
        self.choice = nn.Linear(config.hidden_size, size) if hf.summary_use_proj else nn.Identity()
        self.choice_activation = part(ACTIVATIONS, hf.summary_activation or "linear", "summary_activation")
        self.choice_drop, self.drop_last = hf.summary_first_dropout, 0.0

    def of_text(self, x: Tensor) -> Tensor:
        """X (..., D) -> (...)."""
        return self.choice_activation(self.choice(F.dropout(x, self.choice_drop, self.training))).squeeze(-1)


class DoubleHeads(PreTrainedModel):
    """Scores of the next token, and of several texts, of which one is right: input_ids (B, C, T), or (B, T)."""

    task = "double-heads"

    def build_head(self, head: Head | None) -> nn.Module | None:
        """D -> V and D -> 1."""
        assert head is not None
        return WordsAndChoice(head, self.config, self.model.config)

    def forward(  # type: ignore[override]
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        past_key_values: Any = None,
        *,
        mc_token_ids: Tensor | None = None,
        labels: Tensor | None = None,
        mc_labels: Tensor | None = None,
        return_dict: bool | None = None,
        **options: Any,
    ) -> Any:
        """logits (B, C, T, V) and mc_logits (B, C); loss of the next tokens, mc_loss of the choices (B,).

        Args:
            mc_token_ids: (B, C), the place by which a text is judged; None: its last real token.
        """
        given = input_ids if input_ids is not None else inputs_embeds
        shape = () if given is None else given.shape[:-1] if input_ids is not None else given.shape[:-2]
        flat: Any = map(flattened, (input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds))
        places = {} if mc_token_ids is None else {"places": mc_token_ids.reshape(-1)}
        output = super().forward(*flat, past_key_values=past_key_values, return_dict=True, **places, **options)
        logits, choices = output["logits"].unflatten(0, shape), output["mc_logits"].unflatten(0, shape)
        loss = mc_loss = None
        if labels is not None:
            labels = matching(labels, logits.shape[:-1], "labels").flatten(0, -2)
            loss = cross_entropy(output["logits"], F.pad(labels, (0, 1), value=IGNORED)[:, 1:])
        if mc_labels is not None:
            mc_loss = cross_entropy(choices.view(-1, choices.shape[-1]), mc_labels)
        changed = {"loss": loss, "mc_loss": mc_loss, "logits": logits, "mc_logits": choices}
        output = outputs.GPT2DoubleHeadsModelOutput(**{**output, **changed})
        return output if (self.config.return_dict if return_dict is None else return_dict) else output.to_tuple()

    takes = ("places",)

    def answer(
        self, head: Any, base: outputs.BaseModelOutput, mask: Tensor | None, places: Tensor | None = None
    ) -> outputs.GPT2DoubleHeadsModelOutput:
        """logits (B * C, T, V), mc_logits (B * C,)."""
        x = base["last_hidden_state"]
        text = last_real(x, mask) if places is None else x[torch.arange(len(x), device=x.device), places]
        kept = captured(base, outputs.GPT2DoubleHeadsModelOutput)
        return outputs.GPT2DoubleHeadsModelOutput(logits=head(x), mc_logits=head.of_text(text), **kept)


def grouped(input_ids: Tensor | None, inputs_embeds: Tensor | None) -> tuple[int, int]:
    """(B, C) of input_ids (B, C, T) or inputs_embeds (B, C, T, D)."""
    given, size, form = (input_ids, 3, "") if inputs_embeds is None else (inputs_embeds, 4, ", D")
    if given is None or given.ndim != size:
        had = "nothing" if given is None else f"the shape {tuple(given.shape)}"
        raise ValueError(
            f"a model for multiple choice reads (rows, choices, tokens{form}), and was given {had}.\n"
            "For one row, tokenize each choice with its question, padded, and unsqueeze(0) what comes back."
        )
    return given.shape[0], given.shape[1]


def flattened(x: Tensor | None) -> Tensor | None:
    """Rows and choices as rows: (B, C, T, ...) -> (B * C, T, ...)."""
    return x.flatten(0, 1) if x is not None and x.ndim > 2 else x


TASKS: dict[str, type[PreTrainedModel]] = {
    kind.task: kind
    for kind in (
        BaseModel, TextEncoding, CausalLM, MaskedLM, SequenceClassification, TokenClassification, QuestionAnswering,
        MultipleChoice, NextSentence, PreTraining, SentenceOrder, ReplacedTokens, DoubleHeads,
    )
}  # fmt: skip


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


def mean_real(x: Tensor, mask: Tensor | None) -> Tensor:
    """The mean of each row's real tokens: x (B, T, D), mask (B, T) -> (B, D)."""
    if mask is None:
        return x.mean(1)
    return (x * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)


PICKS = {"bos": first_real, "cls": first_real, "first": first_real, "last": last_real, "mean": mean_real}


def picked(head: nn.Module, x: Tensor, mask: Tensor | None, pick: str) -> Tensor:
    """What a head says of a text, by PICKS: x (B, T, D) -> (B, N); "late": the mean of what it says of the tokens."""
    if pick == "late":
        return mean_real(head(x), mask)
    return head(part(PICKS, pick, "pick")(x, mask))
