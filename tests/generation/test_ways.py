"""Guidance, contrastive search, DoLa, groups of beams, constraints.

Where the reference has the way, against it; where it left it to repositories of foreign code, against a plain twin
that is written here, without a cache or a batch, from the papers and from transformers 4's documentation.
"""

import itertools
import math

import pytest
import torch

from bearhug import AutoModelForCausalLM, DisjunctiveConstraint, PhrasalConstraint
from bearhug.generation.phrases import Progress

from .conftest import tiny_gpt2

reference = pytest.mark.reference
NEW = 8


@pytest.fixture(scope="module")
def deep(tmp_path_factory):
    """Five layers, a small vocabulary."""
    tiny_gpt2(folder := tmp_path_factory.mktemp("deep"), n_layer=5, vocab_size=13, eos_token_id=12)
    return AutoModelForCausalLM.from_pretrained(folder)


@pytest.fixture(scope="module")
def texts():
    """Three prompts of one length, and the same padded on both sides with a shorter one."""
    return torch.randint(0, 12, (3, 5), generator=torch.Generator().manual_seed(2))


def read(model, ids, **asked):
    """All of one text at once: (scores of the next token, the output)."""
    with torch.no_grad():
        out = model(torch.tensor([ids]), return_dict=True, **asked)
    return out.logits[0, -1].float(), out


# guidance


@reference
@pytest.mark.parametrize("scale", [1.7, 0.5, -1.0])
@pytest.mark.parametrize(
    ("way", "negative"),
    [
        *((way, size) for way in ({}, {"do_sample": True, "top_k": 20}, {"use_cache": False}) for size in (None, 4)),
        ({}, "masked"),  # a row alone draws other numbers than the first of three, so none is drawn
        ({"use_cache": False}, "masked"),
    ],
    ids=str,
)
def test_guidance_is_the_references(model, theirs, prompt, scale, way, negative):
    options = {"attention_mask": torch.ones_like(prompt), "max_new_tokens": NEW, "guidance_scale": scale, **way}
    if negative == 4:
        options["negative_prompt_ids"] = prompt[:, 2:6]
    if negative == "masked":
        mask = torch.ones(3, 4, dtype=torch.long)
        mask[0, :2] = 0
        options |= {"negative_prompt_ids": prompt[:, 2:6], "negative_prompt_attention_mask": mask}

    torch.manual_seed(3)
    ours = model.generate(prompt, **options)
    torch.manual_seed(3)
    if negative == "masked":  # its positions count padding; ours do not: row by row it is equal
        options.pop("negative_prompt_attention_mask")
        first = {**options, "negative_prompt_ids": prompt[:1, 4:6], "attention_mask": torch.ones(1, 7).long()}
        assert ours[:1].tolist() == theirs.generate(prompt[:1], **first).tolist()
        return
    assert ours.tolist() == theirs.generate(prompt, **options).tolist()


def test_guidance_of_beams_and_drafts_follows_the_text(model, prompt):
    """A draft that is rejected, or a beam that moves, leaves nothing behind in the second text."""
    options = {"max_new_tokens": NEW, "guidance_scale": 1.5}
    plain = model.generate(prompt[:1], **options)
    assert model.generate(prompt[:1], **options, assistant_early_exit=1).tolist() == plain.tolist()
    beams = model.generate(prompt, **options, num_beams=3)
    assert beams.tolist() == model.generate(prompt, **options, num_beams=3, use_cache=False).tolist()


# contrastive search


def contrastive_twin(model, ids, alpha, k, new, eos=12):
    ids, start = list(ids), len(ids)
    while len(ids) < start + new:
        scores, out = read(model, ids, output_hidden_states=True)
        before = torch.nn.functional.normalize(out.hidden_states[-1][0], dim=-1)
        chance, picks = scores.softmax(-1).topk(k)
        best = []
        for p, token in zip(chance.tolist(), picks.tolist(), strict=True):
            own = read(model, [*ids, token], output_hidden_states=True)[1].hidden_states[-1][0, -1]
            likeness = float((before @ torch.nn.functional.normalize(own, dim=-1)).max())
            best.append(((1 - alpha) * p - alpha * likeness, token))
        ids.append(max(best)[1])
        if ids[-1] == eos:
            break
    return ids + [eos] * (start + new - len(ids))


