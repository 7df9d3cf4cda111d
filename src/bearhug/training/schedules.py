"""How the learning rate goes over the steps of a training run.

A schedule is a factor of the optimizer's own learning rate, a function of the step: it rises from 0 over the warm-up,
then follows its curve. `get_scheduler(name, ...)` finds one by its name; each is also a function of its own.
"""

from enum import StrEnum
from functools import partial
from math import cos, pi, sqrt
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, ReduceLROnPlateau

from bearhug._lib.errors import near
from bearhug.training.greedy import GreedyLR


class SchedulerType(StrEnum):
    """The names that `get_scheduler` knows."""

    LINEAR = "linear"
    COSINE = "cosine"
    COSINE_WITH_RESTARTS = "cosine_with_restarts"
    POLYNOMIAL = "polynomial"
    CONSTANT = "constant"
    CONSTANT_WITH_WARMUP = "constant_with_warmup"
    INVERSE_SQRT = "inverse_sqrt"
    REDUCE_ON_PLATEAU = "reduce_lr_on_plateau"
    COSINE_WITH_MIN_LR = "cosine_with_min_lr"
    COSINE_WARMUP_WITH_MIN_LR = "cosine_warmup_with_min_lr"
    WARMUP_STABLE_DECAY = "warmup_stable_decay"
    GREEDY = "greedy"


def get_scheduler(
    name: str | SchedulerType,
    optimizer: Optimizer,
    num_warmup_steps: int | None = None,
    num_training_steps: int | None = None,
    scheduler_specific_kwargs: dict[str, Any] | None = None,
) -> LRScheduler | GreedyLR:
    """A schedule by its name.

    Args:
        name: one of `SchedulerType`: "linear", "cosine", "constant_with_warmup", ...
        optimizer: whose learning rates it sets; call `scheduler.step()` after each `optimizer.step()`.
        num_warmup_steps: steps over which the rate rises from 0; most schedules need it.
        num_training_steps: steps of the whole run; schedules that end need it.
        scheduler_specific_kwargs: what only this schedule takes, such as {"num_cycles": 2}.

    Raises:
        ValueError: an unknown name, or a number of steps that this schedule needs is missing.
        TypeError: a keyword that this schedule does not take.

    Example:
        >>> import torch
        >>> optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
        >>> scheduler = get_scheduler("linear", optimizer, num_warmup_steps=2, num_training_steps=4)
        >>> rates = []
        >>> for _ in range(4):
        ...     rates.append(scheduler.get_last_lr()[0])
        ...     optimizer.step()
        ...     scheduler.step()
        >>> rates
        [0.0, 0.05, 0.1, 0.05]
    """
    try:
        kind = SchedulerType(getattr(name, "value", name))
    except ValueError:
        known = [str(member) for member in SchedulerType]
        raise ValueError(
            f"no learning rate schedule is called {name!r}.{near(str(name), known)}\nThere are: {', '.join(known)}."
        ) from None
    make, needs = SCHEDULES[kind]
    steps = {"num_warmup_steps": num_warmup_steps, "num_training_steps": num_training_steps}
    for argument in needs:
        if argument in steps and steps[argument] is None:
            raise ValueError(
                f"the schedule {str(kind)!r} needs {argument}, which was not given.\n"
                f"Pass it: get_scheduler({str(kind)!r}, optimizer, {', '.join(f'{one}=...' for one in needs)})."
            )
    given = {argument: steps[argument] for argument in needs}
    if kind == SchedulerType.WARMUP_STABLE_DECAY:
        given["num_training_steps"] = num_training_steps
    return make(optimizer, **given, **(scheduler_specific_kwargs or {}))


def get_constant_schedule(optimizer: Optimizer, last_epoch: int = -1) -> LambdaLR:
    """The optimizer's own rate, always."""
    return LambdaLR(optimizer, _constant, last_epoch)


def get_constant_schedule_with_warmup(optimizer: Optimizer, num_warmup_steps: int, last_epoch: int = -1) -> LambdaLR:
    """Up from 0 over the warm-up, then the optimizer's own rate."""
    return LambdaLR(optimizer, partial(_warmed, warmup=num_warmup_steps, then=_constant), last_epoch)


