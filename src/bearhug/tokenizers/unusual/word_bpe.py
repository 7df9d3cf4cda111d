"""BPE inside of words, as before bytes took over (Sennrich et al. 2016, arXiv:1508.07909): a word's last piece ends in
</w>, which CTRL, PhoBERT, BERTweet and Blenderbot Small write as @@ on all the others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from bearhug.tokenizers.classes.kind import text as text_of
from bearhug.tokenizers.file import read_vocab
from bearhug.tokenizers.unusual.python_tokenizer import PythonTokenizer

Ranks = dict[tuple[str, ...], int]
END = "</w>"


def merged(word: str, ranks: Ranks, end: str = END) -> list[str]:
    """A word's pieces, the last one with `end`: the pair of the best rank is merged everywhere, until none is left."""
    pieces = [*word[:-1], word[-1] + end]
    while len(pieces) > 1:
        pairs = set(pairwise(pieces))
        best = min(pairs, key=lambda pair: ranks.get(pair, 1 << 60))
        if best not in ranks:
            break
        out, at = [], 0
        while at < len(pieces):
            if tuple(pieces[at : at + 2]) == best:
                out.append(pieces[at] + pieces[at + 1])
                at += 2
            else:
                out.append(pieces[at])
                at += 1
        pieces = out
    return pieces


def with_marks(word: str, ranks: Ranks) -> list[str]:
    """A word's pieces, @@ behind all but the last."""
    if len(word) < 2:
        return [word]
    pieces = merged(word, ranks)
    return [f"{piece}@@" for piece in pieces[:-1]] + [pieces[-1].removesuffix(END)]


def read_ranks(path: Any, header: bool, counted: bool) -> Ranks:
    """The merges of a file, the best first.

    Args:
        header: the first line is none.
        counted: a line ends with a count.
    """
    lines = Path(path).read_text(encoding="utf-8").split("\n")[int(header) : -1]
    pairs = (line.split() for line in lines)
    return {tuple(pair[:-1] if counted else pair[:2]): rank for rank, pair in enumerate(pairs)}


