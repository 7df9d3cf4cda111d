"""GenerationConfig: every option of generate(), what it means when nobody sets it, and the one check of all of them.

An option is None until somebody sets it. `generate` fills the Nones from the model's own `generation_config`, then from
the table below. What a person sets (a keyword, the constructor, an attribute) is checked: an option that would change
nothing in the chosen mode is an error. What a checkpoint's file carries is a default, and waits for its mode.
"""

import json
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bearhug._lib.errors import near, unexpected_keyword
from bearhug._lib.files import replacing

FILE = "generation_config.json"


@dataclass(frozen=True)
class Values:
    """Which values an option takes, as a test and in words."""

    right: Callable[[Any], bool]
    words: str


@dataclass(frozen=True)
class Option:
    """One option: what it is when nobody sets it, which values are right, what must be set for it to change anything.

    A keyword of None turns it off: to `off`, or where there is none back to `unset`.
    """

    unset: Any = None
    values: Values | None = None
    needs: str | None = None
    off: Any = None


@dataclass
class CompileConfig:
    """What torch.compile would be told, in the reference's words. Accepted; nothing is compiled unasked."""

    fullgraph: bool = False
    dynamic: bool | None = None
    backend: Any = "inductor"
    mode: str | None = "reduce-overhead"
    options: dict | None = None

    def to_dict(self) -> dict[str, Any]:
        """The settings as a dict."""
        return dict(vars(self))


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_ids(value: Any) -> bool:
    return isinstance(value, Iterable) and all(_is_whole(item) for item in _plain(value))


def _is_words(value: Any) -> bool:
    """A list of lists of ids, none of them empty."""
    return (
        isinstance(value, list | tuple) and len(value) > 0 and all(len(v) and _is_ids(v) and min(v) >= 0 for v in value)
    )


def _is_forced(value: Any) -> bool:
    """Phrases, or lists of phrases."""
    nested = [item if isinstance(item[0], list | tuple) else [item] for item in value]
    return isinstance(value, list | tuple) and len(value) > 0 and all(map(_is_words, nested))


def _is_bias(value: Any) -> bool:
    """{(ids, ...): bias}, or the same as [[[ids, ...], bias], ...], which is how JSON can hold it."""
    pairs = value.items() if isinstance(value, Mapping) else value
    return len(value) > 0 and all(len(ids) and _is_ids(ids) and min(ids) >= 0 and _is_real(bias) for ids, bias in pairs)


def _is_texts(value: Any) -> bool:
    return isinstance(value, str) or (len(value) > 0 and all(isinstance(text, str) and text for text in value))


