"""BPE inside of the words that Moses finds, each word's last piece with </w>: XLM, FlauBERT, FSMT and BioGPT.

Moses is the library `sacremoses`, which has to be installed for these classes; Chinese needs `rjieba`, Thai
`pythainlp` and Japanese `Mykytea` beside it.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

from bearhug.tokenizers.classes.kind import Json, default_extra
from bearhug.tokenizers.file import read_vocab
from bearhug.tokenizers.unusual.word_bpe import END, WordBpe, merged


def needed(module: str, package: str, what: str) -> Any:
    """A library that only some classes need.

    Raises:
        ImportError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ImportError(f"{what}: pip install {package}") from None


def _sacremoses() -> Any:
    return needed("sacremoses", "sacremoses", "this tokenizer cuts words as Moses does, and needs sacremoses")


@cache
def _normalizer(language: str) -> Any:
    return _sacremoses().MosesPunctNormalizer(lang=language)


@cache
def _splitter(language: str) -> Any:
    return _sacremoses().MosesTokenizer(lang=language)


@cache
def _joiner(language: str) -> Any:
    return _sacremoses().MosesDetokenizer(lang=language)


# Full-width and Chinese punctuation, as Moses' own script has it.
_PUNCTUATION = str.maketrans(
    dict(
        zip(
            "，、”“∶：？《》）！（；１」「０３２５６９７８４～’━〈〉【】％",
            ',,""::?"")!(;1""032569784~\'-<>[]%',
            strict=True,
        )
    )
    | {"…": "..."}
)


def plain_punctuation(text: str) -> str:
    """Chinese punctuation and full-width digits as ASCII; a full stop takes the blanks behind it."""
    return re.sub(r"[。．]\s*", ". ", text).translate(_PUNCTUATION)


def without_accents(words: Sequence[str]) -> list[str]:
    """Words in lower case, without marks upon their letters."""
    text = unicodedata.normalize("NFD", " ".join(words).lower())
    return "".join(char for char in text if unicodedata.category(char) != "Mn").lower().split(" ")


_ROMANIAN = str.maketrans("ŞşŢţȘșȚțĂăÂâÎî", "SsTtSsTtAaAaIi")


class Moses(WordBpe):
    """What these classes share: merges without a first line, </w> at a word's end, Moses."""

    header = False

    def _made(self) -> None:
        _sacremoses()
        ranks = self.bpe_ranks
        self._pieces = lru_cache(1 << 16)(lambda word: merged(word, ranks))

    def bpe(self, token: str) -> str:
        """A word's pieces, with blanks between them."""
        return " ".join(self._pieces(token))

    def moses_punct_norm(self, text: str, lang: str) -> str:
        """Punctuation as Moses normalizes it for a language."""
        return _normalizer(lang).normalize(text)

    def moses_tokenize(self, text: str, lang: str) -> list[str]:
        """A text's words."""
        return _splitter(lang).tokenize(text, return_str=False, escape=False)

    def moses_pipeline(self, text: str, lang: str) -> str:
        """Punctuation made plain, and no characters that cannot be printed."""
        text = self.moses_punct_norm(plain_punctuation(text), lang)
        return "".join(char for char in text if not unicodedata.category(char).startswith("C"))

    def _pieces_of(self, words: Sequence[str]) -> list[str]:
        return [piece for word in words if word for piece in self._pieces(word)]


# -- XLM and FlauBERT


def xlm_tokens(options: Json) -> None:
    """<special0> to <special9>, of which <special1> is the mask."""
    default_extra(options, [f"<special{i}>" for i in range(10)])


def flaubert_tokens(options: Json) -> None:
    """The same; accents stay, whatever XLM's option says."""
    options.pop("do_lowercase_and_remove_accent", None)
    xlm_tokens(options)


class XLM(Moses):
    """Conneau and Lample 2019, arXiv:1901.07291: many languages; lower case without accents unless told otherwise."""

    lang_with_custom_tokenizer = frozenset({"zh", "th", "ja"})

    def _load(self, vocab: Any, merges: Any, settings: dict[str, Any]) -> None:
        super()._load(vocab, merges, settings)
        self.lang2id, self.id2lang = languages, numbers = settings.get("lang2id"), settings.get("id2lang")
        if languages is not None and numbers is not None and len(languages) != len(numbers):
            raise ValueError(f"lang2id has {len(languages)} languages, and id2lang {len(numbers)}.")
        self.do_lowercase_and_remove_accent = settings.get("do_lowercase_and_remove_accent", False)

    @property
    def do_lower_case(self) -> bool:
        """Whether words lose their case and accents."""
        return self.do_lowercase_and_remove_accent

    def _frame(self, second: bool) -> list[int | str | None]:
        bos, sep = self.bos_token_id, self.sep_token_id
        return [bos, "A", sep, *(["B", sep] if second else [])]

    def ja_tokenize(self, text: str) -> list[str]:
        """Japanese words, by KyTea."""
        kytea = needed("Mykytea", "kytea", "Japanese words are found by KyTea").Mykytea
        return list(kytea(f"-model {os.path.expanduser('~')}/local/share/kytea/model.bin").getWS(text))

    def _tokenize(self, text: str, lang: str = "en", bypass_tokenizer: bool = False) -> list[str]:
        """A text's pieces.

        Args:
            lang: the language, as Moses names it.
            bypass_tokenizer: the text is cut into words, by blanks.
        """
        if bypass_tokenizer:
            return self._pieces_of(text.split())
        if lang == "zh":
            jieba = needed("rjieba", "rjieba", "Chinese words are found by rjieba")
            words = self.moses_pipeline(" ".join(jieba.cut(text)), lang).split()
        else:
            text = self.moses_pipeline(text, lang)
            if lang == "th":
                words = needed("pythainlp.tokenize", "pythainlp", "Thai words are found by PyThaiNLP").word_tokenize(
                    text
                )
            elif lang == "ja":
                words = self.ja_tokenize(text)
            else:
                words = self.moses_tokenize(text.translate(_ROMANIAN) if lang == "ro" else text, lang)
        return self._pieces_of(without_accents(words) if self.do_lowercase_and_remove_accent else words)

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Pieces -> text."""
        return "".join(tokens).replace(END, " ").strip()


class Flaubert(XLM):
    """Le et al. 2020, arXiv:1912.05372: French; accents stay, and the case too unless `do_lowercase`."""

    def preprocess_text(self, text: str) -> str:
        """One kind of quotation mark, one code point a letter."""
        text = unicodedata.normalize("NFC", text.replace("``", '"').replace("''", '"'))
        return text.lower() if self.init_kwargs["do_lowercase"] else text

    def _tokenize(self, text: str, bypass_tokenizer: bool = False) -> list[str]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """A text's pieces; `bypass_tokenizer`: it is cut into words, by blanks."""
        if bypass_tokenizer:
            return self._pieces_of(text.split())
        return self._pieces_of(self.moses_tokenize(self.moses_pipeline(self.preprocess_text(text), "fr"), "fr"))


