"""Post-processors: special tokens around a text or a pair, and offsets without the blanks at tokens' ends."""

from collections.abc import Iterator, Sequence

from bearhug.tokenizers.plain.limits import Windows
from bearhug.tokenizers.plain.text import BLANKS, Json, Token

Place = tuple[str, int]  # "A" or "B", whose tokens stand here, and their type
Layout = list[Place | Token]


def post_process(processor: Json | None, windows: Windows, add_special_tokens: bool) -> list[list[Token]]:
    """The row of a text or a pair, then one for each way to put together what truncation cut off."""
    layout: Layout = [(name, i) for i, name in enumerate(windows)]
    retyped = False
    for part in _parts(processor):
        if part["type"] in ("ByteLevel", "RobertaProcessing") and part.get("trim_offsets", True):
            prefixed = part.get("add_prefix_space", True)
            windows = {name: [_trimmed(tokens, prefixed) for tokens in many] for name, many in windows.items()}
        if part["type"] in LAYOUTS:
            layout = LAYOUTS[part["type"]](part, "B" in windows)
            retyped = part["type"] == "TemplateProcessing" or not add_special_tokens
    rows = []
    for chosen in _combinations({piece[0]: len(windows[piece[0]]) for piece in layout if not isinstance(piece, Token)}):
        row: list[Token] = []
        for piece in layout:
            if isinstance(piece, Token):
                row += [piece] if add_special_tokens else []
                continue
            name, type_id = piece
            tokens = windows[name][chosen[name]]
            if not (retyped and chosen[name]):  # these types are not for what was cut off, as in the reference
                tokens = [token._replace(type_id=type_id) for token in tokens]
            row += tokens
        rows.append(row)
    return rows


def _combinations(counts: dict[str, int]) -> list[dict[str, int]]:
    """Which windows go together: the first ones; each other one of the first text with all of the second; the rest."""
    (first, n), *rest = counts.items()
    if not rest:
        return [{first: i} for i in range(n)]
    ((second, m),) = rest
    pairs = [(0, 0), *((i, j) for i in range(1, n) for j in range(m)), *((0, j) for j in range(1, m))]
    return [{first: i, second: j} for i, j in pairs]


def tokens_around(processor: Json | None, pair: bool) -> int:
    """How many special tokens a text or a pair gets."""
    windows: Windows = {"A": [[]], "B": [[]]} if pair else {"A": [[]]}
    return len(post_process(processor, windows, add_special_tokens=True)[0])


def _parts(processor: Json | None) -> Iterator[Json]:
    """The processor, or those of a sequence, one after the other."""
    if processor is not None:
        for part in processor.get("processors", [processor]):
            yield from _parts(part) if part["type"] == "Sequence" else [part]


def _added(token: Sequence, type_id: int = 0) -> Token:
    """A special token from its (text, id)."""
    text, id = token
    return Token(id, text, (0, 0), None, None, type_id)


def _bert(part: Json, pair: bool) -> Layout:
    """[CLS] A [SEP] B [SEP]"""
    cls, sep = _added(part["cls"]), _added(part["sep"])
    return [cls, ("A", 0), sep, *([("B", 1), _added(part["sep"], 1)] if pair else [])]


def _roberta(part: Json, pair: bool) -> Layout:
    """<s> A </s></s> B </s>, all of type 0"""
    cls, sep = _added(part["cls"]), _added(part["sep"])
    return [cls, ("A", 0), sep, *([sep, ("B", 0), sep] if pair else [])]


def _template(part: Json, pair: bool) -> Layout:
    """What the file says."""
    layout: Layout = []
    for piece in part["pair" if pair else "single"]:
        (kind, said), *_ = piece.items()
        if kind == "Sequence":
            layout.append((said["id"], said["type_id"]))
        else:
            token = part["special_tokens"][said["id"]]
            named = zip(token["tokens"], token["ids"], strict=True)
            layout += [_added(both, said["type_id"]) for both in named]
    return layout


LAYOUTS = {"BertProcessing": _bert, "RobertaProcessing": _roberta, "TemplateProcessing": _template}


def _trimmed(tokens: list[Token], add_prefix_space: bool) -> list[Token]:
    """Tokens whose offsets leave out the blanks at their ends."""
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
