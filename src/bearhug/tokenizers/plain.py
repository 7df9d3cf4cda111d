"""The tokenizer once more, in short plain Python: to read, to explain a split, to test the compiled core against.

A tokenizer.json is a line of stations, and so is this file from top to bottom:

    text -> added tokens -> normalizer -> pre-tokenizer -> model -> post-processor -> ids

Every character carries where in the text it comes from, so offsets need no bookkeeping: a normalizer that writes two
characters for one gives both its origin, and a token spans from its first character's start to its last one's end.

    >>> from bearhug.tokenizers import convert, plain
    >>> vocab = {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "un": 3, "##do": 4, "!": 5}
    >>> print(plain.explain(convert.like("bert", vocab), "Undo!"))
    text        'Undo!'
    normalized  'undo!'
    pieces      'undo' '!'
    tokens      'un' '##do' '!'
    ids         [1, 3, 4, 5, 2]
    offsets     [(0, 0), (0, 2), (2, 4), (4, 5), (0, 0)]

It is some hundred times slower than the core, and knows characters from Python's `unicodedata`, whose Unicode version
is another than the core's: of characters that are young in Unicode it may think otherwise. Truncation, padding and
training are the core's alone.
"""

import unicodedata
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

from bearhug.tokenizers.convert import byte_characters
from bearhug.tokenizers.patterns import GPT2, finder

Json = dict[str, Any]


class Char(NamedTuple):
    """A character and the part of the input that it stands for."""

    char: str
    start: int
    end: int


Text = list[Char]


class Token(NamedTuple):
    """A token, where it stands in its text, and the number of its piece; None where it was added around the text."""

    id: int
    text: str
    offsets: tuple[int, int]
    word: int | None


def encode(description: Json, text: str, pair: str | None = None, add_special_tokens: bool = True) -> list[Token]:
    """The tokens of a text, or of a pair of texts, by a tokenizer.json."""
    sequences = {"A": _tokens(description, text)}
    if pair is not None:
        sequences["B"] = _tokens(description, pair)
    return _post_process(description.get("post_processor"), sequences, add_special_tokens)


def explain(description: Json, text: str) -> str:
    """Each station's result for one text, to be read by a person."""
    normalized, pieces, tokens = [], [], []
    for part, id in _segments(description, text):
        if id is not None:
            pieces.append(string(part))
            continue
        normalized.append(string(_normalize(description.get("normalizer"), part)))
        pieces += map(string, _pieces(description, part))
    tokens = encode(description, text)
    inner = [token for token in tokens if token.word is not None]
    lines = {
        "text": repr(text),
        "normalized": " ".join(map(repr, normalized)),
        "pieces": " ".join(map(repr, pieces)),
        "tokens": " ".join(repr(token.text) for token in inner),
        "ids": str([token.id for token in tokens]),
        "offsets": str([token.offsets for token in tokens]),
    }
    return "\n".join(f"{name:<12}{line}" for name, line in lines.items())


def string(text: Text) -> str:
    """Only the characters."""
    return "".join(char.char for char in text)


def _offsets(text: Text) -> tuple[int, int]:
    return text[0].start, text[-1].end


def _tokens(description: Json, text: str) -> list[Token]:
    model, vocab = description["model"], description["model"]["vocab"]
    tokenize = MODELS[model["type"]]
    names = {id: token for token, id in vocab.items()}
    tokens, word = [], 0
    for part, id in _segments(description, text):
        if id is not None:
            tokens.append(Token(id, string(part), _offsets(part), word))
            word += 1
            continue
        for piece in _pieces(description, part):
            for id, start, end in tokenize(model, string(piece)):
                tokens.append(Token(id, names[id], _offsets(piece[start:end]), word))
            word += 1
    return tokens


# Added tokens are looked for first: those with normalized=False in the text itself, the others in the normalized text.


