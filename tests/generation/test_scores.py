"""Each option that changes scores, as the plain function it is, beside the reference's object."""

from functools import partial

import pytest
import torch

from bearhug.generation import LogitsProcessorList, scores

B, T, V = 4, 9, 50


@pytest.fixture
def ids():
    return torch.randint(0, 12, (B, T), generator=torch.Generator().manual_seed(1))


@pytest.fixture
def logits():
    return torch.randn(B, V, generator=torch.Generator().manual_seed(2)) * 3


def tokens(*values):
    return torch.tensor(values)


CASES = {
    "RepetitionPenaltyLogitsProcessor(1.7)": partial(scores.repetition_penalty, penalty=1.7),
    "RepetitionPenaltyLogitsProcessor(0.5)": partial(scores.repetition_penalty, penalty=0.5),
    "NoRepeatNGramLogitsProcessor(1)": partial(scores.no_repeat_ngram, size=1),
    "NoRepeatNGramLogitsProcessor(2)": partial(scores.no_repeat_ngram, size=2),
    "NoRepeatNGramLogitsProcessor(9)": partial(scores.no_repeat_ngram, size=9),
    "NoRepeatNGramLogitsProcessor(12)": partial(scores.no_repeat_ngram, size=12),
    "MinLengthLogitsProcessor(10, [3, 4])": partial(scores.suppress, tokens=tokens(3, 4), before=10),
    "MinLengthLogitsProcessor(9, [3, 4])": partial(scores.suppress, tokens=tokens(3, 4), before=9),
    "SuppressTokensLogitsProcessor([3, 4])": partial(scores.suppress, tokens=tokens(3, 4)),
    "SuppressTokensAtBeginLogitsProcessor([3, 4], 9)": partial(scores.suppress, tokens=tokens(3, 4), at=9),
    "SuppressTokensAtBeginLogitsProcessor([3, 4], 8)": partial(scores.suppress, tokens=tokens(3, 4), at=8),
    "ForcedEOSTokenLogitsProcessor(10, [3])": partial(scores.force, tokens=tokens(3), at=9),
    "ForcedEOSTokenLogitsProcessor(11, [3])": partial(scores.force, tokens=tokens(3), at=10),
    "ExponentialDecayLengthPenalty((1, 1.5), [3, 4], 5)": partial(
        scores.favour_end, tokens=tokens(3, 4), after=6, factor=1.5
    ),
    "ExponentialDecayLengthPenalty((4, 1.5), [3, 4], 5)": partial(
        scores.favour_end, tokens=tokens(3, 4), after=9, factor=1.5
    ),
    "TemperatureLogitsWarper(0.4)": partial(scores.temperature, temperature=0.4),
    "TopHLogitsWarper(0.5)": partial(scores.top_h, h=0.5),
    "TopKLogitsWarper(6)": partial(scores.top_k, k=6),
    "TopKLogitsWarper(60)": partial(scores.top_k, k=60),
    "TopPLogitsWarper(0.8)": partial(scores.top_p, p=0.8),
    "TopPLogitsWarper(0.01, min_tokens_to_keep=3)": partial(scores.top_p, p=0.01, keep=3),
    "MinPLogitsWarper(0.1)": partial(scores.min_p, p=0.1),
    "MinPLogitsWarper(0.9, min_tokens_to_keep=3)": partial(scores.min_p, p=0.9, keep=3),
    "TypicalLogitsWarper(0.5)": partial(scores.typical_p, p=0.5),
    "TypicalLogitsWarper(0.01, min_tokens_to_keep=3)": partial(scores.typical_p, p=0.01, keep=3),
    "EpsilonLogitsWarper(0.03)": partial(scores.epsilon_cutoff, epsilon=0.03),
    "EpsilonLogitsWarper(0.9, min_tokens_to_keep=3)": partial(scores.epsilon_cutoff, epsilon=0.9, keep=3),
    "EtaLogitsWarper(0.1)": partial(scores.eta_cutoff, epsilon=0.1),
    "LogitNormalization()": scores.normalize,
    "InfNanRemoveLogitsProcessor()": scores.finite,
}


@pytest.mark.reference
@pytest.mark.parametrize("theirs", CASES)
@pytest.mark.parametrize("some_impossible", [False, True])
def test_a_function_gives_the_references_scores(theirs, ids, logits, some_impossible):
    import transformers.generation as reference

    if some_impossible:
        logits[:, 20:30] = -torch.inf
    expected = eval(f"reference.{theirs}", {"reference": reference})(ids.clone(), logits.clone())
    given = logits.clone()

    found = CASES[theirs](ids, given)

    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-6)
    assert torch.equal(given, logits), "the scores given were changed"


