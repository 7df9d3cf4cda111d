"""A tokenizer in Python: a class says how a text is cut and how a token and its id go together; the rest is here."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from bearhug._lib.errors import unexpected_keyword
from bearhug.tokenizers import inputs
from bearhug.tokenizers._native import AddedToken, Truncation, clean_up_tokenization
from bearhug.tokenizers.encoding import BatchEncoding
from bearhug.tokenizers.special_tokens import content
from bearhug.tokenizers.tokenizer import CALL_KEYWORDS, PreTrainedTokenizerFast

Ids = Sequence[int]


class PythonCore:
    """What the compiled core is to other tokenizers: vocabulary and added tokens, by the tokenizer's own functions."""

    normalizer = pre_tokenizer = post_processor = decoder = None

    def __init__(self, tokenizer: PythonTokenizer):
        self.tokenizer = tokenizer
        self.added: dict[int, AddedToken] = {}
        self.ids: dict[str, int] = {}
        self.model = SimpleNamespace(kind=type(tokenizer).__name__, json="{}", merges=list)
        self._pattern: re.Pattern[str] | None = None

    def put(self, id: int, token: AddedToken) -> None:
        """Make a token an added one, at this id."""
        self.added[id] = token
        self.ids[token.content] = id
        self._pattern = None

    def take(self, id: int) -> None:
        """An added token is none any more."""
        self.ids.pop(self.added.pop(id).content, None)
        self._pattern = None

    def remove_added_tokens(self, contents: Sequence[str]) -> None:
        """Forget added tokens."""
        for text in contents:
            self.take(self.ids[text])

    def pattern(self) -> re.Pattern[str]:
        """Finds added tokens, the longest first, and keeps what stands between them."""
        if self._pattern is None:
            texts = sorted(filter(None, [*self.ids, *self.tokenizer.whole_tokens()]), key=len, reverse=True)
            self._pattern = re.compile(f"({'|'.join(map(re.escape, texts))})" if texts else "(?!)")
        return self._pattern

    def vocab(self, with_added_tokens: bool = True) -> dict[str, int]:
        """token -> id."""
        base = self.tokenizer.base_vocab()
        return base | self.ids if with_added_tokens else base

    def vocab_size(self, with_added_tokens: bool = True) -> int:
        """How many tokens there are."""
        return len(self.vocab()) if with_added_tokens else self.tokenizer.vocab_size

    def token_to_id(self, token: str) -> int | None:
        """A token's id; that of the unknown token where the class has one."""
        return self.ids[token] if token in self.ids else self.tokenizer._convert_token_to_id(token)

    def id_to_token(self, id: int) -> str | None:
        """An id's token."""
        return self.added[id].content if id in self.added else self.tokenizer._convert_id_to_token(id)

    def added_tokens(self) -> dict[int, AddedToken]:
        """id -> added token, in the order of ids."""
        return dict(sorted(self.added.items()))

    def add_tokens(self, tokens: Sequence[str | AddedToken], special: bool = False) -> int:
        """Make tokens added ones, those that the vocabulary lacks behind it; returns how many these were."""
        find = self.tokenizer.base_finder()
        free = before = len(self.tokenizer)
        for token in tokens:
            if isinstance(token, str):
                if token in self.ids:
                    continue
                named = special or token in self.tokenizer.all_special_tokens
                token = AddedToken(token, normalized=not named, special=named)
            elif special:
                token = _special(token)
            if not token.content or token in self.added.values():
                continue
            if not token.special and token.normalized and self.tokenizer.init_kwargs.get("do_lower_case"):
                token = AddedToken(token.content.lower(), token.single_word, token.lstrip, token.rstrip, True, False)
            id = self.ids.get(token.content)
            id = find(token.content) if id is None else id
            if id is None:
                id, free = free, free + 1
            self.tokenizer._name_special(token)
            self.put(id, token)
        return free - before


def _special(token: AddedToken) -> AddedToken:
    token = copy.copy(token)
    token.special = True
    return token


