"""Post-processors: the special tokens around one or two sequences, and what offsets leave out; as
`tokenizers.processors`.
"""

from collections.abc import Mapping
from collections.abc import Sequence as Listing
from typing import Any

from bearhug._lib.errors import either
from bearhug.tokenizers import _native, file
from bearhug.tokenizers.assembling import process
from bearhug.tokenizers.encoding import Encoding
from bearhug.tokenizers.part import Json, Part, Setting, Several, same_kind

Special = tuple[str, int]


class PostProcessor(Part):
    """Adds special tokens around one or two encoded sequences. Made as one of its kinds."""

    _table = file.POST_PROCESSORS
    _core_class = _native.PostProcessor

    def num_special_tokens_to_add(self, is_pair: bool) -> int:
        """How many tokens it adds to one sequence, or to a pair."""
        return self._core.added_tokens(is_pair)

    def process(self, encoding: Encoding, pair: Encoding | None = None, add_special_tokens: bool = True) -> Encoding:
        """One encoding of a sequence, or of two, with the special tokens."""
        return process(self._json(), encoding, pair, add_special_tokens)


def _token(pair: Any) -> list:
    """(token, id)"""
    if len(pair) != 2:
        raise ValueError(f"a special token is (token, id); this is {pair!r:.60}, of length {len(pair)}.")
    if not isinstance(pair[0], str) or not isinstance(pair[1], int):
        raise TypeError(f"a special token is (token, id); this is {pair!r:.60}.")
    return list(pair)


class BertProcessing(PostProcessor):
    """BERT's: [CLS] A [SEP], [CLS] A [SEP] B [SEP]. `sep` and `cls` are (token, id)."""

    sep = Setting[Special](tuple, list, written=_token, read=tuple)
    cls = Setting[Special](tuple, list, written=_token, read=tuple)

    def __init__(self, sep: Special, cls: Special) -> None:
        self._set(sep=sep, cls=cls)


class RobertaProcessing(PostProcessor):
    """RoBERTa's: <s> A </s>, <s> A </s></s> B </s>, all of type 0. `sep` and `cls_token` are (token, id).

    Args:
        trim_offsets: offsets leave white space out.
        add_prefix_space: the first space is one that the pre-tokenizer added.
    """

    sep = Setting[Special](tuple, list, written=_token, read=tuple)
    cls = Setting[Special](tuple, list, argument="cls_token", written=_token, read=tuple)
    trim_offsets = Setting[bool](bool)
    add_prefix_space = Setting[bool](bool)

    def __init__(
        self, sep: Special, cls_token: Special, trim_offsets: bool = True, add_prefix_space: bool = True
    ) -> None:
        self._set(sep=sep, cls=cls_token, trim_offsets=trim_offsets, add_prefix_space=add_prefix_space)


class ByteLevel(PostProcessor):
    """Offsets leave white space out, which byte-level tokens hold.

    Args:
        add_prefix_space: the first space is one that the pre-tokenizer added. None: True.
        trim_offsets: False: offsets stay as they are. None: True.
        use_regex: is for the pre-tokenizer of that name.
        type: as a description has it: `ByteLevel(**json.loads(part.__getstate__()))`.
    """

    add_prefix_space = Setting[bool](bool)
    trim_offsets = Setting[bool](bool)
    use_regex = Setting[bool](bool)

    def __init__(
        self,
        add_prefix_space: bool | None = None,
        trim_offsets: bool | None = None,
        use_regex: bool | None = None,
        *,
        type: str = "ByteLevel",
    ) -> None:
        same_kind(self, type)
        self._set(
            add_prefix_space=True if add_prefix_space is None else add_prefix_space,
            trim_offsets=True if trim_offsets is None else trim_offsets,
            use_regex=True if use_regex is None else use_regex,
        )


