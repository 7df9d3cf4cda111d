"""Signatures of the compiled core (native/): a whole tokenizer, from text to flat arrays and back.

R rows (samples, and what truncation cut off them), N tokens of all rows together, T tokens of a row. Offsets count
Unicode code points of the input text, as Python strings do. `tokenizers.file` makes the parts below from
tokenizer.json and writes them back.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np

Direction = Literal["left", "right"]
Strategy = Literal["longest_first", "only_first", "only_second"]
Behavior = Literal["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]
# One field of an `Encoded`; what each holds stands at the property of that name.
Field = Literal[
    "ids", "type_ids", "attention_mask", "special_tokens_mask", "offsets", "word_ids", "sequence_ids", "byte_offsets"
]
# [(kind, value, type id)]: ("token", its text, ...) or ("sequence", "A" or "B", ...)
Template = Sequence[tuple[str, str, int]]

class Expression:
    """A regular expression as a table, which reads each character once."""

    @staticmethod
    def compile(pattern: str) -> Expression | None:
        """None where the expression is not well-formed, or more than a table can say."""

    def find(self, text: str) -> list[int]:
        """[start, end, start, end, ...] of the matches, in code points."""

# text -> flat [start, end, start, end, ...] of the matches, in code points, as a function;
# or a table, or a character and how often it is repeated at least.
Finder = Callable[[str], Sequence[int]] | Expression | tuple[str, int]

class AddedToken:
    """A token that is found in the text before anything else happens to it."""

    content: str
    single_word: bool
    lstrip: bool
    rstrip: bool
    normalized: bool
    special: bool
    def __init__(
        self,
        content: str = "",
        single_word: bool = False,
        lstrip: bool = False,
        rstrip: bool = False,
        normalized: bool | None = None,
        special: bool = False,
    ) -> None:
        """`normalized` None: the opposite of `special`."""

    def __eq__(self, other: object) -> bool: ...
    def __hash__(self) -> int: ...

class Truncation:
    """max_length counts the special tokens; stride tokens are repeated in the next overflowing row."""

    max_length: int
    stride: int
    strategy: Strategy
    direction: Direction
    def __init__(
        self,
        max_length: int,
        stride: int = 0,
        strategy: Strategy = "longest_first",
        direction: Direction = "right",
    ) -> None: ...
    def share(self, first: int, second: int | None, limit: int) -> tuple[int, int]:
        """How many tokens of each sequence stay where `limit` in all may.

        Raises:
            ValueError: the strategy cannot reach it.
        """

class Padding:
    """length None: the longest row of the batch."""

    length: int | None
    pad_to_multiple_of: int | None
    direction: Direction
    pad_id: int
    pad_type_id: int
    pad_token: str
    def __init__(
        self,
        length: int | None = None,
        pad_to_multiple_of: int | None = None,
        direction: Direction = "right",
        pad_id: int = 0,
        pad_type_id: int = 0,
        pad_token: str = "[PAD]",
    ) -> None: ...

class Encoded:
    """A batch of encoded texts. Row r is tokens starts[r] to starts[r + 1]; arrays are made when asked for.

    The rows of one sample stand together: first its own row, then its overflowing ones. Can be pickled.
    """

    @property
    def starts(self) -> np.ndarray:
        """int64 (R + 1,)."""

    @property
    def ids(self) -> np.ndarray:
        """uint32 (N,)."""

    @property
    def type_ids(self) -> np.ndarray:
        """uint32 (N,): which sequence of a pair, as the template says."""

    @property
    def attention_mask(self) -> np.ndarray:
        """uint32 (N,): 0 on padding."""

    @property
    def special_tokens_mask(self) -> np.ndarray:
        """uint32 (N,): 1 on tokens that the template or the padding added."""

    @property
    def offsets(self) -> np.ndarray:
        """uint32 (N, 2): start and end in the text, or in its pre-split word; (0, 0) on special tokens."""

    @property
    def byte_offsets(self) -> np.ndarray:
        """uint32 (N, 2): offsets in bytes of the text's UTF-8.

        Raises:
            ValueError: the batch was encoded without them.
        """

    @property
    def has_byte_offsets(self) -> bool: ...
    @property
    def word_ids(self) -> np.ndarray:
        """int32 (N,): which pre-token or pre-split word, -1 on special tokens."""

    @property
    def sequence_ids(self) -> np.ndarray:
        """int32 (N,): 0 or 1, -1 on special tokens."""

    @property
    def sample_mapping(self) -> np.ndarray:
        """int64 (R,): which sample each row comes from (overflow_to_sample_mapping)."""

    def __len__(self) -> int:
        """R."""

    def length(self, row: int) -> int:
        """T of one row. Negative rows count from the end."""

    def row(self, row: int, field: Field) -> list:
        """One field of one row: a list of int ((int, int) for offsets; word_ids, sequence_ids: None for -1)."""

    def lists(self, field: Field) -> list[list]:
        """`row` of every row."""

    def tokens(self, row: int) -> list[str]:
        """The tokens' texts of one row, as the vocabulary writes them."""

    def sequence_ranges(self, row: int) -> dict[int, tuple[int, int]]:
        """Which tokens of one row are those of each sequence: {0: (start, end), 1: ...}; empty where all are the first
        one's because no post-processor said so."""

    def rectangle(self, field: Field) -> np.ndarray:
        """int64 (R, T), ((R, T, 2) for offsets; -1 where `row` has None).

        Raises:
            ValueError: the rows' lengths differ.
        """

    def select(self, rows: Sequence[int]) -> Encoded:
        """Some rows, in the given order."""

