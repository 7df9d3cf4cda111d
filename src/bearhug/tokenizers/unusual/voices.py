"""Tokenizers of models that speak: CLVP's spoken English, VITS's letters and the sounds of wav2vec2's phonemes."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any

from bearhug.tokenizers._native import AddedToken
from bearhug.tokenizers.convert import byte_characters
from bearhug.tokenizers.file import read_vocab
from bearhug.tokenizers.unusual.ctc import CtcOutput
from bearhug.tokenizers.unusual.moses import needed
from bearhug.tokenizers.unusual.python_tokenizer import PythonTokenizer
from bearhug.tokenizers.unusual.word_bpe import WordBpe, merged

# -- CLVP

_ABBREVIATIONS = (
    "mrs=misess mr=mister dr=doctor st=saint co=company jr=junior maj=major gen=general drs=doctors rev=reverend "
    "lt=lieutenant hon=honorable sgt=sergeant capt=captain esq=esquire ltd=limited col=colonel ft=fort"
)
_WRITTEN_OUT = [
    (re.compile(rf"\b{short}\.", re.IGNORECASE), long)
    for short, _, long in (pair.partition("=") for pair in _ABBREVIATIONS.split())
]
_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "- - twenty thirty forty fifty sixty seventy eighty ninety".split()
_POWERS = "thousand million billion trillion quadrillion".split()


def number_in_words(number: int) -> str:
    """1201 -> "one thousand, two hundred one"."""
    if number < 20:
        return _SMALL[number]
    if number < 100:
        return _TENS[number // 10] + (f"-{_SMALL[number % 10]}" if number % 10 else "")
    if number < 1000:
        rest = f" {number_in_words(number % 100)}" if number % 100 else ""
        return f"{_SMALL[number // 100]} hundred{rest}"
    for power, name in enumerate(_POWERS, 1):
        if number < 1000 ** (power + 1):
            rest = f", {number_in_words(number % 1000**power)}" if number % 1000**power else ""
            return f"{number_in_words(number // 1000**power)} {name}{rest}"
    return "number out of range"


def _dollars(found: re.Match[str]) -> str:
    parts = found[1].split(".")
    if len(parts) > 2:
        return f"{found[1]} dollars"
    dollars, cents = (int(part.replace(",", "") or 0) for part in (*parts, "")[:2])
    amounts = [(dollars, "dollar"), (cents, "cent")]
    named = [f"{amount} {name}{'s' * (amount != 1)}" for amount, name in amounts if amount]
    return ", ".join(named) or "zero dollars"


def _ordinal(found: re.Match[str]) -> str:
    number = int(found[0][:-2])
    teen = 10 <= number % 100 <= 20
    return number_in_words(number) + ("th" if teen else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th"))


def _number(found: re.Match[str]) -> str:
    """Years go by hundreds: 1900 is nineteen hundred, 2001 two thousand one."""
    number = int(found[0])
    if not 1000 < number < 3000 or number == 2000:
        return number_in_words(number)
    if 2000 < number < 2010:
        return f"two thousand {number_in_words(number % 100)}"
    return number_in_words(number) if number % 100 else f"{number_in_words(number // 100)} hundred"


def spoken_english(text: str) -> str:
    """A text as it is read aloud: ASCII in lower case, numbers, sums and titles written out."""
    text = text.encode("ascii", "ignore").decode().lower()
    text = re.sub("([0-9][0-9,]+[0-9])", lambda found: found[1].replace(",", ""), text)
    text = re.sub("£([0-9,]*[0-9])", r"\1 pounds", text)
    text = re.sub(r"\$([0-9.,]*[0-9])", _dollars, text)
    text = re.sub(r"([0-9]++\.[0-9]+)", lambda found: found[1].replace(".", " point "), text)
    text = re.sub("[0-9]++(st|nd|rd|th)", _ordinal, text)
    text = re.sub("[0-9]+", _number, text)
    for short, long in _WRITTEN_OUT:
        text = short.sub(long, text)
    return re.sub(r"\s+", " ", text).replace('"', "")


class Clvp(WordBpe):
    """CLVP (Betker 2023, arXiv:2305.07243): BPE over the bytes of spoken English; a blank alone is [SPACE]."""

    # GPT-2's words; the text is ASCII by now.
    _words = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?[a-zA-Z]+| ?[0-9]+| ?[^\sa-zA-Z0-9]+|\s+(?!\S)|\s+")

    def _made(self) -> None:
        ranks = self.bpe_ranks
        self._pieces = lru_cache(1 << 16)(lambda word: merged(word, ranks, end=""))

    @property
    def errors(self) -> str:
        """What becomes of bytes that are no text: "replace", "ignore" or "strict"."""
        return self.init_kwargs["errors"]

    def normalizer(self, text: str) -> str:
        """A text as it is read aloud."""
        return spoken_english(text)

    def _tokenize(self, text: str) -> list[str]:
        chars = byte_characters()
        blank = "[SPACE]" if "[SPACE]" in self.encoder else "Ġ"
        words = ("".join(chars[byte] for byte in word.encode()) for word in self._words.findall(spoken_english(text)))
        return [blank if piece == "Ġ" else piece for word in words for piece in self._pieces(word)]

    def _convert_id_to_token(self, id: int) -> str | None:
        return self.decoder_of_ids.get(id)

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Pieces -> text."""
        bytes_of = {char: byte for byte, char in byte_characters().items()}
        return bytes(bytes_of[char] for char in "".join(tokens)).decode(errors=self.errors)

    def clean_up_tokenization(self, text: str | list[str]) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]
        """[SPACE] and [STOP] become blanks, the unknown token goes, and two or three blanks are one."""
        text = "".join(text)
        known = self.get_vocab()
        for token in ("[SPACE]", "[STOP]"):
            text = text.replace(token, " ") if token in known else text
        return text.replace(str(self.unk_token), "").replace("   ", " ").replace("  ", " ")

    def _cleaned(self, text: str, clean_up: bool | None) -> str:
        wanted = self.clean_up_tokenization_spaces if clean_up is None else clean_up
        return self.clean_up_tokenization(text) if wanted else text


