"""One file per architecture family, as data. Here stands their list; a recipe is read when it is first asked for."""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module

from bearhug._lib.errors import near
from bearhug.models.config import PretrainedConfig
from bearhug.models.recipe import Recipe

# The file of a recipe, and the model_types that stand in it.
FILES = {
    "albert": "albert",
    "bart": "bart m2m_100 marian mbart pegasus",
    "bert": "bert camembert ernie megatron-bert roberta roberta-prelayernorm xlm-roberta xlm-roberta-xl",
    "cohere": "cohere cohere2",
    "deberta": "deberta-v2",
    "deepseek": "deepseek_v2 deepseek_v3 dots1 glm4_moe",
    "distilbert": "distilbert",
    "electra": "electra",
    "encoder_decoder": "encoder-decoder",
    "gemma": "gemma gemma2 gemma3_text vaultgemma",
    "glm": "glm glm4",
    "gpt2": "gpt2 gpt_bigcode",
    "gpt_neo": "gpt_neo",
    "gptj": "codegen gptj",
    "llama": "arcee cwm ernie4_5 granite helium hunyuan_v1_dense hyperclovax iquestcoder llama "
    "ministral mistral qwen2 qwen3 seed_oss smollm3",
    "mamba": "falcon_mamba mamba mamba2",
    "megatron": "bloom falcon gpt_neox persimmon",
    "mixtral": "ernie4_5_moe gpt_oss granitemoe minimax_m2 mixtral olmoe phimoe qwen2_moe qwen3_moe",
    "modernbert": "eurobert modernbert nomic_bert",
    "mpnet": "mpnet",
    "mpt": "mpt",
    "olmo": "exaone4 olmo olmo2 olmo3",
    "opt": "biogpt opt",
    "phi": "phi phi3",
    "qwen3_next": "qwen3_5_text qwen3_next",
    "starcoder2": "jais2 nemotron stablelm starcoder2",
    "t5": "mt5 t5 umt5",
}
# What the names of its classes begin with, where that is not the model_type with capitals.
NAMES = {
    "biogpt": "BioGpt", "codegen": "CodeGen", "distilbert": "DistilBert", "ernie4_5": "Ernie4_5",
    "ernie4_5_moe": "Ernie4_5_Moe", "eurobert": "EuroBert", "gpt2": "GPT2", "gpt_bigcode": "GPTBigCode",
    "gpt_neo": "GPTNeo", "gpt_neox": "GPTNeoX", "gptj": "GPTJ", "granitemoe": "GraniteMoe",
    "hunyuan_v1_dense": "HunYuanDenseV1", "hyperclovax": "HyperCLOVAX",
    "iquestcoder": "IQuestCoder", "m2m_100": "M2M100", "mbart": "MBart",
    "minimax_m2": "MiniMaxM2", "modernbert": "ModernBert", "mpnet": "MPNet", "mt5": "MT5", "opt": "OPT",
    "qwen3_5_text": "Qwen3_5Text", "roberta-prelayernorm": "RobertaPreLayerNorm", "smollm3": "SmolLM3",
    "stablelm": "StableLm", "umt5": "UMT5", "vaultgemma": "VaultGemma", "xlm-roberta": "XLMRoberta",
    "xlm-roberta-xl": "XLMRobertaXL",
}  # fmt: skip
# model_type: (what its class names begin with, the file of its recipe)
RECIPES: dict[str, tuple[str, str]] = {
    kind: (NAMES.get(kind) or "".join(word.capitalize() for word in re.split("[-_]", kind)), file)
    for file, kinds in FILES.items()
    for kind in kinds.split()
}
_REGISTERED: dict[str, Recipe] = {}
_CONFIGS: dict[str, type[PretrainedConfig]] = {}


def register(recipe: Recipe) -> Recipe:
    """Add a recipe of one's own: from now on its model_type loads like any other."""
    _REGISTERED[recipe.model_type] = recipe
    RECIPES[recipe.model_type] = (recipe.name, "")
    find.cache_clear()
    _CONFIGS.pop(recipe.model_type, None)  # the others' classes stay the ones that people hold
    return recipe


@cache
def find(model_type: str) -> Recipe:
    """The recipe of a model_type.

    Raises:
        ValueError: there is none; the message names the near ones and lists all.
    """
    if model_type in _REGISTERED:
        return _REGISTERED[model_type]
    if model_type not in RECIPES:
        raise ValueError(
            f"model_type {model_type!r} has no recipe.{near(str(model_type), RECIPES)}\n"
            f"There are: {', '.join(sorted(RECIPES))}. How to add one: `bearhug docs new_architecture`."
        )
    module = import_module(f"bearhug.models.recipes.{RECIPES[model_type][1]}")
    return next(
        value for value in vars(module).values() if isinstance(value, Recipe) and value.model_type == model_type
    )


def config_class(model_type: str) -> type[PretrainedConfig]:
    """The config class of a model_type, `GPT2Config` and its like."""
    if model_type in _CONFIGS:
        return _CONFIGS[model_type]
    recipe = find(model_type)
    attributes = {
        "model_type": recipe.model_type,
        "attribute_map": recipe.names,
        "defaults": recipe.defaults,
        "settle": recipe.settle,
        "__module__": "bearhug",
        "__doc__": f"The config of {recipe.name} checkpoints, with the reference's names and defaults.",
    }
    _CONFIGS[model_type] = type(f"{recipe.name}Config", (PretrainedConfig,), attributes)
    return _CONFIGS[model_type]
