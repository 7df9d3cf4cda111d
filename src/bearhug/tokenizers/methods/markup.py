"""Web pages: texts of a page's nodes with the path to each, /html/body/li[1] (Li et al. 2021, arXiv:2110.08518).

tokenizer(["Home", "News"], xpaths=["/html/body/a[1]", "/html/body/a[2]"])
tokenizer("What is it?", ["Home", "News"], xpaths=[...])
"""

from __future__ import annotations

from typing import Any

from bearhug.tokenizers.encoding import BatchEncoding
from bearhug.tokenizers.methods.layouts import WithBoxes

NOWHERE = "/document/node"  # the path of texts whose paths nobody says
Steps = tuple[list[int], list[int]]


class WithPaths(WithBoxes):
    """A call takes `xpaths` and `node_labels`, and gives `xpath_tags_seq`, `xpath_subs_seq` and `labels`."""

    tags_dict: dict[str, int]
    max_depth: int
    max_width: int
    pad_width: int

    def _made(self) -> None:
        if self.init_kwargs.get("tags_dict") is None:
            raise TypeError("MarkupLMTokenizer needs tags_dict=, tag -> number; it stands in tokenizer_config.json.")
        for name in ("tags_dict", "max_depth", "max_width", "pad_width", "pad_token_label", "only_label_first_subword"):
            object.__setattr__(self, name, self.init_kwargs[name])
        self.unk_tag_id = len(self.tags_dict)
        self.pad_tag_id = self.unk_tag_id + 1
        self.pad_xpath_tags_seq = [self.pad_tag_id] * self.max_depth
        self.pad_xpath_subs_seq = [self.pad_width] * self.max_depth
        for name in ("cls_token_box", "sep_token_box", "pad_token_box"):
            object.__setattr__(self, name, (self.pad_xpath_tags_seq, self.pad_xpath_subs_seq))

    def get_xpath_seq(self, xpath: str) -> Steps:
        """The tags of a path and the numbers behind them, each `max_depth` long."""
        tags, subs = [], []
        for step in filter(str.strip, xpath.split("/")):
            name, _, number = step.strip().partition("[")
            tags.append(self.tags_dict.get(name, self.unk_tag_id))
            subs.append(min(self.max_width, int(number[:-1]) if number else 0))
        tags, subs = tags[: self.max_depth], subs[: self.max_depth]
        rest = self.max_depth - len(tags)
        return tags + [self.pad_tag_id] * rest, subs + [self.pad_width] * rest

    def __call__(  # pyright: ignore[reportIncompatibleMethodOverride] - paths stand third, as in the reference
        self,
        text: Any = None,
        text_pair: Any = None,
        xpaths: Any = None,
        node_labels: Any = None,
        is_split_into_words: bool = False,
        **kwargs: Any,
    ) -> BatchEncoding:
        """Encode the nodes of a page, or of several, alone or behind a question.

        Args:
            text: a list of texts, one a node, or a list of such lists; with `text_pair`, a question or several.
            text_pair: the nodes.
            xpaths: a path for each node. None: the texts are cut at blanks, and every word has the same path.
            node_labels: a label for each node; a piece that is not to be learnt gets `pad_token_label`.
            kwargs: as every tokenizer's.

        Raises:
            ValueError: nodes that are no lists, or not one path for each.
        """
        if kwargs.get("text_target") is not None or (text is None and text_pair is None):
            return super().__call__(text, text_pair, **kwargs)
        nodes = text if text_pair is None else text_pair
        if xpaths is None and not is_split_into_words:
            nodes, xpaths = _without_paths(nodes)
        elif xpaths is None:
            raise ValueError("each node needs its path: xpaths=['/html/body/a[1]', ...].")
        steps = [self.get_xpath_seq(p) if isinstance(p, str) else [*map(self.get_xpath_seq, p)] for p in xpaths]
        text, text_pair = (nodes, None) if text_pair is None else (text, nodes)
        return super().__call__(text, text_pair, steps, node_labels, **kwargs)

    def _words_of(self, question: Any) -> list[str]:
        return [question] if isinstance(question, str) else list(question)

    def _columns(self, boxes: list[list[Any]]) -> dict[str, Any]:
        tags, subs = ([[steps[i] for steps in row] for row in boxes] for i in (0, 1))
        return {"xpath_tags_seq": tags, "xpath_subs_seq": subs}

    def _fills(self) -> dict[str, Any]:
        own = {"xpath_tags_seq": self.pad_xpath_tags_seq, "xpath_subs_seq": self.pad_xpath_subs_seq}
        return super()._fills() | own


def _without_paths(nodes: Any) -> tuple[Any, Any]:
    """The words of texts, and the path that says nothing for each."""
    if isinstance(nodes, str):
        nodes = nodes.split()
    elif isinstance(nodes, list | tuple) and nodes:
        if isinstance(nodes[0], str):
            nodes = [node.split() for node in nodes] if any(" " in node for node in nodes) else nodes
        elif isinstance(nodes[0], tuple):
            nodes = [list(page) for page in nodes]
    if nodes and isinstance(nodes[0], list | tuple):
        return nodes, [[NOWHERE] * len(page) for page in nodes]
    return nodes, [NOWHERE] * len(nodes)
