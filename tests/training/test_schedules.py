"""The learning rates are the reference's, step by step."""

import pickle

import pytest
import torch

from bearhug.training import GreedyLR, SchedulerType, get_linear_schedule_with_warmup, get_scheduler, schedules

CASES = [
    ("linear", 3, 20, {}),
    ("linear", 0, 20, {}),
    ("linear", 5, 5, {}),
    ("cosine", 4, 20, {}),
    ("cosine", 4, 20, {"num_cycles": 1.5}),
    ("cosine_with_restarts", 2, 20, {"num_cycles": 3}),
    ("polynomial", 3, 20, {}),
    ("polynomial", 3, 20, {"lr_end": 0.01, "power": 2.0}),
    ("constant", None, None, {}),
    ("constant_with_warmup", 6, None, {}),
    ("inverse_sqrt", 4, None, {}),
    ("inverse_sqrt", 0, None, {}),
    ("inverse_sqrt", 4, None, {"timescale": 9}),
    ("cosine_with_min_lr", 3, 20, {"min_lr": 0.02}),
    ("cosine_with_min_lr", 3, 20, {"min_lr_rate": 0.3}),
    ("cosine_warmup_with_min_lr", 3, 20, {"min_lr_rate": 0.3}),
    ("cosine_warmup_with_min_lr", 3, 20, {"min_lr": 0.01, "warmup_lr_rate": 0.2}),
    ("cosine_warmup_with_min_lr", 1, 20, {"min_lr": 0.01}),
    ("warmup_stable_decay", 4, 20, {"num_decay_steps": 6}),
    ("warmup_stable_decay", 4, None, {"num_decay_steps": 6, "num_stable_steps": 5, "min_lr_ratio": 0.1}),
    ("warmup_stable_decay", 4, 20, {"num_decay_steps": 6, "warmup_type": "cosine", "decay_type": "linear"}),
    ("warmup_stable_decay", 4, 20, {"num_decay_steps": 6, "warmup_type": "1-sqrt", "decay_type": "1-sqrt"}),
]


def optimizer(rates=(0.1,)):
    return torch.optim.SGD([{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate} for rate in rates], lr=0.1)


def rates(make, name, warmup, steps, options, length=25):
    """The rates of `length` steps, two groups of parameters."""
    own = optimizer((0.1, 0.03))
    scheduler = make(name, own, num_warmup_steps=warmup, num_training_steps=steps, scheduler_specific_kwargs=options)
    seen = []
    for _ in range(length):
        seen.append(scheduler.get_last_lr())
        own.step()
        scheduler.step()
    return seen


@pytest.mark.reference
@pytest.mark.parametrize(("name", "warmup", "steps", "options"), CASES)
def test_the_rates_are_the_references(name, warmup, steps, options):
    """Through the warm-up, the run, and past its end."""
    transformers = pytest.importorskip("transformers")

    ours = rates(get_scheduler, name, warmup, steps, options)
    theirs = rates(transformers.get_scheduler, name, warmup, steps, options)

    torch.testing.assert_close(torch.tensor(ours), torch.tensor(theirs), rtol=1e-7, atol=1e-9)


@pytest.mark.reference
@pytest.mark.parametrize(
    "options",
    [
        {"patience": 2, "factor": 0.5},
        {"patience": 1, "mode": "max", "threshold_mode": "rel", "threshold": 0.01},
        {"patience": 1, "cooldown": 2, "warmup": 3, "max_lr": 0.2, "min_lr": 0.05},
        {"patience": 0, "factor": 0.1, "min_lr": 0.05, "reset_start": 2},
        {"patience": 1, "smooth": True, "window_size": 4},
    ],
)
def test_greedy_follows_the_metric_as_the_reference_does(options):
    optimization = pytest.importorskip("transformers.optimization")
    metrics = torch.rand(80, generator=torch.Generator().manual_seed(3)).cumsum(0).sin().tolist()
    histories = []
    for kind in (GreedyLR, optimization.GreedyLR):
        own = optimizer((0.1, 0.3))
        scheduler = kind(own, **options)
        histories.append([(scheduler.step(metric), scheduler.get_last_lr())[1] for metric in metrics])

    assert histories[0] == histories[1]
    assert len({tuple(rates) for rates in histories[0]}) > 2


@pytest.mark.reference
def test_every_name_of_the_reference_is_known():
    theirs = pytest.importorskip("transformers.trainer_utils").SchedulerType

    assert {str(member) for member in SchedulerType} == {member.value for member in theirs}
    assert get_scheduler(theirs.CONSTANT, optimizer()).get_last_lr() == [0.1]


def test_greedy_goes_on_from_its_state():
    first, metrics = (
        GreedyLR(optimizer(), patience=1, factor=0.5, smooth=True),
        [3.0, 3.0, 3.0, 3.0, 2.0, 1.0, 1.0, 1.0],
    )
    for metric in metrics[:4]:
        first.step(metric)
    second = GreedyLR(optimizer(), patience=1, factor=0.5, smooth=True)
    second.load_state_dict(first.state_dict())
    for metric in metrics[4:]:
        first.step(metric)
        second.step(metric)

    assert first.get_last_lr() == second.get_last_lr() != [0.1]


def test_a_schedule_goes_on_from_its_state_and_can_be_pickled():
    own = optimizer()
    scheduler = get_linear_schedule_with_warmup(own, 2, 10)
    for _ in range(5):
        own.step()
        scheduler.step()
    again = get_linear_schedule_with_warmup(optimizer(), 2, 10)
    again.load_state_dict(scheduler.state_dict())

    assert again.get_last_lr() == scheduler.get_last_lr() == [pytest.approx(0.1 * 5 / 8)]
    assert pickle.loads(pickle.dumps(scheduler)).get_last_lr() == scheduler.get_last_lr()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"name": "linaer", "num_warmup_steps": 1, "num_training_steps": 2}, "Did you mean 'linear'"),
        ({"name": "linear", "num_warmup_steps": 1}, "needs num_training_steps"),
        ({"name": "cosine", "num_training_steps": 4}, "needs num_warmup_steps"),
        ({"name": "cosine_with_min_lr", "num_warmup_steps": 1, "num_training_steps": 4}, "not neither"),
        (
            {"name": "warmup_stable_decay", "num_warmup_steps": 1, "scheduler_specific_kwargs": {"num_decay_steps": 1}},
            "num_stable_steps",
        ),
    ],
)
def test_what_is_missing_is_named(arguments, says):
    with pytest.raises(ValueError, match=says):
        get_scheduler(optimizer=optimizer(), **arguments)


def test_bad_values_are_named():
    with pytest.raises(ValueError, match="below the optimizer's learning rate"):
        schedules.get_polynomial_decay_schedule_with_warmup(optimizer(), 1, 4, lr_end=0.2)
    with pytest.raises(ValueError, match="Did you mean 'linear'"):
        schedules.get_wsd_schedule(optimizer(), 1, 1, 4, decay_type="linaer")
    with pytest.raises(ValueError, match="below 1"):
        GreedyLR(optimizer(), factor=1.5)
    with pytest.raises(ValueError, match="2 rates, but the optimizer 1"):
        GreedyLR(optimizer(), min_lr=[0.1, 0.1])
