"""WordPiece behind another way to find words: Japanese (MeCab, Sudachi, Juman++, or characters), ProphetNet; and ESM,
whose words are amino acids.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bearhug.tokenizers import file
from bearhug.tokenizers.classes.kind import text as text_of
from bearhug.tokenizers.unusual.python_tokenizer import PythonTokenizer
from bearhug.tokenizers.unusual.sentencepieces import Loaded, without_commas_behind_digits

LONGEST_WORD = 100  # characters; a longer one is unknown


def words_of_bert(lower: bool, chinese: bool, strip_accents: bool | None) -> Callable[[str], list[str]]:
    """BERT's way to find words."""
    normalizer = file.normalizer(
        {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": chinese,
            "strip_accents": strip_accents,
            "lowercase": lower,
        }
    )
    words_alone = {"type": "WordLevel", "vocab": {"[UNK]": 0}, "unk_token": "[UNK]"}
    splitter = file.build({"pre_tokenizer": {"type": "BertPreTokenizer"}, "model": words_alone})
    assert normalizer is not None

    def words(text: str) -> list[str]:
        # NFC first, as BERT's own code has it: one letter is not two because of how it is written.
        text = normalizer.normalize(unicodedata.normalize("NFC", text))
        spans = splitter.encode_batch([text], add_special_tokens=False, offsets=True).row(0, "offsets")
        return [text[start:end] for start, end in spans]

    return words


def pieces_of(word: str, vocab: dict[str, int], unknown: str) -> list[str]:
    """The longest pieces from the left, ## before all but the first."""
    out: list[str] = []
    for part in word.split():
        if len(part) > LONGEST_WORD:
            out.append(unknown)
            continue
        start, pieces = 0, []
        while start < len(part):
            end = next((e for e in range(len(part), start, -1) if ("##" * (start > 0)) + part[start:e] in vocab), None)
            if end is None:
                pieces = [unknown]
                break
            pieces.append(("##" * (start > 0)) + part[start:end])
            start = end
        out += pieces
    return out


def lines_of(path: Any) -> dict[str, int]:
    """token -> id, from a file with a token a line."""
    with Path(path).open(encoding="utf-8") as lines:
        return {line.rstrip("\n"): id for id, line in enumerate(lines)}


class WordPieces(PythonTokenizer):
    """Pieces in a file, ## before those that do not begin a word."""

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Pieces -> text."""
        return " ".join(tokens).replace(" ##", "").strip()

    def save_files(self) -> dict[str, str | bytes]:
        """The vocabulary, a token a line."""
        words = sorted(self.encoder.items(), key=lambda item: item[1])
        name = self.kind.files[0] if self.kind.files else "vocab.txt"
        return {name: "".join(f"{word}\n" for word, _ in words)}


class ProphetNet(WordPieces):
    """Qi et al. 2020, arXiv:2001.04063: BERT's way, a separator behind each text and nothing before."""

    def _load(self, vocab: Any, merges: Any, settings: dict[str, Any]) -> None:
        if vocab is None:
            raise ValueError(f"{type(self).__name__} is made from a prophetnet.tokenizer: pass vocab_file=.")
        self._set_encoder(lines_of(vocab))
        self._settings = {key: settings[key] for key in ("do_lower_case", "tokenize_chinese_chars", "strip_accents")}
        self.do_basic_tokenize = settings["do_basic_tokenize"]

    def _tokenize(self, text: str) -> list[str]:
        about = self._settings
        words = [text]
        if self.do_basic_tokenize:
            find = words_of_bert(about["do_lower_case"], about["tokenize_chinese_chars"], about["strip_accents"])
            words = find(text)
        return [piece for word in words for piece in pieces_of(word, self.encoder, str(self.unk_token))]

    def _frame(self, second: bool) -> list[int | str | None]:
        sep = self.sep_token_id
        return ["A", sep, "B", sep] if second else ["A", sep]