def get_linear_schedule_with_warmup(
    optimizer: Optimizer, num_warmup_steps: int, num_training_steps: int, last_epoch: int = -1
) -> LambdaLR:
    """Up from 0 over the warm-up, then straight down to 0 at the last step."""
    then = partial(_linear, warmup=num_warmup_steps, steps=num_training_steps)
    return LambdaLR(optimizer, partial(_warmed, warmup=num_warmup_steps, then=then), last_epoch)


def get_cosine_schedule_with_warmup(
    optimizer: Optimizer, num_warmup_steps: int, num_training_steps: int, num_cycles: float = 0.5, last_epoch: int = -1
) -> LambdaLR:
    """Up from 0, then along `num_cycles` waves of a cosine (half a wave: down to 0; Loshchilov and Hutter 2017)."""
    then = partial(_cosine, warmup=num_warmup_steps, steps=num_training_steps, cycles=num_cycles, lowest=0.0)
    return LambdaLR(optimizer, partial(_warmed, warmup=num_warmup_steps, then=then), last_epoch)


def get_cosine_with_hard_restarts_schedule_with_warmup(
    optimizer: Optimizer, num_warmup_steps: int, num_training_steps: int, num_cycles: int = 1, last_epoch: int = -1
) -> LambdaLR:
    """Up from 0, then `num_cycles` times along half a cosine from 1 to 0 (arXiv:1608.03983)."""
    then = partial(_restarts, warmup=num_warmup_steps, steps=num_training_steps, cycles=num_cycles)
    return LambdaLR(optimizer, partial(_warmed, warmup=num_warmup_steps, then=then), last_epoch)


def get_cosine_with_min_lr_schedule_with_warmup(
    optimizer: Optimizer,
    num_warmup_steps: int,
    num_training_steps: int,
    num_cycles: float = 0.5,
    last_epoch: int = -1,
    min_lr: float | None = None,
    min_lr_rate: float | None = None,
) -> LambdaLR:
    """Up from 0, then along a cosine down to `min_lr`, or to `min_lr_rate` times the optimizer's rate."""
    lowest = _lowest(optimizer, min_lr, min_lr_rate)
    then = partial(_cosine, warmup=num_warmup_steps, steps=num_training_steps, cycles=num_cycles, lowest=lowest)
    return LambdaLR(optimizer, partial(_warmed, warmup=num_warmup_steps, then=then), last_epoch)


def get_cosine_with_min_lr_schedule_with_warmup_lr_rate(
    optimizer: Optimizer,
    num_warmup_steps: int,
    num_training_steps: int,
    num_cycles: float = 0.5,
    last_epoch: int = -1,
    min_lr: float | None = None,
    min_lr_rate: float | None = None,
    warmup_lr_rate: float | None = None,
) -> LambdaLR:
    """As the one before, but no step has rate 0: the warm-up starts at `warmup_lr_rate` (or 1 / its steps), and the
    cosine is read at the end of each step, not at its start.
    """
    factor = partial(
        _cosine_from_rate,
        warmup=num_warmup_steps,
        steps=num_training_steps,
        cycles=num_cycles,
        lowest=_lowest(optimizer, min_lr, min_lr_rate),
        first=warmup_lr_rate,
    )
    return LambdaLR(optimizer, factor, last_epoch)


def get_polynomial_decay_schedule_with_warmup(
    optimizer: Optimizer,
    num_warmup_steps: int,
    num_training_steps: int,
    lr_end: float = 1e-7,
    power: float = 1.0,
    last_epoch: int = -1,
) -> LambdaLR:
    """Up from 0, then down to the rate `lr_end` as a polynomial of degree `power`.

    Raises:
        ValueError: `lr_end` is not below the optimizer's rate.
    """
    start = optimizer.defaults["lr"]
    if not start > lr_end:
        raise ValueError(
            f"lr_end={lr_end} is not below the optimizer's learning rate {start}.\n"
            f"Pass a smaller one, such as lr_end={start / 100:g}."
        )
    then = partial(_polynomial, warmup=num_warmup_steps, steps=num_training_steps, start=start, end=lr_end, power=power)
    return LambdaLR(optimizer, partial(_warmed, warmup=num_warmup_steps, then=then), last_epoch)