# -- VITS


class Vits(PythonTokenizer):
    """VITS (Kim et al. 2021, arXiv:2106.06103): a character a token, with blanks between them.

    `phonemize=True` needs the library `phonemizer`, `is_uroman` the library `uroman`.
    """

    def _load(self, vocab: Any, merges: Any, settings: dict[str, Any]) -> None:
        if vocab is None:
            raise ValueError(f"{type(self).__name__} is made from a vocab.json: pass vocab_file=.")
        self._set_encoder(read_vocab(vocab))
        for name in ("language", "add_blank", "normalize", "phonemize", "is_uroman"):
            setattr(self, name, settings[name])

    def normalize_text(self, input_string: str) -> str:
        """Lower case, but for what stands in the vocabulary as it is."""
        words = filter(None, [*self.encoder, *self.added_tokens_encoder])
        known = re.compile(f"({'|'.join(map(re.escape, words))})|(.)", re.DOTALL)
        return known.sub(lambda found: found[1] or found[2].lower(), input_string)

    def tokenize(self, text: str, *args: Any, normalize: bool | None = None, **kwargs: Any) -> list[str]:
        """A text's tokens; `normalize`: lower case, and no characters that the vocabulary lacks."""
        return super().tokenize(self._as_spoken(text, normalize), *args, **kwargs)

    def _as_spoken(self, text: str, normalize: bool | None) -> str:
        normalize = self.normalize if normalize is None else normalize
        text = self.normalize_text(text) if normalize else text
        text = text.replace("ț", "ţ") if self.language == "ron" else text
        if self.is_uroman and not text.isascii():
            text = _romanizer().romanize_string(text)
        if self.phonemize:
            speak = needed(
                "phonemizer", "phonemizer", "VITS with phonemize=True needs phonemizer, and espeak"
            ).phonemize
            about = {"strip": True, "preserve_punctuation": True, "with_stress": True}
            return re.sub(r"\s+", " ", speak(text, language="en-us", backend="espeak", **about))
        return "".join(char for char in text if char in self.encoder).strip() if normalize else text

    def _tokenize(self, text: str) -> list[str]:
        if not self.add_blank:
            return list(text)
        tokens: list[Any] = [self._convert_id_to_token(0)] * (2 * len(text) + 1)
        tokens[1::2] = text
        return tokens

    def _convert_token_to_id(self, token: str) -> int | None:
        return self.encoder[token] if token in self.encoder else self.encoder.get(str(self.unk_token))

    def _convert_id_to_token(self, id: int) -> str | None:
        return self.decoder_of_ids.get(id)

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Characters -> text, without the blanks between them."""
        return "".join(tokens[1::2] if self.add_blank and len(tokens) > 1 else tokens)

    def save_files(self) -> dict[str, str | bytes]:
        """vocab.json."""
        return {"vocab.json": json.dumps(self.encoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"}


@lru_cache(1)
def _romanizer() -> Any:
    return needed("uroman", "uroman", "this VITS reads other scripts in Latin letters").Uroman()


# -- sounds


class Wav2Vec2Phoneme(PythonTokenizer):
    """Xu et al. 2021, arXiv:2109.11680: a sound a token; text to sounds by the library `phonemizer`.

    `decode` takes `group_tokens`, `filter_word_delimiter_token` and `output_char_offsets`.
    """

    decode_options = (
        "group_tokens",
        "filter_word_delimiter_token",
        "spaces_between_special_tokens",
        "output_char_offsets",
    )
    word_delimiter_token: str | None
    phone_delimiter_token: str | None

    def _load(self, vocab: Any, merges: Any, settings: dict[str, Any]) -> None:
        if vocab is None:
            raise ValueError(f"{type(self).__name__} is made from a vocab.json: pass vocab_file=.")
        self._set_encoder(read_vocab(vocab))
        own = settings.get("model_specific_special_tokens") or {}
        for name in _DELIMITERS:  # they are no special tokens: decoding takes them out by itself
            value = own.pop(name, settings.pop(name, None))
            self.__dict__[name] = value
        for name in ("do_phonemize", "phonemizer_lang", "phonemizer_backend"):
            setattr(self, name, settings[name])
        self._speaker: tuple[str, Any] | None = None

    def _made(self) -> None:
        self.init_kwargs |= {name: getattr(self, name) for name in _DELIMITERS}

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"_speaker": None}

    @property
    def word_delimiter_token_id(self) -> int | None:
        """The id of what stands between words, where something does."""
        return None if self.word_delimiter_token is None else self.convert_tokens_to_ids(self.word_delimiter_token)

    @property
    def phone_delimiter_token_id(self) -> int | None:
        """The id of what stands between sounds."""
        return None if self.phone_delimiter_token is None else self.convert_tokens_to_ids(self.phone_delimiter_token)

    def add_tokens(self, new_tokens: Any, special_tokens: bool = False) -> int:
        """As every tokenizer's; a text is normalized before they are looked for."""
        many = new_tokens if isinstance(new_tokens, list | tuple) else [new_tokens]
        tokens = [
            AddedToken(token, normalized=True, special=special_tokens) if isinstance(token, str) else token
            for token in many
        ]
        return super().add_tokens(tokens, special_tokens)

    def init_backend(self, phonemizer_lang: str) -> None:
        """Load the voice of a language.

        Raises:
            ImportError: `phonemizer` is not installed.
        """
        backends = needed(
            "phonemizer.backend", "phonemizer", "text becomes sounds by phonemizer; do_phonemize=False takes sounds"
        ).BACKENDS
        self._speaker = (
            phonemizer_lang,
            backends[self.phonemizer_backend](phonemizer_lang, language_switch="remove-flags"),
        )

    def phonemize(self, text: str, phonemizer_lang: str | None = None) -> str:
        """The sounds of a text, with blanks between them."""
        language = phonemizer_lang or self.phonemizer_lang
        if self._speaker is None or self._speaker[0] != language:
            self.init_backend(language)
        assert self._speaker is not None
        separator = needed("phonemizer.separator", "phonemizer", "text becomes sounds by phonemizer").Separator
        word = "" if self.word_delimiter_token is None else f"{self.word_delimiter_token} "
        between = separator(phone=self.phone_delimiter_token, word=word, syllable="")
        return self._speaker[1].phonemize([text], separator=between)[0].strip()

    def tokenize(
        self,
        text: str,
        *args: Any,
        phonemizer_lang: str | None = None,
        do_phonemize: bool | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """A text's sounds.

        Args:
            phonemizer_lang: the language, from now on.
            do_phonemize: False: the text is sounds already; from now on.
        """
        self.do_phonemize = self.do_phonemize if do_phonemize is None else do_phonemize
        self.phonemizer_lang = phonemizer_lang or self.phonemizer_lang
        return super().tokenize(text, *args, **kwargs)

    def _prepared(self, text: str, is_split_into_words: bool) -> str:
        return f" {text}" if is_split_into_words else text

    def _tokenize(self, text: str) -> list[str]:
        text = text.strip()
        if self.do_phonemize:
            text = self.phonemize(text.lower(), self.phonemizer_lang)
        return [sound for sound in text.split(" ") if sound.strip()]

    def convert_tokens_to_string(  # pyright: ignore[reportIncompatibleMethodOverride] - as the reference's
        self,
        tokens: Sequence[str],
        group_tokens: bool = True,
        spaces_between_special_tokens: bool = False,
        filter_word_delimiter_token: bool = True,
        output_char_offsets: bool = False,
    ) -> dict[str, Any]:
        """A token a frame -> {"text", "char_offsets"}, the offsets in frames."""
        runs = [(token, len(list(run))) for token, run in groupby(tokens)] if group_tokens else [(t, 1) for t in tokens]
        left_out = {self.pad_token}
        if filter_word_delimiter_token and self.word_delimiter_token is not None:
            left_out.add(self.word_delimiter_token)
        sounds, at = [], 0
        for token, length in runs:
            if token not in left_out:
                sounds.append({"char": token, "start_offset": at, "end_offset": at + length})
            at += length
        text = " ".join(sound["char"] for sound in sounds).strip()
        return {"text": text, "char_offsets": sounds if output_char_offsets else None}

    def _decode_row(
        self,
        ids: list[int],
        skip_special_tokens: bool,
        clean_up: bool | None,
        output_char_offsets: bool = False,
        **options: Any,
    ) -> Any:
        tokens = self.convert_ids_to_tokens(ids, skip_special_tokens=skip_special_tokens)
        made = self.convert_tokens_to_string(tokens, output_char_offsets=output_char_offsets, **options)
        text = self._cleaned(made["text"], clean_up)
        return CtcOutput({"text": text, "char_offsets": made["char_offsets"]}) if output_char_offsets else text

    def batch_decode(
        self,
        sequences: Any,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
        **kwargs: Any,
    ) -> Any:
        """Texts of rows; with offsets, one output that holds lists."""
        rows = [self.decode(row, skip_special_tokens, clean_up_tokenization_spaces, **kwargs) for row in sequences]
        if rows and isinstance(rows[0], CtcOutput):
            return CtcOutput({key: [row[key] for row in rows] for key in rows[0]})
        return rows

    def save_files(self) -> dict[str, str | bytes]:
        """vocab.json."""
        return {"vocab.json": json.dumps(self.encoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"}


_DELIMITERS = ("word_delimiter_token", "phone_delimiter_token")
