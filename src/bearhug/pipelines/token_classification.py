"""token-classification (also ner): a text -> its tokens with their labels, or the entities that they make."""

import inspect
import logging
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from bearhug._lib.errors import near
from bearhug.pipelines.explain import arguments, loading, to_device, written
from bearhug.pipelines.steps import ChunkPipeline

log = logging.getLogger("bearhug")


class AggregationStrategy(StrEnum):
    """How tokens become entities; the last three first make the tokens of a word agree."""

    NONE = "none"  # they do not: one record a token
    SIMPLE = "simple"  # neighbours of one label
    FIRST = "first"  # a word has the label of its first token
    AVERAGE = "average"  # a word has the label of the mean of its tokens' scores
    MAX = "max"  # a word has the label of its surest token


# The plain functions of this task; explain() prints them as they stand here.


def read_tokens(tokenizer, text: str, ids: list, offsets: list, special: list, scores: list, prefixed: bool) -> list:
    """The tokens that are not special: their text, scores, place, and whether they go on with a word.

    Args:
        prefixed: the vocabulary marks what goes on with a word, as WordPiece does with ##; else spaces tell.
    """
    tokens = []
    for index, (token, (start, end)) in enumerate(zip(ids, offsets, strict=True)):
        if special[index]:
            continue
        word, given = tokenizer.convert_ids_to_tokens(token), text[start:end]
        goes_on = len(word) != len(given) if prefixed else start > 0 and " " not in text[start - 1 : start + 1]
        if token == tokenizer.unk_token_id:
            word, goes_on = given, False
        place = {"index": index, "word": word, "start": start, "end": end}
        tokens.append({**place, "scores": scores[index], "goes_on": goes_on})
    return tokens


def label_tokens(tokens: list, id2label: dict) -> list:
    """Each token with its best label."""
    entities = []
    for token in tokens:
        best = max(range(len(token["scores"])), key=token["scores"].__getitem__)
        place = {name: token[name] for name in ("index", "word", "start", "end")}
        entities.append({"entity": id2label[best], "score": token["scores"][best], **place})
    return entities


def label_words(tokenizer, tokens: list, id2label: dict, strategy: str) -> list:
    """Each word with one label, by the scores of its first token, of its surest one, or by their mean."""
    words: list = []
    for token in tokens:
        if token["goes_on"] and words:
            words[-1].append(token)
        else:
            words.append([token])
    entities = []
    for word in words:
        if strategy == "first":
            scores = word[0]["scores"]
        elif strategy == "max":
            scores = max((token["scores"] for token in word), key=max)
        else:
            scores = [sum(column) / len(word) for column in zip(*(token["scores"] for token in word), strict=True)]
        best = max(range(len(scores)), key=scores.__getitem__)
        text = tokenizer.convert_tokens_to_string([token["word"] for token in word])
        place = {"word": text, "start": word[0]["start"], "end": word[-1]["end"]}
        entities.append({"entity": id2label[best], "score": scores[best], **place})
    return entities


def group_entities(tokenizer, entities: list) -> list:
    """Neighbours of one label together; a label B-X begins a group, I-X goes on with one."""
    groups: list = []
    for entity in entities:
        label = entity["entity"]
        tag = label[2:] if label[:2] in ("B-", "I-") else label
        if groups and groups[-1]["tag"] == tag and not label.startswith("B-"):
            groups[-1]["parts"].append(entity)
        else:
            groups.append({"tag": tag, "parts": [entity]})
    return [
        {
            "entity_group": group["parts"][0]["entity"].split("-", 1)[-1],
            "score": sum(part["score"] for part in group["parts"]) / len(group["parts"]),
            "word": tokenizer.convert_tokens_to_string([part["word"] for part in group["parts"]]),
            "start": group["parts"][0]["start"],
            "end": group["parts"][-1]["end"],
        }
        for group in groups
    ]


def drop_overlaps(entities: list) -> list:
    """Of entities that overlap, from windows that do, the longest; of equally long ones the surest."""
    kept: list = []
    for entity in sorted(entities, key=lambda entity: entity["start"]):
        if not kept or not kept[-1]["start"] <= entity["start"] < kept[-1]["end"]:
            kept.append(entity)
            continue
        length, before = entity["end"] - entity["start"], kept[-1]["end"] - kept[-1]["start"]
        if length > before or (length == before and entity["score"] > kept[-1]["score"]):
            kept[-1] = entity
    return kept


