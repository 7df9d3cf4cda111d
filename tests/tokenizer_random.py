"""Random tokenizer.json files: every component in every setting, small vocabularies, odd texts.

description = Maker(seed).tokenizer()
"""

import base64
import random
import struct
from collections.abc import Callable, Mapping

from tokenizer_folders import bpe, byte_alphabet

Json = dict

BEHAVIORS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
SCHEMES = ["first", "always", "never"]
STRINGS = ["a", " ", "  ", "the", "", "\n", "▁", "é", "o", "aa", "!"]
REGEXES = [
    *(r"\s+", r"\w+", r"\d", r" ", r"[aeiou]", r"\p{L}+|\p{N}+", r"\s*", r"x*", r"(?i)the|a", r"[^\s]+", r".", r"$"),
    *(r"^", r"\b", r"(?<=a)b?", r" {2,}", r"", r"\p{Han}", r"[[:punct:]]", r"\S{1,3}", r"(?=[A-Z])", r"\B", r"\R"),
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
]
LETTERS = [*map(chr, range(33, 127)), *"éüñ中文▁Ġ", *byte_alphabet()]
WORDS = "the of and to in a is hello world ing er tion quick brown naïve ▁the ▁ ▁a Ġthe 中文 12 th".split()
SPECIAL = {"[CLS]": 1, "[SEP]": 2}
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def charsmap(rules: Mapping[str, str]) -> bytes:
    """SentencePiece's charsmap of a few replacements: a double array in darts-clone's units, a block of 256 a node."""
    children: list[dict[int, int]] = [{}]
    ends: dict[int, int] = {}
    texts = b""
    for source, target in sorted(rules.items()):
        node = 0
        for byte in source.encode():
            if byte not in children[node]:
                children[node][byte] = len(children)
                children.append({})
            node = children[node][byte]
        ends[node] = len(texts)
        texts += target.encode() + b"\0"
    units, at = [0] * (256 * (len(children) + 1)), {0: 0}
    for node, below in enumerate(children):
        base = 256 * (node + 1)
        units[at[node]] |= (base ^ at[node]) << 10 | (1 << 8 if node in ends else 0)
        units[base] = 1 << 31 | ends.get(node, 0)
        for byte, child in below.items():
            at[child] = base ^ byte
            units[at[child]] |= byte
    return struct.pack("<I", 4 * len(units)) + struct.pack(f"<{len(units)}I", *units) + texts


CHARSMAP = charsmap(
    {"a": "xy", "é": "", "e": "E", "中": "zh", "ab": "q", "ﬁ": "fi", "½": "1⁄2", "\u2003": " ", "\t": " ", "Å": "A"}
)