def _is_real(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _whole(least: int) -> Values:
    return Values(lambda value: _is_whole(value) and value >= least, f"a whole number of at least {least}")


def _number(words: str, right: Callable[[Any], bool]) -> Values:
    return Values(lambda value: _is_real(value) and right(value), words)


FLAG = Values(lambda value: value in (True, False), "True or False")
TOKEN = Values(_is_whole, "a token id")
TOKENS = Values(lambda value: _is_whole(value) or _is_ids(value), "a token id or a list of them")
IDS = Values(_is_ids, "a list of token ids")
SHARE = _number("a number from 0 to 1", lambda value: 0 <= value <= 1)
PART = _number("a number above 0, at most 1", lambda value: 0 < value <= 1)
CUTOFF = _number("a number from 0 to below 1", lambda value: 0 <= value < 1)
POSITIVE = _number("a number above 0", lambda value: value > 0)
NOT_NEGATIVE = _number("a number of at least 0", lambda value: value >= 0)
CACHES = (
    *("dynamic", "dynamic_full", "static", "sliding_window", "hybrid", "hybrid_chunked", "hybrid_chunked_static"),
    *("offloaded", "offloaded_static", "offloaded_hybrid", "offloaded_hybrid_chunked", "quantized"),
)
CACHE = Values(lambda value: value in CACHES, "one of " + ", ".join(map(repr, CACHES)))
EARLY = Values(lambda value: value in (True, False, "never"), "True, False or 'never'")
DECAY = Values(lambda value: len(value) == 2 and _is_whole(value[0]) and _is_real(value[1]), "a pair (start, factor)")
TEXTS = Values(_is_texts, "a text or a list of texts")
WORDS = Values(_is_words, "a list of lists of token ids")
BIAS = Values(_is_bias, "{(ids, ...): bias} or [[[ids, ...], bias], ...]")
NUMBER = Values(_is_real, "a number")
INNER = _number("a number between 0 and 1", lambda value: 0 < value < 1)
LAYERS = Values(
    lambda value: value in ("low", "high") or (_is_ids(value) and len(value) > 0 and min(value) >= 0),
    "'low', 'high' or a list of layers",
)
SCHEDULES = ("constant", "heuristic", "heuristic_transient")
SCHEDULE = Values(lambda value: value in SCHEDULES, "one of " + ", ".join(map(repr, SCHEDULES)))
FORCED = Values(_is_forced, "a list of phrases (lists of token ids), or of lists of phrases of which one has to come")
WANTED = Values(
    lambda value: len(value) > 0 and all(hasattr(item, "phrases") for item in value),
    "a list of PhrasalConstraint and DisjunctiveConstraint",
)
MARK = Values(lambda value: hasattr(value, "processor"), "a WatermarkingConfig or SynthIDTextWatermarkingConfig")
SETTINGS = Values(lambda value: isinstance(value, Mapping), "a dict")
COMPILE = Values(lambda value: isinstance(value, CompileConfig), "a CompileConfig")

SAMPLING = "do_sample=True"
BEAMS = "num_beams=4"
RESULTS = "return_dict_in_generate=True"
ASSISTED = "assistant_model"
GROUPS = "num_beam_groups=2"
CONTRAST = "penalty_alpha=0.6"
LOOKUP = "prompt_lookup_num_tokens=10"
QUANTIZED = "cache_implementation='quantized'"

OPTIONS: dict[str, Option] = {
    # how long
    "max_length": Option(20, _whole(1)),
    "max_new_tokens": Option(None, _whole(1)),
    "min_length": Option(0, _whole(0)),
    "min_new_tokens": Option(None, _whole(0)),
    "early_stopping": Option(False, EARLY, BEAMS),
    "max_time": Option(None, NOT_NEGATIVE),
    "stop_strings": Option(None, TEXTS),
    # which way
    "do_sample": Option(False, FLAG),
    "num_beams": Option(1, _whole(1)),
    "num_return_sequences": Option(1, _whole(1)),
    # the cache: there is one kind, allocated once, and it is all of the reference's that differ in speed alone
    "use_cache": Option(True, FLAG),
    "cache_implementation": Option(None, CACHE),
    "max_cache_len": Option(None, _whole(1)),
    "cache_config": Option(None, SETTINGS, QUANTIZED),
    "prefill_chunk_size": Option(None, _whole(1)),
    # the scores
    "temperature": Option(1.0, NOT_NEGATIVE, SAMPLING),
    "top_k": Option(50, _whole(0), SAMPLING, off=0),
    "top_p": Option(1.0, SHARE, SAMPLING),
    "min_p": Option(None, SHARE, SAMPLING, off=0),
    "top_h": Option(None, PART, SAMPLING),
    "typical_p": Option(1.0, PART, SAMPLING),
    "epsilon_cutoff": Option(0.0, CUTOFF, SAMPLING),
    "eta_cutoff": Option(0.0, CUTOFF, SAMPLING),
    "repetition_penalty": Option(1.0, POSITIVE),
    "encoder_repetition_penalty": Option(1.0, POSITIVE),
    "length_penalty": Option(1.0, NUMBER, BEAMS),
    "no_repeat_ngram_size": Option(0, _whole(0)),
    "encoder_no_repeat_ngram_size": Option(0, _whole(0)),
    "bad_words_ids": Option(None, WORDS),
    "renormalize_logits": Option(False, FLAG),
    "forced_bos_token_id": Option(None, TOKEN),
    "forced_eos_token_id": Option(None, TOKENS),
    "remove_invalid_values": Option(False, FLAG),
    "exponential_decay_length_penalty": Option(None, DECAY),
    "suppress_tokens": Option(None, IDS),
    "begin_suppress_tokens": Option(None, IDS),
    "sequence_bias": Option(None, BIAS),
    # what comes back
    "output_attentions": Option(False, FLAG, RESULTS),
    "output_hidden_states": Option(False, FLAG, RESULTS),
    "output_scores": Option(False, FLAG, RESULTS),
    "output_logits": Option(False, FLAG, RESULTS),
    "return_dict_in_generate": Option(False, FLAG),
    # special tokens
    "pad_token_id": Option(None, TOKEN),
    "bos_token_id": Option(None, TOKEN),
    "eos_token_id": Option(None, TOKENS),
    "decoder_start_token_id": Option(None, TOKENS),
    # ways that guess or contrast
    "penalty_alpha": Option(None, SHARE, off=0),
    "low_memory": Option(None, FLAG, CONTRAST, off=False),
    "dola_layers": Option(None, LAYERS),
    "num_beam_groups": Option(1, _whole(1), BEAMS),
    "diversity_penalty": Option(0.0, NUMBER, GROUPS),
    "force_words_ids": Option(None, FORCED, BEAMS),
    "constraints": Option(None, WANTED, BEAMS),
    "guidance_scale": Option(None, NUMBER, off=1),
    "watermarking_config": Option(None, MARK),
    "token_healing": Option(None, FLAG, off=False),
    # a draft that the model only checks
    "prompt_lookup_num_tokens": Option(None, _whole(1)),
    "max_matching_ngram_size": Option(None, _whole(1), LOOKUP),
    "assistant_early_exit": Option(None, _whole(1)),
    "is_assistant": Option(False, FLAG),
    "num_assistant_tokens": Option(20, _whole(1), ASSISTED),
    "num_assistant_tokens_schedule": Option("constant", SCHEDULE, ASSISTED),
    "assistant_confidence_threshold": Option(0.4, SHARE, ASSISTED),
    "assistant_lookbehind": Option(10, _whole(1), ASSISTED),
    "target_lookbehind": Option(10, _whole(1), ASSISTED),
    "assistant_ensemble_weight": Option(None, INNER, ASSISTED),
    # accepted: nothing is compiled unasked, so that the result is the same
    "compile_config": Option(None, COMPILE),
    "disable_compile": Option(None, FLAG),
}

# What generate() does not do: the values that ask for nothing, and what to do instead.
REFUSED: dict[str, tuple[tuple, str]] = {
    "custom_generate": ((), "bearhug runs no code out of a repository; its ways to generate are options of their own."),
    "continuous_batching_config": ((), "Batches that requests join and leave belong to serving, not to one call."),
    "speculation_type": ((), "No model here is a draft of that kind; pass assistant_model= for speculation."),
    "use_mtp": ((False,), "No model here has heads for several tokens; pass assistant_model= for speculation."),
}
ARGUMENTS = (  # of generate() itself, not of the config
    "assistant_model",
    "assistant_tokenizer",
    "negative_prompt_attention_mask",
    "negative_prompt_ids",
)
NAMES = (*OPTIONS, *REFUSED)
KEYWORDS = (*NAMES, *ARGUMENTS)
METADATA = ("_from_model_config", "transformers_version")


class GenerationConfig:
    """The options of `generate`; None until they are set.

    `generate(ids, generation_config=config)` takes it as the base: keywords of that call go before it, the model's own
    generation_config stands behind it, and the defaults named here behind that.

    Args:
        max_new_tokens: how many tokens to make; 20 where nothing says how long.
        max_length: how many columns the result has, the prompt and its padding included. max_new_tokens goes before it.
        min_new_tokens, min_length: the same for the least; no end token comes before.
        early_stopping: of beams, stop with as many ended ones as there are beams (True), when no better one is likely
            (False, the default), or when none is possible ("never").
        max_time: seconds after which no further token is made.
        stop_strings: a text or texts that end a row; takes `tokenizer=`.
        do_sample: draw the next token by its probability; False takes the likeliest.
        num_beams: how many beginnings beam search keeps; 1 (the default) is no beam search.
        num_return_sequences: how many sequences each row gets.
        use_cache: keep keys and values (True, the default); False reads all tokens again for each new one.
        cache_implementation: "quantized" keeps old keys and values in few bits, "offloaded" in the memory of the CPU;
            the other names differ in speed alone, and are one kind here, allocated once.
        cache_config: of the quantized cache: {"nbits": 4, "q_group_size": 64, "residual_length": 128}.
        max_cache_len: tokens to allocate the cache for.
        prefill_chunk_size: read the prompt in pieces of so many tokens, which takes less memory.
        temperature: above 1 flattens the probabilities, below 1 sharpens them; 0 is greedy.
        top_k: the likeliest tokens that may come (50); 0: all.
        top_p: the likeliest tokens that together have this probability.
        min_p: the tokens that have this share of the likeliest one's probability.
        top_h: the likeliest tokens that together have this share of the entropy.
        typical_p: the tokens nearest to the expected surprise that together have this probability.
        epsilon_cutoff, eta_cutoff: the tokens above this probability; eta lowers it where the distribution is flat.
        repetition_penalty: above 1 makes what was there before less likely.
        encoder_repetition_penalty: above 1 makes what the prompt holds more likely.
        length_penalty: of beams, above 0 prefers long sequences (1.0), below 0 short ones.
        no_repeat_ngram_size, encoder_no_repeat_ngram_size: no run of so many tokens comes twice, or from the prompt.
        bad_words_ids: sequences of ids that must not come.
        sequence_bias: {(ids, ...): what is added to the score of a token, or of a sequence's last one}.
        suppress_tokens, begin_suppress_tokens: ids that never come, or not as the first new one.
        forced_bos_token_id, forced_eos_token_id: the id that must come second of all, or last of all.
        exponential_decay_length_penalty: (start, factor): after so many new tokens the end becomes likelier.
        renormalize_logits, remove_invalid_values: make log-probabilities of the scores; replace NaN and infinities.
        return_dict_in_generate: return a `GenerateDecoderOnlyOutput` or `GenerateBeamDecoderOnlyOutput`.
        output_scores, output_logits, output_attentions, output_hidden_states: what it holds besides.
        pad_token_id: what stands after a row's end; the first end token where there is none.
        bos_token_id: what a call without input starts from.
        eos_token_id: the id, or ids, that end a row.
        decoder_start_token_id: what an encoder-decoder's output starts from.
        guidance_scale: above 1 moves away from what the model says without the prompt, or with `negative_prompt_ids=`.
        watermarking_config: a `WatermarkingConfig` or `SynthIDTextWatermarkingConfig`, whose detector finds the text.
        token_healing: let the prompt's last token be said again, as a longer one; takes `tokenizer=`.
        penalty_alpha: contrastive search among the top_k likeliest: how much a repeated state counts against a token.
        low_memory: contrastive search reads its candidates one after the other.
        dola_layers: take from the scores what this layer ("low", "high" or a list to choose from) says already.
        num_beam_groups, diversity_penalty: groups of beams; what a token loses for each earlier group that took it.
        force_words_ids, constraints: phrases that beams have to say.
        prompt_lookup_num_tokens, max_matching_ngram_size: draft so many tokens from where the text's last ones (2)
            stood before; the model checks them all at once.
        assistant_early_exit: draft with the model's own first layers. `assistant_model=` drafts with another model.
        num_assistant_tokens, num_assistant_tokens_schedule: how many to draft (20); "heuristic" and
            "heuristic_transient" follow how many were right, the first from call to call.
        assistant_confidence_threshold: a draft ends with a token less probable than this (0.4).
        assistant_ensemble_weight: accept drafts by this mixture of both models; faster, and no longer the model's own.
        assistant_lookbehind, target_lookbehind: accepted; texts of two vocabularies are compared as a whole.
        is_assistant: stop below assistant_confidence_threshold; takes output_scores=True.
        compile_config, disable_compile: accepted; nothing is compiled unasked.
        use_mtp, speculation_type, continuous_batching_config: kept for the files that carry them; generate refuses
            them.

    Raises:
        TypeError: an option that does not exist; the near ones are named.
        ValueError: a value that an option cannot have, or several return sequences without sampling or beams.
    """

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def __init__(self, **options: Any):
        self.__dict__.update(dict.fromkeys(NAMES), _given=set())
        for name in METADATA:
            if (value := options.pop(name, None)) is not None:
                self.__dict__[name] = value
        options.pop("_commit_hash", None)
        for name, value in options.items():
            if name not in NAMES:
                raise unexpected_keyword("GenerationConfig()", name, NAMES)
            setattr(self, name, value)
        self.validate()

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self.__dict__ and name not in METADATA:
            raise AttributeError(f"GenerationConfig has no option {name!r}.{near(name, NAMES)}")
        self.__dict__[name] = _watermark(value) if name == "watermarking_config" else value
        if value is None:
            self._given.discard(name)
        else:
            self._given.add(name)

    # making one

    @classmethod
    def from_dict(cls, config_dict: Mapping[str, Any], **kwargs: Any) -> Any:
        """The options of a dict, as a file holds them. Keys that are no options are kept, and saved again.

        Args:
            config_dict: option -> value.
            kwargs: options that go before the dict's. With `return_unused_kwargs=True` the result is a pair: the
                config, and those keywords that are no options; otherwise such a keyword is a TypeError.
        """
        return_unused = kwargs.pop("return_unused_kwargs", False)
        config = cls()
        config.__dict__.update(
            {key: value for key, value in config_dict.items() if key not in ("_commit_hash", "_given")}
        )
        config.__dict__["watermarking_config"] = _watermark(config.watermarking_config)
        unused = config.update(**kwargs) if kwargs else {}
        if return_unused:
            return config, unused
        for name in unused:
            raise unexpected_keyword("GenerationConfig.from_dict()", name, NAMES)
        return config

    @classmethod
    def from_model_config(cls, model_config: Any) -> "GenerationConfig":
        """The generation options that an old checkpoint keeps in its config.json.

        Args:
            model_config: the dict of config.json, or a config with `to_dict()`.
        """
        values = dict(model_config) if isinstance(model_config, Mapping) else model_config.to_dict()
        inner = next((values[part] for part in ("decoder", "generator", "text_config") if values.get(part)), {})
        options = {
            name: value
            for name in OPTIONS
            if (value := values.get(name) if values.get(name) is not None else inner.get(name)) is not None
        }
        if any(options.get(name) for name in OPTIONS if OPTIONS[name].needs == RESULTS):
            options["return_dict_in_generate"] = True
        return cls.from_dict({**options, "_from_model_config": True})

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name: str | os.PathLike,
        config_file_name: str | os.PathLike | None = None,
        cache_dir: str | os.PathLike | None = None,
        force_download: bool = False,
        local_files_only: bool = False,
        token: str | bool | None = None,
        revision: str | None = None,
        subfolder: str = "",
        **kwargs: Any,
    ) -> Any:
        """The options of a model's folder or repository: generation_config.json, else what config.json keeps of them.

        Args:
            pretrained_model_name: a name or a folder.
            config_file_name: another file of that repository.
            kwargs: options that go before the file's; `return_unused_kwargs=True` as in `from_dict`.

        Raises:
            OSError: no such repository, or no such file in it, or one that is not JSON.
        """
        from bearhug.hub.client import open_repo

        repo = open_repo(
            pretrained_model_name,
            revision=revision,
            token=token,
            cache_dir=cache_dir,
            local_files_only=local_files_only,
            force_download=force_download,
            subfolder=subfolder,
        )
        name = os.fspath(config_file_name or FILE)
        path = repo.path(name)
        if path is not None:
            return cls.from_dict(_read(path), **kwargs)
        path = repo.path("config.json") if config_file_name is None else None
        if path is None:
            raise OSError(
                f"{str(pretrained_model_name)!r} has no file {name!r}, so there are no generation options to read."
            )
        return cls.from_dict(cls.from_model_config(_read(path)).to_dict(), **kwargs)

    # changing, checking

    def update(self, **kwargs: Any) -> dict[str, Any]:
        """Set the options among the keywords, check them, and return the keywords that are no options."""
        unused = {}
        for name, value in kwargs.items():
            if name in NAMES:
                setattr(self, name, value)
            else:
                unused[name] = value
        self.validate()
        return unused

    def validate(self, strict: bool = False) -> None:
        """Check each value by itself, and several return sequences against the mode.

        Args:
            strict: also refuse an option that was set and would change nothing in this mode.

        Raises:
            ValueError: says the option, the value given and the values it takes.
        """
        for name, option in OPTIONS.items():
            value = self.__dict__[name]
            if value is not None and option.values is not None and not holds(option.values, value):
                raise ValueError(
                    f"{name}={value!r} was given; {name} is {option.values.words}, or None for the default."
                )
        sequences, beams = self.num_return_sequences or 1, self.num_beams or 1
        if beams == 1 and sequences > 1 and (not self.do_sample or self.temperature == 0):
            raise ValueError(
                f"num_return_sequences={sequences} was given, but greedy search finds one sequence.\n"
                f"Add do_sample=True, or num_beams={sequences} or more."
            )
        if beams > 1 and sequences > beams:
            raise ValueError(
                f"num_return_sequences={sequences} was given, but {beams} beams find at most {beams} sequences.\n"
                f"Pass num_beams={sequences} or more."
            )
        suppressed = set(_plain(self.suppress_tokens)) if self.suppress_tokens is not None else set()
        for name in ("forced_bos_token_id", "forced_eos_token_id"):
            forced = self.__dict__[name]
            if forced is not None and suppressed.issuperset(_plain(forced)):
                raise ValueError(
                    f"{name}={forced!r} is forced, but suppress_tokens forbids it, so no token would be left.\n"
                    f"Take it out of one of the two; to keep an early end away, use min_new_tokens."
                )
        if strict:
            _refuse_idle(self)

    def get_generation_mode(self, assistant_model: Any = None) -> str:
        """`greedy_search`, `sample`, `beam_search`, `beam_sample`, `group_beam_search`, `constrained_beam_search`,
        `contrastive_search`, `dola_generation` or `assisted_generation`.
        """
        samples = bool(self.do_sample) and self.temperature != 0
        if self.constraints is not None or self.force_words_ids is not None:
            return "constrained_beam_search"
        if (self.num_beams or 1) > 1:
            if (self.num_beam_groups or 1) > 1:
                return "group_beam_search"
            return "beam_sample" if samples else "beam_search"
        if self.dola_layers is not None:
            return "dola_generation"
        if not samples and (self.penalty_alpha or 0) > 0 and (self.top_k or 0) > 1:
            return "contrastive_search"
        if assistant_model is not None or self.prompt_lookup_num_tokens or self.assistant_early_exit:
            return "assisted_generation"
        return "sample" if samples else "greedy_search"

    # writing

    def to_dict(self) -> dict[str, Any]:
        """Every option, set or not, and what else its file held."""
        return {name: value for name, value in self.__dict__.items() if name != "_given"}

    def to_diff_dict(self) -> dict[str, Any]:
        """The options that are set, and what else its file held."""
        return {name: value for name, value in self.to_dict().items() if value is not None}

    def to_json_string(self, use_diff: bool = True, ignore_metadata: bool = False) -> str:
        """The options as JSON, sorted; `use_diff=False`: those that are not set too."""
        values = self.to_diff_dict() if use_diff else self.to_dict()
        if ignore_metadata:
            values = {name: value for name, value in values.items() if name not in METADATA}
        if isinstance(values.get("sequence_bias"), Mapping):  # JSON has no tuples as keys
            values["sequence_bias"] = [[list(ids), bias] for ids, bias in values["sequence_bias"].items()]
        return json.dumps(values, indent=2, sort_keys=True, default=_jsonable) + "\n"

    def to_json_file(self, json_file_path: str | os.PathLike, use_diff: bool = True) -> None:
        """Write `to_json_string` to a file, all or nothing."""
        with replacing(json_file_path, "w", encoding="utf-8") as file:
            file.write(self.to_json_string(use_diff))

    def save_pretrained(
        self,
        save_directory: str | os.PathLike,
        config_file_name: str | os.PathLike | None = None,
        push_to_hub: bool = False,
        **kwargs: Any,
    ) -> None:
        """Write generation_config.json (or another name) into a folder; `push_to_hub=True` pushes that folder.

        Raises:
            ValueError: an option has a value that it cannot have, or was set and changes nothing.
        """
        self.validate(strict=True)
        folder = Path(save_directory)
        self.to_json_file(folder / (config_file_name or FILE))
        if push_to_hub:
            from bearhug.hub.client import push_folder

            push_folder(folder, kwargs.pop("repo_id", folder.name), **kwargs)

    def push_to_hub(self, repo_id: str, **kwargs: Any) -> Any:
        """Put generation_config.json into a repository of the hub, in one commit; keywords as in `push_folder`.

        Raises:
            OSError: nobody is logged in, or the hub does not answer.
        """
        from bearhug.hub.client import push_folder

        with tempfile.TemporaryDirectory() as folder:
            self.save_pretrained(folder)
            return push_folder(folder, repo_id, **{"commit_message": "Upload generation_config.json", **kwargs})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GenerationConfig):
            return NotImplemented
        return self.to_json_string(ignore_metadata=True) == other.to_json_string(ignore_metadata=True)

    def __hash__(self) -> int:
        return hash(self.to_json_string(ignore_metadata=True))

    def __repr__(self) -> str:
        return f"GenerationConfig {self.to_json_string(ignore_metadata=True).rstrip()}"