def get_inverse_sqrt_schedule(
    optimizer: Optimizer, num_warmup_steps: int, timescale: int | None = None, last_epoch: int = -1
) -> LambdaLR:
    """Up from 0, then falling with one over the root of the step (Vaswani et al. 2017, section 5.3).

    Args:
        timescale: steps that set how fast it falls; the warm-up's, or 10,000 without one.
    """
    timescale = timescale if timescale is not None else num_warmup_steps or 10_000
    then = partial(_inverse_sqrt, warmup=num_warmup_steps, timescale=timescale)
    return LambdaLR(optimizer, partial(_warmed, warmup=num_warmup_steps, then=then), last_epoch)


def get_wsd_schedule(
    optimizer: Optimizer,
    num_warmup_steps: int,
    num_decay_steps: int,
    num_training_steps: int | None = None,
    num_stable_steps: int | None = None,
    warmup_type: str = "linear",
    decay_type: str = "cosine",
    min_lr_ratio: float = 0,
    num_cycles: float = 0.5,
    last_epoch: int = -1,
) -> LambdaLR:
    """Warm-up, stable, decay (Hu et al. 2024, arXiv:2404.06395, section 4): up, flat, and down to `min_lr_ratio`.

    Args:
        num_stable_steps: the flat part; found from num_training_steps when it is not given, and used before it.
        warmup_type: "linear", "cosine" or "1-sqrt"; also for decay_type.

    Raises:
        ValueError: neither num_training_steps nor num_stable_steps is given, or an unknown type.
    """
    for argument, given in (("warmup_type", warmup_type), ("decay_type", decay_type)):
        if given not in CURVES:
            raise ValueError(f"{argument} is {given!r}; it can be {', '.join(map(repr, CURVES))}.{near(given, CURVES)}")
    if num_stable_steps is None:
        if num_training_steps is None:
            raise ValueError(
                "the warm-up, stable, decay schedule needs the length of its flat part.\n"
                "Pass num_training_steps=... for the whole run, or num_stable_steps=... for that part."
            )
        num_stable_steps = num_training_steps - num_warmup_steps - num_decay_steps
    factor = partial(
        _stages,
        warmup=num_warmup_steps,
        stable=num_stable_steps,
        decay=num_decay_steps,
        rising=warmup_type,
        falling=decay_type,
        lowest=min_lr_ratio,
        cycles=num_cycles,
    )
    return LambdaLR(optimizer, factor, last_epoch)


def get_reduce_on_plateau_schedule(optimizer: Optimizer, **options: Any) -> ReduceLROnPlateau:
    """torch's own: a smaller rate whenever the metric given to `scheduler.step(metric)` no longer improves."""
    return ReduceLROnPlateau(optimizer, **options)


def get_greedy_schedule(optimizer: Optimizer, **options: Any) -> GreedyLR:
    """`GreedyLR`: a greater rate while the metric given to `scheduler.step(metric)` improves, else a smaller."""
    return GreedyLR(optimizer, **options)


_BOTH = ("num_warmup_steps", "num_training_steps")
SCHEDULES = {  # name: its function, and the numbers of steps it cannot do without
    SchedulerType.LINEAR: (get_linear_schedule_with_warmup, _BOTH),
    SchedulerType.COSINE: (get_cosine_schedule_with_warmup, _BOTH),
    SchedulerType.COSINE_WITH_RESTARTS: (get_cosine_with_hard_restarts_schedule_with_warmup, _BOTH),
    SchedulerType.POLYNOMIAL: (get_polynomial_decay_schedule_with_warmup, _BOTH),
    SchedulerType.CONSTANT: (get_constant_schedule, ()),
    SchedulerType.CONSTANT_WITH_WARMUP: (get_constant_schedule_with_warmup, ("num_warmup_steps",)),
    SchedulerType.INVERSE_SQRT: (get_inverse_sqrt_schedule, ("num_warmup_steps",)),
    SchedulerType.REDUCE_ON_PLATEAU: (get_reduce_on_plateau_schedule, ()),
    SchedulerType.COSINE_WITH_MIN_LR: (get_cosine_with_min_lr_schedule_with_warmup, _BOTH),
    SchedulerType.COSINE_WARMUP_WITH_MIN_LR: (get_cosine_with_min_lr_schedule_with_warmup_lr_rate, _BOTH),
    SchedulerType.WARMUP_STABLE_DECAY: (get_wsd_schedule, ("num_warmup_steps",)),
    SchedulerType.GREEDY: (get_greedy_schedule, ()),
}

