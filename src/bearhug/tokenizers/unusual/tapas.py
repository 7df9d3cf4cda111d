"""TAPAS: a question, and a table as a pandas DataFrame of texts (Herzig et al. 2020, arXiv:2004.02349).

    tokenizer(table, "How many movies?")

Each token has seven types: of the question or the table, column, row, whether it was the last answer, its rank in the
column from below and from above, and how its number stands to those of the question.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bearhug.tokenizers.classes.kind import Json
from bearhug.tokenizers.classes.kind import text as text_of
from bearhug.tokenizers.encoding import BatchEncoding
from bearhug.tokenizers.unusual import numbers_in_text
from bearhug.tokenizers.unusual.python_tokenizer import Ids
from bearhug.tokenizers.unusual.wordpieces import WordPieces, lines_of, pieces_of, words_of_bert

Cell = tuple[int, int]  # column, row
EMPTY = "EMPTY"


def tapas_tokens(options: Json) -> None:
    """The token of empty cells is a special one."""
    key = "extra_special_tokens" if options.get("extra_special_tokens") else "additional_special_tokens"
    given = list(options.get(key) or [])
    empty = text_of(options["empty_token"])
    options[key] = given if empty in map(text_of, given) else [*given, options["empty_token"]]


class Tapas(WordPieces):
    """BERT's pieces; a call takes a table and questions on it."""

    def _load(self, vocab: Any, merges: Any, settings: dict[str, Any]) -> None:
        if vocab is None:
            raise ValueError(f"{type(self).__name__} is made from a vocab.txt: pass vocab_file=.")
        self._set_encoder(lines_of(vocab))
        self.do_basic_tokenize = settings["do_basic_tokenize"]
        fold = [settings[name] for name in ("do_lower_case", "tokenize_chinese_chars", "strip_accents")]
        self._fold = fold
        longest = settings["model_max_length"]
        for name in ("max_column_id", "max_row_id"):
            setattr(self, name, longest if settings[name] is None else settings[name])
        for name in ("cell_trim_length", "strip_column_names", "update_answer_coordinates"):
            setattr(self, name, settings[name])
        self.min_question_length, self.max_question_length = (
            settings["min_question_length"],
            settings["max_question_length"],
        )

    def _made(self) -> None:
        core: Any = self._core
        core.remove_added_tokens([token for token in core.ids if token in self.encoder])

    @property
    def vocab(self) -> dict[str, int]:
        """token -> id."""
        return self.encoder

    def _tokenize(self, text: str) -> list[str]:
        if _formatted(text) == EMPTY:
            return [self.extra_special_tokens[0]]
        words = words_of_bert(*self._fold)(text) if self.do_basic_tokenize else [text]
        return [piece for word in words for piece in pieces_of(word, self.encoder, str(self.unk_token))]

    def _frame(self, second: bool) -> list[int | str | None]:
        if not second:
            raise ValueError("TAPAS puts tokens around a question and a table: give the ids of both.")
        return [self.cls_token_id, "A", self.sep_token_id, "B"]

    def num_special_tokens_to_add(self, pair: bool = False) -> int:
        """2, around a question."""
        return 2

    def get_special_tokens_mask(
        self, token_ids_0: Ids, token_ids_1: Ids | None = None, already_has_special_tokens: bool = False
    ) -> list[int]:
        """1 on the class token and the separator."""
        if already_has_special_tokens:
            return super().get_special_tokens_mask(token_ids_0, token_ids_1, True)
        return [1, *[0] * len(token_ids_0), 1, *[0] * len(token_ids_1 or ())]

    # -- questions on a table

    def __call__(  # pyright: ignore[reportIncompatibleMethodOverride] - a table comes first, as in the reference
        self,
        table: Any = None,
        queries: Any = None,
        answer_coordinates: Any = None,
        answer_text: Any = None,
        add_special_tokens: bool = True,
        padding: bool | str = False,
        truncation: bool | str = False,
        max_length: int | None = None,
        pad_to_multiple_of: int | None = None,
        padding_side: str | None = None,
        return_tensors: str | None = None,
        return_token_type_ids: bool | None = None,
        return_attention_mask: bool | None = None,
        return_special_tokens_mask: bool = False,
        return_length: bool = False,
        verbose: bool = True,
        **kwargs: Any,
    ) -> BatchEncoding:
        """Encode a question on a table, or several.

        Args:
            table: a pandas DataFrame of texts; without a table, the question or questions.
            queries: a question, or a list of them.
            answer_coordinates: (row, column) of the cells that answer; for several questions, lists of those.
            answer_text: those cells' texts.
            truncation: True or "drop_rows_to_fit": rows of the table that have no room are left out.

        Raises:
            ValueError: questions that are no texts; a table too large, or too long for max_length; answers by halves.
        """
        if not hasattr(table, "columns"):
            if queries is not None:
                raise ValueError(f"the table is a {type(table).__name__}; expected a pandas DataFrame of texts.")
            table, queries = None, table
        many = isinstance(queries, list | tuple)
        asked = list(queries) if isinstance(queries, list | tuple) else ["" if queries is None else queries]
        if not all(isinstance(question, str) for question in asked):
            raise ValueError(f"questions are texts; got {queries!r:.60}.")
        if bool(answer_coordinates) != bool(answer_text):
            raise ValueError("an answer has both, answer_coordinates and answer_text.")
        if truncation not in (True, False, "drop_rows_to_fit", "do_not_truncate"):
            raise ValueError(f"truncation={truncation!r} is unknown; expected True, False or 'drop_rows_to_fit'.")
        cells = _Table(self, table)
        wanted = self.model_input_names
        with_types = "token_type_ids" in wanted if return_token_type_ids is None else return_token_type_ids
        with_mask = "attention_mask" in wanted if return_attention_mask is None else return_attention_mask
        answers = [answer_coordinates] if not many else answer_coordinates or [None] * len(asked)
        texts = [answer_text] if not many else answer_text or [None] * len(asked)
        drop = truncation in (True, "drop_rows_to_fit")
        rows = []
        for question, places, said in zip(asked, answers, texts, strict=True):
            row = self._on_table(question, cells, places, said, add_special_tokens, drop, max_length)
            if not return_special_tokens_mask:
                row.pop("special_tokens_mask")
            if not with_types:
                row.pop("token_type_ids")
            if return_length and many:
                row["length"] = len(row["input_ids"])
            rows.append(row)
        if max_length is None and verbose and rows:
            self._warn_too_long(max(len(row["input_ids"]) for row in rows))
        fill: Any = padding
        if isinstance(padding, bool) and not many:
            fill = "max_length" if padding and (max_length is not None or pad_to_multiple_of is not None) else False
        out = self.pad(
            {key: [row[key] for row in rows] for key in rows[0]} if many else rows[0],
            padding=fill,
            max_length=max_length,
            pad_to_multiple_of=pad_to_multiple_of,
            padding_side=padding_side,
            return_attention_mask=with_mask,
        )
        if return_length and not many:
            out["length"] = len(out["input_ids"])
        return BatchEncoding(dict(out), tensor_type=return_tensors, prepend_batch_axis=not many)

    def _on_table(
        self,
        question: str,
        table: _Table,
        places: Any,
        said: Any,
        add_special_tokens: bool,
        drop: bool,
        max_length: int | None,
    ) -> Json:
        tokens = self.tokenize(question)
        low, high = self.min_question_length or 0, self.max_question_length
        if len(tokens) < low or (high is not None and len(tokens) > high):
            self._warn_once(f"a question of fewer than {low} or more than {high} tokens is left out.")
            question, tokens = "", []
        values = table.cut(len(tokens), drop, max_length)
        ids = [self.convert_tokens_to_ids(part) for part in (tokens, [token for token, _ in values])]
        row: Json = {
            "input_ids": self.build_inputs_with_special_tokens(*ids) if add_special_tokens else ids[0] + ids[1]
        }
        if max_length is not None and len(row["input_ids"]) > max_length:
            raise ValueError(
                f"the question and the table have {len(row['input_ids'])} tokens, and max_length={max_length}.\n"
                "Pass truncation=True, which leaves rows out, or a larger max_length."
            )
        outside = len(ids[0]) + 2
        cells: list[Cell | None] = [None] * outside + [cell for _, cell in values]
        columns = [0 if cell is None else cell[0] + 1 for cell in cells]
        lines = [0 if cell is None else cell[1] + 1 for cell in cells]
        ranks, inverse = table.ranks()
        relations = table.relations(question)
        numbers = [[found.get(cell, 0) for cell in cells] for found in (ranks, inverse, relations)]
        segments = [0] * outside + [1] * len(values)
        types = [segments, columns, lines, [0] * len(cells), *numbers]
        if places is not None and said is not None:
            row["labels"] = self._labels(cells, places)
            row["numeric_values"] = [table.floats.get(cell, float("nan")) for cell in cells]
            row["numeric_values_scale"] = [
                1.0 if cell is None or cell[1] < 0 else float(cells.count(cell)) for cell in cells
            ]
        row["token_type_ids"] = [list(of) for of in zip(*types, strict=True)]
        row["special_tokens_mask"] = (
            self.get_special_tokens_mask(*ids) if add_special_tokens else [0] * len(row["input_ids"])
        )
        return row

    def _labels(self, cells: Sequence[Cell | None], places: Sequence[Cell]) -> list[int]:
        answers = {(column, row) for row, column in places}
        if not answers <= set(cells):
            raise ValueError("a cell that answers is not in the table, or was left out of it by truncation.")
        return [int(cell in answers) for cell in cells]

    def _fills(self) -> dict[str, Any]:
        own = {"token_type_ids": [self.pad_token_type_id] * 7, "labels": 0}
        return super()._fills() | own | {"numeric_values": float("nan"), "numeric_values_scale": 1.0}

    # -- answers

    def convert_logits_to_predictions(
        self, data: Mapping[str, Any], logits: Any, logits_agg: Any = None, cell_classification_threshold: float = 0.5
    ) -> tuple:
        """The cells that a model takes for answers.

        Args:
            data: the encoding as tensors.
            logits: a number for each token.
            logits_agg: numbers of the ways to put cells together.

        Returns:
            (row, column) of the cells of each question; with `logits_agg`, the way to put them together too.
        """
        import numpy as np

        chances = 1 / (1 + np.exp(-np.maximum(np.asarray(logits), -88.7))) * np.asarray(data["attention_mask"])
        answers = []
        for row, types in zip(chances.tolist(), np.asarray(data["token_type_ids"]).tolist(), strict=True):
            cells: dict[Cell, list[float]] = {}
            for chance, (segment, column, line, *_) in zip(row, types, strict=True):
                if segment == 1 and column > 0 and line > 0:
                    cells.setdefault((line - 1, column - 1), []).append(chance)
            if any(column or line for _, column, line, *_ in types):
                means = {cell: np.array(values).mean() for cell, values in cells.items()}
                answers.append(sorted(cell for cell, mean in means.items() if mean > cell_classification_threshold))
        if logits_agg is None:
            return (answers,)
        return answers, np.asarray(logits_agg).argmax(axis=-1).tolist()


