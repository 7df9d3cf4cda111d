"""Training: what turns examples into batches (collate), and how the learning rate goes (schedules)."""

from bearhug._lib.lazy import attach

NAMES = {
    "default_data_collator": "bearhug.training.collate",
    "DefaultDataCollator": "bearhug.training.collate",
    "DataCollatorWithPadding": "bearhug.training.collate",
    "DataCollatorForTokenClassification": "bearhug.training.collate",
    "DataCollatorForLanguageModeling": "bearhug.training.collate",
    "DataCollatorForPackedRows": "bearhug.training.collate",
    "DataCollatorForSeq2Seq": "bearhug.training.collate",
    "SchedulerType": "bearhug.training.schedules",
    "get_scheduler": "bearhug.training.schedules",
    "get_constant_schedule": "bearhug.training.schedules",
    "get_constant_schedule_with_warmup": "bearhug.training.schedules",
    "get_linear_schedule_with_warmup": "bearhug.training.schedules",
    "get_cosine_schedule_with_warmup": "bearhug.training.schedules",
    "get_cosine_with_hard_restarts_schedule_with_warmup": "bearhug.training.schedules",
    "get_cosine_with_min_lr_schedule_with_warmup": "bearhug.training.schedules",
    "get_cosine_with_min_lr_schedule_with_warmup_lr_rate": "bearhug.training.schedules",
    "get_polynomial_decay_schedule_with_warmup": "bearhug.training.schedules",
    "get_inverse_sqrt_schedule": "bearhug.training.schedules",
    "get_wsd_schedule": "bearhug.training.schedules",
    "get_reduce_on_plateau_schedule": "bearhug.training.schedules",
    "get_greedy_schedule": "bearhug.training.schedules",
    "GreedyLR": "bearhug.training.greedy",
}
__getattr__, __dir__ = attach(__name__, NAMES)
__all__ = list(NAMES)  # pyright: ignore[reportUnsupportedDunderAll]