class PythonTokenizer(PreTrainedTokenizerFast):
    """A tokenizer that cuts texts in Python.

    A class has `_load`, `_tokenize`, `_convert_token_to_id` and `_convert_id_to_token`, and where it needs them
    `convert_tokens_to_string`, `build_inputs_with_special_tokens` and `save_files`.
    """

    is_fast = False
    _is_plain = False
    _decodes_itself = True
    special_tokens_pattern = "none"
    token_type_ids_pattern = "bert_style"
    prefix_tokens: list[int]
    suffix_tokens: list[int]
    encoder: dict[str, int]
    decoder_of_ids: dict[int, str]

    def __init__(
        self,
        vocab: Any = None,
        merges: Any = None,
        *,
        vocab_file: str | os.PathLike | None = None,
        merges_file: str | os.PathLike | None = None,
        **options: Any,
    ):
        settings = copy.deepcopy(dict(self.kind.options) | options)
        if self.kind.prepare is not None:
            self.kind.prepare(settings)
        core: Any = PythonCore(self)
        self._core = core
        self._add_bos_token, self._add_eos_token = settings.get("add_bos_token"), settings.get("add_eos_token")
        added = settings.pop("added_tokens_decoder", None) or {}
        self.prefix_tokens, self.suffix_tokens = [], []
        source = vocab if vocab is not None else vocab_file
        if isinstance(source, str | os.PathLike):
            self.vocab_file = os.fspath(source)
        self._load(source, merges if merges is not None else merges_file, settings)
        self._keep_settings(settings)
        for id, token in self._first_tokens().items():
            core.put(id, token)
        for id, token in added.items():
            core.put(int(id), token)
        core.add_tokens([token for token in self.all_special_tokens if token not in core.ids], special=True)
        self._made()

    # -- what a class says of itself

    def _load(self, vocab: Any, merges: Any, settings: dict[str, Any]) -> None:
        """Read the class's files; may take out of `settings` what is not to be saved."""

    def _first_tokens(self) -> dict[int, AddedToken]:
        """Special tokens that stand before the vocabulary."""
        return {}

    def _tokenize(self, text: str) -> list[str]:
        """A text without added tokens -> its tokens."""
        return text.split()

    def _convert_token_to_id(self, token: str) -> int | None:
        unknown = self._named.get("unk_token")
        found = self.encoder.get(token)
        return found if found is not None or unknown is None else self.encoder.get(content(unknown))

    def _convert_id_to_token(self, id: int) -> str | None:
        found = self.decoder_of_ids.get(id)
        return self.unk_token if found is None else found

    def base_vocab(self) -> dict[str, int]:
        """token -> id of the vocabulary without added tokens."""
        return dict(self.encoder)

    def base_finder(self) -> Callable[[str], int | None]:
        """token -> its id in the vocabulary without added tokens, or None."""
        return self.base_vocab().get

    def whole_tokens(self) -> list[str]:
        """Tokens that are found whole in a text besides the added ones."""
        return []

    def _prepared(self, text: str, is_split_into_words: bool) -> str:
        """A text as the class wants it, before added tokens are looked for."""
        return text

    def save_files(self) -> dict[str, str | bytes]:
        """The vocabulary files: name -> content."""
        return {}

    @property
    def vocab_size(self) -> int:
        """Tokens of the vocabulary, without added ones."""
        return len(self.base_vocab())

    def get_vocab(self) -> dict[str, int]:
        """token -> id, added tokens included."""
        return self._core.vocab()

    def _set_encoder(self, vocab: Mapping[str, int]) -> None:
        self.encoder = dict(vocab)
        self.decoder_of_ids = {id: token for token, id in self.encoder.items()}

    def _name_special(self, token: AddedToken) -> None:
        if token.special and token.content not in self.all_special_tokens:
            self._extra = [*self._extra, token]

    # -- text to ids

    def tokenize(
        self,
        text: str,
        pair: str | None = None,
        add_special_tokens: bool = False,
        split_special_tokens: bool | None = None,
        is_split_into_words: bool = False,
        **kwargs: Any,
    ) -> list[str]:
        """A text's tokens as the vocabulary writes them."""
        text = self._prepared(text, is_split_into_words)
        if self.split_special_tokens if split_special_tokens is None else split_special_tokens:
            return self._tokenize(text)
        core: Any = self._core
        pieces = core.pattern().split(text)
        for i, piece in enumerate(pieces):
            token = core.added.get(core.ids.get(piece, -1))
            if token is None:
                continue
            left, right = (pieces[i - 1] if i else None), (pieces[i + 1] if i + 1 < len(pieces) else None)
            if token.rstrip and right:
                pieces[i + 1] = right.lstrip()
            if token.lstrip and left:
                pieces[i - 1] = left.rstrip()
            if token.single_word and left and left[-1] != " ":
                pieces[i - 1] += piece
                pieces[i] = ""
            elif token.single_word and right and right[0] != " ":
                pieces[i + 1] = piece + pieces[i + 1]
                pieces[i] = ""
        whole = {*core.ids, *self.all_special_tokens}
        tokens: list[str] = []
        for piece in filter(None, pieces):
            if piece in whole:
                tokens.append(piece)
            else:
                tokens += self._tokenize(piece)
        return tokens

    def _ids_of(self, text: str | Sequence[str], split_special: bool | None) -> list[int]:
        words = [text] if isinstance(text, str) else text
        tokens = [token for word in words for token in self.tokenize(word, split_special_tokens=split_special)]
        return self.convert_tokens_to_ids(tokens)

    def _encode(
        self,
        text: Any,
        text_pair: Any = None,
        *,
        add_special_tokens: bool = True,
        padding: Any = False,
        truncation: Any = None,
        max_length: int | None = None,
        stride: int = 0,
        is_split_into_words: bool = False,
        pad_to_multiple_of: int | None = None,
        padding_side: str | None = None,
        return_tensors: Any = None,
        return_token_type_ids: bool | None = None,
        return_attention_mask: bool | None = None,
        return_overflowing_tokens: bool = False,
        return_special_tokens_mask: bool = False,
        return_offsets_mapping: bool | str = False,
        return_length: bool = False,
        split_special_tokens: bool | None = None,
        verbose: bool = True,
        **unknown: Any,
    ) -> BatchEncoding:
        if unknown:
            raise unexpected_keyword("the tokenizer", next(iter(unknown)), CALL_KEYWORDS)
        if return_offsets_mapping:
            raise ValueError(
                f"{type(self).__name__} cuts texts in Python and knows no offsets.\nLeave return_offsets_mapping away."
            )
        texts, pairs, batched, special = inputs.texts_of(text, text_pair, is_split_into_words)
        cut, fill = self._limits(padding, truncation, max_length, stride, pad_to_multiple_of, padding_side)
        rows = []
        for i, one in enumerate(texts):
            other = None if pairs is None else pairs[i]
            rows.append(
                self._row(
                    self._ids_of(one, split_special_tokens),
                    None if other is None else self._ids_of(other, split_special_tokens),
                    add_special_tokens and not special,
                    cut,
                    return_token_type_ids,
                    return_overflowing_tokens and not return_tensors,
                    return_special_tokens_mask,
                )
            )
        out: dict[str, Any] = {}
        for row in rows:
            for key, value in row.items():
                out.setdefault(key, []).append(value)
        if max_length is None and verbose and rows:
            self._warn_too_long(max(len(ids) for ids in out["input_ids"]))
        if return_length:
            out["length"] = [len(ids) for ids in out["input_ids"]]
        if not rows:
            out["input_ids"] = []
        padded = self.pad(
            out,
            padding=False if fill is None else "longest" if fill.length is None else "max_length",
            max_length=None if fill is None else fill.length,
            pad_to_multiple_of=pad_to_multiple_of,
            padding_side=padding_side,
            return_attention_mask=return_attention_mask,
        )
        data = dict(padded)
        if not batched and not return_tensors:
            data = {key: value[0] for key, value in data.items()}
        elif not batched and return_overflowing_tokens:
            data = {
                key: value for key, value in data.items() if key not in ("overflowing_tokens", "num_truncated_tokens")
            }
        if return_length and not batched and not return_tensors:
            data["length"] = len(data["input_ids"])
        return BatchEncoding(data, tensor_type=return_tensors or None, n_sequences=1 if pairs is None else 2)

    def _row(
        self,
        first: list[int],
        second: list[int] | None,
        add_special_tokens: bool,
        cut: Truncation | None,
        type_ids: bool | None,
        overflowing: bool,
        mask: bool,
    ) -> dict[str, Any]:
        added = self.num_special_tokens_to_add(second is not None) if add_special_tokens else 0
        too_many, gone = 0, []
        if cut is not None and (too_many := len(first) + len(second or ()) + added - cut.max_length) > 0:
            first, second, gone = self.truncate_sequences(first, second, too_many, cut.strategy, cut.stride)
        if add_special_tokens:
            around = list(self._around(first, second))
        else:
            around = [(id, 0, 0) for id in [*first, *(second or ())]]
        row: dict[str, Any] = {"input_ids": [id for id, _, _ in around]}
        if type_ids or (type_ids is None and "token_type_ids" in self.model_input_names):
            row["token_type_ids"] = [type_id for _, type_id, _ in around]
        if mask:
            row["special_tokens_mask"] = [special for _, _, special in around]
        if overflowing and gone:
            row |= {"overflowing_tokens": gone, "num_truncated_tokens": too_many}
        return row

    # -- special tokens around ids

    def _around(self, first: Ids, second: Ids | None) -> Iterable[tuple[int, int, int]]:
        ids = self.build_inputs_with_special_tokens(first, second)
        types = self.create_token_type_ids_from_sequences(first, second)
        mask = self.get_special_tokens_mask(first, second)
        for column in (types, mask):
            column += [0] * (len(ids) - len(column))
        return zip(ids, types, mask, strict=False)

    def num_special_tokens_to_add(self, pair: bool = False) -> int:
        """How many tokens a call adds around a text, or a pair."""
        return len(self.build_inputs_with_special_tokens([], [] if pair else None))

    def _frame(self, second: bool) -> list[int | str | None]:
        """What stands around a text ("A"), or two ("A", "B"), as `special_tokens_pattern` says."""
        cls, sep, bos, eos = self.cls_token_id, self.sep_token_id, self.bos_token_id, self.eos_token_id
        frames: dict[str, tuple[list[int | str | None], list[int | str | None]]] = {
            "cls_sep": ([cls, "A", sep], ["B", sep]),
            "eos": (["A", eos], ["B", eos]),
            "bos": ([bos, "A"], [bos, "B"]),
            "bos_eos": ([bos, "A", eos], ["B", eos]),
            "cls_double_sep": ([cls, "A", sep], [sep, "B", sep]),
            "none": (["A"], ["B"]),
        }
        if self.special_tokens_pattern == "prefix_suffix":
            return [*self.prefix_tokens, "A", *(["B"] if second else []), *self.suffix_tokens]
        one, more = frames[self.special_tokens_pattern]
        return one + more if second else one

    def build_inputs_with_special_tokens(self, token_ids_0: Ids, token_ids_1: Ids | None = None) -> list[int]:
        """Ids of a text, or of a pair's two texts, with the tokens around them that a call would add."""
        ids: list[Any] = []
        for piece in self._frame(token_ids_1 is not None):
            ids += {"A": token_ids_0, "B": token_ids_1 or ()}[piece] if isinstance(piece, str) else [piece]
        return ids

    def get_special_tokens_mask(
        self, token_ids_0: Ids, token_ids_1: Ids | None = None, already_has_special_tokens: bool = False
    ) -> list[int]:
        """1 where a special token is added, or stands already."""
        if already_has_special_tokens:
            return super().get_special_tokens_mask(token_ids_0, token_ids_1, True)
        mask: list[int] = []
        for piece in self._frame(token_ids_1 is not None):
            size = {"A": len(token_ids_0), "B": len(token_ids_1 or ())}.get(str(piece), 0)
            mask += [0] * size if isinstance(piece, str) else [1]
        return mask

    def create_token_type_ids_from_sequences(self, token_ids_0: Ids, token_ids_1: Ids | None = None) -> list[int]:
        """0 for the first text and what stands around it, 1 for the second, where the model tells them apart."""
        first = len(self.build_inputs_with_special_tokens(token_ids_0))
        if token_ids_1 is None:
            return [0] * first
        both = len(self.build_inputs_with_special_tokens(token_ids_0, token_ids_1))
        apart = self.token_type_ids_pattern == "bert_style" and self.special_tokens_pattern != "prefix_suffix"
        return [0] * first + [int(apart)] * (both - first)

    def update_post_processor(self) -> None:
        """These tokenizers have none: `build_inputs_with_special_tokens` says what stands around a text."""

    # -- ids to text

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Tokens as the vocabulary writes them -> text."""
        return " ".join(tokens)

    def _decode_row(self, ids: list[int], skip_special_tokens: bool, clean_up: bool | None, **options: Any) -> Any:
        tokens = self.convert_ids_to_tokens(ids, skip_special_tokens=skip_special_tokens)
        return self._cleaned(self.convert_tokens_to_string(tokens), clean_up)

    def _cleaned(self, text: str, clean_up: bool | None) -> str:
        wanted = self.clean_up_tokenization_spaces if clean_up is None else clean_up
        return clean_up_tokenization(text) if wanted else text

    # -- keeping

    def save_vocabulary(self, save_directory: str | os.PathLike, filename_prefix: str | None = None) -> tuple[str, ...]:
        """Write the class's own vocabulary files; returns their paths."""
        from bearhug.tokenizers.folder import write

        start = f"{filename_prefix}-" if filename_prefix else ""
        return write(save_directory, {f"{start}{name}": data for name, data in self.save_files().items()})
