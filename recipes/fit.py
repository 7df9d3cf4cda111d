"""One training loop for all recipes: seeded, with a progress bar, and resumable from `recipes/work/`."""

import hashlib
from collections.abc import Callable

import torch
from torch import Tensor, nn
from transformers import get_linear_schedule_with_warmup

from bearhug._lib.files import replacing
from bearhug._lib.progress import progress
from packages import WORK


def fit(
    name: str,
    model: nn.Module,
    steps: int,
    loss_at: Callable[[int], Tensor],
    *,
    data: object,
    learning_rate: float,
    weight_decay: float = 0.01,
    warmup: float = 0.06,
    keep_every: int = 100,
) -> nn.Module:
    """AdamW with a linear schedule; `loss_at(step)` draws its batch from the step's number alone.

    Every `keep_every` steps what is needed to go on is kept in `recipes/work/`, under `name` and the hash of `data`:
    a resumed run is the same as one that was never stopped, and other data begin anew. A finished run only loads.
    """
    key = hashlib.sha256(repr(data).encode()).hexdigest()[:8]
    kept = WORK / f"{name}-{key}.pt"
    flat = [parameter for parameter in model.parameters() if parameter.ndim < 2]
    wide = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
    groups = [{"params": wide, "weight_decay": weight_decay}, {"params": flat, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.98), fused=True)
    schedule = get_linear_schedule_with_warmup(optimizer, int(warmup * steps), steps)
    start = 0
    if kept.exists():
        state = torch.load(kept, weights_only=True)
        start = state["step"]
        model.load_state_dict(state["model"])
        if start < steps:
            optimizer.load_state_dict(state["optimizer"])
            schedule.load_state_dict(state["schedule"])
    model.train()
    bar = progress(range(start, steps), initial=start, total=steps, desc=name, unit="step")
    for step in bar:
        torch.manual_seed(step)  # dropout
        loss = loss_at(step)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if (step + 1) % 50 == 0:
            bar.set_postfix(loss=f"{loss.item():.3f}")
        if (step + 1) % keep_every == 0 or step + 1 == steps:
            parts = {"model": model}
            if step + 1 < steps:
                parts |= {"optimizer": optimizer, "schedule": schedule}
            with replacing(kept) as file:
                torch.save({"step": step + 1} | {part: value.state_dict() for part, value in parts.items()}, file)
    return model.eval()