class _Table:
    """A table's texts cut into tokens, and the numbers in them. A cell is (column, row); the names are row -1."""

    def __init__(self, tokenizer: Tapas, table: Any):
        self.tokenizer = tokenizer
        names = [] if table is None else [str(name) for name in table.columns]
        self.width, self.height = len(names), 0 if table is None else len(table)
        texts = (
            {} if table is None else {(c, r): table.iloc[r, c] for r in range(self.height) for c in range(self.width)}
        )
        if bad := next((text for text in texts.values() if not isinstance(text, str)), None):
            raise ValueError(f"a cell holds {type(bad).__name__} {bad!r:.40}; cells are texts: table.astype(str).")
        header = {(c, -1): "" if tokenizer.strip_column_names else name for c, name in enumerate(names)}
        self.tokens = {cell: tokenizer.tokenize(text) for cell, text in (header | texts).items()}
        columns = ({r: texts[c, r] for r in range(self.height)} for c in range(self.width))
        self.values = [numbers_in_text.of_column(column) for column in columns]

    @property
    def floats(self) -> dict[Cell | None, float]:
        """The numbers of cells."""
        pairs = ((c, r, value) for c, column in enumerate(self.values) for r, value in column.items())
        return {(c, r): value for c, r, value in pairs if isinstance(value, float)}

    def _kept(self, height: int, most: int) -> list[tuple[str, Cell]]:
        """The tokens of so many rows; of each cell, the words that begin within its first `most` tokens."""
        out = []
        for cell, tokens in self.tokens.items():
            begin = 0
            for i, token in enumerate(tokens if cell[1] < height else ()):
                begin = begin if token.startswith("##") else i
                if begin < most:
                    out.append((token, cell))
        return out

    def cut(self, question: int, drop: bool, max_length: int | None) -> list[tuple[str, Cell]]:
        """The tokens that have room beside a question of so many."""
        tokenizer, height = self.tokenizer, self.height
        if self.width >= tokenizer.max_column_id or (height >= tokenizer.max_row_id and not drop):
            raise ValueError(
                f"the table has {self.width} columns and {height} rows, and the model reads fewer than "
                f"{tokenizer.max_column_id} and {tokenizer.max_row_id}."
            )
        longest = max(map(len, self.tokens.values()), default=0)
        if not drop:
            return self._kept(height, longest)
        height = min(height, tokenizer.max_row_id - 1)
        room = (tokenizer.model_max_length if max_length is None else max_length) - question - 2
        most = None
        while most is None:
            most = self._most(height, room, longest)
            height -= most is None
            if height < 1:
                break
        return self._kept(height, most or 1)

    def _most(self, height: int, room: int, longest: int) -> int | None:
        """How many tokens each cell may have; None: these rows have no room at all."""
        trim = self.tokenizer.cell_trim_length
        longest = min(longest, trim) if trim >= 0 else longest
        most = next((n for n in range(longest + 1) if len(self._kept(height, n + 1)) > room), longest)
        return None if most < longest and (trim >= 0 or most == 0) else most

    def ranks(self) -> tuple[dict[Cell | None, int], dict[Cell | None, int]]:
        """Of each cell with a number, its place among the column's from below, and from above."""
        up: dict[Cell | None, int] = {}
        down: dict[Cell | None, int] = {}
        for c, column in enumerate(self.values):
            key = numbers_in_text.comparing(column.values())
            if key is None:
                continue
            order = sorted({key(value) for value in column.values()})
            for r, value in column.items():
                up[c, r] = order.index(key(value)) + 1
                down[c, r] = len(order) - order.index(key(value))
        return up, down

    def relations(self, question: str) -> dict[Cell | None, int]:
        """How the numbers of the question stand to each cell's: the sum of what `relation` says."""
        found: dict[Cell | None, int] = {}
        for value in numbers_in_text.values_in(numbers_in_text.plain(question)):
            for c, column in enumerate(self.values):
                key = numbers_in_text.comparing([*column.values(), value]) if column else None
                if key is None:
                    continue
                for r, other in column.items():
                    found[c, r] = found.get((c, r), 0) | numbers_in_text.relation(value, other, key)
        return found


def _formatted(text: str) -> str:
    """A cell's words; EMPTY where it has none."""
    text = text.lower().strip()
    if text in ("n/a", "?", "nan"):
        return EMPTY
    return " ".join(re.sub(r"[^\w\d]+", " ", text).replace("_", " ").split()) or EMPTY