def resolved(
    config: GenerationConfig | None, model_config: GenerationConfig | None, options: Mapping[str, Any]
) -> tuple[GenerationConfig, set[str]]:
    """What one call of generate goes by, with no option left open, and the names that nobody set.

    Order: the call's keywords (None turns an option off), then `config`, then the model's own, then the defaults.

    Raises:
        ValueError: a wrong value, an option that changes nothing in the chosen mode, or options that clash.
    """
    final = GenerationConfig()
    final.__dict__.update(config.to_dict() if config is not None else {})
    final.__dict__["_given"] = set(config._given) if config is not None else set()
    if model_config is not None:
        for name, value in model_config.to_dict().items():
            if final.__dict__.get(name) is None:
                final.__dict__[name] = value
                if config is None and name in model_config._given and not _of_drafts(name):
                    final._given.add(name)
    refuse(options)
    for name in options.keys() - set(ARGUMENTS):
        value = options[name]
        setattr(final, name, OPTIONS[name].off if value is None and name in OPTIONS else value)
    if options.get("max_length", 0) is None:
        final.__dict__["max_length"] = None
    unset = {name for name in OPTIONS if final.__dict__[name] is None}
    for name in unset:
        final.__dict__[name] = OPTIONS[name].unset
    final.validate()
    refuse(final.__dict__)
    _refuse_idle(final, options)
    _refuse_mixed(final, options)
    if final.temperature == 0:  # the limit of ever colder sampling
        final.__dict__["do_sample"] = False
    return final, unset