class TemplateProcessing(PostProcessor):
    """Special tokens by a template: "[CLS] $A [SEP]", and for a pair "[CLS] $A [SEP] $B:1 [SEP]:1".

    Args:
        single: the template of one sequence, one text or a list of pieces. `$A` (or `$0`, `$`) is the sequence, what
            stands behind a colon the type id.
        pair: the template of two, `$A` and `$B`.
        special_tokens: (token, id) or (id, token) of each special token, or {"id", "ids", "tokens"} of one that is
            several.

    Raises:
        ValueError: a piece that is not well-formed, a special token that special_tokens does not name, a pair without
            one of its sequences.
    """

    def __init__(
        self,
        single: str | Listing[str] | None = None,
        pair: str | Listing[str] | None = None,
        special_tokens: Listing[Special | tuple[int, str] | Mapping[str, Any]] | None = None,
    ) -> None:
        named = dict(sorted((token["id"], token) for token in map(_special, special_tokens or ())))
        single_pieces, pair_pieces = _pieces("$0" if single is None else single), _pieces(pair or "$A:0 $B:1")
        for piece in [*single_pieces, *pair_pieces]:
            name = piece.get("SpecialToken", {}).get("id")
            if name is not None and name not in named:
                raise ValueError(
                    f"Missing SpecialToken(s) with id(s) {name!r}: the template uses it, and special_tokens does not "
                    "name it.\n"
                    f"Add it: special_tokens=[({name!r}, tokenizer.token_to_id({name!r}))]."
                )
        self._change(
            {
                "type": "TemplateProcessing",
                "single": single_pieces,
                "pair": pair_pieces,
                "special_tokens": named,
            }
        )

    @property
    def single(self) -> str:
        """The template of one sequence."""
        return _written(self._description["single"])

    @single.setter
    def single(self, template: str | Listing[str]) -> None:
        self._change({"single": _pieces(template)})

    @property
    def pair(self) -> str:
        """The template of two sequences."""
        return _written(self._description["pair"])

    @pair.setter
    def pair(self, template: str | Listing[str]) -> None:
        self._change({"pair": _pieces(template)})

    @property
    def special_tokens(self) -> list[Json]:
        """The special tokens of the templates: {"id", "ids", "tokens"} of each."""
        return [dict(token) for token in self._description["special_tokens"].values()]

    @classmethod
    def _read(cls, description: Json) -> "TemplateProcessing":
        part = object.__new__(cls)
        special = dict(sorted(description["special_tokens"].items()))
        part._change(description | {"special_tokens": special})
        return part


def _special(token: Any) -> Json:
    if isinstance(token, Mapping):
        missing = [key for key in ("id", "ids", "tokens") if key not in token]
        if missing:
            raise ValueError(f"a special token of the template is {dict(token)!r:.60}, without {either(missing)}.")
        return {"id": token["id"], "ids": list(token["ids"]), "tokens": list(token["tokens"])}
    if isinstance(token, tuple | list) and len(token) == 2:
        text, number = token if isinstance(token[0], str) else (token[1], token[0])
        if isinstance(text, str) and isinstance(number, int):
            return {"id": text, "ids": [number], "tokens": [text]}
    raise TypeError(
        f"a special token of a template is (token, id) or {{'id', 'ids', 'tokens'}}; this is {token!r:.60}."
    )


def _pieces(template: Any) -> list[Json]:
    """ "[CLS] $A:1" -> the template as tokenizer.json has it."""
    if isinstance(template, str):
        template = template.split()
    if not isinstance(template, list | tuple) or not all(isinstance(piece, str) for piece in template):
        raise TypeError(f"a template is a str, or a list of its pieces; this is {template!r:.60}.")
    return [_piece(piece) for piece in template]


def _piece(piece: str) -> Json:
    name, colon, number = piece.partition(":")
    kind = 0
    if colon:
        if not number.isdecimal():
            raise ValueError(
                f"Cannot build Piece from {piece!r}: its type id is {number!r}, and must be a whole number."
            )
        kind = int(number)
    if not name.startswith("$"):
        return {"SpecialToken": {"id": name, "type_id": kind}}
    sequence = name[1:]
    if sequence in ("", "A", "a"):
        return {"Sequence": {"id": "A", "type_id": kind}}
    if sequence in ("B", "b"):
        return {"Sequence": {"id": "B", "type_id": kind}}
    if sequence.isdecimal():
        return {"Sequence": {"id": "A", "type_id": int(sequence)}}
    raise ValueError(f"Cannot build Piece from {piece!r}: a sequence of a template is $A or $B, $A:1 with a type id.")


def _written(pieces: list[Json]) -> str:
    """The reverse of `_pieces`."""
    words = []
    for piece in pieces:
        ((kind, content),) = piece.items()
        name = f"${content['id']}" if kind == "Sequence" else content["id"]
        words.append(name + (f":{content['type_id']}" if content["type_id"] else ""))
    return " ".join(words)


class Sequence(Several, PostProcessor):
    """Several post-processors, one after another; `sequence[0]` is the first."""

    _key = "processors"

    def __init__(self, processors: list[PostProcessor]) -> None:
        self._take(processors)
