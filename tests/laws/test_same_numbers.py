"""Law 3, the same numbers: what a model computes is the reference's, within 1e-5 in float32."""

import pytest
import torch
from safetensors.torch import load_file

import bearhug
import tiny
from bearhug.models import recipes
from tiny_configs import DROPOUT

pytestmark = pytest.mark.reference
CLOSE = {"atol": 1e-5, "rtol": 1e-5}
CACHES = {"past_key_values", "cache_params"}


def pair(recipe, task, folder, **values):
    """The reference's model and ours, of the same checkpoint."""
    theirs = tiny.reference_model(recipe, task, folder, **values)
    return theirs, getattr(bearhug, tiny.TASKS[task]).from_pretrained(folder)


def inputs_for(theirs, recipe, task):
    """A padded batch; one text where the reference cannot find the padding."""
    pad = theirs.config.pad_token_id
    if task == "sequence-classification" and pad is None:
        return tiny.batch([9])
    # an answer's loss counts scores at padding too, which see nothing and are then anything
    alike = task == "question-answering" and theirs.config._attn_implementation == "eager"
    return tiny.for_decoder(recipe, task, tiny.batch([9, 9] if alike else [9, 4], pad=pad or 0))


def labels_for(task, batch):
    """Labels for a batch, with -100 at padding."""
    mask, ids = batch["attention_mask"], batch["input_ids"]
    rows = ids.shape[0]
    if task == "question-answering":
        return {"start_positions": torch.tensor([2, 1])[:rows], "end_positions": torch.tensor([4, 99])[:rows]}
    if task in ("sequence-classification", "next-sentence"):
        return {"labels": torch.tensor([1, 0])[:rows]}
    if task == "replaced-tokens":
        return {"labels": ids % 2}
    if task in ("pretraining", "sentence-order"):
        name = "next_sentence_label" if task == "pretraining" else "sentence_order_label"
        return {"labels": ids.masked_fill(mask == 0, -100), name: torch.tensor([1, 0])[:rows]}
    if task == "token-classification":
        return {"labels": (ids % 2).masked_fill(mask == 0, -100)}
    if "decoder_input_ids" in batch and task != "base":
        return {"labels": (batch["decoder_input_ids"] + 1).masked_fill(batch["decoder_input_ids"] % 5 == 0, -100)}
    return {} if task in ("base", "text-encoding") else {"labels": ids.masked_fill(mask == 0, -100)}


def real_tokens(value, text):
    """What a result (B, T, ...) says of real tokens; others as they are."""
    if isinstance(value, tuple):
        return tuple(real_tokens(one, text) for one in value)
    return value[text] if value.shape[:2] == text.shape else value


def theirs_by_our_names(ours, gradients):
    """A checkpoint's tensors under our names."""
    from bearhug.checkpoints.weight_map import rules

    shapes = {name: p.shape for name, p in ours.named_parameters()}
    found = {}
    renamed = {"embed_out.weight": "lm_head.weight"}  # as it is stored: as the reference calls it in memory
    for name, rule in rules(ours.recipe.table(ours.task, ours.config), shapes).items():
        gradient = gradients.get(renamed.get(name, name))
        if gradient is not None:
            found |= zip(rule.parts, rule.split(gradient, [shapes[part][0] for part in rule.parts]), strict=True)
    return found


RENAMED = ("nomic_bert", "nomic_bert-head")  # whose parameters the reference renames when it loads and saves them


@pytest.mark.parametrize(("recipe", "task"), tiny.PAIRS)
def test_a_batch_gives_the_references_numbers(recipe, task, tmp_path):
    """Logits, loss, hidden states and gradients, in padded rows too; the results' names and their order."""
    theirs, ours = pair(recipe, task, tmp_path)
    batch = inputs_for(theirs, recipe, task)
    batch |= labels_for(task, batch)

    expected, got = theirs(**batch, output_hidden_states=True), ours(**batch, output_hidden_states=True)

    assert list(got.keys()) == list(expected.keys())
    text = batch["attention_mask"].bool()
    for name in expected.keys() - CACHES:
        mine, reference = got[name], expected[name]
        if theirs.config._attn_implementation == "eager":  # which gives other numbers for a token that sees nothing
            mine, reference = real_tokens(mine, text), real_tokens(reference, text)
        torch.testing.assert_close(mine, reference, **CLOSE)
    if task not in ("base", "text-encoding"):
        expected.loss.backward()
        got.loss.backward()
        gradients = {name: p.grad for name, p in theirs.named_parameters(remove_duplicate=False)}
        if recipe in RENAMED:
            for parameter in theirs.parameters():
                parameter.data = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            theirs.save_pretrained(tmp_path / "gradients")
            gradients = load_file(tmp_path / "gradients/model.safetensors")
        reference = theirs_by_our_names(ours, gradients)
        mine = {name: p.grad for name, p in ours.named_parameters() if p.grad is not None}
        assert mine.keys() == reference.keys()
        for name, gradient in mine.items():
            torch.testing.assert_close(
                gradient, reference[name], **CLOSE, msg=lambda text, name=name: f"{name}: {text}"
            )


