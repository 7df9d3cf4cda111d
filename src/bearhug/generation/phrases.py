"""Phrases that a text has to hold: which of them it holds already, and which token goes on with one.

A constraint is a list of phrases, of which one has to come (Post & Vilar 2018, arXiv:1804.06609; Hu et al. 2019).
"""

from collections.abc import Sequence
from typing import Any

Phrase = tuple[int, ...]


class Constraint:
    """What generate(constraints=[...]) takes: `phrases`, of which one has to come."""

    phrases: list[Phrase]


class PhrasalConstraint(Constraint):
    """These tokens, one after the other.

    Raises:
        ValueError: no tokens, or something else than token ids.
    """

    def __init__(self, token_ids: Sequence[int]):
        self.token_ids = _checked(token_ids)
        self.phrases = [tuple(self.token_ids)]
        self.seqlen = len(self.token_ids)


class DisjunctiveConstraint(Constraint):
    """One of several phrases.

    Raises:
        ValueError: no phrases, or one that is the beginning of another, so that the longer could never be told.
    """

    def __init__(self, nested_token_ids: Sequence[Sequence[int]]):
        if not isinstance(nested_token_ids, list | tuple) or not nested_token_ids:
            raise ValueError(f"nested_token_ids={nested_token_ids!r} was given; it is a list of lists of token ids.")
        self.token_ids = [_checked(ids) for ids in nested_token_ids]
        self.phrases = [tuple(ids) for ids in self.token_ids]
        self.seqlen = max(map(len, self.phrases))
        for short in self.phrases:
            for long in self.phrases:
                if short is not long and long[: len(short)] == short:
                    raise ValueError(
                        f"the phrase {list(short)} is the beginning of {list(long)}: one of the two is enough.\n"
                        f"Leave {list(long)} out."
                    )


def _checked(ids: Any) -> list[int]:
    if not isinstance(ids, list | tuple) or not ids or not all(isinstance(i, int) and i >= 0 for i in ids):
        raise ValueError(f"token_ids={ids!r} was given; it is a list of at least one token id.")
    return list(ids)


def wanted(config: Any) -> list[list[Phrase]]:
    """The constraints of a config, from both of its options: for each the phrases of which one has to come."""
    found = [list(constraint.phrases) for constraint in config.constraints or ()]
    for item in config.force_words_ids or ():
        nested = isinstance(item[0], list | tuple)
        found.append((DisjunctiveConstraint(item) if nested else PhrasalConstraint(item)).phrases)
    return found


class Progress:
    """How far some tokens are with the constraints. One is being said at a time; which one, its first token tells."""

    def __init__(self, constraints: list[list[Phrase]], ids: Sequence[int] = ()):
        self.constraints = constraints
        self.open = list(range(len(constraints)))  # those that nothing is said of
        self.current: int | None = None
        self.said: Phrase = ()
        self.longest = max((len(phrase) for phrases in constraints for phrase in phrases), default=0)
        for token in ids:
            self.add(token)

    @property
    def done(self) -> bool:
        """Whether all of them are said."""
        return not self.open and self.current is None

    @property
    def bank(self) -> int:
        """How much is said, to rank texts by: each constraint counts as much as the longest phrase."""
        finished = len(self.constraints) - len(self.open) - (self.current is not None)
        left = 0 if self.current is None else max(map(len, self.constraints[self.current])) - len(self.said)
        return finished * self.longest + (0 if self.current is None else self.longest - left)

    def add(self, token: int) -> None:
        """One token more."""
        if self.current is not None:
            if self._goes_on(self.current, (*self.said, token)):
                return
            self.open.append(self.current)  # its phrase was broken off
            self.current, self.said = None, ()
        for constraint in self.open:
            if self._goes_on(constraint, (token,)):
                self.open.remove(constraint)
                return

    def _goes_on(self, constraint: int, said: Phrase) -> bool:
        if not any(phrase[: len(said)] == said for phrase in self.constraints[constraint]):
            return False
        self.current, self.said = constraint, said
        if said in self.constraints[constraint]:
            self.current, self.said = None, ()
        return True

    def next(self) -> list[int]:
        """The tokens that would say more."""
        begun = self.open if self.current is None else [self.current]
        place = len(self.said)
        return list(
            dict.fromkeys(
                phrase[place] for one in begun for phrase in self.constraints[one] if phrase[:place] == self.said
            )
        )