class WordBpe(PythonTokenizer):
    """vocab.json and merges.txt, read from the second line on."""

    header = True

    def _load(self, vocab: Any, merges: Any, settings: dict[str, Any]) -> None:
        if vocab is None or merges is None:
            files = " and ".join(self.kind.files)
            raise ValueError(f"{type(self).__name__} is made from {files}: pass vocab_file= and merges_file=.")
        self._set_encoder(read_vocab(vocab))
        self._use(read_ranks(merges, self.header, counted=False))

    def _use(self, ranks: Ranks) -> None:
        self.bpe_ranks = ranks
        self._made()

    def _made(self) -> None:
        ranks = self.bpe_ranks
        self._pieces = lru_cache(1 << 16)(lambda word: with_marks(word, ranks))

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in super().__getstate__().items() if key != "_pieces"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._made()

    def _tokenize(self, text: str) -> list[str]:
        return [piece for word in re.findall(r"\S+\n?", text) for piece in self._pieces(word)]

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Pieces -> text."""
        return " ".join(tokens).replace("@@ ", "").strip()

    def save_files(self) -> dict[str, str | bytes]:
        """vocab.json and merges.txt."""
        head = "#version: 0.2\n" if self.header else ""
        merges = head + "".join(f"{' '.join(pair)}\n" for pair in self.bpe_ranks)
        vocab = json.dumps(self.encoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        return {"vocab.json": vocab, "merges.txt": merges}


# The words that CTRL's texts begin with, and their ids.
_CODES = (
    "Pregnancy=168629 Christianity=7675 Explain=106423 Fitness=63440 Saving=63163 Ask=27171 Ass=95985 Joke=163509 "
    "Questions=45622 Thoughts=49605 Retail=52342 Feminism=164338 Writing=11992 Atheism=192263 Netflix=48616 "
    "Computing=39639 Opinion=43213 Alone=44967 Funny=58917 Gaming=40358 Human=4088 India=1331 Joker=77138 Diet=36206 "
    "Legal=11859 Norman=4939 Tip=72689 Weight=52343 Movies=46273 Running=23425 Science=2090 Horror=37793 "
    "Confession=60572 Finance=12250 Politics=16360 Scary=191985 Support=12654 Technologies=32516 Teenage=66160 "
    "Event=32769 Learned=67460 Notion=182770 Wikipedia=37583 Books=6665 Extract=76050 Confessions=102701 "
    "Conspiracy=75932 Links=63674 Narcissus=150425 Relationship=54766 Relationships=134796 Reviews=41671 News=4256 "
    "Translation=26820 multilingual=128406"
)


class CTRL(WordBpe):
    """Keskar et al. 2019, arXiv:1909.05858."""

    token_type_ids_pattern = "all_zeros"
    control_codes = {word: int(id) for word, _, id in (pair.partition("=") for pair in _CODES.split())}  # noqa: RUF012


class BlenderbotSmall(WordBpe):
    """Roller et al. 2020, arXiv:2004.13637: lower case, punctuation apart."""

    def _tokenize(self, text: str) -> list[str]:
        pieces: list[str] = []
        for word in re.findall(r"\S+\n?", text):
            word = re.sub("([.,!?()])", r" \1", word)
            word = re.sub(r"\s{2,}", " ", re.sub("(')", r" \1 ", word)).replace("\n", " __newln__")
            # As in the reference, what comes to no piece between two blanks still counts as one.
            found = [piece for part in word.split(" ") if part for piece in self._pieces(part.lower())]
            pieces += found or [""]
        return pieces

    def _convert_token_to_id(self, token: str) -> int | None:
        return super()._convert_token_to_id(token.lower())


class _Counted(WordBpe):
    """A dictionary of "word count" lines behind four special tokens, and merges with counts."""

    def _load(self, vocab: Any, merges: Any, settings: dict[str, Any]) -> None:
        if vocab is None or merges is None:
            raise ValueError(f"{type(self).__name__} is made from two files: pass vocab_file= and merges_file=.")
        names = ("bos_token", "pad_token", "eos_token", "unk_token")
        encoder = {text_of(settings[name]): id for id, name in enumerate(names)}
        for number, line in enumerate(Path(vocab).read_text(encoding="utf-8").splitlines(), 1):
            word, blank, _ = line.strip().rpartition(" ")
            if not blank:
                raise ValueError(f"line {number} of {str(vocab)!r} is {line[:60]!r}; it must be a word and its count.")
            encoder[word] = len(encoder)
        self._set_encoder(encoder)
        self._use(read_ranks(merges, header=False, counted=True))

    def save_files(self) -> dict[str, str | bytes]:
        """vocab.txt and bpe.codes, with ids and 1 in place of the counts."""
        words = sorted((id, word) for word, id in self.encoder.items() if id >= 4)
        merges = "".join(f"{' '.join(pair)} 1\n" for pair in self.bpe_ranks)
        return {"vocab.txt": "".join(f"{word} {id}\n" for id, word in words), "bpe.codes": merges}


class PhoBert(_Counted):
    """Nguyen and Nguyen 2020, arXiv:2003.00744: Vietnamese, cut into words before (VnCoreNLP)."""

    special_tokens_pattern = "cls_double_sep"
    token_type_ids_pattern = "all_zeros"


class Bertweet(_Counted):
    """Nguyen et al. 2020, arXiv:2005.10200: tweets; `normalization=True` needs `nltk`, and `emoji` for emojis."""

    special_tokens_pattern = "cls_double_sep"
    token_type_ids_pattern = "all_zeros"

    def _tokenize(self, text: str) -> list[str]:
        if self.init_kwargs.get("normalization"):
            text = self.normalizeTweet(text)
        return super()._tokenize(text)

    def normalizeTweet(self, tweet: str) -> str:
        """A tweet as the model has seen it: @USER, HTTPURL, words apart, emojis in words.

        Raises:
            ImportError: `nltk`, whose splitter of tweets it takes, is not installed.
        """
        try:
            from nltk.tokenize import TweetTokenizer  # pyright: ignore[reportMissingImports]
        except ImportError:
            raise ImportError("BERTweet's normalization=True needs nltk: pip install nltk emoji") from None
        words = TweetTokenizer().tokenize(tweet.replace("’", "'").replace("…", "..."))
        text = " ".join(map(self.normalizeToken, words))
        for found, put in _APART:
            text = text.replace(found, put)
        return " ".join(text.split())

    def normalizeToken(self, token: str) -> str:
        """@USER for names, HTTPURL for addresses, words for emojis."""
        lower = token.lower()
        if token.startswith("@"):
            return "@USER"
        if lower.startswith(("http", "www")):
            return "HTTPURL"
        if len(token) != 1:
            return token
        try:
            from emoji import demojize  # pyright: ignore[reportMissingImports]
        except ImportError:
            return token
        return demojize(token)


_APART = [("cannot ", "can not "), ("n't ", " n't "), ("n 't ", " n't "), ("ca n't", "can't"), ("ai n't", "ain't")]
_APART += [(f"'{end} ", f" '{end} ") for end in ("m", "re", "s", "ll", "d", "ve")]
_APART += [(" p . m .", "  p.m."), (" p . m ", " p.m "), (" a . m .", " a.m."), (" a . m ", " a.m ")]