# -- two vocabularies


class _Escaped(Moses):
    """Words as Moses writes them for translation: dashes apart, &apos; for an apostrophe; joined again by Moses."""

    language = "en"  # of what is written

    def moses_tokenize(self, text: str, lang: str) -> list[str]:
        """A text's words."""
        return _splitter(lang).tokenize(text, aggressive_dash_splits=True, return_str=False, escape=True)

    def moses_detokenize(self, tokens: list[str], lang: str) -> str:
        """Words -> text."""
        return _joiner(lang).detokenize(tokens)

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Pieces -> text."""
        words = "".join(token.replace(" ", "").replace(END, " ") for token in tokens).split()
        return self.moses_detokenize(words, self.language)


class FSMT(_Escaped):
    """Ng et al. 2019, arXiv:1907.06616: a vocabulary for what is translated, another for the translation.

    FSMTTokenizer(["en", "ru"], "vocab-src.json", "vocab-tgt.json", "merges.txt")
    """

    def __init__(
        self,
        langs: Sequence[str] | None = None,
        src_vocab_file: str | os.PathLike | None = None,
        tgt_vocab_file: str | os.PathLike | None = None,
        merges_file: str | os.PathLike | None = None,
        **options: Any,
    ):
        source = options.pop("vocab_file", None) or src_vocab_file
        super().__init__(source, merges_file, langs=langs, tgt_vocab_file=tgt_vocab_file, **options)

    def _load(self, vocab: Any, merges: Any, settings: dict[str, Any]) -> None:
        langs = settings["langs"]
        if not isinstance(langs, list | tuple) or len(langs) != 2:
            raise ValueError(f"langs={langs!r}; FSMT translates between two languages: langs=['en', 'ru'].")
        self.src_lang, self.tgt_lang = langs
        self.language = self.tgt_lang
        target = settings.pop("tgt_vocab_file", None)
        if vocab is None or merges is None or target is None:
            raise ValueError(
                "FSMTTokenizer is made from vocab-src.json, vocab-tgt.json and merges.txt: pass src_vocab_file=, "
                "tgt_vocab_file= and merges_file=."
            )
        super()._load(vocab, merges, settings)
        self.decoder_of_ids = {id: token for token, id in read_vocab(target).items()}

    @property
    def src_vocab_size(self) -> int:
        """Tokens of the language that is translated."""
        return len(self.encoder)

    @property
    def tgt_vocab_size(self) -> int:
        """Tokens of the language that is written."""
        return len(self.decoder_of_ids)

    def get_src_vocab(self) -> dict[str, int]:
        """token -> id of the language that is translated."""
        return self.get_vocab()

    def get_tgt_vocab(self) -> dict[int, Any]:
        """id -> token of the language that is written."""
        return self.decoder_of_ids | self.added_tokens_decoder

    def _frame(self, second: bool) -> list[int | str | None]:
        sep = self.sep_token_id
        return ["A", sep, *(["B", sep] if second else [])]

    def _tokenize(self, text: str, lang: str = "en", bypass_tokenizer: bool = False) -> list[str]:
        """A text's pieces, in the language that is translated, whatever `lang` says.

        Args:
            bypass_tokenizer: the text is cut into words, by blanks.
        """
        text = text.lower() if self.init_kwargs["do_lower_case"] else text
        if bypass_tokenizer:
            return self._pieces_of(text.split())
        return self._pieces_of(self.moses_tokenize(self.moses_pipeline(text, self.src_lang), self.src_lang))

    def save_files(self) -> dict[str, str | bytes]:
        """vocab-src.json, vocab-tgt.json and merges.txt."""
        files = super().save_files()
        target = {token: id for id, token in self.decoder_of_ids.items()}
        written = json.dumps(target, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        return {
            "vocab-src.json": files["vocab.json"],
            "vocab-tgt.json": written,
            "merges.txt": files["merges.txt"],
        }


class BioGpt(_Escaped):
    """Luo et al. 2022, arXiv:2210.10341: the separator before each text."""

    def _tokenize(self, text: str) -> list[str]:
        return self._pieces_of(self.moses_tokenize(text, self.language))

    def _frame(self, second: bool) -> list[int | str | None]:
        sep = self.sep_token_id
        return [sep, "A", *([sep, "B"] if second else [])]