class Esm(PythonTokenizer):
    """Lin et al. 2022: a protein's amino acids, each a token of its own."""

    def _load(self, vocab: Any, merges: Any, settings: dict[str, Any]) -> None:
        if vocab is None:
            raise ValueError(f"{type(self).__name__} is made from a vocab.txt: pass vocab_file=.")
        lines = Path(vocab).read_text(encoding="utf-8").splitlines()
        self.all_tokens = [line.strip() for line in lines]
        self._set_encoder({token: id for id, token in enumerate(self.all_tokens)})

    def whole_tokens(self) -> list[str]:
        """Every token of the vocabulary."""
        return self.all_tokens

    def _frame(self, second: bool) -> list[int | str | None]:
        cls, end = self.cls_token_id, self.eos_token_id
        if second and end is None:
            raise ValueError("a pair needs an end token between its texts; set tokenizer.eos_token.")
        return [cls, "A", *([] if end is None else [end]), *(["B", end] if second else [])]

    def save_files(self) -> dict[str, str | bytes]:
        """vocab.txt."""
        return {"vocab.txt": "\n".join(self.all_tokens)}


# -- Japanese


def _installed(module: str, package: str) -> Any:
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError:
        raise ImportError(f"this Japanese tokenizer needs {package}: pip install {package}") from None


def _mecab(mecab_dic: str | None = "unidic_lite", mecab_option: str | None = None) -> Callable[[str], list[str]]:
    fugashi = _installed("fugashi", "fugashi")
    option = mecab_option or ""
    if mecab_dic is not None:
        if mecab_dic not in ("ipadic", "unidic_lite", "unidic"):
            raise ValueError(f"mecab_dic={mecab_dic!r} is unknown; expected 'ipadic', 'unidic_lite' or 'unidic'.")
        folder = Path(_installed(mecab_dic, mecab_dic.replace("_", "-")).DICDIR)
        if not folder.is_dir():
            raise RuntimeError(f"the dictionary {mecab_dic} is not there: python -m {mecab_dic} download")
        option = f'-d "{folder}" -r "{folder / "mecabrc"}" {option}'
    tagger = fugashi.GenericTagger(option)
    return lambda text: [word.surface for word in tagger(text)]


def _sudachi(
    sudachi_split_mode: str = "A",
    sudachi_config_path: str | None = None,
    sudachi_resource_dir: str | None = None,
    sudachi_dict_type: str = "core",
    sudachi_projection: str | None = None,
    trim_whitespace: bool = False,
) -> Callable[[str], list[str]]:
    sudachi = _installed("sudachipy", "sudachipy")
    if sudachi_split_mode not in ("A", "B", "C"):
        raise ValueError(f"sudachi_split_mode={sudachi_split_mode!r} is unknown; expected 'A', 'B' or 'C'.")
    mode = getattr(sudachi.Tokenizer.SplitMode, sudachi_split_mode)
    made = sudachi.Dictionary(
        config_path=sudachi_config_path, resource_dir=sudachi_resource_dir, dict=sudachi_dict_type
    ).create(mode, projection=sudachi_projection)

    def words(text: str) -> list[str]:
        found = [word.surface() for word in made.tokenize(text)]
        return [word for word in found if word.strip()] if trim_whitespace else found

    return words


def _jumanpp(trim_whitespace: bool = False) -> Callable[[str], list[str]]:
    analyser = _installed("rhoknp", "rhoknp").Jumanpp()

    def words(text: str) -> list[str]:
        found = [word.surf for word in analyser.apply_to_sentence(text.strip()).morphemes]
        return [word for word in found if word.strip()] if trim_whitespace else found

    return words


ANALYSERS = {"mecab": _mecab, "sudachi": _sudachi, "jumanpp": _jumanpp}