class TokenClassificationPipeline(ChunkPipeline):
    """A text -> [{"entity", "score", "index", "word", "start", "end"}], one a token, or entities with `entity_group`.

    Keywords: `aggregation_strategy` "none", "simple", "first", "average" or "max"; `ignore_labels` (["O"]); `stride`:
    read a long text in windows that overlap by so many tokens; `is_split_into_words=True` for lists of words, joined by
    `delimiter` (a space); `offset_mapping` in place of the tokenizer's.
    """

    default_input_names = "sequences"
    head = "token-classification"
    model_class = "AutoModelForTokenClassification"
    packs = True
    example = "Hugo hugged a bear in Berlin."

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """One text -> a list of records; several -> a list of those."""
        given = self._given(inputs, options)
        words = options.get("is_split_into_words", self._options["preprocess"].get("is_split_into_words"))
        if words and isinstance(given, list) and not all(isinstance(row, list) for row in given):
            given = [given]
        return super().__call__(given, **options)

    def _sanitize_parameters(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        grouped, subwords = options.pop("grouped_entities", None), options.pop("ignore_subwords", None)
        if grouped is not None and options.get("aggregation_strategy") is None:  # the names of version 4
            options["aggregation_strategy"] = ("first" if subwords else "simple") if grouped else "none"
        options = {name: value for name, value in options.items() if value is not None}
        if "aggregation_strategy" in options:
            options["aggregation_strategy"] = _strategy(options["aggregation_strategy"])
        if "stride" in options:
            most = self._most()
            if most is None or options["stride"] >= most:
                raise ValueError(
                    f"stride={options['stride']} is how many tokens two windows share, and a window has {most}.\n"
                    f"Pass a smaller one, such as stride={(most or 128) // 4}."
                )
            if options.get("aggregation_strategy") == AggregationStrategy.NONE:
                raise ValueError(
                    "stride reads a text in windows and puts their entities together; aggregation_strategy is 'none'.\n"
                    "Pass aggregation_strategy='simple'."
                )
        return super()._sanitize_parameters(**options)

    def _most(self) -> int | None:
        """Tokens that the model reads at once."""
        limits = [self.tokenizer.model_max_length, getattr(self.model, "position_limit", None)]
        return min((limit for limit in limits if limit is not None and 0 < limit < 1e9), default=None)

    def _prepared(self, row: Any, number: int, options: dict[str, Any]) -> list[Any]:
        offsets = options.get("offset_mapping")
        if offsets and isinstance(offsets[0], list):  # one for each text
            options = {**options, "offset_mapping": offsets[number]}
        return super()._prepared(row, number, options)

    def preprocess(
        self,
        sentence: Any,
        *,
        offset_mapping: list[tuple[int, int]] | None = None,
        is_split_into_words: bool = False,
        delimiter: str = " ",
        stride: int | None = None,
    ) -> Iterator[dict[str, Any]]:
        """A text, or a list of words, -> tensors (1, T) of each window of it."""
        expected = list if is_split_into_words else str
        if not isinstance(sentence, expected):
            mend = "a list of words" if is_split_into_words else "a text; for words pass is_split_into_words=True"
            raise ValueError(f"token-classification reads {mend}, and got {type(sentence).__name__} {sentence!r:.60}.")
        encoded = self.tokenizer(sentence, **self._encoding(sentence, is_split_into_words, stride))
        text = delimiter.join(sentence) if is_split_into_words else sentence
        names = [name for name in encoded if name not in ("overflow_to_sample_mapping", "offset_mapping")]
        for window in range(len(encoded["input_ids"])):
            offsets = offset_mapping or encoded["offset_mapping"][window].tolist()
            length = len(encoded["input_ids"][window])
            if len(offsets) != length:
                raise ValueError(
                    f"offset_mapping has {len(offsets)} places, and the text {length} tokens.\n"
                    "Give one (start, end) for each token, special ones included."
                )
            if is_split_into_words:
                offsets = in_the_text(offsets, encoded.word_ids(window), sentence, delimiter)
            yield {name: encoded[name][window : window + 1] for name in names} | {"offsets": offsets, "sentence": text}

    def _encoding(self, sentence: Any, words: bool, stride: int | None) -> dict[str, Any]:
        """The tokenizer's options: cut what is too long, or give it in windows."""
        options: dict[str, Any] = {"return_tensors": "pt", "return_special_tokens_mask": True}
        options |= {"return_offsets_mapping": True}
        if words:
            options["is_split_into_words"] = True
        if stride is not None:
            windows = {"return_overflowing_tokens": True, "padding": True, "stride": stride}
            return {**options, **windows, "truncation": True, "max_length": self._most()}
        most = self._most()
        length = 0
        if most is not None:
            length = len(self.tokenizer(sentence, is_split_into_words=words, verbose=False)["input_ids"])
        if most is not None and length > most:
            log.warning(
                "a text has %d tokens; the first %d are read. Pass stride=%d to read all.", length, most, most // 4
            )
            options |= {"truncation": True, "max_length": most}
        return options

    def _forward(self, model_inputs: Any) -> Any:
        kept = {name: model_inputs[name] for name in ("special_tokens_mask", "offsets", "sentence", "input_ids")}
        apart = ("special_tokens_mask", "offsets", "sentence")
        logits = self.model(**{name: value for name, value in model_inputs.items() if name not in apart})["logits"]
        return {**kept, "scores": logits.float().softmax(-1)}

    def postprocess(
        self,
        model_outputs: list[Any],
        *,
        aggregation_strategy: str = AggregationStrategy.NONE,
        ignore_labels: list[str] | None = None,
    ) -> list[dict[str, Any]]:
        """The results of all windows of one text -> its entities, in the text's order."""
        strategy, labels = _strategy(aggregation_strategy), self.model.config.id2label
        ignored, entities = ["O"] if ignore_labels is None else ignore_labels, []
        for output in model_outputs:
            ids, special, scores = (self._own(output, name) for name in ("input_ids", "special_tokens_mask", "scores"))
            text, offsets = output["sentence"], output["offsets"]
            tokens = read_tokens(self.tokenizer, text, ids, offsets, special, scores, self._prefixed())
            if strategy in (AggregationStrategy.NONE, AggregationStrategy.SIMPLE):
                found = label_tokens(tokens, labels)
            else:
                found = label_words(self.tokenizer, tokens, labels, strategy)
            if strategy != AggregationStrategy.NONE:
                found = group_entities(self.tokenizer, found)
            entities += [one for one in found if one.get("entity", one.get("entity_group")) not in ignored]
        return drop_overlaps(entities) if len(model_outputs) > 1 else entities

    def _own(self, output: dict[str, Any], name: str) -> list[Any]:
        """A row's values (1, T, ...) as a list, without the batch's padding."""
        values, length = output[name][0], len(output["offsets"])
        return (values[-length:] if self.tokenizer.padding_side == "left" else values[:length]).tolist()

    def _prefixed(self) -> bool:
        """Whether the vocabulary marks tokens that go on with a word."""
        return bool(getattr(self.tokenizer.backend_tokenizer.model, "continuing_subword_prefix", None))

    def record(self, answer: Any) -> dict[str, Any]:
        """The entities in columns: {"entity": [...], "word": [...], "score": [...], "start": [...], "end": [...]}."""
        names = ("word", "score", "start", "end")
        labels = [entity.get("entity", entity.get("entity_group")) for entity in answer]
        return {"entity": labels, **{name: [entity[name] for entity in answer] for name in names}}

    def code(self, inputs: Any = None, **options: Any) -> str:
        """The plain code that a call stands for."""
        chosen = self._merged(options)
        before, after = chosen["preprocess"], chosen["postprocess"]
        words, strategy = before.get("is_split_into_words", False), after.get("aggregation_strategy", "none")
        encode = self._encoding(inputs, words, before.get("stride"))
        delimiter = written(before.get("delimiter", " "))
        text = f"words = {written(inputs)}\ntext = {delimiter}.join(words)" if words else f"text = {written(inputs)}"
        functions: list[Any] = [read_tokens]
        if strategy in (AggregationStrategy.NONE, AggregationStrategy.SIMPLE):
            functions.append(label_tokens)
            label = "label_tokens(tokens, model.config.id2label)"
        else:
            functions.append(label_words)
            label = f"label_words(tokenizer, tokens, model.config.id2label, {written(str(strategy))})"
        if strategy != AggregationStrategy.NONE:
            functions.append(group_entities)
            label = f"group_entities(tokenizer, {label})"
        last = "print(result)"
        if before.get("stride") is not None:
            functions.append(drop_overlaps)
            last = f"result = drop_overlaps(result) if len(scores) > 1 else result\n{last}"
        offsets = written(before.get("offset_mapping")) if before.get("offset_mapping") else "offset_mapping[window]"
        if words:
            functions.append(in_the_text)
            offsets = f"in_the_text({offsets}, encoded.word_ids(window), words, {delimiter})"
        ignored = after.get("ignore_labels")
        return f"""{loading(self)}
{chr(10).join(inspect.getsource(function) + chr(10) for function in functions)}
{text}
encoded = tokenizer({"words" if words else "text"}, {arguments(**encode)})
offset_mapping = encoded.pop("offset_mapping").tolist()  # characters of each token
special = encoded.pop("special_tokens_mask").tolist()
encoded.pop("overflow_to_sample_mapping", None)
with torch.no_grad():
    scores = model(**encoded{to_device(self)}).logits.float().softmax(-1).tolist()  # (windows, T, labels)
result = []
for window, ids in enumerate(encoded["input_ids"].tolist()):
    offsets = {offsets}
    tokens = read_tokens(tokenizer, text, ids, offsets, special[window], scores[window], prefixed={self._prefixed()})
    entities = {label}
    result += [one for one in entities if one.get("entity", one.get("entity_group")) not in {
            ["O"] if ignored is None else ignored
        }]
{last}
"""


def in_the_text(offsets: list, word_ids: list, words, delimiter: str) -> list:
    """Offsets within each word -> offsets in the text that the words make, joined by the delimiter."""
    starts, at = [], 0
    for word in words:
        starts.append(at)
        at += len(word) + len(delimiter)
    moved = [0 if word is None else starts[word] for word in word_ids]
    return [(start + more, end + more) for (start, end), more in zip(offsets, moved, strict=True)]


def _strategy(given: Any) -> AggregationStrategy:
    name = str(getattr(given, "value", given)).lower()
    known = [str(strategy) for strategy in AggregationStrategy]
    if name not in known:
        raise ValueError(
            f"aggregation_strategy is {given!r}; it can be {', '.join(map(repr, known))}.{near(name, known)}"
        )
    return AggregationStrategy(name)
