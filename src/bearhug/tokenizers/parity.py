"""Byte-pair encoding that is fair to several languages (parity-aware BPE, Foroutan et al. 2025, arXiv:2508.04796).

Plain BPE gives most merges to the language with most text. Here the language that is worst off has the turn.
"""

import math
from collections.abc import Sequence
from typing import Any

from bearhug._lib.errors import either
from bearhug.tokenizers._native import AddedToken, Tokenizer, train_parity_bpe
from bearhug.tokenizers.train import check, following, give, numbered, specials
from bearhug.tokenizers.word_counts import Texts, count

VARIANTS = ("base", "window")


def retrain(
    core: Tokenizer,
    languages: Sequence[Texts],
    development: Sequence[Texts] | None = None,
    ratio: Sequence[float] | None = None,
    *,
    num_merges: int = 32_000,
    variant: str = "base",
    global_merges: int = 0,
    window_size: int = 100,
    alpha: float = 2.0,
    total_symbols: bool = False,
    special_tokens: Sequence[str | AddedToken] = (),
    show_progress: bool = True,
    threads: int = 0,
    **settings: Any,
) -> None:
    """Give a BPE tokenizer a vocabulary that is fair to several languages, as the reference's ParityBpeTrainer does.

    Args:
        languages: texts of each language.
        development: texts of the same content in each language: whose text has the most tokens has the turn.
        ratio: without development texts, how much each language's training text is to be compressed, compared with the
            others. Without both, the language with the most tokens has the turn.
        num_merges: how many are learnt.
        variant: "window" lets no language take more than `alpha` shares of the last `window_size` turns.
        global_merges: so many come first, of the most frequent pairs of all languages together.
        total_symbols: the alphabet and the special tokens count as merges.
        settings: min_frequency, limit_alphabet, initial_alphabet, continuing_subword_prefix, end_of_word_suffix,
            max_token_length, as for BPE.

    Raises:
        ValueError: the model is no BPE, the numbers of languages differ, or a setting makes no sense.
        TypeError, OverflowError: as `train.retrain`.
    """
    if core.model.kind != "BPE":
        raise ValueError(f"the model is a {core.model.kind}; only a BPE learns several languages at once.")
    if variant not in VARIANTS:
        raise ValueError(f"variant is {variant!r}; it is {either(map(repr, VARIANTS))}.")
    if not languages:
        raise ValueError("there is no language to learn: languages is empty; expected the texts of each.")
    for name, given in (("development", development), ("ratio", ratio)):
        if given is not None and len(given) != len(languages):
            raise ValueError(f"{name} is for {len(given)} languages, and texts are there for {len(languages)}.")
    if any(not (math.isfinite(one) and one > 0) for one in ratio or ()):
        raise ValueError(f"ratio is {ratio}; expected positive numbers.")
    if variant == "window" and (window_size <= 0 or not (math.isfinite(alpha) and alpha > 0)):
        raise ValueError(f"{window_size=} and {alpha=}; expected positive numbers for the window.")
    options: Any = check("BPE", **settings)
    options.pop("vocab_size")
    prefix, suffix = options["continuing_subword_prefix"], options["end_of_word_suffix"]
    tokens = specials(special_tokens)
    how = {"show_progress": show_progress, "threads": threads}
    counts = [[count(texts, core, **how) for texts in group] for group in (languages, development or ())]
    with following(show_progress, "merge", "merges", "token") as watch:
        vocabulary, merges = train_parity_bpe(
            *counts,
            num_merges=num_merges,
            ratio=list(ratio or ()) if not development else [],
            global_merges=global_merges,
            window_size=window_size if variant == "window" else 0,
            alpha=alpha,
            total_symbols=total_symbols,
            special_tokens=[token.content for token in tokens],
            watch=watch,
            **options | {"initial_alphabet": list(options["initial_alphabet"])},
        )
    affixes = {"continuing_subword_prefix": prefix, "end_of_word_suffix": suffix}
    give(core, {"vocab": numbered(vocabulary), "merges": merges} | affixes, tokens)
