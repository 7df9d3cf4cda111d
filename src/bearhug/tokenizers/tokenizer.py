"""The tokenizer: text -> ids, masks and offsets for a model, and ids -> text.

The work is the compiled core's (`_native`), one call a batch; here stand the arguments that people know, the special
tokens, and what a folder holds. R rows, T tokens of a row.
"""

from __future__ import annotations

import copy
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, cast

from bearhug._lib.errors import unexpected_keyword
from bearhug._lib.printing import facts
from bearhug.tokenizers import classes, file, inputs, vocabulary
from bearhug.tokenizers._native import AddedToken, Padding, Tokenizer, Truncation
from bearhug.tokenizers.conversation import Conversations
from bearhug.tokenizers.earlier import EarlierNames
from bearhug.tokenizers.encoding import BatchEncoding
from bearhug.tokenizers.ids_to_text import IdsToText
from bearhug.tokenizers.kept import Kept
from bearhug.tokenizers.special_tokens import content

if TYPE_CHECKING:
    from bearhug.tokenizers.explain import Explanation
    from bearhug.tokenizers.raw import Tokenizer as RawTokenizer

logger = logging.getLogger(__name__)

NO_LIMIT = int(1e30)  # model_max_length of a model that says none
# Keywords of a call that have no parameter of their own.
CALL_OPTIONS = ("max_target_length", "split_special_tokens")