class Maker:
    """Draws descriptions; the same seed gives the same ones."""

    def __init__(self, seed: int):
        self.dice = random.Random(seed)

    def flag(self) -> bool:
        return self.dice.random() < 0.5

    def one(self, makes: list[Callable[[], Json]]) -> Json:
        return self.dice.choice(makes)()

    def pattern(self) -> Json:
        return {"String": self.dice.choice(STRINGS)} if self.flag() else {"Regex": self.dice.choice(REGEXES)}

    def normalizer(self, depth: int = 0) -> Json:
        flag, choice = self.flag, self.dice.choice
        makes = [
            lambda: {
                "type": "BertNormalizer",
                "clean_text": flag(),
                "handle_chinese_chars": flag(),
                "strip_accents": choice([None, True, False]),
                "lowercase": flag(),
            },
            lambda: {"type": choice(["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "ByteLevel", "Nmt"])},
            lambda: {"type": "Strip", "strip_left": flag(), "strip_right": flag()},
            lambda: {"type": "Replace", "pattern": self.pattern(), "content": choice(["x", " ", "▁", "éé", "  "])},
            lambda: {"type": "Replace", "pattern": {"Regex": choice([r"\s+", "[aeo]"])}, "content": ""},
            lambda: {"type": "Prepend", "prepend": choice(["▁", " ", "xy"])},
            lambda: {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(CHARSMAP).decode()},
        ]
        if depth < 2:
            parts = range(self.dice.randrange(4))
            makes.append(lambda: {"type": "Sequence", "normalizers": [self.normalizer(depth + 1) for _ in parts]})
        return self.one(makes)

    def byte_level(self) -> Json:
        flag = self.flag
        return {"type": "ByteLevel", "add_prefix_space": flag(), "trim_offsets": flag(), "use_regex": flag()}

    def metaspace(self, marks: str) -> Json:
        mark, scheme = self.dice.choice(marks), self.dice.choice(SCHEMES)
        return {"type": "Metaspace", "replacement": mark, "prepend_scheme": scheme, "split": self.flag()}

    def pre_tokenizer(self, depth: int = 0) -> Json:
        flag, choice = self.flag, self.dice.choice
        makes = [
            self.byte_level,
            lambda: {"type": choice(["BertPreTokenizer", "Whitespace", "WhitespaceSplit", "UnicodeScripts"])},
            lambda: {"type": "Punctuation", "behavior": choice(BEHAVIORS)},
            lambda: {"type": "Digits", "individual_digits": flag()},
            lambda: {"type": "CharDelimiterSplit", "delimiter": choice(" a\n▁é")},
            lambda: self.metaspace("▁_a "),
            lambda: {"type": "Split", "pattern": self.pattern(), "behavior": choice(BEHAVIORS), "invert": flag()},
            lambda: {"type": "Split", "pattern": self.pattern(), "behavior": choice(BEHAVIORS), "invert": flag()},
            lambda: {"type": "FixedLength", "length": self.dice.randrange(1, 7)},
        ]
        if depth < 2:
            parts = range(self.dice.randrange(4))
            makes.append(lambda: {"type": "Sequence", "pretokenizers": [self.pre_tokenizer(depth + 1) for _ in parts]})
        return self.one(makes)

    def template(self) -> Json:
        choice, number = self.dice.choice, self.dice.randrange

        def pieces(sequences: str) -> list[Json]:
            out = [{"Sequence": {"id": name, "type_id": number(3)}} for name in sequences]
            for _ in range(number(4)):
                piece = {"SpecialToken": {"id": choice(list(SPECIAL)), "type_id": number(3)}}
                out.insert(number(len(out) + 1), piece)
            return out

        special = {}
        for name, id in SPECIAL.items():
            tokens = choice([[name], [name], [f"{name}0", f"{name}1"]])
            special[name] = {"id": name, "ids": [id] * len(tokens), "tokens": tokens}
        single, pair = pieces(choice(["A", "A", "AA"])), pieces(choice(["AB", "BA", "AB", "ABA"]))
        return {"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": special}

    def around(self, kind: str) -> Json:
        tokens = [list(self.dice.choice(list(SPECIAL.items()))) for _ in range(2)]
        return {"type": kind, "sep": tokens[0], "cls": tokens[1]}

    def roberta(self) -> Json:
        flags = {"trim_offsets": self.flag(), "add_prefix_space": self.flag()}
        return self.around("RobertaProcessing") | flags

    def post_processor(self) -> Json:
        """A part, or ByteLevel and a part in either order (behind a template the reference's answer is not certain)."""
        first = [lambda: self.around("BertProcessing"), self.roberta]
        if self.dice.random() < 0.7:
            return self.one([self.template, self.template, self.byte_level, *first])
        parts = [self.byte_level(), self.one([self.template, *first])]
        if self.flag():
            parts = [self.one(first), self.byte_level()]
        return {"type": "Sequence", "processors": parts[: self.dice.randrange(3)]}

    def decoder(self, depth: int = 0) -> Json:
        flag, choice, number = self.flag, self.dice.choice, self.dice.randrange
        makes = [
            self.byte_level,
            lambda: {"type": "WordPiece", "prefix": choice(["##", "", "a"]), "cleanup": flag()},
            lambda: {"type": "BPEDecoder", "suffix": choice(["</w>", "", "e"])},
            lambda: {"type": choice(["ByteFallback", "ByteFallback", "Fuse"])},
            lambda: {"type": "Replace", "pattern": self.pattern(), "content": choice(["", " ", "x"])},
            lambda: {"type": "Strip", "content": choice(" ▁a"), "start": number(3), "stop": number(3)},
            lambda: self.metaspace("▁_ "),
            lambda: {
                "type": "CTC",
                "pad_token": choice(["<pad>", "", "a"]),
                "word_delimiter_token": choice(["|", "", "o"]),
                "cleanup": flag(),
            },
        ]
        if depth < 2:
            parts = range(number(4))
            makes.append(lambda: {"type": "Sequence", "decoders": [self.decoder(depth + 1) for _ in parts]})
        return self.one(makes)

    def model(self) -> Json:
        return self.one([self.bpe, self.wordpiece, self.wordlevel, self.unigram])

    def first(self) -> list[str]:
        return ["<unk>", *SPECIAL]

    def some_letters(self, least: int) -> list[str]:
        return self.dice.sample(LETTERS, self.dice.randrange(least, len(LETTERS)))

    def pieces(self) -> list[str]:
        return WORDS + ["".join(self.dice.choice("etaoin▁") for _ in range(3)) for _ in range(20)]

    def bpe(self) -> Json:
        pieces, first = self.pieces(), self.first() + (BYTES if self.flag() else [])
        affixes = self.dice.choice([(None, None)] * 3 + [("##", None), (None, "</w>"), ("##", "</w>"), ("", "")])
        alphabet = self.some_letters(40) + [letter for piece in pieces for letter in piece]
        vocab, merges = bpe(first, pieces, list(dict.fromkeys(alphabet)))
        if any(affixes):
            prefix, suffix = affixes[0] or "", affixes[1] or ""
            forms = [prefix + letter + end for letter in alphabet for end in ("", suffix)]
            vocab = {
                token: id for id, token in enumerate(dict.fromkeys([*vocab, *forms, *(a + suffix for a in alphabet)]))
            }
            merges = []
        return {
            "type": "BPE",
            "dropout": None,
            "unk_token": self.dice.choice([None, "<unk>", "<unk>"]),
            "continuing_subword_prefix": affixes[0],
            "end_of_word_suffix": affixes[1],
            "fuse_unk": self.flag(),
            # The bytes of an affix would count as bytes of the text: the reference's offsets are then beyond it.
            "byte_fallback": self.flag() and not any(affixes),
            "ignore_merges": self.flag(),
            "vocab": vocab,
            "merges": [merge.split(" ") for merge in merges] if self.flag() else merges,
        }

    def wordpiece(self) -> Json:
        prefix = self.dice.choice(["##", "##", "", "e"])
        tokens = self.first() + WORDS + [prefix + word for word in WORDS] + self.some_letters(40)
        tokens += [prefix + letter for letter in self.some_letters(40)]
        return {
            "type": "WordPiece",
            "unk_token": "<unk>",
            "continuing_subword_prefix": prefix,
            "max_input_chars_per_word": self.dice.choice([100, 100, 3, 0, 10]),
            "vocab": {token: id for id, token in enumerate(dict.fromkeys(tokens))},
        }

    def wordlevel(self) -> Json:
        tokens = self.first() + WORDS + LETTERS
        vocab = {token: id for id, token in enumerate(dict.fromkeys(tokens))}
        return {"type": "WordLevel", "vocab": vocab, "unk_token": "<unk>"}

    def unigram(self) -> Json:
        tokens = self.first() + (BYTES if self.flag() else []) + self.pieces() + self.some_letters(40)
        digits = self.dice.choice([0, 3])  # whole numbers make ties
        vocab = [[token, round(self.dice.uniform(-9, 0), digits)] for token in tokens]
        return {"type": "Unigram", "unk_id": self.dice.choice([0, 0, 5]), "vocab": vocab, "byte_fallback": self.flag()}

    def added_tokens(self, model: Json) -> list[Json]:
        vocab = model["vocab"]
        ids = (
            dict(vocab) if isinstance(vocab, dict) else {token: id for id, (token, _) in reversed([*enumerate(vocab)])}
        )
        plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
        out = [{"id": id, "content": token} | plain for id, token in enumerate(self.first()) if self.flag()]
        new = len(vocab)
        for content in self.dice.sample(
            ["<mask>", "the quick", "É", "hello", "qu", "[X]", "12"], self.dice.randrange(4)
        ):
            if content not in ids:
                ids[content], new = new, new + 1
            out.append({"id": ids[content], "content": content} | {flag: self.flag() for flag in plain})
        return sorted(out, key=lambda token: token["id"])

    def tokenizer(self) -> Json:
        model = self.model()
        maybe = lambda make: make() if self.dice.random() < 0.6 else None  # noqa: E731
        return {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": self.added_tokens(model),
            "normalizer": maybe(self.normalizer),
            "pre_tokenizer": maybe(self.pre_tokenizer),
            "post_processor": maybe(self.post_processor),
            "decoder": maybe(self.decoder),
            "model": model,
        }