def refuse(values: Mapping[str, Any]) -> None:
    """Raise for what generate does not do, unless its value asks for nothing."""
    for name, (idle, instead) in REFUSED.items():
        value = values.get(name)
        if value is not None and not any(value is neutral or value == neutral for neutral in idle):
            raise ValueError(
                f"{name}={value!r} was given, and generate() does not do that. {instead}\n"
                f"Leave it out, or pass {name}=None where the model's generation_config sets it."
            )


def _refuse_idle(config: GenerationConfig, arguments: Mapping[str, Any] | None = None) -> None:
    """Raise for an option that a person set and that changes nothing, unless they turned its mode off themselves.

    Without a call's `arguments` nobody knows whether there will be an assistant.
    """
    way = config.get_generation_mode((arguments or {}).get("assistant_model"))
    assisted = way == "assisted_generation" and not config.prompt_lookup_num_tokens
    modes = {
        SAMPLING: (config.do_sample, "do_sample" in config._given),
        BEAMS: ((config.num_beams or 1) > 1, "num_beams" in config._given),
        RESULTS: (config.return_dict_in_generate, "return_dict_in_generate" in config._given),
        GROUPS: (way == "group_beam_search", "num_beam_groups" in config._given),
        CONTRAST: (way == "contrastive_search", "penalty_alpha" in config._given),
        LOOKUP: (config.prompt_lookup_num_tokens is not None, False),
        QUANTIZED: (config.cache_implementation == "quantized", False),
        ASSISTED: (assisted or arguments is None or bool(config.is_assistant), False),
    }
    for name in config._given:
        option = OPTIONS.get(name)
        if option is None or option.needs is None or config.__dict__[name] in (option.unset, option.off):
            continue
        on, chosen = modes[option.needs]
        on = on or (name == "top_k" and way == "contrastive_search")
        if name in ("force_words_ids", "constraints"):
            chosen = False
        if not on and not chosen and not (name == "temperature" and config.temperature == 0):
            raise ValueError(
                f"{name}={config.__dict__[name]!r} was given, but it changes nothing without {option.needs}.\n"
                f"Add {option.needs}, or leave {name} out."
            )


