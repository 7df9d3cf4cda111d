"""CodeLlama fills a gap in code: `<FILL_ME>` in a text, or a prefix and a suffix."""

from __future__ import annotations

from typing import Any

from bearhug.tokenizers import file
from bearhug.tokenizers.classes.kind import replace, sequence, template
from bearhug.tokenizers.encoding import BatchEncoding
from bearhug.tokenizers.tokenizer import PreTrainedTokenizerFast

PREPENDING = sequence({"type": "Prepend", "prepend": "▁"}, replace(" ", "▁"))


class Infilling(PreTrainedTokenizerFast):
    """A call with `suffix=`, or with `fill_token` in the text, encodes both sides of a gap."""

    _is_plain = False

    def _id(self, name: str) -> int | None:
        token = getattr(self, name)
        return None if token is None else self.convert_tokens_to_ids(token)

    @property
    def prefix_id(self) -> int | None:
        """The id of `prefix_token`, which goes before what stands before the gap."""
        return self._id("prefix_token")

    @property
    def middle_id(self) -> int | None:
        """The id of `middle_token`, after which the model writes what belongs into the gap."""
        return self._id("middle_token")

    @property
    def suffix_id(self) -> int | None:
        """The id of `suffix_token`, which goes before what stands behind the gap."""
        return self._id("suffix_token")

    @property
    def eot_id(self) -> int | None:
        """The id of `eot_token`, which ends what the model writes."""
        return self._id("eot_token")

    def set_infilling_processor(self, reset: bool, suffix_first: bool = False, add_special_tokens: bool = True) -> None:
        """Arrange a pair of texts around a gap; `reset`: as before.

        Args:
            suffix_first: what stands behind the gap comes first.
            add_special_tokens: bos_token and eos_token too, as the tokenizer is set.
        """
        core = self._core
        if reset:
            core.normalizer = file.normalizer(PREPENDING)
            self.update_post_processor()
            return
        core.normalizer = file.normalizer(replace(" ", "▁"))
        prefix, middle, suffix = self.prefix_token, self.middle_token, self.suffix_token
        order = [prefix, suffix, "$B", middle, "$A"] if suffix_first else [prefix, "$A", suffix, "$B", middle]
        ids: dict[Any, int | None] = {prefix: self.prefix_id, suffix: self.suffix_id, middle: self.middle_id}
        if self.add_bos_token and add_special_tokens:
            order, ids = [self.bos_token, *order], {self.bos_token: self.bos_token_id} | ids
        if self.add_eos_token and add_special_tokens:
            order, ids = [*order, self.eos_token], ids | {self.eos_token: self.eos_token_id}
        types = "0|" + "".join("1" if piece == "$B" else "0" for piece in order)
        core.post_processor = file.post_processor(template(["$A"], order, ids, types))

    def tokenize(  # pyright: ignore[reportIncompatibleMethodOverride] - the reference's order
        self, text: str, suffix: str | None = None, suffix_first: bool = False, **kwargs: Any
    ) -> list[str]:
        """A text's tokens; with a suffix, or with `fill_token` in the text, arranged around the gap."""
        if suffix is None and self.fill_token is not None and self.fill_token in text:
            text, suffix = self._sides(text)
        if not suffix:
            return super().tokenize(text, **kwargs)
        self._needs_tokens()
        kwargs.pop("pair", None)
        self.set_infilling_processor(False, suffix_first=suffix_first, add_special_tokens=False)
        try:
            return super()._encode(f" {text}", suffix, add_special_tokens=True, **kwargs).tokens()
        finally:
            self.set_infilling_processor(True)

    def _encode(
        self, text: Any, text_pair: Any = None, suffix: Any = None, suffix_first: bool = False, **options: Any
    ) -> BatchEncoding:
        gap = suffix is not None
        pair = suffix if gap else text_pair
        if isinstance(text, str) and self.fill_token is not None and self.fill_token in text and pair is None:
            (text, pair), gap = self._sides(text), True
        if not gap or not pair:
            return super()._encode(text, pair, **options)
        self._needs_tokens()
        around = options.pop("add_special_tokens", True)
        self.set_infilling_processor(False, suffix_first=suffix_first, add_special_tokens=around)
        try:
            blank = [f" {one}" for one in text] if isinstance(text, list) else f" {text}"
            return super()._encode(blank, pair, add_special_tokens=True, **options)
        finally:
            self.set_infilling_processor(True)

    def _sides(self, text: str) -> tuple[str, str]:
        sides = text.split(self.fill_token)
        if len(sides) != 2:
            raise ValueError(f"a text has one gap; {self.fill_token!r} stands in it {len(sides) - 1} times.")
        return sides[0], sides[1]

    def _needs_tokens(self) -> None:
        if None in (self.prefix_id, self.middle_id, self.suffix_id):
            raise ValueError(
                "this tokenizer cannot fill a gap: prefix_token, middle_token and suffix_token must be set, and are "
                f"{self.prefix_token!r}, {self.middle_token!r} and {self.suffix_token!r}."
            )
