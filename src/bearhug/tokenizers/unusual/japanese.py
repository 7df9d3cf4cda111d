"""GPT-NeoX's Japanese tokenizer (abeja 2022): variants of a word share an id, emojis have names, other characters are
bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bearhug.tokenizers.unusual.python_tokenizer import PythonTokenizer

_SPACES = [(" ", "<SP>"), ("\u3000", "<SP>"), ("\r\n", "<BR>"), ("\n", "<BR>"), ("\r", "<BR>"), ("\t", "<TAB>")]
_SPACES += [("—", "ー"), ("−", "ー")]
_BACK = {"<SP>": " ", "<BR>": "\n", "<TAB>": "\t", "<BLOCK>": "▀", "<KIGOU>": "ǀ", "<U2000U2BFF>": "‖"}

_DAY = "(?:0?[1-9]|[12][0-9]|3[01])"
_MONTH = "(?:0?[1-9]|1[0-2])"
_WEEKDAY = r"\(日\)|\(月\)|\(火\)|\(水\)|\(木\)|\(金\)|\(土\)|㈰|㈪|㈫|㈬|㈭|㈮|㈯"
_TIME = rf"(?:\d{{1,2}}|:|\d{{1,2}}時|\d{{1,2}}分|{_WEEKDAY})*"
_CURRENCY = "|".join(f"{power}{unit}" for unit in ("円", "ドル", "ユーロ") for power in ("千", "万", "千万", ""))
_MASKED = [
    (r"(?:https?|ftp)(?::\/\/[-_\.!~*\'()a-zA-Z0-9;\/?:\@&=\+$,%#]+)", "<URL>"),
    (r"[A-Za-z0-9\._+]*@[\-_0-9A-Za-z]+(?:\.[A-Za-z]+)*", "<EMAIL>"),
    (r"[\(]{0,1}[0-9]{2,4}[\)\-\(]{0,1}[0-9]{2,4}[\)\-]{0,1}[0-9]{3,4}", "<TEL>"),
    (rf"(?:[12]\d{{3}}[/\-年])*{_MONTH}[/\-月](?:{_DAY}日?)*{_TIME}", "<DATE>"),
    (rf"(?:明治|大正|昭和|平成|令和|㍾|㍽|㍼|㍻|\u32ff)\d{{1,2}}年{_MONTH}月{_DAY}日{_TIME}", "<DATE>"),
    (
        r"(?:\d,\d{3}|[\d億])*+(?:\d,\d{3}|[\d万])*+(?:\d,\d{3}|[\d千])*+"
        rf"(?:{_CURRENCY})+(?:\(税込\)|\(税抜\)|\+tax)*",
        "<PRICE>",
    ),
    ("[\u2500-\u259f]+", "<BLOCK>"),  # lines and blocks, a run of them as one
]
_MASKS = [(re.compile(pattern), mask) for pattern, mask in _MASKED]
# Letters of other scripts and signs in two bytes of UTF-8, which are all written <KIGOU>.
_SIGNS = [(0xC2A1, 0xC2BF), (0xC780, 0xC783), (0xCAB9, 0xCBBF), (0xCC80, 0xCDA2)]


def _kind_of(char: str) -> str | None:
    data = char.encode()
    code = int.from_bytes(data, "big")
    if len(data) == 2 and any(low <= code <= high for low, high in _SIGNS):
        return "<KIGOU>"
    return "<U2000U2BFF>" if len(data) == 3 and 0xE28080 <= code <= 0xE2B07F else None


class GPTNeoXJapanese(PythonTokenizer):
    """vocab.txt, an id a line with its variants between commas, and emoji.json."""

    def _load(self, vocab: Any, merges: Any, settings: dict[str, Any]) -> None:
        path = settings.pop("emoji_file", None)
        if vocab is None or path is None:
            raise ValueError(
                "GPTNeoXJapaneseTokenizer is made from vocab.txt and emoji.json: pass vocab_file= and emoji_file=."
            )
        with Path(vocab).open(encoding="utf-8") as lines:
            rows = [[line] if line == "," else line.rstrip("\n").split(",") for line in lines]
        self.ids_to_tokens = dict(enumerate(rows))
        self.raw_vocab = {",".join(row): id for id, row in self.ids_to_tokens.items()}
        self._set_encoder({word: id for id, row in self.ids_to_tokens.items() for word in row})
        self.emoji = json.loads(Path(path).read_bytes())
        self.do_clean_text = settings["do_clean_text"]
        self._longest = max(map(len, self.encoder))

    @property
    def vocab(self) -> dict[str, int]:
        """Each variant of each token -> id."""
        return self.encoder

    def base_vocab(self) -> dict[str, int]:
        """A token's variants, with commas between them, -> id."""
        return dict(self.raw_vocab)

    def clean_text(self, content: str) -> str:
        """Addresses, numbers of telephones, dates, prices and frames, each as one sign."""
        for pattern, mask in _MASKS:
            content = pattern.sub(mask, content)
        while "<BLOCK><BLOCK>" in content:
            content = content.replace("<BLOCK><BLOCK>", "<BLOCK>")
        return content

    def _tokenize(self, text: str) -> list[str]:
        for found, put in [*_SPACES, *self.emoji["emoji"].items()]:
            text = text.replace(found, put)
        text = self.clean_text(text) if self.do_clean_text else text
        out, at = [], 0
        while at < len(text):
            word = self._word_at(text, at)
            at += len(word) if word else 1
            if word:
                out.append(word)
            elif kind := _kind_of(text[at - 1]):
                out.append(kind)
            else:
                out += [f"<|byte{byte}|>" for byte in text[at - 1].encode()]
        return out

    def _word_at(self, text: str, at: int) -> str:
        """Of the words that begin here the one with the least id; of the names in brackets the longest."""
        end = min(len(text), at + self._longest + 1) if text[at] == "<" else at + 3
        found = []
        for stop in range(end, at, -1):
            word = text[at:stop]
            if word in self.encoder:
                if word[0] == "<" and len(word) > 2:
                    return word
                found.append(word)
        return min(found, key=lambda word: self.encoder[word], default="")

    def _convert_id_to_token(self, id: int) -> str | None:
        """A token's first variant, or the text that it stands for."""
        if id not in self.ids_to_tokens:
            return None
        word = self.ids_to_tokens[id][0]
        if word.startswith("<|byte") and word.endswith("|>"):
            return bytes([int(word[6:-2])]).decode(errors="replace")
        if word.startswith("<|emoji") and word.endswith("|>"):
            return self.emoji["emoji_inv"][word]
        return _BACK.get(word, word)

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Tokens -> text."""
        return "".join(tokens).strip()

    def save_files(self) -> dict[str, str | bytes]:
        """vocab.txt and emoji.json."""
        lines = "".join(f"{','.join(row)}\n" for row in self.ids_to_tokens.values())
        return {"vocab.txt": lines, "emoji.json": json.dumps(self.emoji)}