# The curves: a step -> the factor. Plain functions in partials, not closures, so that a schedule can be pickled.


def _warmed(step, *, warmup, then) -> float:
    return step / max(1, warmup) if step < warmup else then(step)


def _constant(step) -> float:
    return 1.0


def _after(step, warmup, steps) -> float:
    """How much of what follows the warm-up is done: 0 to 1, and above 1 past the end."""
    return (step - warmup) / max(1, steps - warmup)


def _linear(step, *, warmup, steps) -> float:
    return max(0.0, (steps - step) / max(1, steps - warmup))


def _wave(done, cycles, lowest) -> float:
    return max(0.0, 0.5 * (1 + cos(pi * cycles * 2.0 * done)) * (1 - lowest) + lowest)


def _cosine(step, *, warmup, steps, cycles, lowest) -> float:
    return _wave(_after(step, warmup, steps), cycles, lowest)


def _cosine_from_rate(step, *, warmup, steps, cycles, lowest, first) -> float:
    if step >= warmup:
        return _wave(_after(step + 1, warmup, steps), cycles, lowest)
    if first is None:
        return (step + 1) / max(1, warmup)
    return first + (1 - first) * step / max(1, warmup - 1)


def _restarts(step, *, warmup, steps, cycles) -> float:
    done = _after(step, warmup, steps)
    return 0.0 if done >= 1 else max(0.0, 0.5 * (1 + cos(pi * ((cycles * done) % 1.0))))


def _polynomial(step, *, warmup, steps, start, end, power) -> float:
    if step > steps:
        return end / start
    left = 1 - (step - warmup) / (steps - warmup)
    return ((start - end) * left**power + end) / start


def _inverse_sqrt(step, *, warmup, timescale) -> float:
    return 1 / sqrt((step + timescale - warmup) / timescale)


CURVES = ("linear", "cosine", "1-sqrt")


def _stages(step, *, warmup, stable, decay, rising, falling, lowest, cycles) -> float:
    if step < warmup:
        done = step / max(1, warmup)
        factor = {"linear": done, "cosine": 0.5 * (1 - cos(pi * done)), "1-sqrt": 1 - sqrt(1 - done)}[rising]
    elif step < warmup + stable:
        return 1.0
    elif step < warmup + stable + decay:
        done = (step - warmup - stable) / max(1, decay)
        wave = 0.5 * (1 + cos(pi * cycles * 2.0 * done))
        factor = {"linear": 1 - done, "cosine": wave, "1-sqrt": 1 - sqrt(done)}[falling]
    else:
        return lowest
    return max(0.0, factor * (1 - lowest) + lowest)


def _lowest(optimizer: Optimizer, min_lr: float | None, min_lr_rate: float | None) -> float:
    """The floor as a part of the optimizer's rate, from whichever way it was given."""
    if (min_lr is None) == (min_lr_rate is None):
        raise ValueError(
            f"give one of min_lr and min_lr_rate, not {'both' if min_lr is not None else 'neither'}: min_lr is a "
            "learning rate, min_lr_rate a part of the optimizer's.\n"
            'With get_scheduler: scheduler_specific_kwargs={"min_lr_rate": 0.1}.'
        )
    return min_lr_rate if min_lr is None else min_lr / optimizer.defaults["lr"]  # pyright: ignore[reportReturnType]