class Row:
    """A row of an Encoded, or, where `_mine` is set, lists of its own under the names of its attributes."""

    _encoded: Encoded | None
    _mine: dict[str, Any] | None
    @property
    def _row(self) -> int: ...
    @classmethod
    def of(cls, encoded: Encoded, row: int = 0, /) -> Self:
        """A row of what the core encoded."""

    @classmethod
    def of_all(cls, encoded: Encoded, firsts: bool, /) -> list[Self]:
        """All rows; firsts: without those that truncation cut off."""

    @property
    def ids(self) -> list[int]:
        """The tokens' ids (T)."""

    @property
    def tokens(self) -> list[str]:
        """The tokens as the vocabulary writes them (T)."""

    @property
    def type_ids(self) -> list[int]:
        """Which segment each token belongs to, as the model counts them (T)."""

    @property
    def attention_mask(self) -> list[int]:
        """1 on tokens, 0 on padding (T)."""

    @property
    def special_tokens_mask(self) -> list[int]:
        """1 on tokens that were added around the text (T)."""

    @property
    def offsets(self) -> list[tuple[int, int]]:
        """Each token's first and last-but-one character in its text; (0, 0) on added tokens (T)."""

    @property
    def word_ids(self) -> list[int | None]:
        """Which word each token is part of; None on added tokens (T)."""

    @property
    def words(self) -> list[int | None]:
        """The same as `word_ids`."""

    @property
    def sequence_ids(self) -> list[int | None]:
        """Which text of a pair each token comes from; None on added tokens (T)."""

    @property
    def overflowing(self) -> list[Self]:
        """What truncation cut off this text, piece by piece."""

    def __len__(self) -> int: ...

class Unread:
    """Stands for a field that nobody has read yet."""

UNREAD: Unread
UNREAD_ROW: Unread  # of a text that came alone: a list, not a list of one list

class Fields:
    """A batch's fields by name, made as lists when they are read; as items and as attributes.

    What subclasses have: `_item(key)` for keys that are no plain text, `_missing(key)` and `_no_attribute(name)`, which
    raise.
    """

    _values: dict[str, Any]
    _encoded: Encoded | None
    _whole: Any
    _n_sequences: int | None
    @classmethod
    def of_one(cls, encoded: Encoded, type_ids: bool, mask: bool, /) -> Self:
        """One text that the core encoded: input_ids, and these; each is its list, not a list of one list."""

    def __getitem__(self, item: Any) -> Any: ...
    def __getattr__(self, name: str) -> Any: ...