def _segments(description: Json, text: str) -> Iterator[tuple[Text, int | None]]:
    """The parts of a text between added tokens (id None, not normalized yet), and those tokens."""
    added = description.get("added_tokens", [])
    whole = [Char(char, at, at + 1) for at, char in enumerate(text)]
    raw = {token["content"]: token for token in added if not token["normalized"]}
    looked_for = {}
    for token in added:
        if token["normalized"]:
            content = [Char(char, 0, 0) for char in token["content"]]
            looked_for[string(_normalize(description.get("normalizer"), content))] = token
    for part, id in _find(whole, raw):
        if id is not None or not looked_for:
            yield part, id
        else:
            yield from _find(_normalize(description.get("normalizer"), part), looked_for)


def _find(text: Text, tokens: dict[str, Json]) -> Iterator[tuple[Text, int | None]]:
    """The longest token at the leftmost place, again and again."""
    characters, done, at = string(text), 0, 0
    while at < len(text):
        found = max(
            (content for content in tokens if content and characters.startswith(content, at)), key=len, default=None
        )
        if found is None:
            at += 1
            continue
        token, start, end = tokens[found], at, at + len(found)
        at = end
        if token["single_word"] and (_is_word(characters[start - 1 : start]) or _is_word(characters[end : end + 1])):
            continue
        while token["lstrip"] and start > done and _is_blank(characters[start - 1]):
            start -= 1
        while token["rstrip"] and end < len(text) and _is_blank(characters[end]):
            end += 1
        if start > done:
            yield text[done:start], None
        yield text[start:end], token["id"]
        done = end
    if done < len(text):
        yield text[done:], None


# White space as Unicode has it (Python's isspace counts four control characters more).
BLANKS = "".join(char for char in map(chr, range(0x3001)) if char.isspace() and char not in "\x1c\x1d\x1e\x1f")


def _is_blank(char: str) -> bool:
    return char in BLANKS


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_" or (char != "" and unicodedata.category(char)[0] == "M")


# Normalizers: Text -> Text.


def _normalize(part: Json | None, text: Text) -> Text:
    return text if part is None else NORMALIZERS[part["type"]](part, text)


def _each(change: Callable[[str], str]) -> Callable[[Json, Text], Text]:
    """A normalizer that changes one character at a time."""
    return lambda _, text: [Char(new, start, end) for char, start, end in text for new in change(char)]


def _bert(part: Json, text: Text) -> Text:
    if part["clean_text"]:
        text = [char for char in text if not _is_control(char.char)]
        text = [Char(" ", *char[1:]) if _is_blank(char.char) else char for char in text]
    if part["handle_chinese_chars"]:
        text = _each(lambda char: f" {char} " if _is_chinese(char) else char)(part, text)
    if part["lowercase"] if part["strip_accents"] is None else part["strip_accents"]:
        text = [char for char in _normal_form("NFD", text) if unicodedata.category(char.char) != "Mn"]
    return _each(str.lower)(part, text) if part["lowercase"] else text


