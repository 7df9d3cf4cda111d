"""A pipeline: preprocess, forward, postprocess, for one input or many; and the plain code that it stands for.

Every task is one file beside this one, a class with these three steps. A keyword goes to each step whose signature
names it; what a step passes on (to the tokenizer, to `generate`) it names with `passes_on`. Here stands what tasks
share: sorting keywords, batches of like lengths, inputs of any kind, saving.
"""

import copy
import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import cache
from itertools import islice
from typing import Any, ClassVar

import torch
from torch import Tensor

from bearhug._lib.errors import unexpected_keyword
from bearhug.generation.loop import evaluating
from bearhug.pipelines.batches import cut

WINDOW = 32  # batches: so many are sorted by length together, so that a batch has little padding
PACKED = 1024  # rows of a list that are put into batches together, where batch_size does not say how
Options = dict[str, dict[str, Any]]  # step -> the keywords it takes
STEPS = ("preprocess", "_forward", "postprocess")


class PipelineException(ValueError):
    """An input that a task cannot work on, such as a text without a mask for fill-mask."""

    def __init__(self, task: str, model: str, reason: str):
        super().__init__(reason)
        self.task, self.model = task, model


class Pipeline:
    """A task in one call: `pipe(inputs)` is preprocess, forward and postprocess.

    Args:
        model: a model with the head that the task needs; it answers without dropout, whatever its mode.
        tokenizer: what its checkpoint was trained with.
        task: the task's name.
        device: "cpu", "cuda:1", a torch.device, a number (-1: CPU); None leaves the model where it is.
        batch_size: rows that go through the model together; 1 by default, a keyword of each call too. On a CPU, tasks
            that read texts put rows of like lengths together, as many as are fast: a row's answer is the same in any
            company.
        num_workers: processes that read a map-style data set.
        options: what the steps take; a call's own go before these.

    Raises:
        TypeError: an option that no step takes; the near ones are named.
        ValueError: the model lacks the head that the task needs.
    """

    default_input_names: ClassVar[str | None] = None  # the reference's keyword for the input, beside `inputs`
    model_class: ClassVar[str | None] = None  # the Auto class that loads the task's models
    head: ClassVar[str | None] = None  # what these models call their task; None: any
    example: ClassVar[Any] = None  # what explain() takes where no input is given
    packs: ClassVar[bool] = False  # on a processor, rows of a list go through the model together whatever batch_size is
    framework: ClassVar[str] = "pt"

    def __init__(
        self,
        model: Any,
        tokenizer: Any = None,
        *,
        task: str = "",
        device: int | str | torch.device | None = None,
        batch_size: int | None = None,
        num_workers: int | None = None,
        feature_extractor: Any = None,
        image_processor: Any = None,
        processor: Any = None,
        **options: Any,
    ):
        for ignored in ("dtype", "torch_dtype", "framework", "binary_output", "args_parser"):
            options.pop(ignored, None)
        self.task, self.model, self.tokenizer = task, model, tokenizer
        self.feature_extractor, self.image_processor, self.processor = feature_extractor, image_processor, processor
        self.source: dict[str, Any] | None = None  # what from_pretrained was given, where it was a name
        self._check_head()
        self.device = _device(device, model)
        if getattr(model, "device", self.device) != self.device:
            model.to(self.device)
        self.call_count = 0
        self._batch_size, self._num_workers = batch_size, num_workers
        self._options: Options = {}
        self._options = self._sorted(options)

    def _check_head(self) -> None:
        has = getattr(self.model, "task", None)
        if self.head is not None and isinstance(has, str) and has != self.head:
            raise ValueError(
                f"{self.task or type(self).__name__} needs a model for {self.head}, and got one for {has}.\n"
                f"Load it with {self.model_class}.from_pretrained(...), or give pipeline() the model's name."
            )

    # the three steps, which a task defines

    def preprocess(self, inputs: Any, /) -> Any:
        """One input -> the model's tensors, with a batch dimension of 1; other values are handed on as they are."""
        raise TypeError(f"{type(self).__name__} has no preprocess(inputs); a task defines it.")

    def _forward(self, model_inputs: Any, /) -> Any:
        """A batch of tensors -> the model's results, as a dictionary."""
        raise TypeError(f"{type(self).__name__} has no _forward(model_inputs); a task defines it.")

    def postprocess(self, model_outputs: Any, /) -> Any:
        """The results of one input -> the answer."""
        raise TypeError(f"{type(self).__name__} has no postprocess(model_outputs); a task defines it.")

    def record(self, answer: Any) -> dict[str, Any]:
        """An answer -> one flat record, what `run` gives; a task says how."""
        while isinstance(answer, list) and answer:
            answer = answer[0]
        return dict(answer)

    def passes_on(self) -> dict[str, Iterable[str]]:
        """Step -> further keywords it takes, which its signature does not name (of the tokenizer, of `generate`)."""
        return {}

    # calling

    def __call__(
        self, *inputs: Any, batch_size: int | None = None, num_workers: int | None = None, **options: Any
    ) -> Any:
        """Answer one input or many.

        Args:
            inputs: one input, or a list of them (a list of answers), or any iterator or data set (an iterator).
            batch_size: rows that go through the model together.
            num_workers: processes that read a map-style data set.
            options: what the task's steps take.
        """
        given = self._given(inputs, options)
        self.call_count += 1
        batch_size = batch_size or self._batch_size or 1
        workers = num_workers if num_workers is not None else self._num_workers or 0
        sorted_options = self._merged(options)
        if is_single(given):
            return next(self._answers([given], 1, sorted_options, single=True))
        if hasattr(given, "tolist"):
            given = given.tolist()  # an array, a pandas column
        if isinstance(given, Sequence):
            return list(self._answers(given, batch_size, sorted_options))
        if workers and hasattr(given, "__getitem__") and hasattr(given, "__len__"):
            given = _Read(given, workers)
        return Answers(given, self._answers(given, batch_size, sorted_options))

    def run(self, rows: Any, **options: Any) -> Any:
        """One flat record for each row, whatever the task: a list for a list, else an iterator.

        Example:
            >>> from bearhug import pipeline
            >>> pipe = pipeline("text-classification", model="bearhug/sentiment-en")
            >>> [row["label"] for row in pipe.run(["What a fine day.", "I hate rain."])]
            ['POSITIVE', 'NEGATIVE']
        """
        if is_single(rows):
            rows = [rows]
        answers = self(rows, **options)
        if isinstance(answers, list):
            return [self.record(answer) for answer in self._each(answers, rows)]
        return (self.record(answer) for answer in answers)

    def _each(self, answers: list[Any], rows: Any) -> list[Any]:
        """One answer a row, where a call with a list of one answers in another shape."""
        return answers

    def forward(self, model_inputs: Any, **options: Any) -> Any:
        """The model, without gradients, on its device; the results come back to the CPU."""
        training = getattr(self.model, "training", False)
        with torch.no_grad(), evaluating(self.model) if training else nullcontext():
            outputs = self._forward(_moved(model_inputs, self.device), **options)
        return _moved(outputs, torch.device("cpu"))

    def predict(self, X: Any) -> Any:
        """The call, under scikit-learn's name."""
        return self(X)

    transform = predict

    # keywords

    def _sanitize_parameters(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """Keywords -> those of preprocess, of _forward and of postprocess."""
        further = self.passes_on()
        named = {step: _keywords(getattr(type(self), step)) for step in STEPS}
        taken: Options = {step: {} for step in STEPS}
        for name, value in options.items():
            steps = [step for step in STEPS if name in named[step] or name in further.get(step, ())]
            if not steps:
                known = {name for step in STEPS for name in (*named[step], *further.get(step, ()))}
                known |= {"batch_size", "num_workers"}
                raise unexpected_keyword(f"{self.task or type(self).__name__}", name, known)
            for step in steps:
                taken[step][name] = value
        return taken["preprocess"], taken["_forward"], taken["postprocess"]

    def _sorted(self, options: dict[str, Any]) -> Options:
        return dict(zip(STEPS, self._sanitize_parameters(**options), strict=True))

    def _merged(self, options: dict[str, Any]) -> Options:
        own = self._sorted(options)
        return {step: {**self._options.get(step, {}), **own[step]} for step in STEPS}

    def _given(self, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """The input, from the first position or from a keyword."""
        names = ["inputs", *([self.default_input_names] if self.default_input_names else [])]
        named = [name for name in names if name in options]
        if len(inputs) + len(named) != 1:
            what = f"{len(inputs) + len(named)} inputs" if inputs or named else "no input"
            raise TypeError(
                f"{self.task or type(self).__name__} was called with {what}.\n"
                'Give one text, or several as a list: pipe("one"), pipe(["one", "another"]).'
            )
        return inputs[0] if inputs else options.pop(named[0])

    # rows in, answers out

    def _answers(self, rows: Iterable[Any], batch_size: int, options: Options, single: bool = False) -> Iterator[Any]:
        """One answer a row, in order: a window of rows is prepared, put into batches of like lengths, and answered."""
        source, seen = iter(rows), 0
        at_once = isinstance(rows, Sequence) and self.packs and not single  # all rows are there: none is waited for
        size = 1 if batch_size == 1 else batch_size * WINDOW
        while window := list(islice(source, max(size, PACKED) if at_once else size)):
            parts = [self._prepared(row, seen + i, options["preprocess"]) for i, row in enumerate(window)]
            seen += len(window)
            places = [(row, part) for row, of_row in enumerate(parts) for part in range(len(of_row))]
            lengths = [_length(parts[row][part]) for row, part in places]
            done: list[dict[int, Any]] = [{} for _ in window]
            answers: dict[int, Any] = {}
            for batch in self._batches(lengths, batch_size, at_once, options):
                outputs = self._run([parts[places[i][0]][places[i][1]] for i in batch], options["_forward"])
                for i, output in zip(batch, outputs, strict=True):
                    row, part = places[i]
                    done[row][part] = output
                    if len(done[row]) == len(parts[row]):  # its tensors need not wait for the other rows
                        found = [done[row].pop(part) for part in range(len(parts[row]))]
                        answers[row] = self._finished(found, options["postprocess"])
            for row, of_row in enumerate(parts):
                yield answers[row] if of_row else self._finished([], options["postprocess"])

    def _batches(self, lengths: list[int], batch_size: int, at_once: bool, options: Options) -> list[list[int]]:
        """Which rows of so many tokens go through the model together, by their numbers."""
        if not self._may_sort(options):
            order = list(range(len(lengths)))
        elif self.packs and (at_once or batch_size > 1) and self.device.type == "cpu":
            return cut(lengths)
        else:
            order = sorted(range(len(lengths)), key=lambda i: -lengths[i]) if batch_size > 1 else range(len(lengths))
        return [list(order[start : start + batch_size]) for start in range(0, len(order), batch_size)]

    def _prepared(self, row: Any, number: int, options: dict[str, Any]) -> list[Any]:
        """The parts of row `number` that go through the model: here, one."""
        return [self.preprocess(row, **options)]

    def _finished(self, outputs: list[Any], options: dict[str, Any]) -> Any:
        return self.postprocess(outputs[0], **options)

    def _may_sort(self, options: Options) -> bool:
        """Whether the order in which rows meet the model may change."""
        return True

    def _run(self, parts: list[Any], options: dict[str, Any]) -> list[Any]:
        """Several prepared rows through the model together; one result each."""
        if len(parts) == 1:
            return [self.forward(parts[0], **options)]
        outputs = self.forward(self._collated(parts), **options)
        return [_row(outputs, index) for index in range(len(parts))]

    def _collated(self, parts: list[Any]) -> dict[str, Any]:
        """One batch: tensors padded to the longest row, with a mask that says so; all else in lists."""
        left = getattr(self.tokenizer, "padding_side", "right") == "left"
        longest = max(map(_length, parts))
        batch = {}
        for name in parts[0]:
            values = [part[name] for part in parts]
            if not isinstance(values[0], Tensor):
                batch[name] = values
            elif values[0].ndim == 1 or all(value.shape == values[0].shape for value in values):
                batch[name] = torch.cat(values)
            else:
                batch[name] = _padded(values, longest, self._pad_value(name), left)
        if "input_ids" in batch and "attention_mask" not in batch and len({_length(part) for part in parts}) > 1:
            ones = [torch.ones_like(part["input_ids"]) for part in parts]
            batch["attention_mask"] = _padded(ones, longest, 0, left)
        return batch

    def _pad_value(self, name: str) -> int:
        if name in ("special_tokens_mask", "p_mask"):
            return 1
        if name != "input_ids":
            return 0
        # Any id will do, since the mask hides it; a tokenizer without a pad token pads with its end token.
        for known in ("pad_token_id", "eos_token_id"):
            if getattr(self.tokenizer, known, None) is not None:
                return getattr(self.tokenizer, known)
        return 0

    # showing, saving

    def code(self, inputs: Any = None, **options: Any) -> str:
        """The plain code that a call stands for: it runs by itself, and its `result` is the call's."""
        raise TypeError(f"{type(self).__name__} does not write its code out.")

    def explain(self, inputs: Any = None, **options: Any) -> None:
        """Print the plain code that `pipe(inputs, **options)` stands for: it runs by itself and gives the same result.

        Args:
            inputs: one input; without it an example.
        """
        print(self.code(self.example if inputs is None else inputs, **options))

    def save_pretrained(self, save_directory: str | os.PathLike, **options: Any) -> None:
        """Write the model and its tokenizer into a folder, which `pipeline(model=folder)` loads."""
        self.model.save_pretrained(save_directory, **options)
        for part in (self.tokenizer, self.feature_extractor, self.image_processor, self.processor):
            if part is not None:
                part.save_pretrained(save_directory)

    def push_to_hub(self, repo_id: str, **options: Any) -> Any:
        """Push the model with its tokenizer, in one commit."""
        return self.model.push_to_hub(repo_id, tokenizer=self.tokenizer, **options)

    @property
    def dtype(self) -> torch.dtype | None:
        """The model's dtype."""
        return getattr(self.model, "dtype", None)

    torch_dtype = dtype

    @contextmanager
    def device_placement(self) -> Iterator[None]:
        """New tensors go to the pipeline's device."""
        with torch.device(self.device):
            yield

    def __repr__(self) -> str:
        model = getattr(self.model, "name_or_path", None) or type(self.model).__name__
        where = f"dtype={self.dtype}, device={str(self.device)!r}"
        return f"{type(self).__name__}(task={self.task!r}, model={model!r}, {where})"


class ChunkPipeline(Pipeline):
    """A pipeline whose `preprocess` yields several parts of an input; its `postprocess` takes the results of all."""

    def _prepared(self, row: Any, number: int, options: dict[str, Any]) -> list[Any]:
        return list(self.preprocess(row, **options))

    def _finished(self, outputs: list[Any], options: dict[str, Any]) -> Any:
        return self.postprocess(outputs, **options)


class Answers:
    """Answers as they come, for inputs that are not a list: an iterator, with the length of its inputs where known."""

    def __init__(self, inputs: Any, answers: Iterator[Any]):
        self._inputs, self._answers = inputs, answers

    def __iter__(self) -> Iterator[Any]:
        return self._answers

    def __next__(self) -> Any:
        return next(self._answers)

    def __len__(self) -> int:
        return len(self._inputs)


class KeyDataset:
    """One column of a map-style data set, as a data set: `pipe(KeyDataset(dataset, "text"))`."""

    def __init__(self, dataset: Any, key: str):
        self.dataset, self.key = dataset, key

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        return self.dataset[index][self.key]

    def __iter__(self) -> Iterator[Any]:
        return (row[self.key] for row in self.dataset)


class KeyPairDataset:
    """Two columns as pairs of texts, {"text", "text_pair"}."""

    def __init__(self, dataset: Any, key1: str, key2: str):
        self.dataset, self.key1, self.key2 = dataset, key1, key2

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> dict[str, Any]:
        row = self.dataset[index]
        return {"text": row[self.key1], "text_pair": row[self.key2]}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[index] for index in range(len(self)))


class _Read:
    """A map-style data set read by worker processes."""

    def __init__(self, dataset: Any, workers: int):
        self.dataset, self.workers = dataset, workers

    def __len__(self) -> int:
        return len(self.dataset)

    def __iter__(self) -> Iterator[Any]:
        loader = torch.utils.data.DataLoader(
            self.dataset,
            batch_size=1,
            num_workers=self.workers,
            collate_fn=_only,  # pyright: ignore[reportArgumentType]
        )
        return iter(loader)


def _only(rows: list[Any]) -> Any:
    return rows[0]


def is_chat(value: Any) -> bool:
    """Whether this is a conversation: messages, each with a role and a content."""
    return isinstance(value, list | tuple) and len(value) > 0 and all(map(is_message, value))


def is_message(value: Any) -> bool:
    """Whether this is one message of a conversation: a dict with a role and a content."""
    return isinstance(value, Mapping) and "role" in value and "content" in value


def is_single(value: Any) -> bool:
    """Whether this is one input rather than several: a text, a dictionary, a conversation."""
    return isinstance(value, str | bytes | Mapping) or is_chat(value) or not isinstance(value, Iterable)


@cache
def _keywords(step: Callable) -> set[str]:
    """What a step takes after itself and the input."""
    parameters = list(inspect.signature(step).parameters.values())[2:]
    return {parameter.name for parameter in parameters if parameter.kind is not inspect.Parameter.VAR_KEYWORD}


def _device(device: int | str | torch.device | None, model: Any) -> torch.device:
    if device is None:
        return torch.device(getattr(model, "device", "cpu"))
    if isinstance(device, int):
        device = "cpu" if device < 0 else f"{torch.accelerator.current_accelerator() or 'cpu'}:{device}"
        return torch.device("cpu" if device.startswith("cpu") else device)
    return torch.device(device)


def _length(part: Any) -> int:
    """Tokens of one prepared row."""
    for value in part.values():
        if isinstance(value, Tensor) and value.ndim > 1:
            return value.shape[1]
    return 0


def _padded(values: list[Tensor], longest: int, value: int, left: bool) -> Tensor:
    """Rows (1, T, ...) -> (B, longest, ...)."""
    batch = values[0].new_full((len(values), longest, *values[0].shape[2:]), value)
    for row, given in zip(batch, values, strict=True):
        start = longest - given.shape[1] if left else 0
        row[start : start + given.shape[1]] = given[0]
    return batch


def _row(outputs: Any, index: int) -> Any:
    """One row of a batch of results, with a batch dimension of 1 again."""
    if isinstance(outputs, Mapping):
        return _with(outputs, {name: _row(value, index) for name, value in outputs.items()})
    if isinstance(outputs, Tensor):
        return outputs[index : index + 1]
    if isinstance(outputs, tuple):
        return tuple(_row(value, index) for value in outputs)
    if isinstance(outputs, list):
        return outputs[index]
    return outputs


def _moved(value: Any, device: torch.device) -> Any:
    """Every tensor in it, on a device."""
    if isinstance(value, Tensor):
        return value if value.device == device else value.to(device)
    if isinstance(value, Mapping):
        return _with(value, {name: _moved(item, device) for name, item in value.items()})
    if isinstance(value, list):
        return [_moved(item, device) for item in value]
    if isinstance(value, tuple):
        return tuple(_moved(item, device) for item in value)
    return value


def _with(outputs: Any, values: dict[str, Any]) -> Any:
    """The same kind of dictionary with other values."""
    other = copy.copy(outputs)
    for name, value in values.items():
        other[name] = value
    return other