class BertJapanese(WordPieces):
    """BERT for Japanese: words by an analyser, then WordPiece, characters or a SentencePiece model."""

    special_tokens_pattern = "cls_sep"

    def _load(self, vocab: Any, merges: Any, settings: dict[str, Any]) -> None:
        self.word_tokenizer_type = settings["word_tokenizer_type"] if settings["do_word_tokenize"] else None
        self.subword_tokenizer_type = settings["subword_tokenizer_type"]
        self.lower_case = settings["do_lower_case"]
        self._unknown = text_of(settings["unk_token"])
        self._about = {key: settings.get(f"{key}_kwargs") or {} for key in ANALYSERS}
        self._cuts = settings["do_subword_tokenize"]
        self._spm: Loaded | None = None
        path, words = settings.pop("spm_file", None), settings.pop("words_file", None)
        if self.subword_tokenizer_type == "sentencepiece":
            self._spm = Loaded(_given(path, "spm_file", "spiece.model"))
            self._set_encoder({piece: id for id, (piece, _) in enumerate(self._spm.engine.model.pieces)})
        elif self.subword_tokenizer_type in ("wordpiece", "character"):
            self._set_encoder(lines_of(_given(words if vocab is None else vocab, "vocab_file", "vocab.txt")))
        else:
            raise ValueError(
                f"subword_tokenizer_type={self.subword_tokenizer_type!r} is unknown; expected 'wordpiece', 'character' "
                "or 'sentencepiece'."
            )
        self._never_split = list(settings.get("never_split") or [])
        self._analyse()

    def _analyse(self) -> None:
        """The function that finds words.

        Raises:
            ImportError: the library that it needs is not installed.
        """
        kind = self.word_tokenizer_type
        about = dict(self._about.get(str(kind), {}))
        normalizes = about.pop("normalize_text", True)
        if kind is None:
            self._words: Callable[[str], list[str]] = lambda text: [text]
        elif kind == "basic":
            self._words = words_of_bert(self.lower_case, chinese=False, strip_accents=None)
        elif kind in ANALYSERS:
            find = ANALYSERS[kind](**about)

            def words(text: str) -> list[str]:
                kept = {*self._never_split, *self.all_special_tokens}
                found = find(unicodedata.normalize("NFKC", text) if normalizes else text)
                return [word.lower() if self.lower_case and word not in kept else word for word in found]

            self._words = words
        else:
            raise ValueError(f"word_tokenizer_type={kind!r} is unknown; expected 'basic' or one of {[*ANALYSERS]}.")

    @property
    def do_lower_case(self) -> bool:
        """Whether words are put into lower case."""
        return self.lower_case

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in super().__getstate__().items() if key != "_words"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._analyse()

    def _tokenize(self, text: str) -> list[str]:
        words = self._words(text)
        return [piece for word in words for piece in self._pieces(word)] if self._cuts else words

    def _pieces(self, word: str) -> list[str]:
        if self._spm is not None:
            return _pieces_of_albert(self._spm, word)
        if self.subword_tokenizer_type == "character":
            text = unicodedata.normalize("NFKC", word)
            return [char if char in self.encoder else self._unknown for char in text]
        return pieces_of(word, self.encoder, self._unknown)

    def _convert_token_to_id(self, token: str) -> int | None:
        return super()._convert_token_to_id(token) if self._spm is None else self._spm.engine.piece_to_id(token)

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Pieces -> text."""
        return super().convert_tokens_to_string(tokens) if self._spm is None else self._spm.engine.decode(tokens)

    def save_files(self) -> dict[str, str | bytes]:
        """vocab.txt, or spiece.model as it was read."""
        return super().save_files() if self._spm is None else {"spiece.model": self._spm.data}


def _pieces_of_albert(spm: Loaded, text: str) -> list[str]:
    """Pieces as ALBERT takes them: one blank between words, and no comma behind a digit in one piece."""
    plain = " ".join(text.split()).replace("``", '"').replace("''", '"')
    return without_commas_behind_digits(spm.engine, spm.engine.pieces(plain))


def _given(path: Any, name: str, filename: str) -> Any:
    if path is None:
        raise ValueError(f"this Japanese tokenizer is made from a {filename}: pass {name}=.")
    return path