class PreTrainedTokenizerFast(Conversations, IdsToText, Kept, EarlierNames):
    """A tokenizer with the names and results of Hugging Face's fast tokenizers.

    >>> from bearhug import AutoTokenizer
    >>> tokenizer = AutoTokenizer.from_pretrained("bearhug/storyteller")
    >>> ids = tokenizer("Once upon a time")["input_ids"]
    >>> tokenizer.decode(ids)
    'Once upon a time'

    Args:
        tokenizer_object: a `backend_tokenizer`, of this library or of `tokenizers`, or the content of a tokenizer.json.
        tokenizer_file: a tokenizer.json.
        vocab: token -> id, a list of (piece, score), or a file: vocab.json, vocab.txt, a SentencePiece `.model`,
            tiktoken's ranks, tekken.json; for the classes that are made from one (`BertTokenizer`, `T5Tokenizer`, ...).
        merges: pairs, or a merges.txt.
        options: special tokens (`pad_token="[PAD]"`), `model_max_length`, `padding_side`, `truncation_side`,
            `chat_template`, `model_input_names`, `clean_up_tokenization_spaces`, `add_bos_token`, `add_eos_token`, and
            what the class has of its own (`do_lower_case`, `add_prefix_space`, ...).

    Raises:
        ValueError: nothing that a tokenizer could be made from.
    """

    kind: ClassVar[classes.TokenizerClass] = classes.PLAIN
    model_input_names: list[str] = ["input_ids", "attention_mask"]  # noqa: RUF012 - set per instance
    padding_side: str = "right"
    truncation_side: str = "right"
    is_fast = True
    pad_token_type_id = 0
    _is_plain = True  # whether the core alone answers a call, without the class's own methods
    _is_target = False  # inside of `as_target_tokenizer`
    _backend: RawTokenizer | None = None  # made when it is asked for

    def __init__(
        self,
        vocab: Any = None,
        merges: Any = None,
        *,
        tokenizer_object: Any = None,
        tokenizer_file: str | os.PathLike | None = None,
        vocab_file: str | os.PathLike | None = None,
        merges_file: str | os.PathLike | None = None,
        **options: Any,
    ):
        source = vocab if vocab is not None else vocab_file
        added = options.pop("added_tokens_decoder", None) or {}  # there may be very many, and none is changed
        settings = copy.deepcopy(dict(self.kind.options) | options) | {"added_tokens_decoder": added}
        if isinstance(source, str | os.PathLike) and tokenizer_object is None and tokenizer_file is None:
            self.vocab_file = os.fspath(source)
            found = vocabulary.read(self.kind, source, merges or merges_file, settings)
            source, tokenizer_object = found.pop("vocab"), found.pop("tokenizer_object", None)
            merges = found.pop("merges", None)
            settings |= found
        if self.kind.prepare is not None:
            self.kind.prepare(settings)
        self._core, limits = self._make_core(tokenizer_object, tokenizer_file, source, merges or merges_file, settings)
        self._take_limits(limits, settings)
        for key in settings:
            if callable(getattr(type(self), key, None)):
                raise AttributeError(f"{key!r} cannot be set: it is a method of {type(self).__name__}.")
        added = settings.pop("added_tokens_decoder")
        self._add_bos_token, self._add_eos_token = settings.get("add_bos_token"), settings.get("add_eos_token")
        self._keep_settings(settings)
        self._add_missing_tokens(added)
        said = self._add_bos_token is not None or self._add_eos_token is not None
        usual = self.kind.default_processor if self._core.post_processor is None and not said else None
        if processor := self.kind.post_processor or usual:
            self._core.post_processor = file.post_processor(processor(self._options(), self._id_of))
        elif said or self.kind.bos_eos or self._core.post_processor is None:
            self.update_post_processor()
        self._made()

    # -- making one

    def _made(self) -> None:
        """What a class does at last, when its tokens have ids."""

    def _switch_to_input_mode(self) -> None:
        """What a class with languages does before it encodes what a model reads."""

    def _switch_to_target_mode(self) -> None:
        """What a class with languages does before it encodes what a model is to write."""

    def _make_core(
        self, tokenizer_object: Any, tokenizer_file: Any, vocab: Any, merges: Any, settings: dict
    ) -> tuple[Tokenizer, dict]:
        """The compiled tokenizer, and the truncation and padding that its file says."""
        processor = settings.pop("post_processor", None)
        if isinstance(tokenizer_object, Tokenizer):
            return tokenizer_object.copy(), {}
        made = getattr(tokenizer_object, "_tokenizer", tokenizer_object)  # of a ready-made tokenizer
        if hasattr(made, "_core") and hasattr(made, "_limits"):
            own = self._backend = copy.copy(made)
            return own._core, own._limits()
        if isinstance(tokenizer_object, dict):
            description = tokenizer_object
        elif tokenizer_object is not None:
            description = file.parsed(tokenizer_object.to_str())
        elif tokenizer_file is not None:
            description = file.read_lean(tokenizer_file)
        elif self.kind.parts is not None and vocab is not None:
            description = self._from_parts(vocab, merges, processor, settings)
        else:
            needs = f"vocab ({' and '.join(self.kind.files)})" if self.kind.files else "tokenizer_file"
            raise ValueError(
                f"{type(self).__name__}() has nothing to be made from.\nLoad one, "
                f"{type(self).__name__}.from_pretrained(name_or_folder), or pass tokenizer_object= or {needs}=."
            )
        return file.build(description), {key: description.get(key) for key in ("truncation", "padding")}

    def _from_parts(self, vocab: Any, merges: Any, processor: Any, settings: dict) -> dict:
        assert self.kind.parts is not None
        if self.kind.model != "Unigram" and isinstance(vocab, list) and self.kind.model is not None:
            vocab = {token if isinstance(token, str) else token[0]: id for id, token in enumerate(vocab)}
        parts = self.kind.parts(settings, vocab)
        parts["model"] = parts["model"] | {"vocab": vocab}
        if parts["model"]["type"] == "BPE":
            parts["model"]["merges"] = (
                vocabulary.merges_for(vocab, settings) if merges is None else file.read_lean_merges(merges)
            )
        settings.pop("_spm_precompiled_charsmap", None)
        limits = {key: settings.pop(f"tokenizer_{key}", None) for key in ("truncation", "padding")}
        return {"version": "1.0", **limits, "added_tokens": [], **parts, "post_processor": processor}

    def _take_limits(self, limits: dict, settings: dict) -> None:
        """A tokenizer.json may hold truncation and padding; what they say beside lengths becomes the defaults here."""
        if truncation := limits.get("truncation"):
            settings.setdefault("truncation_side", truncation.get("direction", "Right").lower())
        if padding := limits.get("padding"):
            if settings.get("pad_token") is None:
                settings["pad_token"] = padding["pad_token"]
            settings.setdefault("padding_side", padding.get("direction", "Right").lower())

    def _keep_settings(self, settings: dict) -> None:
        self.init_kwargs = {key: value for key, value in settings.items() if key not in NOT_KEPT}
        self.name_or_path = settings.pop("name_or_path", "")
        self._keep_special_tokens(settings)
        length = settings.get("model_max_length", settings.get("max_len"))
        self.model_max_length = NO_LIMIT if length is None else length
        self.padding_side = inputs.side(settings.get("padding_side") or type(self).padding_side, "padding_side")
        self.truncation_side = inputs.side(
            settings.get("truncation_side") or type(self).truncation_side, "truncation_side"
        )
        self.model_input_names = list(settings.get("model_input_names") or type(self).model_input_names)
        self.clean_up_tokenization_spaces = bool(settings.get("clean_up_tokenization_spaces", False))
        self.split_special_tokens = bool(settings.get("split_special_tokens", False))
        self.chat_template = _templates(settings.get("chat_template"))
        self.deprecation_warnings: dict[str, bool] = {}  # what has been said once, and is not said again
        self._vocabulary_digest: tuple[Any, str] | None = None

    def _add_missing_tokens(self, added: Mapping[Any, AddedToken]) -> None:
        """Added tokens from the config, in the order of their ids, then special tokens that are in no list yet."""
        tokens: list[Any] = [token for _, token in sorted(added.items(), key=lambda item: int(item[0]))]
        known = {*self.added_tokens_encoder, *(token.content for token in tokens)}
        for token in dict.fromkeys(
            [*self._named.values(), *self._extra]
        ):  # of two alike with other flags the last holds
            if token is not None and content(token) not in known:
                tokens.append(token)
        named = set(self.special_tokens_map.values())
        ready = []
        for token in tokens:
            if isinstance(token, str):
                token = AddedToken(token, special=True)
            elif not token.special and token.content in named:
                token = copy.copy(token)
                token.special = True
            ready.append(token)
        if ready:
            self._core.add_tokens(ready)

    def _options(self) -> dict:
        return dict(self.kind.options) | self.init_kwargs | self._named

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike,
        *init_inputs: Any,
        cache_dir: str | os.PathLike | None = None,
        force_download: bool = False,
        local_files_only: bool = False,
        token: str | bool | None = None,
        revision: str = "main",
        trust_remote_code: bool = False,
        **kwargs: Any,
    ) -> PreTrainedTokenizerFast:
        """Load from a folder, a bundled name, the cache or the hub; see `AutoTokenizer.from_pretrained`.

        A class of its own (`BertTokenizer`) is kept, whatever class the folder names.
        """
        from bearhug.tokenizers.folder import load

        where = {"cache_dir": cache_dir, "force_download": force_download, "local_files_only": local_files_only}
        where |= {"token": token, "revision": revision, "trust_remote_code": trust_remote_code}
        kwargs |= {key: value for key, value in where.items() if value not in (None, False, "main")}
        return load(cls, pretrained_model_name_or_path, **kwargs)

    # -- text to ids

    def __call__(
        self,
        text: Any = None,
        text_pair: Any = None,
        text_target: Any = None,
        text_pair_target: Any = None,
        add_special_tokens: bool = True,
        padding: bool | str = False,
        truncation: bool | str | None = None,
        max_length: int | None = None,
        stride: int = 0,
        is_split_into_words: bool = False,
        pad_to_multiple_of: int | None = None,
        padding_side: str | None = None,
        return_tensors: str | bool | None = None,
        return_token_type_ids: bool | None = None,
        return_attention_mask: bool | None = None,
        return_overflowing_tokens: bool = False,
        return_special_tokens_mask: bool = False,
        return_offsets_mapping: bool | str = False,
        return_length: bool = False,
        verbose: bool = True,
        tokenizer_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> BatchEncoding:
        """Encode a text, or a batch of them, alone or in pairs.

        Args:
            text: a text, a list of texts, a list of pairs; with `is_split_into_words`, a list of words or a list of
                those.
            text_pair: the second texts, in the same form.
            text_target, text_pair_target: texts that become `labels`.
            add_special_tokens: the tokens that the model expects around a text. A text from a chat template has them
                already and gets none.
            padding: True or "longest": to the batch's longest row; "max_length": to `max_length`.
            truncation: True or "longest_first": a token at a time from the longer of a pair; "only_first";
                "only_second".
            max_length: in tokens, special ones included; None: the model's own limit, `model_max_length`.
            stride: tokens that the next overflowing row repeats.
            pad_to_multiple_of: rounds the padded length up.
            padding_side: "left" or "right"; None: the tokenizer's own.
            return_tensors: "pt" (torch.int64) or "np"; None: lists.
            return_token_type_ids, return_attention_mask: None: where the model reads them (`model_input_names`).
            return_overflowing_tokens: what truncation cuts off becomes rows of its own, with
                `overflow_to_sample_mapping`.
            return_special_tokens_mask: 1 on the tokens added around a text.
            return_offsets_mapping: (start, end) of each token in its text; True: in characters; "bytes": in bytes of
                its UTF-8 (a token that is a part of a character has all of that character's).
            return_length: tokens of each row.
            kwargs: `split_special_tokens`: special tokens inside a text are read as ordinary text; `max_target_length`.

        Returns:
            input_ids, then what else is asked for: lists (T) for one text, lists of lists for several, tensors (R, T).

        Raises:
            ValueError: no text; no padding token; rows of different lengths as tensors.
            TypeError: a keyword that nothing reads; a row that is no text.
        """
        if (
            type(text) is str
            and self._is_plain
            and not (
                (
                    text_pair
                    or padding
                    or truncation
                    or is_split_into_words
                    or return_tensors
                    or return_overflowing_tokens
                )
                or (return_special_tokens_mask or return_offsets_mapping or return_length or tokenizer_kwargs or kwargs)
                or (text_target is not None or max_length is not None)
            )
        ):
            return self._encode_one(text, add_special_tokens, return_token_type_ids, return_attention_mask, verbose)
        options: dict[str, Any] = {
            "add_special_tokens": add_special_tokens,
            "padding": padding,
            "truncation": truncation,
            "max_length": max_length,
            "stride": stride,
            "is_split_into_words": is_split_into_words,
            "pad_to_multiple_of": pad_to_multiple_of,
            "padding_side": padding_side,
            "return_tensors": return_tensors,
            "return_token_type_ids": return_token_type_ids,
            "return_attention_mask": return_attention_mask,
            "return_overflowing_tokens": return_overflowing_tokens,
            "return_special_tokens_mask": return_special_tokens_mask,
            "return_offsets_mapping": return_offsets_mapping,
            "return_length": return_length,
            "verbose": verbose,
        }
        if tokenizer_kwargs or kwargs:
            options |= dict(tokenizer_kwargs or {}) | kwargs
        target_length = options.pop("max_target_length", None)
        for key in ("src_lang", "tgt_lang"):  # of tokenizers with languages, which take them out before
            if options.pop(key, None) is not None:
                self._warn_once(f"{key} is not read: {type(self).__name__} knows no languages.")
        if text is None and text_target is None:
            raise ValueError(
                'there is no text to encode: text is None.\nWrite tokenizer("a text") or text_target="a text".'
            )
        if text is not None and not self._is_target:
            self._switch_to_input_mode()
        if text_target is None:
            return self._encode(text, text_pair, **options)
        if target_length is None:
            target_length = options["max_length"]
        with self.as_target_tokenizer():
            targets = self._encode(text_target, text_pair_target, **(options | {"max_length": target_length}))
        if text is None:
            return targets
        encoding = self._encode(text, text_pair, **options)
        encoding["labels"] = targets["input_ids"]
        return encoding

    @contextmanager
    def as_target_tokenizer(self) -> Iterator[None]:
        """In a `with` block, a call encodes what a model is to write: another language's tokens around a text.

        `tokenizer(text_target=...)` does the same for one call.
        """
        self._switch_to_target_mode()
        self._is_target = True
        try:
            yield
        finally:
            self._is_target = False
            self._switch_to_input_mode()

    def _encode_one(
        self, text: str, special: bool, type_ids: bool | None, mask: bool | None, verbose: bool
    ) -> BatchEncoding:
        """What `_encode` gives for one text and few wishes, which is the most frequent call."""
        encoded = self._core.encode(text, special, self.split_special_tokens)
        if verbose and encoded.length(0) > self.model_max_length:
            self._warn_too_long(encoded.length(0))
        wanted = self.model_input_names
        return BatchEncoding.of_one(
            encoded,
            "token_type_ids" in wanted if type_ids is None else bool(type_ids),
            "attention_mask" in wanted if mask is None else bool(mask),
        )

    def _fields(self, type_ids: bool | None, mask: bool | None) -> list[str]:
        wanted = self.model_input_names
        names = ["input_ids"]
        if type_ids or (type_ids is None and "token_type_ids" in wanted):
            names.append("token_type_ids")
        if mask or (mask is None and "attention_mask" in wanted):
            names.append("attention_mask")
        return names

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
        texts, pairs, batched, special = inputs.texts_of(text, text_pair, is_split_into_words)
        cut, fill = None, None
        if padding or truncation or max_length is not None:
            cut, fill = self._limits(padding, truncation, max_length, stride, pad_to_multiple_of, padding_side)
        encoded = self._core.encode_batch(
            texts,
            pairs,
            is_split_into_words=is_split_into_words,
            add_special_tokens=add_special_tokens and not special,
            split_special_tokens=self.split_special_tokens if split_special_tokens is None else split_special_tokens,
            truncation=cut,
            padding=fill,
            offsets=bool(return_offsets_mapping),
            byte_offsets=inputs.is_in_bytes(return_offsets_mapping),
        )
        names = self._fields(return_token_type_ids, return_attention_mask)
        if return_special_tokens_mask:
            names.append("special_tokens_mask")
        if return_offsets_mapping:
            names.append("offset_mapping")
        out = BatchEncoding.of(
            encoded,
            names,
            overflowing=return_overflowing_tokens,
            n_sequences=2 if pairs is not None and pairs[0] is not None else 1,
        )
        if return_length:
            out["length"] = out.lengths()
        if return_overflowing_tokens:
            out["overflow_to_sample_mapping"] = encoded.sample_mapping.tolist()
        if max_length is None and verbose and self.model_max_length < inputs.LARGE:
            self._warn_too_long(out.longest())
        if return_tensors is not None and return_tensors is not False:
            return out.convert_to_tensors(return_tensors)
        return out if batched or return_overflowing_tokens else out.only_row()

    def _limits(
        self, padding: Any, truncation: Any, max_length: int | None, stride: int, multiple: int | None, side: str | None
    ) -> tuple[Truncation | None, Padding | None]:
        """Where rows are cut, and how far they are filled up.

        Raises:
            ValueError: no padding token, or lengths that contradict each other.
        """
        if max_length is not None and padding is False and truncation is None:
            truncation = "longest_first"
        fill, cut = inputs.padding_strategy(padding), inputs.truncation_strategy(truncation)
        if padding is True and max_length is not None and cut == "do_not_truncate":
            self._warn_once(
                "max_length is not used: padding=True fills up to the longest row, and nothing is truncated. "
                'For rows of max_length tokens: padding="max_length", truncation=True.'
            )
        if max_length is None and (fill == "max_length" or cut != "do_not_truncate"):
            if self.model_max_length < inputs.LARGE:
                max_length = self.model_max_length
            else:
                fill = "do_not_pad" if fill == "max_length" else fill
                cut = "do_not_truncate"
                self._warn_once(
                    "rows are not cut or filled up to a length: there is no max_length, and this tokenizer knows no "
                    "limit of its model. Pass max_length=..., or set tokenizer.model_max_length."
                )
        if (
            cut != "do_not_truncate"
            and fill != "do_not_pad"
            and multiple
            and max_length is not None
            and max_length % multiple
        ):
            raise ValueError(
                f"rows are to be cut to max_length={max_length} and padded to a multiple of {multiple}, which "
                f"{max_length} is not.\nTake max_length={-(-max_length // multiple) * multiple}."
            )
        cutting = None
        if cut != "do_not_truncate":
            cutting = Truncation(cast(int, max_length), stride, cut, self.truncation_side)  # pyright: ignore[reportArgumentType]
        if fill == "do_not_pad":
            return cutting, None
        pad_id, pad_token = self._pad()
        length = max_length if fill == "max_length" else None
        direction = self.padding_side if side is None else inputs.side(side, "padding_side")
        return cutting, Padding(length, multiple, direction, pad_id, self.pad_token_type_id, pad_token)  # pyright: ignore[reportArgumentType]

    def _pad(self) -> tuple[int, str]:
        """The padding token's id and text.

        Raises:
            ValueError: there is none.
        """
        token = self.pad_token
        if token is None:
            raise ValueError(
                "rows cannot be padded: this tokenizer has no padding token.\nName one it has, tokenizer.pad_token = "
                "tokenizer.eos_token, or add one, tokenizer.add_special_tokens({'pad_token': '[PAD]'}) (the model then "
                "needs model.resize_token_embeddings(len(tokenizer)))."
            )
        id = self._id_of(token)
        if id is None:
            raise ValueError(
                f"rows cannot be padded: the vocabulary has no padding token {token!r}.\n"
                f"Add it: tokenizer.add_special_tokens({{'pad_token': {token!r}}})."
            )
        return id, token

    def _warn_too_long(self, longest: int) -> None:
        if longest > self.model_max_length > 0:
            self._warn_once(
                "Token indices sequence length is longer than the specified maximum sequence length for this model "
                f"({longest} > {self.model_max_length}): such a row will fail there. Cut it with truncation=True."
            )

    def _warn_once(self, message: str) -> None:
        about = "".join(filter(str.isalpha, message))[:40]  # not the numbers in it
        if about not in self.deprecation_warnings:
            self.deprecation_warnings[about] = True
            logger.warning(message)

    def encode(
        self,
        text: Any,
        text_pair: Any = None,
        add_special_tokens: bool = True,
        padding: bool | str = False,
        truncation: bool | str | None = None,
        max_length: int | None = None,
        stride: int = 0,
        padding_side: str | None = None,
        return_tensors: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """A text's ids alone: a list (T), or a tensor (1, T). The arguments are those of a call."""
        if (
            type(text) is str
            and self._is_plain
            and not (text_pair or padding or truncation or return_tensors or kwargs)
        ):
            if max_length is None:
                ids = self._core.encode_ids(text, add_special_tokens, self.split_special_tokens)
                if len(ids) > self.model_max_length:
                    self._warn_too_long(len(ids))
                return ids
        return self._encode(
            text,
            text_pair,
            add_special_tokens=add_special_tokens,
            padding=padding,
            truncation=truncation,
            max_length=max_length,
            stride=stride,
            padding_side=padding_side,
            return_tensors=return_tensors,
            **kwargs,
        )["input_ids"]

    def tokenize(
        self, text: str, pair: str | None = None, add_special_tokens: bool = False, **kwargs: Any
    ) -> list[str]:
        """A text's tokens as the vocabulary writes them."""
        return self._encode(text, pair, add_special_tokens=add_special_tokens, **kwargs).tokens()

    def explain(self, text: str, add_special_tokens: bool = True) -> Explanation:
        """What each station makes of a text: parts, normalized, pieces, tokens, ids, offsets; prints as a table.

        Raises:
            TypeError: no text.
        """
        from bearhug.tokenizers.explain import explain

        return explain(self, text, add_special_tokens)

    # -- the vocabulary

    @property
    def vocab_size(self) -> int:
        """Tokens of the model, without those added to it."""
        return self._core.vocab_size(with_added_tokens=False)

    def __len__(self) -> int:
        return self._core.vocab_size(with_added_tokens=True)

    def __bool__(self) -> bool:
        return True

    def get_vocab(self) -> dict[str, int]:
        """token -> id, added tokens included."""
        return self._core.vocab(with_added_tokens=True)

    vocab = property(get_vocab)

    @property
    def backend_tokenizer(self) -> RawTokenizer:
        """The raw tokenizer: its model, normalizer, pre_tokenizer, post_processor and decoder can be changed."""
        if not isinstance(self._core, Tokenizer):
            raise AttributeError(f"{type(self).__name__} works in Python: it has no raw tokenizer.")
        if self._backend is None:
            from bearhug.tokenizers.raw import Tokenizer as RawTokenizer

            self._backend = RawTokenizer._over(self._core)
        return self._backend

    _tokenizer = backend_tokenizer

    @property
    def model(self) -> Any:
        """The part that cuts pieces into tokens."""
        return self._core.model

    @property
    def decoder(self) -> Any:
        """The part that joins tokens to text."""
        return self.backend_tokenizer.decoder

    @property
    def add_bos_token(self) -> bool:
        """Whether a call puts bos_token before each text. Can be set."""
        return bool(self._add_bos_token)

    @add_bos_token.setter
    def add_bos_token(self, value: bool) -> None:
        object.__setattr__(self, "_add_bos_token", bool(value) and self._named["bos_token"] is not None)
        self.update_post_processor()

    @property
    def add_eos_token(self) -> bool:
        """Whether a call puts eos_token after each text. Can be set."""
        return bool(self._add_eos_token)

    @add_eos_token.setter
    def add_eos_token(self, value: bool) -> None:
        object.__setattr__(self, "_add_eos_token", bool(value) and self._named["eos_token"] is not None)
        self.update_post_processor()

    def update_post_processor(self) -> None:
        """Put bos_token and eos_token around each text as `add_bos_token` and `add_eos_token` say, and nothing else."""
        around = []
        for wanted, name in ((self._add_bos_token, "bos_token"), (self._add_eos_token, "eos_token")):
            token = self._named[name]
            id = None if token is None else self._id_of(content(token))
            around.append((content(token), id) if wanted and token is not None and id is not None else None)
        self._core.post_processor = file.post_processor(classes.bos_eos_template(*around))

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__ | {"_vocabulary_digest": None}  # it holds a part of the core, for comparing
        if self._backend is not None:
            del state["_core"]  # the raw tokenizer's, which knows of parts in Python
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self._backend is not None:
            self.__dict__["_core"] = self._backend._core

    def __repr__(self) -> str:
        shown = {
            "name_or_path": self.name_or_path or None,
            "model": self._core.model.kind,
            "tokens": f"{self.vocab_size:,} and {len(self) - self.vocab_size:,} added",
            "model_max_length": self.model_max_length if self.model_max_length < inputs.LARGE else "no limit",
            "padding_side": self.padding_side,
            "truncation_side": self.truncation_side,
            **{name: repr(token) for name, token in self.special_tokens_map.items()},
            "model_input_names": ", ".join(self.model_input_names),
            "chat_template": None if self.chat_template is None else "yes",
        }
        return facts(type(self).__name__, {key: _Bare(value) for key, value in shown.items() if value is not None})


def _templates(given: Any) -> Any:
    """A chat template, or name -> template from the list of dicts in which files keep several."""
    if isinstance(given, list | tuple):
        return {one["name"]: one["template"] for one in given}
    return given


class _Bare:
    """A value that prints without quotes."""

    def __init__(self, value: Any):
        self.value = value

    def __repr__(self) -> str:
        return str(self.value)


PreTrainedTokenizer = PreTrainedTokenizerBase = PreTrainedTokenizerFast

# What the call's keywords are, for the error that names the near ones.
CALL_KEYWORDS = [
    name
    for name in (*PreTrainedTokenizerFast.__call__.__annotations__, *CALL_OPTIONS)
    if name not in ("return", "kwargs")
]
# Options that say how a tokenizer was loaded, not what it is.
NOT_KEPT = frozenset({"is_local", "local_files_only", "files_loaded", "tokenizer_truncation", "tokenizer_padding"})