@pytest.mark.reference
def test_biases_and_forbidden_words_are_the_references(ids, logits):
    from transformers.generation import NoBadWordsLogitsProcessor, SequenceBiasLogitsProcessor

    ids[0, -2:] = torch.tensor([5, 6])
    biases = {(1,): 2.0, (5, 6, 7): -4.0, (6, 8): 1.5, (6, 9): 1.0, tuple(range(11)): 9.0}
    words = [[1], [5, 6, 7], [6, 8], [3]]

    ours = scores.biased("sequence_bias", biases, V, None, ids.device)(ids, logits)
    forbidden = scores.biased("bad_words_ids", {tuple(w): -torch.inf for w in words[:3]}, V, None, ids.device)(
        ids, logits
    )

    torch.testing.assert_close(ours, SequenceBiasLogitsProcessor(biases)(ids, logits))
    torch.testing.assert_close(forbidden, NoBadWordsLogitsProcessor(words, eos_token_id=3)(ids, logits))


def test_a_bias_for_a_token_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match=r"sequence_bias has the token id 50.*0 to 49"):
        scores.biased("sequence_bias", {(50,): 1.0}, V, None, torch.device("cpu"))


@pytest.mark.parametrize(
    "function",
    [
        partial(scores.repetition_penalty, penalty=1.7),
        partial(scores.no_repeat_ngram, size=1),
        partial(scores.no_repeat_ngram, size=2),
        lambda ids, logits, start=None: scores.biased("b", {(0, 0): 5.0, (0, 7): 3.0}, V, start, ids.device)(
            ids, logits
        ),
    ],
)
def test_padding_changes_nothing(function, ids, logits):
    ids[:, -1] = 0
    padded = torch.cat((torch.zeros(B, 3, dtype=torch.long), ids), 1)

    torch.testing.assert_close(
        function(padded, logits, start=torch.full((B, 1), 3)), function(ids, logits), atol=0, rtol=0
    )


@pytest.mark.reference
@pytest.mark.parametrize("call", CASES)
def test_the_references_class_names_stand_for_the_functions(call, ids, logits):
    import transformers.generation as reference

    import bearhug.generation

    ours, theirs = (eval(f"module.{call}", {"module": module}) for module in (bearhug.generation, reference))

    assert isinstance(ours, bearhug.generation.LogitsProcessor)
    assert type(ours).__name__ == type(theirs).__name__
    torch.testing.assert_close(ours(ids, logits.clone()), theirs(ids, logits.clone()), atol=1e-6, rtol=1e-6)


@pytest.mark.reference
def test_those_that_take_more_than_numbers(ids, logits):
    import transformers.generation as theirs

    import bearhug.generation as ours

    for make in (
        lambda m: m.EncoderRepetitionPenaltyLogitsProcessor(1.5, ids[:, :4]),
        lambda m: m.EncoderNoRepeatNGramLogitsProcessor(2, ids),
        lambda m: m.SequenceBiasLogitsProcessor({(1,): 2.0, (int(ids[0, -1]), 8): 3.0}),
        lambda m: m.NoBadWordsLogitsProcessor([[1], [2], [int(ids[1, -1]), 8]], eos_token_id=2),
        lambda m: m.MinNewTokensLengthLogitsProcessor(8, 3, 2),
        lambda m: m.ForcedBOSTokenLogitsProcessor(3),
        lambda m: m.PrefixConstrainedLogitsProcessor(lambda row, ids: [row, 7], num_beams=2),
    ):
        torch.testing.assert_close(make(ours)(ids, logits), make(theirs)(ids, logits))
    with pytest.raises(AttributeError, match="NoSuchLogitsWarper"):
        ours.NoSuchLogitsWarper  # noqa: B018


def test_an_empty_list_of_allowed_tokens_is_an_error(ids, logits):
    with pytest.raises(ValueError, match=r"prefix_allowed_tokens_fn\(0, ids\)"):
        scores.allow(ids, logits, allowed=lambda row, ids: [])


def test_a_list_of_processors_is_a_processor(ids, logits):
    class Shifted:
        def __call__(self, input_ids, scores, by):
            return scores + by

    both = LogitsProcessorList([partial(scores.temperature, temperature=2.0), Shifted()])

    assert torch.equal(both(ids, logits, by=1.0), logits / 2 + 1)


