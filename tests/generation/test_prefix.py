"""A prompt that begins like an earlier text goes on from it, and the tokens are those of a call without."""

import copy
import pickle

import pytest
import torch

import tiny
from bearhug import AutoModelForCausalLM, AutoModelForSeq2SeqLM, T5Config
from bearhug.generation import PrefixCache

NAMES = ["llama", "gpt2", "gemma2", "bloom", "mistral", "deepseek_v3", "mamba", "qwen3_next"]
WAYS = {
    "greedy": {},
    "sampled": {"do_sample": True, "seed": 4},
    "two each": {"do_sample": True, "seed": 4, "num_return_sequences": 2},
    "beams": {"num_beams": 3},
    "looked up": {"prompt_lookup_num_tokens": 3},
    "layers": {"dola_layers": "low"},
    "penalties": {"repetition_penalty": 1.4, "no_repeat_ngram_size": 2},
}


@pytest.fixture(scope="module", params=NAMES)
def writer(request, tmp_path_factory):
    name = next(key for key in tiny.CONFIGS if key.startswith(request.param))
    tiny.reference_model(name, "causal-lm", folder := tmp_path_factory.mktemp(request.param))
    return AutoModelForCausalLM.from_pretrained(folder).double()


@pytest.mark.reference
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_a_chat_that_goes_on_gives_the_same_tokens(writer, way):
    if way.get("dola_layers") and writer.config.num_hidden_layers < 3:
        way = {"dola_layers": [0]}
    kept, options = PrefixCache(writer), {"max_new_tokens": 6, "do_sample": False, "eos_token_id": None, **way}
    if way.get("prompt_lookup_num_tokens") and PrefixCache(writer).has_states:
        with pytest.raises(ValueError, match="go back"):
            writer.generate(tiny.ids(1, 9), **options)
        return
    if way.get("num_beams") or way.get("prompt_lookup_num_tokens"):
        options.pop("eos_token_id")
    text, reused = tiny.ids(1, 9), 0
    for turn in range(3):
        plain = writer.generate(text, **options)
        assert writer.generate(text, prefix_cache=kept, **options).tolist() == plain.tolist()
        assert (kept.reused > reused) == (turn > 0)
        reused = kept.reused
        text = torch.cat((plain[:1], tiny.ids(1, 3, seed=turn)), 1)


@pytest.mark.reference
def test_rows_that_begin_alike_in_any_batch_and_padding(writer):
    """Padded left, right or not, in batches of other sizes: each row gets what it gets alone."""
    kept, system = PrefixCache(writer), tiny.ids(1, 8)[0]
    rows = [torch.cat((system, tiny.ids(1, length, seed=length)[0])) for length in (1, 5, 3, 2)]
    rows.append(tiny.ids(1, 4, seed=77)[0])
    options = {"max_new_tokens": 5, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}
    alone = [writer.generate(row[None], **options)[0, len(row) :].tolist() for row in rows]
    writer.generate(system[None], prefix_cache=kept, **options)
    for chosen in ([0], [1, 2], [3, 0, 2], [0, 1, 2, 3], [4, 1, 0]):
        for side in ("left", "right"):
            width = max(len(rows[row]) for row in chosen)
            ids, mask = torch.zeros(len(chosen), width, dtype=torch.long), torch.zeros(len(chosen), width).long()
            for place, row in enumerate(chosen):
                where = slice(width - len(rows[row]), width) if side == "left" else slice(0, len(rows[row]))
                ids[place, where], mask[place, where] = rows[row], 1
            found = writer.generate(ids, attention_mask=mask, prefix_cache=kept, **options)
            assert found[:, width:].tolist() == [alone[row] for row in chosen]
    assert kept.hits > 0


def test_what_is_kept_is_bounded_and_the_least_used_goes(model):
    kept = PrefixCache(model, tokens=20)
    texts = [tiny.ids(1, 7, seed=seed) for seed in range(3)]
    for text in [*texts, texts[1]]:
        model.generate(text, prefix_cache=kept, max_new_tokens=2, min_new_tokens=2)
    assert kept.held <= 20
    assert [text[:7] for text in kept.texts] == [tuple(texts[seed][0].tolist()) for seed in (2, 1)]


def test_other_weights_forget_the_texts(model, prompt):
    own = copy.deepcopy(model)
    options = {"prefix_cache": True, "max_new_tokens": 6, "min_new_tokens": 6}
    own.generate(prompt[:1], **options)
    with torch.no_grad():
        own.get_input_embeddings().weight.mul_(-1.5)
    expected = copy.deepcopy(own).generate(prompt[:1], max_new_tokens=6, min_new_tokens=6)
    assert own.generate(prompt[:1], **options).tolist() == expected.tolist()
    assert expected.tolist() != model.generate(prompt[:1], max_new_tokens=6, min_new_tokens=6).tolist()
    assert pickle.loads(pickle.dumps(PrefixCache(model))).texts == {}


def test_streams_go_on_too(model, prompt):
    kept = PrefixCache(model)
    first = model.generate(prompt[:1], prefix_cache=kept, max_new_tokens=6, min_new_tokens=6)
    more = torch.cat((first, prompt[1:2, :2]), 1)
    told = [int(step) for step in model.generate(more, prefix_cache=kept, stream=True, max_new_tokens=5)]
    plain = model.generate(more, max_new_tokens=5)[0, more.shape[1] :].tolist()
    assert told == plain
    assert kept.reused == first.shape[1] - 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"prefix_cache": 3}, "pass True, or PrefixCache"),
        ({"use_cache": False}, "use_cache=False"),
        ({"cache_implementation": "quantized"}, "quantized"),
        ({"penalty_alpha": 0.6, "top_k": 4}, "penalty_alpha"),
        ({"return_dict_in_generate": True, "output_hidden_states": True}, "output_hidden_states"),
        ({"token_type_ids": torch.zeros(3, 7).long()}, "token_type_ids"),
    ],
)
def test_what_needs_the_whole_prompt_is_refused(model, prompt, options, says):
    with pytest.raises((TypeError, ValueError), match=says):
        model.generate(prompt, **{"prefix_cache": True, **options})


def test_another_models_texts_and_encoders_are_refused(model, prompt):
    with pytest.raises(ValueError, match="another model"):
        model.generate(prompt, prefix_cache=PrefixCache(copy.deepcopy(model)))
    sizes = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2, "vocab_size": 97}
    pair = AutoModelForSeq2SeqLM.from_config(T5Config(**sizes, decoder_start_token_id=0))
    with pytest.raises(ValueError, match="has an encoder"):
        pair.generate(prompt, prefix_cache=True)