TWICE = ("falcon-alibi",)  # the reference's eager attention adds ALiBi twice, its fused one once


@pytest.mark.parametrize("recipe", [name for name in tiny.RECIPES if name not in TWICE])
def test_attentions_are_the_references(recipe, tmp_path):
    """output_attentions gives each layer's weights."""
    import transformers

    _, ours = pair(recipe, "base", tmp_path)
    theirs = transformers.AutoModel.from_pretrained(tmp_path, attn_implementation="eager")
    batch = tiny.for_decoder(recipe, "base", tiny.batch([9, 9]))

    expected, got = theirs(**batch, output_attentions=True), ours(**batch, output_attentions=True)

    assert got.keys() == {name for name, value in expected.items() if value != ()}
    for name in got.keys() - CACHES:
        torch.testing.assert_close(got[name], expected[name], **CLOSE)


@pytest.mark.parametrize("recipe", tiny.RECIPES)
def test_eager_attention_equals_the_fused_one(recipe, tmp_path):
    """attn_implementation changes how, not what."""
    theirs = tiny.reference_model(recipe, "base", tmp_path)
    batch = tiny.for_decoder(recipe, "base", tiny.batch([9, 4], pad=theirs.config.pad_token_id or 0))
    eager = bearhug.AutoModel.from_pretrained(tmp_path, attn_implementation="eager")
    fused = bearhug.AutoModel.from_pretrained(tmp_path)

    torch.testing.assert_close(eager(**batch).last_hidden_state, fused(**batch).last_hidden_state, **CLOSE)


@pytest.mark.parametrize("recipe", tiny.CAUSAL)
@pytest.mark.parametrize("split", [(12,), (5, 1, 1, 5), (1,) * 12, (11, 1)], ids=str)
def test_decoding_with_a_cache_equals_the_whole_text(recipe, split, tmp_path):
    """In any pieces, the logits are those of the text read at once."""
    theirs, ours = pair(recipe, "causal-lm", tmp_path)
    ids, at, pieces = tiny.ids(2, 12), 0, []
    cache = ours.new_cache(2, 4)  # grows
    with torch.no_grad():
        for length in split:
            pieces.append(ours(ids[:, at : at + length], past_key_values=cache).logits)
            at += length
        expected = theirs(ids).logits

    torch.testing.assert_close(torch.cat(pieces, 1), expected, **CLOSE)
    assert cache.length == 12


@pytest.mark.parametrize("scaling", tiny.ROPES)
@pytest.mark.parametrize("tokens", [7, 31, 50])
def test_every_scaling_of_rotary_positions_is_the_references(scaling, tokens, tmp_path):
    """Within the trained positions and beyond them."""
    theirs, ours = pair("llama", "causal-lm", tmp_path, rope_parameters={"rope_theta": 100.0, **tiny.ROPES[scaling]})
    ids = tiny.ids(2, tokens)

    torch.testing.assert_close(ours(ids).logits, theirs(ids).logits, **CLOSE)


@pytest.mark.parametrize("scaling", tiny.ROPES)
def test_decoding_across_a_scalings_border_is_the_references(scaling, tmp_path):
    """Step by step from within the trained positions to beyond them, as the reference does it."""
    theirs, ours = pair("llama", "causal-lm", tmp_path, rope_parameters={"rope_theta": 100.0, **tiny.ROPES[scaling]})
    ids, cache, past = tiny.ids(1, 40), ours.new_cache(1, 40), None
    with torch.no_grad():
        for at in (slice(0, 10), *(slice(n, n + 1) for n in range(10, 40))):
            got = ours(ids[:, at], past_key_values=cache).logits
            output = theirs(ids[:, at], past_key_values=past, use_cache=True)
            past = output.past_key_values

            torch.testing.assert_close(got, output.logits, **CLOSE)