@pytest.mark.reference
def test_every_class_has_the_references_arguments():
    """In its order and with its defaults, from `bearhug` itself; those of speech and music models come with them."""
    import inspect

    import transformers.generation as theirs
    from transformers.generation import logits_process, stopping_criteria

    import bearhug

    missing = set()
    for name in dir(theirs):
        other = getattr(theirs, name)
        if not inspect.isclass(other) or other.__module__ not in (logits_process.__name__, stopping_criteria.__name__):
            continue
        try:
            mine = getattr(bearhug, name)
        except AttributeError:
            missing.add(name)
            continue
        if "__init__" in vars(other):
            own, given = (
                [(each.name, each.default) for each in inspect.signature(one).parameters.values()]
                for one in (mine, other)
            )
            assert own == given, name
    assert missing <= {"AlternatingCodebooksLogitsProcessor", "WhisperTimeStampLogitsProcessor"}


FILTERED = [
    "TopKLogitsWarper(6, -50.0, 2)",
    "TopPLogitsWarper(0.3, -50.0, 2)",
    "MinPLogitsWarper(0.2, -50.0)",
    "TopHLogitsWarper(0.5, filter_value=-50.0)",
    "TypicalLogitsWarper(0.5, -50.0)",
    "EpsilonLogitsWarper(0.03, -50.0)",
    "EtaLogitsWarper(0.1, -50.0, 1, 'cpu')",
    "RepetitionPenaltyLogitsProcessor(1.7, 4)",
    "RepetitionPenaltyLogitsProcessor(1.7, prompt_ignore_length=torch.tensor([2, 4, 0, 9]))",
    "SuppressTokensLogitsProcessor([3, 4], device='cpu')",
]


@pytest.mark.reference
@pytest.mark.parametrize("call", FILTERED)
def test_values_in_place_of_what_is_dropped(call, ids, logits):
    import transformers.generation as reference

    import bearhug

    ours, theirs = (eval(f"module.{call}", {"module": module, "torch": torch}) for module in (bearhug, reference))

    torch.testing.assert_close(ours(ids, logits.clone()), theirs(ids, logits.clone()), atol=1e-6, rtol=1e-6)
    for name in {"filter_value", "penalty", "top_k", "top_p", "min_p"} & set(vars(theirs)):
        assert getattr(ours, name) == getattr(theirs, name)


@pytest.mark.reference
@pytest.mark.parametrize(
    "call",
    [
        "TemperatureLogitsWarper(-1.0)",
        "TemperatureLogitsWarper(0.0)",
        "TopKLogitsWarper(0)",
        "TopPLogitsWarper(1.5)",
        "TopPLogitsWarper(0.5, min_tokens_to_keep=0)",
        "TopHLogitsWarper(0)",
        "MinPLogitsWarper(-0.1)",
        "TypicalLogitsWarper(1.5)",
        "EpsilonLogitsWarper(0)",
        "EtaLogitsWarper(1.0)",
        "RepetitionPenaltyLogitsProcessor(-2.0)",
        "NoRepeatNGramLogitsProcessor(0)",
        "MinLengthLogitsProcessor(-1, 2)",
        "SequenceBiasLogitsProcessor({})",
        "NoBadWordsLogitsProcessor([])",
    ],
)
def test_wrong_arguments_are_errors_of_the_references_class(call):
    import transformers.generation as theirs

    import bearhug

    for module in (bearhug, theirs):
        with pytest.raises(ValueError):
            eval(f"module.{call}", {"module": module})


@pytest.mark.reference
def test_criteria_as_objects(ids):
    import time

    import transformers.generation as theirs

    import bearhug as ours

    for make in (
        lambda m: m.MaxLengthCriteria(9),
        lambda m: m.MaxLengthCriteria(max_length=10, max_position_embeddings=64),
        lambda m: m.MaxTimeCriteria(5.0),
        lambda m: m.MaxTimeCriteria(5.0, initial_timestamp=time.time() - 6),
        lambda m: m.EosTokenCriteria([int(ids[0, -1]), 40]),
        lambda m: m.StoppingCriteriaList([m.MaxLengthCriteria(12), m.EosTokenCriteria(int(ids[1, -1]))]),
    ):
        mine, other = make(ours), make(theirs)
        assert mine(ids, None).tolist() == other(ids, None).tolist()
    assert ours.StoppingCriteriaList([ours.MaxLengthCriteria(12)]).max_length == 12
    assert ours.StoppingCriteriaList([]).max_length is None
