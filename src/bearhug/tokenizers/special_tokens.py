"""The tokens with a name (`pad_token`, `eos_token`, ...), and those added to a vocabulary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from bearhug._lib.errors import near
from bearhug.tokenizers._native import AddedToken, Tokenizer

NAMED = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
# added tokens' flags, in the order in which tokenizer.json has them
FLAGS = ("content", "single_word", "lstrip", "rstrip", "normalized", "special")

# what a tokenizer's options say where they are not given
DEFAULTS: dict[str, Any] = {"response_template": None, "chat_control_tokens": None, "add_prefix_space": False}
DEFAULTS |= {"verbose": False, "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output": False}


def content(token: str | AddedToken) -> str:
    """A token's text."""
    return token if isinstance(token, str) else token.content


def added_token(token: Any) -> Any:
    """An AddedToken from its description in a file (a dict with "content"); anything else stays as it is."""
    if isinstance(token, dict) and "content" in token:
        return AddedToken(**{flag: token[flag] for flag in FLAGS if flag in token})
    return token


class SpecialTokens:
    """Named special tokens as attributes: `tokenizer.pad_token`, `tokenizer.pad_token_id`, both can be set.

    A model's own ones (`image_token`, ...) come with the names that its files give them.
    """

    SPECIAL_TOKENS_ATTRIBUTES: ClassVar[list[str]] = list(NAMED)

    bos_token: str | None
    eos_token: str | None
    unk_token: str | None
    sep_token: str | None
    pad_token: str | None
    cls_token: str | None
    mask_token: str | None
    bos_token_id: int | None
    eos_token_id: int | None
    unk_token_id: int | None
    sep_token_id: int | None
    pad_token_id: int | None
    cls_token_id: int | None
    mask_token_id: int | None
    extra_special_tokens: list[str]
    extra_special_tokens_ids: list[int]
    additional_special_tokens: list[str]
    additional_special_tokens_ids: list[int]

    _core: Tokenizer
    _named: dict[str, str | AddedToken | None]
    _extra: list[str | AddedToken]

    def _keep_special_tokens(self, options: dict[str, Any]) -> None:
        """Take the special tokens out of the options that a tokenizer is made from."""
        self._named = dict.fromkeys(NAMED)
        self._extra = []
        own = dict(options.pop("model_specific_special_tokens", None) or {})
        extra = options.pop("extra_special_tokens", None)
        if isinstance(extra, dict):
            own, extra = own | extra, None
        if "additional_special_tokens" in options:
            extra = extra or options.pop("additional_special_tokens")
        if isinstance(extra, list | tuple):
            self._extra = [_checked("extra_special_tokens", token) for token in extra]
        elif extra is not None:
            raise TypeError(
                f"extra_special_tokens is {type(extra).__name__} {str(extra)[:40]!r}; expected a list of tokens, or a "
                "dict name -> token."
            )
        named = {}
        for name in list(options):
            if name in NAMED or (name.endswith("_token") and isinstance(options[name], str | AddedToken)):
                named[name] = options.pop(name)
        for name, token in (named | own).items():
            self._named[name] = None if token is None else _checked(name, token)
        if len(self._named) > len(NAMED):
            self.__dict__["SPECIAL_TOKENS_ATTRIBUTES"] = list(self._named)

    def __getattr__(self, name: str) -> Any:
        named = self.__dict__.get("_named")
        if named is not None:
            bare = name.removesuffix("_id")
            if bare in named:
                token = named[bare]
                if token is None:
                    return None
                return content(token) if bare == name else self._id_of(content(token))
            bare = name.removesuffix("_ids")
            if bare in ("extra_special_tokens", "additional_special_tokens"):
                tokens = [content(token) for token in self._extra]
                return tokens if bare == name else [self._id_of(token) for token in tokens]
        options = self.__dict__.get("init_kwargs", {})
        if name in options and not name.startswith("_"):
            return options[name]
        if name in DEFAULTS:
            return DEFAULTS[name]
        known = [n for n in (*dir(type(self)), *(named or ())) if not n.startswith("_")]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}.{near(name, known)}")

    def __setattr__(self, name: str, value: Any) -> None:
        named = self.__dict__.get("_named")
        if named is not None and name.endswith(("_token", "_token_id", "_tokens", "_tokens_ids")):
            bare = name.removesuffix("_id")
            if bare in named:
                if bare != name and value is not None:
                    value = self._core.id_to_token(int(value))
                named[bare] = None if value is None else _checked(bare, value)
                return
            bare = name.removesuffix("_ids")
            if bare in ("extra_special_tokens", "additional_special_tokens"):
                if bare != name:
                    value = [self._core.id_to_token(int(id)) for id in value or ()]
                if not isinstance(value, list | tuple | None):
                    raise ValueError(f"{name} is a list of tokens; got {type(value).__name__} {str(value)[:40]!r}.")
                self._extra = [_checked(bare, token) for token in value or ()]
                return
        object.__setattr__(self, name, value)

    def _id_of(self, token: str) -> int | None:
        """A token's id; that of the unknown token where the vocabulary has none."""
        found = self._core.token_to_id(token)
        if found is None:
            unknown = self._named.get("unk_token")
            found = None if unknown is None else self._core.token_to_id(content(unknown))
        return found

    @property
    def _special_tokens_map(self) -> dict[str, str | AddedToken | None]:
        """As the reference keeps them: name -> text or AddedToken, None where it is not set."""
        return dict(self._named)

    @property
    def special_tokens_map(self) -> dict[str, str]:
        """name -> text of the named special tokens that are set."""
        return {name: content(token) for name, token in self._named.items() if token is not None}

    @property
    def all_special_tokens(self) -> list[str]:
        """The named ones that are set, then the extra ones, each once."""
        extra = [content(token) for token in self._extra]
        return list(dict.fromkeys([*self.special_tokens_map.values(), *extra]))

    @property
    def special_tokens_map_extended(self) -> dict[str, str | AddedToken]:
        """`special_tokens_map`, with the flags of those that have some."""
        return {name: token for name, token in self._named.items() if token is not None}

    @property
    def all_special_tokens_extended(self) -> list[str | AddedToken]:
        """`all_special_tokens`, with the flags of those that have some."""
        tokens = [token for token in self._named.values() if token is not None]
        return list({content(token): token for token in reversed([*tokens, *self._extra])}.values())[::-1]

    @property
    def all_special_ids(self) -> list[int]:
        """The ids of `all_special_tokens`."""
        return [self._id_of(token) for token in self.all_special_tokens]  # pyright: ignore[reportReturnType]

    @property
    def added_tokens_decoder(self) -> dict[int, AddedToken]:
        """id -> token of those found in a text before anything else happens to it, in the order of ids."""
        return self._core.added_tokens()

    @property
    def added_tokens_encoder(self) -> dict[str, int]:
        """text -> id of the added tokens, in the order of ids."""
        return {token.content: id for id, token in self._core.added_tokens().items()}

    def get_added_vocab(self) -> dict[str, int]:
        """text -> id of the added tokens, in the order of ids."""
        return self.added_tokens_encoder

    def add_tokens(
        self, new_tokens: str | AddedToken | Sequence[str | AddedToken], special_tokens: bool = False
    ) -> int:
        """Add tokens after the vocabulary; returns how many are new. A model then needs as many more embeddings.

        Args:
            new_tokens: texts, or AddedToken where more is to be said (lstrip, single_word, ...).
            special_tokens: they are special: left out by `decode(..., skip_special_tokens=True)`.

        Raises:
            TypeError: something that is no token.
        """
        if not new_tokens:
            return 0
        tokens = list(new_tokens) if isinstance(new_tokens, list | tuple) else [new_tokens]
        tokens = [_checked("new_tokens", token) for token in tokens]  # pyright: ignore[reportArgumentType]
        return self._core.add_tokens(tokens, special=special_tokens)

    def add_special_tokens(
        self,
        special_tokens_dict: Mapping[str, Any],
        replace_extra_special_tokens: bool = True,
        replace_additional_special_tokens: bool | None = None,
    ) -> int:
        """Name special tokens, {"pad_token": "[PAD]"}, adding those that the vocabulary lacks; returns how many are
        new.

        Args:
            special_tokens_dict: name -> token; `extra_special_tokens` (or `additional_special_tokens`) -> list of
                tokens.
            replace_extra_special_tokens: whether the extra ones replace the present ones, or follow them.
            replace_additional_special_tokens: the earlier name of that.

        Raises:
            ValueError: no such name, or no token.
        """
        if replace_additional_special_tokens is not None:
            replace_extra_special_tokens = replace_additional_special_tokens
        given = dict(special_tokens_dict)
        if "additional_special_tokens" in given and not given.get("extra_special_tokens"):
            given["extra_special_tokens"] = given.pop("additional_special_tokens")
        added: list[AddedToken] = []
        for name, value in given.items():
            if name == "extra_special_tokens":
                added += self._set_extra(value, replace_extra_special_tokens)
            elif name in self._named:
                if not isinstance(value, str | AddedToken):
                    raise ValueError(f"{name} is to be {value!r}; expected a text or an AddedToken.")
                self._named[name] = token = _special(value)
                added.append(token)
            else:
                known = [*self._named, "extra_special_tokens"]
                hint = near(name, known) or near(f"{name}_token", known) or f" Expected one of {', '.join(known)}."
                raise ValueError(f"{name!r} is no special token's name.{hint}\nOther tokens: add_tokens([...]).")
        return self._core.add_tokens(added, special=True) if added else 0

    def _set_extra(self, value: Any, replace: bool) -> list[AddedToken]:
        if not isinstance(value, list | tuple) or not all(isinstance(token, str | AddedToken) for token in value):
            raise ValueError(f"extra_special_tokens is to be {value!r}; expected a list of texts or AddedTokens.")
        present = {content(token) for token in self._extra}
        tokens = [_special(token) for token in value if replace or content(token) not in present]
        self._extra = list(tokens) if replace and tokens else [*self._extra, *tokens]
        return tokens


def _special(token: str | AddedToken) -> AddedToken:
    return AddedToken(token, normalized=False, special=True) if isinstance(token, str) else token


def _checked(name: str, token: Any) -> str | AddedToken:
    """The token, when it is one.

    Raises:
        ValueError: None, a number, ... (a TypeError in add_tokens' words would hide which token was meant).
    """
    token = added_token(token)
    if isinstance(token, str | AddedToken):
        return token
    raise ValueError(
        f"{name} cannot be {token!r} ({type(token).__name__}); expected a text or an AddedToken. "
        f"For a token's id, set {name.removesuffix('s')}_id."
    )