@pytest.mark.parametrize("alpha", [0.2, 0.6, 1.0])
@pytest.mark.parametrize("k", [2, 5, 50])
@pytest.mark.parametrize("low_memory", [False, True])
def test_contrastive_search_is_its_twin(deep, texts, alpha, k, low_memory):
    found = deep.generate(texts, penalty_alpha=alpha, top_k=k, low_memory=low_memory, max_new_tokens=NEW)
    wanted = [contrastive_twin(deep, ids, alpha, min(k, 13), NEW) for ids in texts.tolist()]

    assert found.tolist() == [row[: found.shape[1]] for row in wanted]


def test_contrastive_search_returns_what_other_searches_do(deep, texts):
    asked = {
        "return_dict_in_generate": True, "output_scores": True, "output_logits": True, "output_attentions": True,
        "output_hidden_states": True, "max_new_tokens": 4, "eos_token_id": None,
    }  # fmt: skip
    outs = [deep.generate(texts, penalty_alpha=0.5, top_k=3, low_memory=low, **asked) for low in (False, True)]

    for out in outs:
        assert [len(out[name]) for name in ("scores", "logits", "attentions", "hidden_states")] == [4] * 4
        again = read(deep, out.sequences[1, :-1].tolist())[0]
        torch.testing.assert_close(out.logits[-1][1], again, atol=1e-5, rtol=1e-5)
        assert out.hidden_states[0][-1].shape == (3, 5, 32)
        assert out.hidden_states[1][-1].shape == (3, 1, 32)
    assert outs[0].sequences.tolist() == outs[1].sequences.tolist()


def test_rows_of_contrastive_search_are_alone(model, padded):
    options = {"penalty_alpha": 0.6, "top_k": 4, "max_new_tokens": NEW, "eos_token_id": None}
    for side in ("left", "right"):
        together = model.generate(**padded[side], **options)[:, 7:]
        for row, ids in enumerate(padded["rows"]):
            assert model.generate(ids[None], **options)[0, len(ids) :].tolist() == together[row].tolist()


# DoLa


def dola_twin(model, ids, layers, new, eos=12):
    ids, start = list(ids), len(ids)
    while len(ids) < start + new:
        scores, out = read(model, ids, output_hidden_states=True)
        late, best = scores.log_softmax(-1), None
        for layer in layers:
            early = model.get_output_embeddings()(out.hidden_states[layer][0, -1]).float().log_softmax(-1)
            mean = (late.exp() + early.exp()) / 2
            kl = torch.nn.functional.kl_div
            apart = 0.5 * (kl(late, mean, reduction="none").mean() + kl(early, mean, reduction="none").mean())
            if best is None or apart > best[0]:
                best = (apart, early)
        scores = late - best[1]
        scores[late < late.max() + math.log(0.1)] = -torch.inf
        ids.append(int(scores.argmax()))
        if ids[-1] == eos:
            break
    return ids + [eos] * (start + new - len(ids))


@pytest.mark.parametrize(("asked", "layers"), [("low", [2]), ("high", [2, 4]), ([1, 3, 9], [1, 3]), ([0], [0])])
def test_dola_is_its_twin(deep, texts, asked, layers):
    found = deep.generate(texts, dola_layers=asked, max_new_tokens=NEW)

    assert found.tolist() == [dola_twin(deep, ids, layers, NEW)[: found.shape[1]] for ids in texts.tolist()]


def test_dola_samples_too_and_names_wrong_layers(deep, texts):
    options = {"do_sample": True, "seed": 3, "max_new_tokens": NEW, "dola_layers": "high"}
    assert deep.generate(texts, **options, num_return_sequences=2).shape[0] == 6
    with pytest.raises(ValueError, match=r"dola_layers=\[7\].*0 to 4"):
        deep.generate(texts, dola_layers=[7])
    with pytest.raises(ValueError, match="dola_layers='middle'"):
        deep.generate(texts, dola_layers="middle")


# groups of beams