class Words:
    """token -> id, as a file holds them: what a model is made from without a Python object a token."""

    def __len__(self) -> int: ...
    def to_dict(self) -> dict[str, int]: ...

class Merges:
    """Pairs of tokens, the first rank first, as a file holds them."""

    def __len__(self) -> int: ...
    def to_list(self) -> list[tuple[str, str]]: ...

def read_tokenizer_file(
    file: bytes,
) -> tuple[bytes, Words | None, Merges | None, list[tuple[int, AddedToken]] | None] | None:
    """A tokenizer.json -> (the rest of it, its model's vocabulary, merges, its added tokens).

    None for what is not plain (errors, lone surrogates, a name said twice): another reader must take or explain it.
    """

def read_vocabulary(file: bytes) -> Words | None:
    """A vocab.json; None for what is not plain."""

def read_merge_lines(file: bytes) -> Merges | None:
    """A merges.txt; None for what is not plain."""

class Normalizer:
    """Text -> text. `json` is its tokenizer.json description."""

    @property
    def json(self) -> str: ...
    def normalize(self, text: str) -> str: ...
    def normalize_str(self, text: str) -> str:
        """The reference's name for `normalize`."""

    @staticmethod
    def bert(
        json: str, clean_text: bool, handle_chinese_chars: bool, strip_accents: bool | None, lowercase: bool
    ) -> Normalizer: ...
    @staticmethod
    def unicode(json: str, form: Literal["NFC", "NFD", "NFKC", "NFKD"]) -> Normalizer: ...
    @staticmethod
    def lowercase(json: str) -> Normalizer: ...
    @staticmethod
    def strip_accents(json: str) -> Normalizer: ...
    @staticmethod
    def strip(json: str, left: bool, right: bool) -> Normalizer: ...
    @staticmethod
    def replace(json: str, pattern: str | Finder, content: str) -> Normalizer: ...
    @staticmethod
    def prepend(json: str, text: str) -> Normalizer: ...
    @staticmethod
    def byte_level(json: str) -> Normalizer: ...
    @staticmethod
    def nmt(json: str) -> Normalizer: ...
    @staticmethod
    def precompiled(json: str, charsmap: bytes) -> Normalizer: ...
    @staticmethod
    def sequence(json: str, parts: Sequence[Normalizer]) -> Normalizer: ...

class PreTokenizer:
    """Text -> pre-tokens, the pieces that the model sees one at a time."""

    @property
    def json(self) -> str: ...
    def split(self, text: str) -> list[tuple[str, tuple[int, int]]]:
        """[(pre-token, (start, end))], as the reference's pre_tokenize_str."""

    @staticmethod
    def byte_level(json: str, add_prefix_space: bool, trim_offsets: bool, use_regex: bool) -> PreTokenizer: ...
    @staticmethod
    def bert(json: str) -> PreTokenizer: ...
    @staticmethod
    def whitespace(json: str) -> PreTokenizer: ...
    @staticmethod
    def whitespace_split(json: str) -> PreTokenizer: ...
    @staticmethod
    def punctuation(json: str, behavior: Behavior) -> PreTokenizer: ...
    @staticmethod
    def digits(json: str, individual_digits: bool) -> PreTokenizer: ...
    @staticmethod
    def metaspace(
        json: str, replacement: str, prepend_scheme: Literal["always", "never", "first"], split: bool
    ) -> PreTokenizer: ...
    @staticmethod
    def split_literal(json: str, pattern: str, behavior: Behavior, invert: bool) -> PreTokenizer: ...
    @staticmethod
    def split_known(
        json: str,
        scanner: Literal["gpt2", "cl100k", "llama3", "qwen2", "qwen3_5", "o200k", "tekken", "starcoder"],
        behavior: Behavior,
        invert: bool,
    ) -> PreTokenizer: ...
    @staticmethod
    def split_finder(json: str, find: Finder, behavior: Behavior, invert: bool) -> PreTokenizer: ...
    @staticmethod
    def fixed_length(json: str, length: int) -> PreTokenizer: ...
    @staticmethod
    def unicode_scripts(json: str) -> PreTokenizer: ...
    @staticmethod
    def sequence(json: str, parts: Sequence[PreTokenizer]) -> PreTokenizer: ...