@pytest.mark.parametrize(("recipe", "task"), [pair for pair in tiny.PAIRS if pair[0] in DROPOUT and pair[1] != "base"])
def test_dropout_is_used_in_training_at_the_configs_rates(recipe, task, tmp_path):
    """At a rate of 0 training gives what evaluation gives; at the config's own it does not."""
    tiny.reference_model(recipe, task, tmp_path)
    load = getattr(bearhug, tiny.TASKS[task]).from_pretrained
    batch = tiny.for_decoder(recipe, task, tiny.batch([9, 9]))
    quiet = dict.fromkeys(DROPOUT[recipe], 0.0) | ({} if recipe == "distilbert" else {"classifier_dropout": 1e-9})

    expected = load(tmp_path)(**batch)[0]
    torch.testing.assert_close(load(tmp_path, **quiet).train()(**batch)[0], expected, **CLOSE)
    assert not torch.allclose(load(tmp_path).train()(**batch)[0], expected, atol=1e-3)


def reads_both_ways(recipe):
    """Whether an architecture is an encoder, or with is_decoder=True a decoder."""
    return (
        recipe not in tiny.SEQ2SEQ and {"masked-lm", "causal-lm"} <= recipes.find(tiny.CONFIGS[recipe][0]).heads.keys()
    )


@pytest.mark.parametrize("recipe", [recipe for recipe in tiny.RECIPES if reads_both_ways(recipe)])
def test_an_encoder_as_a_decoder_is_the_references(recipe, tmp_path):
    """is_decoder=True: a causal mask, a shifted loss, a cache."""
    theirs, ours = pair(recipe, "causal-lm", tmp_path, is_decoder=True)
    ids, cache = tiny.ids(2, 8), ours.new_cache(2, 8)
    expected, got = theirs(ids, labels=ids), ours(ids, labels=ids)

    torch.testing.assert_close(got.logits, expected.logits, **CLOSE)
    torch.testing.assert_close(got.loss, expected.loss, **CLOSE)
    with torch.no_grad():
        pieces = [ours(ids[:, n : n + 1], past_key_values=cache).logits for n in range(8)]
    torch.testing.assert_close(torch.cat(pieces, 1), expected.logits, **CLOSE)


@pytest.mark.parametrize("recipe", ["gemma", "gemma3_text", "gemma3_text-ropes"])
def test_a_decoder_as_an_encoder_is_the_references(recipe, tmp_path):
    """use_bidirectional_attention: tokens look both ways, in windows too."""
    import transformers

    _, ours = pair(recipe, "base", tmp_path, use_bidirectional_attention=True)
    theirs = transformers.AutoModel.from_pretrained(tmp_path)
    batch = tiny.batch([9, 9] if recipe == "gemma" else [9, 4])  # with padding the reference's Gemma is causal again
    text = batch["attention_mask"].bool()

    torch.testing.assert_close(ours(**batch).last_hidden_state[text], theirs(**batch).last_hidden_state[text], **CLOSE)


@pytest.mark.parametrize("recipe", ["bert", "roberta", "gpt2", "gpt2-scaled", "bart", "marian"])
def test_a_decoder_looks_at_given_vectors(recipe, tmp_path):
    """encoder_hidden_states with their mask; their keys and values are kept in the cache."""
    more = {"is_decoder": True} if "bert" in recipe else {}
    more |= {} if recipe in tiny.SEQ2SEQ else {"add_cross_attention": True}
    theirs, ours = pair(recipe, "causal-lm", tmp_path, **more)
    ids, states, mask = tiny.ids(2, 6), torch.randn(2, 5, 32), torch.tensor([[1] * 5, [1, 1, 1, 0, 0]])
    source = {"encoder_hidden_states": states, "encoder_attention_mask": mask}
    with torch.no_grad():
        expected, got = theirs(ids, **source, labels=ids), ours(ids, **source, labels=ids)
        cache = ours.new_cache(2, 6)
        pieces = [ours(ids[:, n : n + 1], past_key_values=cache, **source).logits for n in range(6)]
        without = theirs(ids).logits

    torch.testing.assert_close(got.logits, expected.logits, **CLOSE)
    torch.testing.assert_close(got.loss, expected.loss, **CLOSE)
    torch.testing.assert_close(torch.cat(pieces, 1), expected.logits, **CLOSE)
    torch.testing.assert_close(ours(ids).logits, without, **CLOSE)