def groups_twin(model, prompt, beams, groups, penalty, new, length_penalty=1.0, early=False, eos=12, keep=1):
    size = beams // groups
    running = [[(0.0 if place == 0 else -1e9, []) for place in range(size)] for _ in range(groups)]
    ended, closed = [[] for _ in range(groups)], [False] * groups

    def add(group, score, text):
        ended[group] = sorted([*ended[group], (score / len(text) ** length_penalty, text)], key=lambda e: -e[0])[:size]

    for step in range(1, new + 1):
        taken = []
        for group in range(groups):
            if closed[group]:
                taken += [eos] * size  # what stands in for a closed group's tokens is the padding
                continue
            options = []
            for score, text in running[group]:
                chances = read(model, [*prompt, *text])[0].log_softmax(-1)
                for token in taken:
                    chances[token] -= penalty
                options += [(score + c, [*text, token]) for token, c in enumerate(chances.tolist())]
            best = sorted(options, key=lambda o: -o[0])[: 2 * size]
            going = []
            for rank, (score, text) in enumerate(best):
                if text[-1] == eos or step == new:
                    if rank < size:
                        add(group, score, text)
                elif len(going) < size:
                    going.append((score, text))
            if step < new:
                running[group] = going
                taken += [text[-1] for _, text in going]
            else:
                taken += [text[-1] for _, text in best[:size]]
            if len(ended[group]) == size:
                worst, most = ended[group][-1][0], best[0][0]
                length = new if early == "never" and length_penalty > 0 else step
                closed[group] = early is True or worst >= most / length**length_penalty
        if all(closed):
            break
    return [text for _, text in sorted((e for g in ended for e in g), key=lambda e: -e[0])[:keep]]


@pytest.mark.parametrize(("beams", "groups"), [(4, 2), (6, 3), (3, 3), (6, 2)])
@pytest.mark.parametrize("penalty", [0.5, 3.0])
@pytest.mark.parametrize("rule", [{}, {"early_stopping": True}, {"early_stopping": "never"}, {"length_penalty": 2.0},
                                  {"length_penalty": -0.5}], ids=str)  # fmt: skip
def test_groups_of_beams_are_their_twin(deep, texts, beams, groups, penalty, rule):
    options = {"num_beams": beams, "num_beam_groups": groups, "diversity_penalty": penalty, **rule}
    found = deep.generate(texts, **options, num_return_sequences=2, max_new_tokens=6)
    early, length = rule.get("early_stopping", False), rule.get("length_penalty", 1.0)

    wanted = [groups_twin(deep, ids, beams, groups, penalty, 6, length, early, keep=2) for ids in texts.tolist()]
    for row, text in zip(found[:, 5:].tolist(), itertools.chain(*wanted), strict=True):
        assert row == (text + [12] * 6)[: len(row)]


def test_groups_return_all_that_beams_do(deep, texts):
    out = deep.generate(
        texts, num_beams=4, num_beam_groups=2, diversity_penalty=1.0, num_return_sequences=3, max_new_tokens=6,
        return_dict_in_generate=True, output_scores=True, output_logits=True, eos_token_id=None,
    )  # fmt: skip

    assert out.sequences.shape == (9, 11)
    assert out.beam_indices.shape == (9, 6)
    chosen = deep.compute_transition_scores(out.sequences, out.scores, out.beam_indices)
    torch.testing.assert_close(chosen.sum(1) / 6, out.sequences_scores, atol=1e-5, rtol=1e-5)


# constraints


def likeliest(model, prompt, new, holds):
    """Of all texts of this length that hold what they must, the one of the highest score."""
    texts = list(itertools.product(range(12), repeat=new))
    ids = torch.tensor([[*prompt, *text] for text in texts])
    with torch.no_grad():
        chances = model(ids, return_dict=True).logits[:, len(prompt) - 1 : -1].log_softmax(-1)
    scores = chances.gather(2, ids[:, len(prompt) :, None])[:, :, 0].sum(1).tolist()
    return list(max((score, text) for score, text in zip(scores, texts, strict=True) if holds(text))[1])


def has(text, *phrase):
    return any(tuple(text[i : i + len(phrase)]) == phrase for i in range(len(text)))


@pytest.mark.parametrize(
    ("forced", "holds"),
    [
        ([[3, 4]], lambda t: has(t, 3, 4)),
        ([[7], [2]], lambda t: has(t, 7) and has(t, 2)),
        ([[[5, 6], [9]]], lambda t: has(t, 5, 6) or has(t, 9)),
        ([[1, 1, 8]], lambda t: has(t, 1, 1, 8)),
    ],
)
def test_among_many_beams_the_best_text_with_the_phrases_is_found(deep, texts, forced, holds):
    options = {"num_beams": 400, "max_new_tokens": 3, "eos_token_id": None}
    for ids in texts[:2]:
        found = deep.generate(ids[None], force_words_ids=forced, **options)[0, 5:].tolist()
        assert found == likeliest(deep, ids.tolist(), 3, holds)