class Model:
    """Pre-token -> tokens. `json` holds its settings without vocabulary and merges."""

    @property
    def json(self) -> str: ...
    @property
    def kind(self) -> Literal["BPE", "Unigram", "WordPiece", "WordLevel"]: ...
    def vocab(self) -> dict[str, int]: ...
    def token_to_id(self, token: str) -> int | None: ...
    def id_to_token(self, id: int) -> str | None: ...
    def tokenize(self, piece: str) -> list[tuple[int, str, tuple[int, int]]]:
        """[(id, token, (start, end))] of one piece, in its bytes."""

    def merges(self) -> list[tuple[str, str]]:
        """BPE's merges, first rank first; empty for the others."""

    def vocabulary_json(self, style: Literal["spaced", "tight", "lines"]) -> bytes:
        """The vocabulary as a tokenizer.json has it, in UTF-8: by id, or as pieces and scores."""

    def merges_json(self, style: Literal["spaced", "tight", "lines"]) -> bytes:
        """BPE's merges as a tokenizer.json has them, in UTF-8."""

    def pieces(self) -> list[tuple[str, float]]:
        """Unigram's tokens and their scores, by id; empty for the others."""

    @staticmethod
    def bpe(
        json: str,
        vocab: dict[str, int] | Words,
        merges: Sequence[tuple[str, str] | str] | Merges,
        dropout: float | None,
        unk_token: str | None,
        continuing_subword_prefix: str | None,
        end_of_word_suffix: str | None,
        fuse_unk: bool,
        byte_fallback: bool,
        ignore_merges: bool,
    ) -> Model: ...
    @staticmethod
    def wordpiece(
        json: str,
        vocab: dict[str, int] | Words,
        unk_token: str,
        continuing_subword_prefix: str,
        max_input_chars_per_word: int,
    ) -> Model: ...
    @staticmethod
    def unigram(
        json: str,
        vocab: Sequence[tuple[str, float]],
        unk_id: int | None = None,
        byte_fallback: bool = False,
        alpha: float | None = None,
        nbest_size: int | None = None,
    ) -> Model: ...
    @staticmethod
    def wordlevel(json: str, vocab: dict[str, int] | Words, unk_token: str) -> Model: ...

class PostProcessor:
    """Adds special tokens around one or two encoded sequences."""

    @property
    def json(self) -> str: ...
    def added_tokens(self, is_pair: bool) -> int: ...
    @staticmethod
    def template(
        json: str, single: Template, pair: Template, special_tokens: Mapping[str, tuple[Sequence[int], Sequence[str]]]
    ) -> PostProcessor: ...
    @staticmethod
    def bert(json: str, sep: tuple[str, int], cls: tuple[str, int]) -> PostProcessor: ...
    @staticmethod
    def roberta(
        json: str, sep: tuple[str, int], cls: tuple[str, int], trim_offsets: bool, add_prefix_space: bool
    ) -> PostProcessor: ...
    @staticmethod
    def byte_level(json: str, add_prefix_space: bool, trim_offsets: bool) -> PostProcessor: ...
    @staticmethod
    def sequence(json: str, parts: Sequence[PostProcessor]) -> PostProcessor: ...

class Decoder:
    """Tokens' texts -> text."""

    @property
    def json(self) -> str: ...
    def decode(self, tokens: Sequence[str]) -> str: ...
    @staticmethod
    def byte_level(json: str) -> Decoder: ...
    @staticmethod
    def wordpiece(json: str, prefix: str, cleanup: bool) -> Decoder: ...
    @staticmethod
    def bpe(json: str, suffix: str) -> Decoder: ...
    @staticmethod
    def byte_fallback(json: str) -> Decoder: ...
    @staticmethod
    def fuse(json: str) -> Decoder: ...
    @staticmethod
    def replace(json: str, pattern: str | Finder, content: str) -> Decoder: ...
    @staticmethod
    def strip(json: str, content: str, start: int, stop: int) -> Decoder: ...
    @staticmethod
    def metaspace(json: str, replacement: str, prepend_scheme: Literal["always", "never", "first"]) -> Decoder: ...
    @staticmethod
    def ctc(json: str, pad_token: str, word_delimiter_token: str, cleanup: bool) -> Decoder: ...
    @staticmethod
    def sequence(json: str, parts: Sequence[Decoder]) -> Decoder: ...

