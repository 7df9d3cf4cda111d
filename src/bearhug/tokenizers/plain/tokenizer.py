"""The line of stations, from end to end."""

from collections.abc import Sequence

from bearhug.tokenizers.plain.added_tokens import Segment, segments
from bearhug.tokenizers.plain.decoders import decode
from bearhug.tokenizers.plain.limits import padded, truncated
from bearhug.tokenizers.plain.models import cutter, vocabulary
from bearhug.tokenizers.plain.normalizers import normalize
from bearhug.tokenizers.plain.post_processors import post_process, tokens_around
from bearhug.tokenizers.plain.pre_tokenizers import split
from bearhug.tokenizers.plain.text import Json, Text, Token, offsets, string

Input = str | list[str]  # a text, or its words


def normalized(description: Json, segment: Segment) -> Text:
    """A part between added tokens behind the normalizer."""
    return segment.text if segment.normalized else normalize(description.get("normalizer"), segment.text)


def pieces(description: Json, segment: Segment) -> list[Text]:
    """What the model sees of a part between added tokens, one piece at a time."""
    text = normalized(description, segment)
    return split(description.get("pre_tokenizer"), [text] if text else [])


class Tokenizer:
    """A tokenizer.json that works.

    Args:
        description: the file's content, as JSON gives it.
    """

    def __init__(self, description: Json):
        self.description = description
        self.cut = cutter(description["model"])
        self.tokens = {id: token for token, id in vocabulary(description["model"]).items()}
        self.added = {token["id"]: token for token in description.get("added_tokens") or []}

    def encode(
        self,
        text: Input,
        pair: Input | None = None,
        add_special_tokens: bool = True,
        split_special_tokens: bool = False,
    ) -> list[Token]:
        """The tokens of a text, or of a pair of texts; without what truncation cuts off."""
        return self.encode_batch([(text, pair)], add_special_tokens, split_special_tokens)[0][0]

    def encode_batch(
        self,
        inputs: Sequence[tuple[Input, Input | None]],
        add_special_tokens: bool = True,
        split_special_tokens: bool = False,
    ) -> list[list[list[Token]]]:
        """The rows of each text or pair: its own, then those of what truncation cut off; all as long as padding says.

        Raises:
            ValueError: an unknown piece and no token for it, or a length that truncation cannot reach.
        """
        processor = self.description.get("post_processor")
        batch = []
        for text, pair in inputs:
            sequences = {"A": self._tokens(text, 0, split_special_tokens)}
            if pair is not None:
                sequences["B"] = self._tokens(pair, 1, split_special_tokens)
            around = tokens_around(processor, pair is not None) if add_special_tokens else 0
            windows = truncated(self.description.get("truncation"), sequences, around)
            batch.append(post_process(processor, windows, add_special_tokens))
        return padded(self.description.get("padding"), batch)

    def _tokens(self, text: Input, sequence: int, split_special_tokens: bool) -> list[Token]:
        """The tokens of one text; of words, each counted from its own start."""
        if isinstance(text, list):
            words = enumerate(self._tokens(word, sequence, split_special_tokens) for word in text)
            return [token._replace(word=i) for i, tokens in words for token in tokens]
        tokens, word = [], 0
        for segment in segments(self.description, text, split_special_tokens):
            if segment.id is not None:
                part = segment.text
                tokens.append(Token(segment.id, string(part), offsets(part), word, sequence, sequence))
                word += 1
                continue
            for piece in pieces(self.description, segment):
                for id, token, start, end in self.cut(string(piece)):
                    tokens.append(Token(id, token, offsets(piece[start:end]), word, sequence, sequence))
                word += 1
        return tokens

    def decode(self, ids: Sequence[int], skip_special_tokens: bool = True) -> str:
        """Ids -> text; ids that the vocabulary does not have are left out."""
        tokens = []
        for id in ids:
            added = self.added.get(id)
            if added is not None and added.get("special") and skip_special_tokens:
                continue
            token = self.tokens.get(id) if added is None else added["content"]
            if token is not None:
                tokens.append(token)
        return decode(self.description.get("decoder"), tokens)
