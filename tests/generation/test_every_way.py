"""What holds in every way of searching: loops and streamers show the result, stop strings end it, seeds decide it."""

import pytest
import torch

import tiny
from bearhug import AutoModelForCausalLM, AutoModelForSeq2SeqLM

SAMPLED = {"do_sample": True, "seed": 11, "top_k": 20}
WAYS = {
    "greedy": {},
    "sampled": SAMPLED,
    "two each": {**SAMPLED, "num_return_sequences": 2},
    "contrastive": {"penalty_alpha": 0.6, "top_k": 4},
    "contrastive, one by one": {"penalty_alpha": 0.6, "top_k": 4, "low_memory": True},
    "layers": {"dola_layers": [0]},
    "looked up": {"prompt_lookup_num_tokens": 3},
    "looked up, sampled": {"prompt_lookup_num_tokens": 3, **SAMPLED},
    "drafted": {"assistant_model": True},
    "drafted, sampled": {"assistant_model": True, **SAMPLED},
    "first layers": {"assistant_early_exit": 1},
    "guided": {"guidance_scale": 1.5},
}
SEARCHES = {
    "beams": {"num_beams": 3},
    "beams, sampled": {"num_beams": 3, **SAMPLED},
    "groups": {"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 1.0},
}
NEW = {"max_new_tokens": 12, "do_sample": False}


@pytest.fixture(scope="module", params=["decoder", "encoder and decoder"])
def speaks(request, tmp_path_factory):
    """A model, and the ids that it continues."""
    folder, with_encoder = tmp_path_factory.mktemp("speaks"), request.param != "decoder"
    name = next(key for key in tiny.CONFIGS if key.startswith("bart" if with_encoder else "llama"))
    tiny.reference_model(name, "seq2seq-lm" if with_encoder else "causal-lm", folder)
    loader = AutoModelForSeq2SeqLM if with_encoder else AutoModelForCausalLM
    return loader.from_pretrained(folder).double(), tiny.ids(1, 6)


def told(model, way):
    """The options of a way; None where the model refuses it."""
    if way.get("assistant_model"):
        return {**NEW, **way, "assistant_model": model}
    if model.config.is_encoder_decoder and "guidance_scale" in way:
        with pytest.raises(ValueError):
            model.generate(tiny.ids(1, 6), **{**NEW, **way})
        return None
    return {**NEW, **way}


@pytest.mark.reference
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_a_loop_and_a_streamer_show_the_result(speaks, way):
    model, ids = speaks
    if (options := told(model, way)) is None:
        return
    result = model.generate(ids, **options)

    steps = list(model.generate(ids, stream=True, **options))

    width = result.shape[1] - len(steps)
    assert torch.stack(steps, 1).tolist() == result[:, width:].tolist()
    seen = []

    class Shown:
        put = staticmethod(seen.append)
        end = staticmethod(lambda: seen.append("end"))

    assert model.generate(ids, streamer=Shown, **options).tolist() == result.tolist()
    assert torch.stack(seen[1:-1], 1).tolist() == result[:, width:].tolist()
    assert seen[0].shape[1] == width
    assert seen[-1] == "end"


@pytest.mark.reference
@pytest.mark.parametrize("way", SEARCHES.values(), ids=SEARCHES.keys())
def test_what_is_chosen_at_the_end_is_not_shown_before(speaks, way):
    model, ids = speaks
    with pytest.raises(ValueError, match="cannot stream"):
        model.generate(ids, stream=True, **{**NEW, **way})


@pytest.mark.reference
@pytest.mark.parametrize("way", [*WAYS.values(), *SEARCHES.values()], ids=[*WAYS, *SEARCHES])
def test_callbacks_see_every_step_and_may_end_it(speaks, way):
    """A processor and a criterion get the ids so far (rows, T), whatever the way reads at once."""
    model, ids = speaks
    options, lengths, ended = told(model, way), set(), []
    if options is None:
        return

    def look(input_ids, scores):
        lengths.add(input_ids.shape[1])
        assert len(input_ids) == len(scores)
        return scores

    def enough(input_ids, scores):
        ended.append(input_ids.shape[1])
        return input_ids.shape[1] >= start + 5

    start = 1 if model.config.is_encoder_decoder else ids.shape[1]
    result = model.generate(ids, logits_processor=[look], stopping_criteria=[enough], **options)

    assert result.shape[1] <= start + 5
    assert set(range(start, result.shape[1])) <= lengths
    assert sorted(set(ended)) == list(range(start + 1, result.shape[1] + 1))


def saying(text, letters):
    """A logits_processor that makes every row say a text after a prompt of one token."""
    ids = [*letters.encode(text), 2]

    def process(input_ids, scores):
        wanted = torch.full_like(scores, -torch.inf)
        wanted[:, ids[min(input_ids.shape[1] - 1, len(ids) - 1)]] = 0.0
        return wanted

    return process


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
@pytest.mark.parametrize("stop", ["STOP", ["zz", "OP"]])
def test_no_stop_string_leaks_into_a_stream(writer, letters, way, stop):
    options = {**told(writer, way), "max_new_tokens": 30, "stop_strings": stop, "tokenizer": letters}
    options["logits_processor"] = saying("abc STOP def", letters)
    text = list(writer.generate(torch.tensor([[70]]), stream=True, **options))
    whole = writer.generate(torch.tensor([[70]]), **options)

    assert "".join(one if isinstance(one, str) else one[0] for one in text) == ("abc " if stop == "STOP" else "abc ST")
    assert {letters.decode(row[1:].tolist(), skip_special_tokens=True) for row in whole} == {"abc STOP"}


@pytest.mark.parametrize("way", SEARCHES.values(), ids=SEARCHES.keys())
def test_stop_strings_end_beams(writer, letters, way):
    options = {**NEW, **way, "max_new_tokens": 30, "stop_strings": "STOP", "tokenizer": letters}
    whole = writer.generate(torch.tensor([[70]]), logits_processor=saying("abc STOP def", letters), **options)

    assert letters.decode(whole[0, 1:].tolist(), skip_special_tokens=True) == "abc STOP"


@pytest.mark.reference
@pytest.mark.parametrize(
    "way",
    [SAMPLED, {**SAMPLED, "num_return_sequences": 2}, {**SAMPLED, "num_beams": 3}, {**SAMPLED, "typical_p": 0.7}],
    ids=str,
)
def test_a_seed_per_row_is_the_rows_alone(speaks, way):
    model, _ = speaks
    rows, seeds = tiny.ids(3, 6), [5, (11, 1), 5]
    options = {**NEW, **way, "eos_token_id": None}
    if "num_beams" in way:
        options.pop("eos_token_id")
    each = way.get("num_return_sequences", 1)

    together = model.generate(rows, **{**options, "seed": seeds})

    for row, seed in enumerate(seeds):
        alone = model.generate(rows[row : row + 1], **{**options, "seed": [seed]})
        width = alone.shape[1]
        assert together[row * each : (row + 1) * each, :width].tolist() == alone.tolist()


@pytest.mark.reference
@pytest.mark.parametrize("way", [WAYS["looked up, sampled"], WAYS["drafted, sampled"]], ids=str)
def test_drafts_follow_the_seed_alone(speaks, way):
    model, ids = speaks
    found = []
    for seed, noise in ((11, 1), (11, 2), (12, 1)):
        torch.manual_seed(noise)
        found.append(model.generate(ids, **{**told(model, way), "seed": seed}).tolist())

    assert found[0] == found[1]
    assert found[0] != found[2]


def test_a_model_that_generates_says_so_by_its_class(writer):
    from bearhug import GenerationMixin

    assert isinstance(writer, GenerationMixin)
    assert writer.can_generate()