class Tokenizer:
    """Added tokens, normalizer, pre-tokenizer, model, post-processor, truncation, padding; and the way back.

    Encoding releases the interpreter's lock and takes several threads for a large batch. Any number of Python threads
    may encode at once; a change (a new part, an added token) makes a new state that later calls see. Can be forked,
    copied and pickled.
    """

    model: Model
    normalizer: Normalizer | None
    pre_tokenizer: PreTokenizer | None
    post_processor: PostProcessor | None
    decoder: Decoder | None
    def __init__(
        self,
        model: Model,
        *,
        normalizer: Normalizer | None = None,
        pre_tokenizer: PreTokenizer | None = None,
        post_processor: PostProcessor | None = None,
        decoder: Decoder | None = None,
    ) -> None: ...
    def copy(self) -> Tokenizer:
        """An independent tokenizer that shares the parts."""

    def add_tokens(self, tokens: Sequence[AddedToken | str], special: bool = False) -> int:
        """Add tokens after the vocabulary (or mark those that it has); returns how many are new.

        Args:
            special: makes all of them special.
        """

    def load_added_tokens(self, tokens: Sequence[tuple[int, AddedToken]]) -> None:
        """Add the tokens of a file at the ids that it names.

        Raises:
            ValueError: an id belongs to another token.
        """

    def remove_added_tokens(self, contents: Sequence[str]) -> None:
        """Forget added tokens: those of the model's vocabulary are ordinary text again, the others lose their ids."""

    def added_tokens(self) -> dict[int, AddedToken]:
        """id -> token, in the order of ids."""

    def vocab(self, with_added_tokens: bool = True) -> dict[str, int]: ...
    def vocab_size(self, with_added_tokens: bool = True) -> int: ...
    def token_to_id(self, token: str) -> int | None: ...
    def id_to_token(self, id: int) -> str | None: ...
    def tokens_to_ids(self, tokens: Sequence[str]) -> list[int | None]: ...
    def ids_to_tokens(self, ids: Sequence[int] | np.ndarray) -> list[str | None]: ...
    @property
    def unk_id(self) -> int | None:
        """The id of the model's unknown token."""

    def num_special_tokens_to_add(self, is_pair: bool = False) -> int: ...
    def encode(self, text: str, add_special_tokens: bool = True, split_special_tokens: bool = False) -> Encoded:
        """`encode_batch([text])`, without what a batch costs."""

    def encode_ids(self, text: str, add_special_tokens: bool = True, split_special_tokens: bool = False) -> list[int]:
        """The ids of one text, and nothing else of it."""

    def encode_batch(
        self,
        texts: Sequence[str] | Sequence[Sequence[str]],
        pairs: Sequence[str | None] | Sequence[Sequence[str] | None] | None = None,
        *,
        is_split_into_words: bool = False,
        add_special_tokens: bool = True,
        split_special_tokens: bool = False,
        truncation: Truncation | None = None,
        padding: Padding | None = None,
        offsets: bool = False,
        overflow: bool = True,
        threads: int = 0,
        byte_offsets: bool = False,
    ) -> Encoded:
        """Encode texts (with is_split_into_words: lists of words), each alone or with the second sequence of its pair.

        Args:
            split_special_tokens: special tokens inside a text are read as ordinary text.
            offsets: work out offsets and word_ids now; else they are worked out when they are first read, by encoding
                once more (the Encoded keeps its texts until then).
            overflow: give rows of what truncation cut off, too.
            threads: 0 chooses by the size of the batch and the machine (TOKENIZERS_PARALLELISM=false: 1).
            byte_offsets: work out offsets in bytes of UTF-8, too.

        Raises:
            ValueError: truncation cannot reach max_length (its strategy spares the sequence that is too long, or the
                special tokens alone are longer), or the model meets an unknown piece and has no token for it.
        """

    def decode(
        self, ids: Sequence[int] | np.ndarray, skip_special_tokens: bool = True, clean_up_spaces: bool = False
    ) -> str:
        """Ids -> text; special tokens are left out or kept.

        Args:
            clean_up_spaces: as `clean_up_tokenization` does afterwards.

        Raises:
            ValueError: an id that the vocabulary does not have.
        """

    def decode_batch(
        self,
        ids: Sequence[Sequence[int] | np.ndarray] | np.ndarray,
        skip_special_tokens: bool = True,
        clean_up_spaces: bool = False,
        threads: int = 0,
    ) -> list[str]: ...