def _is_control(char: str) -> bool:
    return char in "\0\ufffd" or (char not in "\t\n\r" and unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co"))


def _is_chinese(char: str) -> bool:
    blocks = ((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B81F), (0x2B920, 0x2CEAF))
    return any(low <= ord(char) <= high for low, high in (*blocks, (0xF900, 0xFAFF), (0x2F800, 0x2FA1F)))


def _normal_form(form: Any, text: Text) -> Text:
    """A new character has the origin of the old one at its place; one too many shares that of the one before."""
    decomposed = "NFKD" if "K" in form else "NFD"
    # (character, is it the first of what an old character became?), marks in canonical order behind their base
    atoms: list[tuple[str, bool]] = []
    for char in text:
        parts = unicodedata.normalize(decomposed, char.char)
        atoms += [(part, i == 0) for i, part in enumerate(parts)]
    ordered: list[tuple[str, bool]] = []
    for atom in atoms:
        at = len(ordered)
        while unicodedata.combining(atom[0]) and at > 0 and _class(ordered[at - 1]) > _class(atom):
            at -= 1
        ordered.insert(at, atom)
    result, done, used = [], 0, 0
    for char in unicodedata.normalize(form, string(text)):
        size = len(unicodedata.normalize(decomposed, char))
        taken = sum(first for _, first in ordered[done : done + size])
        result.append(Char(char, *text[used if taken else used - 1][1:]))
        done, used = done + size, used + taken
    return result


def _class(atom: tuple[str, bool]) -> int:
    return unicodedata.combining(atom[0])


def _replace(part: Json, text: Text) -> Text:
    result, done = [], 0
    for start, end in _matches(part["pattern"], text):
        result += text[done:start]
        result += [Char(char, *text[max(0, end - 1)][1:]) for char in part["content"]]
        done = end
    return result + text[done:]


def _strip(part: Json, text: Text) -> Text:
    kept = string(text)
    kept = kept.lstrip(BLANKS) if part["strip_left"] else kept
    start = len(text) - len(kept)
    kept = kept.rstrip(BLANKS) if part["strip_right"] else kept
    return text[start : start + len(kept)]


def _as_bytes(text: Text) -> Text:
    table = byte_characters()
    return _each(lambda char: "".join(table[byte] for byte in char.encode()))({}, text)


NORMALIZERS: dict[str, Callable[[Json, Text], Text]] = {
    "BertNormalizer": _bert,
    "NFC": lambda _, text: _normal_form("NFC", text),
    "NFD": lambda _, text: _normal_form("NFD", text),
    "NFKC": lambda _, text: _normal_form("NFKC", text),
    "NFKD": lambda _, text: _normal_form("NFKD", text),
    "Lowercase": _each(str.lower),
    "StripAccents": _each(lambda char: "" if unicodedata.category(char)[0] == "M" else char),
    "Strip": _strip,
    "Replace": _replace,
    "Prepend": lambda part, text: text and [Char(char, *text[0][1:]) for char in part["prepend"]] + text,
    "ByteLevel": lambda _, text: _as_bytes(text),
    "Sequence": lambda part, text: _through(_normalize, part["normalizers"], text),
}


def _through(station: Callable, parts: list[Json], text: Any) -> Any:
    for part in parts:
        text = station(part, text)
    return text


# Pre-tokenizers: Text -> pieces.


def _pieces(description: Json, text: Text) -> list[Text]:
    """The pieces of a part between added tokens; the normalizer does not change what it has already normalized away."""
    normalized = any(token["normalized"] for token in description.get("added_tokens", []))
    text = text if normalized else _normalize(description.get("normalizer"), text)
    return _split(description.get("pre_tokenizer"), [text] if text else [])


def _split(part: Json | None, pieces: list[Text]) -> list[Text]:
    if part is None:
        return pieces
    return [new for piece in pieces for new in PRE_TOKENIZERS[part["type"]](part, piece) if new]


def _matches(pattern: Json | Callable[[str], bool], text: Text) -> list[tuple[int, int]]:
    """Where a text, a regular expression, or single characters are found."""
    characters = string(text)
    if callable(pattern):
        return [(at, at + 1) for at, char in enumerate(characters) if pattern(char)]
    if "Regex" in pattern:
        flat = finder(pattern["Regex"])(characters)
        return list(zip(flat[::2], flat[1::2], strict=True))
    found, size = [], len(pattern["String"])
    at = characters.find(pattern["String"]) if size else -1
    while at >= 0:
        found.append((at, at + size))
        at = characters.find(pattern["String"], at + size)
    return found


def _cut(text: Text, pattern: Json | Callable[[str], bool], behavior: str, invert: bool = False) -> list[Text]:
    """A text cut at the matches of a pattern; the behavior says what becomes of them."""
    parts, done = [], 0
    for start, end in _matches(pattern, text):
        if start > done:
            parts.append((done, start, invert))
        parts.append((start, end, not invert))
        done = end
    if done < len(text):
        parts.append((done, len(text), invert))
    if behavior == "Removed":
        return [text[start:end] for start, end, match in parts if not match]
    merged: list[tuple[int, int]] = []
    before = False
    backwards = behavior == "MergedWithNext"
    for start, end, match in reversed(parts) if backwards else parts:
        joins = match == before if behavior == "Contiguous" else match and not before and behavior != "Isolated"
        if joins and merged:
            other = merged.pop()
            start, end = min(start, other[0]), max(end, other[1])
        merged.append((start, end))
        before = match
    return [text[start:end] for start, end in sorted(merged)]


def _byte_level(part: Json, text: Text) -> list[Text]:
    if part["add_prefix_space"] and text[0].char != " ":
        text = [Char(" ", *text[0][1:]), *text]
    pieces = _cut(text, {"Regex": GPT2}, "Isolated") if part.get("use_regex", True) else [text]
    return [_as_bytes(piece) for piece in pieces]


def _metaspace(part: Json, text: Text) -> list[Text]:
    mark = part["replacement"]
    scheme = part.get("prepend_scheme") or ("always" if part.get("add_prefix_space", True) else "never")
    text = _replace({"pattern": {"String": " "}, "content": mark}, text)
    if text[0].char != mark and (scheme == "always" or (scheme == "first" and text[0].start == 0)):
        text = [Char(mark, *text[0][1:]), *text]
    return _cut(text, {"String": mark}, "MergedWithNext") if part.get("split", True) else [text]


def _is_punctuation(char: str) -> bool:
    return unicodedata.category(char)[0] == "P" or char in "$+<=>^`|~"


def _is_number(char: str) -> bool:
    return unicodedata.category(char)[0] == "N"


# The reference's Whitespace counts joiners as parts of words, and no fractions and powers: unlike in its Split.
WORD = r"[[\w\u200c\u200d]--[²³¹¼½¾]]"


def _bert_pieces(_: Json, text: Text) -> list[Text]:
    words = [word for word in _cut(text, _is_blank, "Removed") if word]
    return [piece for word in words for piece in _cut(word, _is_punctuation, "Isolated")]


PRE_TOKENIZERS: dict[str, Callable[[Json, Text], list[Text]]] = {
    "ByteLevel": _byte_level,
    "BertPreTokenizer": _bert_pieces,
    "Whitespace": lambda _, text: _cut(text, {"Regex": rf"{WORD}+|[^{WORD}\s]+"}, "Removed", invert=True),
    "WhitespaceSplit": lambda _, text: _cut(text, _is_blank, "Removed"),
    "Punctuation": lambda part, text: _cut(text, _is_punctuation, part["behavior"]),
    "Digits": lambda part, text: _cut(text, _is_number, "Isolated" if part["individual_digits"] else "Contiguous"),
    "CharDelimiterSplit": lambda part, text: _cut(text, {"String": part["delimiter"]}, "Removed"),
    "Metaspace": _metaspace,
    "Split": lambda part, text: _cut(text, part["pattern"], part["behavior"], part["invert"]),
    "Sequence": lambda part, text: _through(_split, part["pretokenizers"], [text]),
}


# Models: a piece -> (id, start, end) of each token.


def _bpe(model: Json, piece: str) -> Iterator[tuple[int, int, int]]:
    """Byte-pair encoding (Sennrich et al. 2016): the pair of the best rank is merged until no pair has one."""
    vocab = model["vocab"]
    if model.get("ignore_merges") and piece in vocab:
        yield vocab[piece], 0, len(piece)
        return
    prefix, suffix = model.get("continuing_subword_prefix") or "", model.get("end_of_word_suffix") or ""
    symbols: list[tuple[str, int, int]] = []
    for at, char in enumerate(piece):
        written = (prefix if at else "") + char + (suffix if at + 1 == len(piece) else "")
        in_bytes = [f"<0x{byte:02X}>" for byte in written.encode()]
        if written in vocab:
            symbols.append((written, at, at + 1))
        elif model.get("byte_fallback") and all(byte in vocab for byte in in_bytes):
            symbols += [(byte, at, at + 1) for byte in in_bytes]
        elif (unknown := model.get("unk_token")) is not None:
            fused = model.get("fuse_unk") and symbols and symbols[-1][0] == unknown
            symbols.append((unknown, symbols.pop()[1] if fused else at, at + 1))
    ranks = _ranks(model)
    while len(symbols) > 1:
        pairs = [ranks.get((left[0], right[0]), len(ranks)) for left, right in pairwise(symbols)]
        best = min(range(len(pairs)), key=pairs.__getitem__)
        if pairs[best] == len(ranks):
            break
        (left, start, _), (right, _, end) = symbols[best : best + 2]
        symbols[best : best + 2] = [(left + right[len(prefix) :], start, end)]
    for token, start, end in symbols:
        yield vocab[token], start, end


def _ranks(model: Json) -> dict[tuple[str, str], int]:
    """Pair -> rank; worked out once for a model."""
    if "ranks" not in model:
        pairs = (merge.split(" ") if isinstance(merge, str) else merge for merge in model["merges"])
        model["ranks"] = {(left, right): rank for rank, (left, right) in enumerate(pairs)}
    return model["ranks"]


def _wordpiece(model: Json, piece: str) -> list[tuple[int, int, int]]:
    """The longest token that the rest starts with, again and again (Devlin et al. 2019); one gap: all is unknown."""
    vocab, tokens, done = model["vocab"], [], 0
    unknown = [(vocab[model["unk_token"]], 0, len(piece))]
    if len(piece) > model["max_input_chars_per_word"]:
        return unknown
    while done < len(piece):
        prefix = model["continuing_subword_prefix"] if done else ""
        end = next((end for end in range(len(piece), done, -1) if prefix + piece[done:end] in vocab), None)
        if end is None:
            return unknown
        tokens.append((vocab[prefix + piece[done:end]], done, end))
        done = end
    return tokens


def _wordlevel(model: Json, piece: str) -> list[tuple[int, int, int]]:
    return [(model["vocab"][piece if piece in model["vocab"] else model["unk_token"]], 0, len(piece))]


MODELS: dict[str, Callable[[Json, str], Any]] = {
    "BPE": _bpe,
    "WordPiece": _wordpiece,
    "WordLevel": _wordlevel,
}


# Post-processors: special tokens around the sequences, and offsets without the blanks at tokens' ends.


def _post_process(processor: Json | None, sequences: dict[str, list[Token]], special: bool) -> list[Token]:
    layout: list[str | tuple[str, int]] = list(sequences)
    for part in [] if processor is None else processor.get("processors", [processor]):
        kind = part["type"]
        if kind in ("ByteLevel", "RobertaProcessing") and part.get("trim_offsets", True):
            sequences = {name: _trimmed(tokens, part["add_prefix_space"]) for name, tokens in sequences.items()}
        if kind in ("BertProcessing", "RobertaProcessing"):
            cls, sep = tuple(part["cls"]), tuple(part["sep"])
            second = [sep, "B", sep] if kind == "RobertaProcessing" else ["B", sep]
            layout = [cls, "A", sep, *(second if "B" in sequences else [])]
        elif kind == "TemplateProcessing":
            layout = []
            for piece in part["pair" if "B" in sequences else "single"]:
                if "Sequence" in piece:
                    layout.append(piece["Sequence"]["id"])
                else:
                    token = part["special_tokens"][piece["SpecialToken"]["id"]]
                    layout += zip(token["tokens"], token["ids"], strict=True)
    result: list[Token] = []
    for piece in layout:
        if isinstance(piece, str):
            result += sequences[piece]
        elif special:
            result.append(Token(piece[1], piece[0], (0, 0), None))
    return result


def _trimmed(tokens: list[Token], add_prefix_space: bool) -> list[Token]:
    blanks = BLANKS + "Ġ"
    result = []
    for at, token in enumerate(tokens):
        start, end = token.offsets
        leading = len(token.text) - len(token.text.lstrip(blanks))
        trailing = len(token.text) - len(token.text.rstrip(blanks))
        if add_prefix_space and leading == 1 and (at == 0 or start == 0):
            leading = 0  # this blank was added, it takes no room in the text
        start = min(start + leading, end)
        end = max(end - trailing, start) if end >= trailing else end
        result.append(token._replace(offsets=(start, end)))
    return result