@pytest.mark.parametrize("recipe", tiny.RECIPES)
def test_embeddings_and_positions_can_be_given(recipe, tmp_path):
    """inputs_embeds and position_ids in place of ids and counted positions."""
    theirs, ours = pair(recipe, "base", tmp_path)
    ids, places = tiny.ids(2, 6), torch.tensor([[3, 1, 4, 1, 5, 9]])
    embeds = ours.get_input_embeddings()(ids).detach()
    if recipe in tiny.SEQ2SEQ:  # they take no positions
        given = {"inputs_embeds": embeds, "decoder_inputs_embeds": embeds[:, :4] * 2}

        torch.testing.assert_close(ours(**given).last_hidden_state, theirs(**given).last_hidden_state, **CLOSE)
        return

    torch.testing.assert_close(
        ours(ids, position_ids=places).last_hidden_state, theirs(ids, position_ids=places).last_hidden_state, **CLOSE
    )
    torch.testing.assert_close(
        ours(inputs_embeds=embeds).last_hidden_state, theirs(inputs_embeds=embeds).last_hidden_state, **CLOSE
    )


@pytest.mark.parametrize("recipe", ["bert", "bert-untied", "roberta-pad", "gpt2"])
def test_token_types_are_the_references(recipe, tmp_path):
    """A second segment is told apart, and in GPT-2 looked up among the words."""
    theirs, ours = pair(recipe, "base", tmp_path)
    ids, types = tiny.ids(2, 6), torch.tensor([[0, 0, 1, 1, 0, 1]] * 2)

    torch.testing.assert_close(
        ours(ids, token_type_ids=types).last_hidden_state, theirs(ids, token_type_ids=types).last_hidden_state, **CLOSE
    )


# The reference fails on such a mask, or masks by its own beside it.
ONLY_FLAT = ("bloom", "bloom-odd", "falcon-alibi", "gpt_neo", "gpt_neo-local", "opt", "opt-narrow", "opt-bare",
             *(name for name in tiny.CAUSAL if "mamba" in name))  # fmt: skip


@pytest.mark.parametrize("recipe", [name for name in tiny.CAUSAL if name not in ONLY_FLAT])
def test_four_dimensional_masks_are_the_references(recipe, tmp_path):
    """A mask of who looks at whom, as truths or as numbers that are added."""
    theirs, ours = pair(recipe, "causal-lm", tmp_path)
    theirs.config.output_router_logits = ours.config.output_router_logits = False  # whose loss takes flat masks alone
    ids = tiny.ids(2, 6)
    seen = (
        torch.ones(6, 6, dtype=torch.bool)
        .tril()
        .logical_and(torch.rand(6, 6, generator=torch.Generator().manual_seed(3)) > 0.4)
    )
    seen = (seen | torch.eye(6, dtype=torch.bool))[None, None].expand(2, 1, 6, 6)
    added = torch.zeros(2, 1, 6, 6).masked_fill(~seen, torch.finfo(torch.float32).min)

    torch.testing.assert_close(ours(ids, seen).logits, theirs(ids, attention_mask=added).logits, **CLOSE)
    torch.testing.assert_close(ours(ids, added).logits, theirs(ids, attention_mask=added).logits, **CLOSE)
    assert "loss" not in ours(ids, seen.long())


@pytest.mark.parametrize("keep", [0, 1, 3, torch.tensor([0, 4])], ids=str)
def test_only_the_logits_that_are_asked_for(keep, tmp_path):
    """logits_to_keep: a number counts from the end, a tensor names places."""
    theirs, ours = pair("llama", "causal-lm", tmp_path)
    ids = tiny.ids(2, 6)

    torch.testing.assert_close(ours(ids, logits_to_keep=keep).logits, theirs(ids, logits_to_keep=keep).logits, **CLOSE)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize(
    "recipe",
    [
        "gpt2",
        "llama",
        "bert",
        "roberta",
        "distilbert",
        "qwen3",
        "gemma",
        "gemma3_text",
        "cohere",
        "olmo2",
        "bloom",
        "falcon",
    ],
)
def test_half_precision_is_near_the_references(recipe, dtype, tmp_path):
    """A half-precision checkpoint stays so, and gives what the reference gives within its rounding."""
    theirs = tiny.reference_model(recipe, "base").to(dtype)
    theirs.save_pretrained(tmp_path)
    ours = bearhug.AutoModel.from_pretrained(tmp_path)
    batch = tiny.batch([9, 9])
    expected, got = theirs(**batch).last_hidden_state, ours(**batch).last_hidden_state

    assert got.dtype == ours.dtype == ours.config.dtype == dtype
    assert (got - expected).float().norm() / expected.float().norm() < (0.02 if dtype == torch.bfloat16 else 0.003)