@pytest.mark.parametrize("eos", [None, 12, 0])
def test_few_beams_hold_their_phrases_too(deep, texts, eos):
    constraints = [PhrasalConstraint([3, 4, 5]), DisjunctiveConstraint([[7, 8], [9, 1], [2]])]
    found = deep.generate(texts, constraints=constraints, num_beams=4, max_new_tokens=9, eos_token_id=eos)
    for text in found[:, 5:].tolist():
        assert has(text, 3, 4, 5)
        assert has(text, 7, 8) or has(text, 9, 1) or has(text, 2)
    same = deep.generate(
        texts, force_words_ids=[[3, 4, 5], [[7, 8], [9, 1], [2]]], num_beams=4, max_new_tokens=9, eos_token_id=eos
    )
    assert found.tolist() == same.tolist()


def test_progress_of_phrases():
    phrases = [[(1, 2)], [(3,), (4, 5)]]
    assert Progress(phrases).next() == [1, 3, 4]
    assert Progress(phrases, [1]).next() == [2]
    assert [Progress(phrases, ids).bank for ids in ([], [1], [1, 2], [1, 2, 4], [1, 2, 3])] == [0, 1, 2, 3, 4]
    assert Progress(phrases, [1, 9, 1, 2, 4, 5]).done
    assert not Progress(phrases, [1, 9, 2, 3]).done
    assert Progress(phrases, [1, 1, 2, 3]).done  # what breaks a phrase off may begin it


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"penalty_alpha": 0.6, "do_sample": True}, r"penalty_alpha=0\.6.*do_sample"),
        ({"penalty_alpha": 0.6, "num_beams": 2}, r"penalty_alpha=0\.6.*num_beams=2"),
        ({"penalty_alpha": 0.6, "top_k": 1}, r"top_k=1 "),
        ({"penalty_alpha": 0.6, "dola_layers": "low"}, r"penalty_alpha"),
        ({"penalty_alpha": 1.5}, r"penalty_alpha=1\.5"),
        ({"low_memory": True}, r"low_memory=True.*penalty_alpha"),
        ({"dola_layers": "low", "num_beams": 2}, r"dola_layers='low'.*num_beams=2"),
        ({"num_beam_groups": 2}, r"num_beam_groups=2.*num_beams"),
        ({"num_beams": 4, "num_beam_groups": 2}, r"num_beam_groups=2(.|\n)*diversity_penalty=1"),
        ({"num_beams": 5, "num_beam_groups": 2, "diversity_penalty": 1.0}, r"num_beams=5.*num_beam_groups=2"),
        ({"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 1.0, "do_sample": True}, r"groups=2.*do_sample"),
        ({"num_beams": 4, "diversity_penalty": 1.0}, r"diversity_penalty=1\.0.*num_beam_groups"),
        ({"force_words_ids": [[3]]}, r"force_words_ids=.*num_beams"),
        ({"force_words_ids": [[3]], "num_beams": 2, "do_sample": True}, r"force_words_ids=.*do_sample"),
        ({"force_words_ids": [3], "num_beams": 2}, r"force_words_ids=\[3\]"),
        ({"force_words_ids": [[30]], "num_beams": 2}, r"30.*13 ids"),
        ({"force_words_ids": [[3] * 9], "num_beams": 2}, r"9 tokens.*5"),
        ({"constraints": [[3]], "num_beams": 2}, "PhrasalConstraint"),
        ({"negative_prompt_ids": torch.ones(3, 2).long()}, r"negative_prompt_ids.*guidance_scale"),
        ({"guidance_scale": 2.0, "negative_prompt_ids": torch.ones(2, 2).long()}, r"\(2, 2\).*3 rows"),
        ({"guidance_scale": 2.0, "negative_prompt_attention_mask": torch.ones(3, 2)}, r"is missing"),
    ],
    ids=str,
)  # fmt: skip
def test_what_does_not_go_together_is_named(deep, texts, options, message):
    with pytest.raises(ValueError, match=message):
        deep.generate(texts, **{"max_new_tokens": 5, **options})


def test_constraints_are_checked_when_they_are_made():
    for wrong in ([], [[1]], "ab", [-1], 3):
        with pytest.raises(ValueError, match="token_ids="):
            PhrasalConstraint(wrong)
    with pytest.raises(ValueError, match=r"\[1, 2\] is the beginning of \[1, 2, 3\]"):
        DisjunctiveConstraint([[1, 2], [1, 2, 3]])
    with pytest.raises(ValueError, match="nested_token_ids"):
        DisjunctiveConstraint([])
