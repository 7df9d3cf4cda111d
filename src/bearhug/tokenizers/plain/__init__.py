"""The tokenizer once more, in short plain Python: to read, to explain a split, to test the compiled core against.

A tokenizer.json is a line of stations, and each has its file here:

    text -> added_tokens -> normalizers -> pre_tokenizers -> models -> limits -> post_processors -> ids
    ids -> decoders -> text

Every character carries where in the text it comes from (`text.Char`), so offsets need no bookkeeping: a normalizer that
writes two characters for one gives both its origin, and a token spans from its first character's start to its last
one's end.

    >>> from bearhug.tokenizers import convert, plain
    >>> vocab = {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "un": 3, "##do": 4, "!": 5}
    >>> tokenizer = plain.Tokenizer(convert.like("bert", vocab))
    >>> [(token.text, token.id, token.offsets) for token in tokenizer.encode("Undo!")]
    [('[CLS]', 1, (0, 0)), ('un', 3, (0, 2)), ('##do', 4, (2, 4)), ('!', 5, (4, 5)), ('[SEP]', 2, (0, 0))]
    >>> tokenizer.decode([1, 3, 4, 5, 2])
    'undo!'

It is some hundred times slower than the core, and knows characters from Python's tables, whose Unicode version is
another than the core's: of characters that are young in Unicode it may think otherwise. Training is the core's alone.
"""

from bearhug.tokenizers.plain.text import Token
from bearhug.tokenizers.plain.tokenizer import Tokenizer

__all__ = ["Token", "Tokenizer"]
