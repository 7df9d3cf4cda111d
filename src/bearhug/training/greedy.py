"""GreedyLR (arXiv:2512.14527): the learning rate follows a metric, up while it improves, down while it does not."""

from collections import deque
from collections.abc import Sequence
from typing import Any

from torch.optim import Optimizer


class GreedyLR:
    """A learning rate that follows a metric; call `scheduler.step(metric)` after each evaluation.

    After more than `patience` improvements in a row the rate is divided by `factor`, after more than `patience`
    failures multiplied by it; then nothing changes for `warmup` or `cooldown` steps.

    Args:
        mode: "min" where a smaller metric is better, "max" where a greater one is.
        factor: below 1.
        threshold: what counts as better; of the best metric where threshold_mode is "rel", else absolute ("abs").
        min_lr, max_lr: the rates' bounds, one for all groups of parameters or one for each.
        eps: changes smaller than this are left out.
        smooth: judge the mean of the last `window_size` metrics instead of each.
        reset_start: after so many reductions that found every rate at its floor, everything starts anew.

    Raises:
        ValueError: a factor of 1 or more, an unknown mode, or another number of bounds than of groups.
        TypeError: `optimizer` is no torch optimizer.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.95,
        patience: int = 10,
        threshold: float = 1e-6,
        threshold_mode: str = "abs",
        cooldown: int = 0,
        warmup: int = 0,
        min_lr: float | Sequence[float] = 1e-3,
        max_lr: float | Sequence[float] = 1.0,
        eps: float = 1e-8,
        verbose: bool = False,
        smooth: bool = False,
        window_size: int = 50,
        reset_start: int = 500,
    ):
        if factor >= 1.0:
            raise ValueError(f"factor={factor}; it multiplies the rate to reduce it and must be below 1, such as 0.95.")
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"optimizer is a {type(optimizer).__name__}; pass a torch optimizer, such as AdamW.")
        if mode not in ("min", "max"):
            raise ValueError(f"mode is {mode!r}; it can be 'min' or 'max'.")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"threshold_mode is {threshold_mode!r}; it can be 'rel' or 'abs'.")
        self.optimizer = optimizer
        self.mode, self.threshold, self.threshold_mode = mode, threshold, threshold_mode
        self.factor, self.patience, self.cooldown, self.warmup = factor, patience, cooldown, warmup
        self.min_lrs, self.max_lrs = self._each(min_lr, "min_lr"), self._each(max_lr, "max_lr")
        self.eps, self.verbose, self.smooth, self.window_size = eps, verbose, smooth, window_size
        self.reset_start = self.reset_start_original = reset_start
        self.last_epoch = 0
        self._init_lrs = [group["lr"] for group in optimizer.param_groups]
        self._last_lr = list(self._init_lrs)
        self._begin()

    def step(self, metrics: float, epoch: int | None = None) -> None:
        """Judge one metric and set the rates."""
        current = float(metrics)
        if self.smooth:
            self.recent.append(current)
            current = sum(self.recent) / len(self.recent)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self.cooldown_counter > 0 or self.warmup_counter > 0:
            waiting = "cooldown_counter" if self.cooldown_counter > 0 else "warmup_counter"
            setattr(self, waiting, getattr(self, waiting) - 1)
            self.num_good_epochs = self.num_bad_epochs = 0
        else:
            better = self.is_better(current, self.best)
            self.num_good_epochs = self.num_good_epochs + 1 if better else 0
            self.num_bad_epochs = 0 if better else self.num_bad_epochs + 1
            if better:
                self.best = current
            if self.num_good_epochs > self.patience:
                self._increase()
                self.warmup_counter, self.num_good_epochs = self.warmup, 0
            elif self.num_bad_epochs > self.patience:
                self._reduce()
                self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def is_better(self, current: float, best: float) -> bool:
        """Whether a metric improves on the best one by more than the threshold."""
        change = self.threshold if self.mode == "max" else -self.threshold
        target = best * (1 + change) if self.threshold_mode == "rel" else best + change
        return current > target if self.mode == "max" else current < target

    def get_last_lr(self) -> list[float]:
        """The rate of each group of parameters."""
        return self._last_lr

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer."""
        return {key: value for key, value in vars(self).items() if key not in ("optimizer", "recent")} | {
            "recent": list(self.recent)
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken; the optimizer's rates are set too."""
        vars(self).update({key: value for key, value in state_dict.items() if key != "recent"})
        self.recent = deque(state_dict.get("recent", ()), maxlen=self.window_size)
        for group, lr in zip(self.optimizer.param_groups, self._last_lr, strict=True):
            group["lr"] = lr

    def _begin(self) -> None:
        self.best = float("inf") if self.mode == "min" else float("-inf")
        self.num_bad_epochs = self.num_good_epochs = self.cooldown_counter = self.warmup_counter = 0
        self.recent: deque[float] = deque(maxlen=self.window_size)

    def _each(self, bound: float | Sequence[float], name: str) -> list[float]:
        groups = len(self.optimizer.param_groups)
        if not isinstance(bound, list | tuple):
            return [float(bound)] * groups  # pyright: ignore[reportArgumentType]
        if len(bound) != groups:
            raise ValueError(f"{name} has {len(bound)} rates, but the optimizer {groups} groups of parameters.")
        return list(bound)

    def _increase(self) -> None:
        for index, group in enumerate(self.optimizer.param_groups):
            self._set(group, min(group["lr"] / self.factor, self.max_lrs[index]), rising=True)
        self.reset_start = self.reset_start_original

    def _reduce(self) -> None:
        for index, group in enumerate(self.optimizer.param_groups):
            self._set(group, max(group["lr"] * self.factor, self.min_lrs[index]), rising=False)
        if all(group["lr"] <= lowest for group, lowest in zip(self.optimizer.param_groups, self.min_lrs, strict=True)):
            self.reset_start -= 1
            if self.reset_start <= 0:
                self._begin()
                self.reset_start = self.reset_start_original
                for group, lr in zip(self.optimizer.param_groups, self._init_lrs, strict=True):
                    group["lr"] = lr

    def _set(self, group: dict[str, Any], lr: float, rising: bool) -> None:
        if (lr - group["lr"] if rising else group["lr"] - lr) > self.eps:
            group["lr"] = lr
            if self.verbose:
                print(f"step {self.last_epoch}: learning rate {lr:.4e}")