def _refuse_mixed(config: GenerationConfig, arguments: Mapping[str, Any]) -> None:
    """Raise for ways of choosing tokens that cannot be had together."""
    samples, beams = bool(config.do_sample) and config.temperature != 0, config.num_beams
    assistants = [name for name in ("assistant_early_exit", "prompt_lookup_num_tokens") if config.__dict__[name]]
    if arguments.get("assistant_model") is not None:
        assistants.insert(0, "assistant_model")
    ways = {
        **dict.fromkeys(assistants, True),
        "dola_layers": config.dola_layers is not None,
        "penalty_alpha": bool(config.penalty_alpha),
        "constraints": config.constraints is not None,
        "force_words_ids": config.force_words_ids is not None,
        "num_beam_groups": config.num_beam_groups > 1,
    }
    on = [name for name, wanted in ways.items() if wanted]
    given = {**config.__dict__, **arguments}

    def said(name: str) -> str:
        return name + "=" + (type(given[name]).__name__ if name == "assistant_model" else repr(given[name]))

    def clash(first: str, second: str, mend: str) -> None:
        if first in config._given or first in arguments or first in ("constraints", "force_words_ids"):
            raise ValueError(f"{said(first)} and {second} do not go together.\n{mend}")

    if len(on) > 1 and not {"constraints", "force_words_ids"}.issuperset(on):
        clash(on[0], said(on[1]), f"Leave one of {' and '.join(on)} out.")
    for name in on:
        on_beams = name in ("constraints", "force_words_ids", "num_beam_groups")
        if on_beams and beams == 1:
            clash(name, f"num_beams={beams}", f"Pass num_beams={max(4, config.num_beam_groups)}.")
        if not on_beams and beams > 1:
            clash(name, f"num_beams={beams}", f"Pass num_beams=1, or leave {name} out.")
        if samples and (on_beams or name == "penalty_alpha"):
            clash(name, "do_sample=True", f"Pass do_sample=False, or leave {name} out.")
        if name in assistants and config.num_return_sequences > 1:
            clash(name, f"num_return_sequences={config.num_return_sequences}", "Pass num_return_sequences=1.")
        if name in (*assistants, "penalty_alpha") and not config.use_cache:
            clash(name, "use_cache=False", "Pass use_cache=True.")
    if config.penalty_alpha and config.top_k <= 1 and beams == 1 and not samples:
        clash("penalty_alpha", f"top_k={config.top_k}", "Pass top_k=4: contrastive search chooses among several.")
    if "num_beam_groups" in on and beams > 1:
        if beams % config.num_beam_groups:
            raise ValueError(
                f"num_beams={beams} cannot be divided into num_beam_groups={config.num_beam_groups}.\n"
                f"Pass num_beams={config.num_beam_groups * 2}."
            )
        if config.diversity_penalty <= 0:
            raise ValueError(
                f"num_beam_groups={config.num_beam_groups} with diversity_penalty={config.diversity_penalty} finds the "
                f"same beams in every group.\nPass diversity_penalty=1.0."
            )
    if config.is_assistant and beams > 1:
        clash("is_assistant", f"num_beams={beams}", "Pass num_beams=1: a draft is one text.")
    if config.assistant_ensemble_weight is not None and config.prompt_lookup_num_tokens:
        clash("assistant_ensemble_weight", said("prompt_lookup_num_tokens"), "A draft from the prompt has no scores.")
    for name in ("negative_prompt_ids", "negative_prompt_attention_mask"):
        if arguments.get(name) is not None and config.guidance_scale in (None, 1):
            raise ValueError(f"{name} was given, but it changes nothing without guidance_scale=1.5.\nAdd it.")
    if arguments.get("assistant_tokenizer") is not None and arguments.get("assistant_model") is None:
        raise ValueError("assistant_tokenizer was given, but it changes nothing without assistant_model=.\nAdd it.")


def _of_drafts(name: str) -> bool:
    """Whether it says how a model drafts for another; alone, it may hold that for later."""
    return name in OPTIONS and OPTIONS[name].needs == ASSISTED


def _watermark(value: Any) -> Any:
    """A dict, as files hold it, as the config that it was."""
    if not isinstance(value, Mapping):
        return value
    from bearhug.generation.watermark import SynthIDTextWatermarkingConfig, WatermarkingConfig

    return (SynthIDTextWatermarkingConfig if "ngram_len" in value else WatermarkingConfig).from_dict(value)


def _jsonable(value: Any) -> Any:
    return value.to_dict() if hasattr(value, "to_dict") else _plain(value)


def holds(values: Values, value: Any) -> bool:
    """Whether it is a right value; what cannot be compared is none."""
    try:
        return bool(values.right(value))
    except (TypeError, ValueError):
        return False


def _plain(value: Any) -> Any:
    """A tensor, an array or any other row of ids as a list; one id as a list of one."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    return list(value) if isinstance(value, Iterable) else [value]


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise OSError(f"{path} is not JSON: {error}.") from None