class AlignedText:
    """A text beside the original that it was made of; each of its bytes knows where in the original it comes from."""

    def __init__(self, text: str) -> None: ...
    @property
    def original(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def shift(self) -> int:
        """The byte at which the original starts in the one that it was cut out of."""

    def copy(self) -> AlignedText: ...
    def apply(self, normalizer: Normalizer) -> None: ...
    def split(self, pre_tokenizer: PreTokenizer) -> list[AlignedText]: ...
    def transform(self, changes: Sequence[tuple[str, int]], skipped: int = 0) -> None:
        """Another text, character by character.

        Args:
            changes: (character, change). 0: it takes the place of one; 1: it is new; -n: n more that followed are gone.
            skipped: characters at the start that are gone.
        """

    def append(self, text: str) -> None: ...
    def clear(self) -> None: ...
    def slice(self, start: int, end: int) -> AlignedText:
        """Characters start to end, with what they come from."""

    def origin(self, start: int, end: int) -> tuple[int, int] | None:
        """The bytes of the original that these bytes of the text come from; None: the text has no such bytes."""

def called_normalizer(call: Callable[[AlignedText], object]) -> Normalizer:
    """A normalizer in Python: `call` changes the text."""

def called_pre_tokenizer(call: Callable[[list[AlignedText], str, int], Sequence[AlignedText]]) -> PreTokenizer:
    """A pre-tokenizer in Python: `call(pieces, original, base)` gives the pieces that take their place."""

def called_decoder(call: Callable[[list[str]], Sequence[str]]) -> Decoder:
    """A decoder in Python: `call(tokens)` gives the texts that are joined."""

class WordCounts:
    """Words and how often each was seen: what the trainers read.

    Several threads may feed at once; everything else is for one thread alone.

    Raises:
        RuntimeError: another thread uses them in a way that does not allow this.
    """

    def __init__(self, tokenizer: Tokenizer | None = None, folder: str = "", max_bytes: int = 0) -> None:
        """`tokenizer`'s normalizer and pre-tokenizer cut what is fed; None: each text is one word.

        Args:
            folder: where files of sorted words (runs) may be written.
            max_bytes: of memory, beyond which the words go to a run; 0: no limit.
        """

    def feed(self, texts: Sequence[str], threads: int = 0) -> None: ...
    def add(self, word: str, count: int) -> None: ...
    def spill(self) -> None:
        """Write what is in memory to a run, and forget it."""

    def merge_runs(self) -> None:
        """All runs, and what is in memory, become one run; nothing happens where there is no run."""

    def remove_merged(self) -> None:
        """Remove the files that merging has made useless."""

    def resume(self, runs: Sequence[str]) -> None:
        """Go on with the runs of an earlier count; all other runs in the folder are removed."""

    @property
    def runs(self) -> list[str]:
        """Their file names."""

    def least_that_fits(self, bytes: int, fixed: int, per_byte: int) -> int:
        """The least count of the words that take so many bytes, each `fixed` and `per_byte` for each of its own."""

    def __len__(self) -> int:
        """How many different words there are."""

    def items(self) -> list[tuple[str, int]]:
        """In the order of the words' bytes."""

def digest_texts(texts: Sequence[str], before: int) -> int:
    """A digest of texts, one after another, that does not depend on how they are cut into batches."""

# (stage, done, total) -> None; it may raise to stop the training (Ctrl-C does)
Watch = Callable[[str, int, int], None]

def train_parity_bpe(
    languages: Sequence[WordCounts],
    development: Sequence[WordCounts],
    *,
    num_merges: int,
    min_frequency: int,
    ratio: Sequence[float],
    global_merges: int,
    window_size: int,
    alpha: float,
    total_symbols: bool,
    special_tokens: Sequence[str],
    limit_alphabet: int | None,
    initial_alphabet: Sequence[str],
    continuing_subword_prefix: str | None,
    end_of_word_suffix: str | None,
    max_token_length: int | None,
    watch: Watch | None = None,
) -> tuple[list[str], list[tuple[str, str]]]:
    """-> (vocabulary, id after id; merges, rank after rank), as the reference's ParityBpeTrainer learns them.

    Args:
        window_size: 0: the language that is worst off has the turn, as often as it comes.
    """

def train_unigram(
    counts: WordCounts,
    *,
    vocab_size: int,
    reserved: int,
    initial_alphabet: Sequence[str],
    shrinking_factor: float,
    max_piece_length: int,
    n_sub_iterations: int,
    seed_size: int,
    least: int = 0,
    uses_up_counts: bool = False,
    threads: int = 0,
    watch: Watch | None = None,
) -> list[tuple[str, float]]:
    """-> pieces and their scores, the most likely first, as the reference's UnigramTrainer finds them.

    Args:
        reserved: how many of vocab_size are special tokens, which are not among the pieces.
        least: words that were seen less often are not looked at.

    Raises:
        ValueError: there are more characters than vocab_size.
    """

def train_word_level(
    counts: WordCounts, *, vocab_size: int, min_frequency: int, special_tokens: Sequence[str]
) -> list[str]:
    """-> vocabulary, equal to the reference's WordLevelTrainer; the later of two equal texts counts."""

def train_bpe(
    counts: WordCounts,
    *,
    vocab_size: int,
    min_frequency: int,
    special_tokens: Sequence[str],
    limit_alphabet: int | None,
    initial_alphabet: Sequence[str],
    continuing_subword_prefix: str | None,
    end_of_word_suffix: str | None,
    max_token_length: int | None,
    least: int = 0,
    uses_up_counts: bool = False,
    threads: int = 0,
    watch: Watch | None = None,
) -> tuple[list[str], list[tuple[str, str]]]:
    """-> (vocabulary, id after id; merges, rank after rank), equal to the reference's BpeTrainer.

    Args:
        least: words that were seen less often only count for the alphabet.
        uses_up_counts: the words in memory are forgotten as soon as they have been read.
    """

def clean_up_tokenization(text: str) -> str:
    """Spaces before punctuation and contractions removed (`clean_up_tokenization_spaces`)."""

class Matrix:
    """A matrix (out, inner) elsewhere in memory, by whose transpose rows are multiplied (native/linear.hpp)."""

    def __init__(
        self,
        weights: int,
        scales: int,
        bias: int,
        out: int,
        inner: int,
        kind: int,
        rows_kind: int,
        turned: bool = False,
    ) -> None:
        """Addresses, 0 for none; the kinds are numbers of the enumeration there; turned: it lies as (inner, out)."""

    def multiply(self, x: int, rows: int, y: int, threads: int) -> None:
        """Numbers at x (rows, inner) -> numbers at y (rows, out)."""

    def multiply_many(self, x: int, rows: int, y: int, threads: int) -> None:
        """The same with many rows of float32, where `can_multiply_many()`."""

def can_multiply_many() -> bool:
    """Whether this processor has a unit for products of many rows of float32."""

def can_multiply() -> bool:
    """Whether there is a kernel for this processor."""

def multiply_in_threads_of(address: int) -> None:
    """The address of libgomp's GOMP_parallel, whose threads share the work from now on."""
