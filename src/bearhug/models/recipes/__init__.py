"""One file per architecture family, as data. Here stands their list; a recipe is read when it is first asked for."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from bearhug._lib.errors import near
from bearhug.models.config import PretrainedConfig
from bearhug.models.recipe import Recipe

# model_type: (what its class names begin with, the file of its recipe)
RECIPES: dict[str, tuple[str, str]] = {
    "albert": ("Albert", "albert"),
    "arcee": ("Arcee", "llama"),
    "bart": ("Bart", "bart"),
    "bert": ("Bert", "bert"),
    "biogpt": ("BioGpt", "opt"),
    "bloom": ("Bloom", "megatron"),
    "camembert": ("Camembert", "bert"),
    "codegen": ("CodeGen", "gptj"),
    "cohere": ("Cohere", "cohere"),
    "cohere2": ("Cohere2", "cohere"),
    "cwm": ("Cwm", "llama"),
    "deepseek_v2": ("DeepseekV2", "deepseek"),
    "deepseek_v3": ("DeepseekV3", "deepseek"),
    "deberta-v2": ("DebertaV2", "deberta"),
    "distilbert": ("DistilBert", "distilbert"),
    "dots1": ("Dots1", "deepseek"),
    "electra": ("Electra", "electra"),
    "ernie": ("Ernie", "bert"),
    "ernie4_5": ("Ernie4_5", "llama"),
    "ernie4_5_moe": ("Ernie4_5_Moe", "mixtral"),
    "eurobert": ("EuroBert", "modernbert"),
    "exaone4": ("Exaone4", "olmo"),
    "falcon": ("Falcon", "megatron"),
    "falcon_mamba": ("FalconMamba", "mamba"),
    "gemma": ("Gemma", "gemma"),
    "gemma2": ("Gemma2", "gemma"),
    "gemma3_text": ("Gemma3Text", "gemma"),
    "glm": ("Glm", "glm"),
    "glm4": ("Glm4", "glm"),
    "glm4_moe": ("Glm4Moe", "deepseek"),
    "gpt2": ("GPT2", "gpt2"),
    "gpt_bigcode": ("GPTBigCode", "gpt2"),
    "gpt_neo": ("GPTNeo", "gpt_neo"),
    "gpt_neox": ("GPTNeoX", "megatron"),
    "gpt_oss": ("GptOss", "mixtral"),
    "gptj": ("GPTJ", "gptj"),
    "granite": ("Granite", "llama"),
    "granitemoe": ("GraniteMoe", "mixtral"),
    "helium": ("Helium", "llama"),
    "hunyuan_v1_dense": ("HunYuanDenseV1", "llama"),
    "hyperclovax": ("HyperCLOVAX", "llama"),
    "jais2": ("Jais2", "starcoder2"),
    "llama": ("Llama", "llama"),
    "m2m_100": ("M2M100", "bart"),
    "mamba": ("Mamba", "mamba"),
    "mamba2": ("Mamba2", "mamba"),
    "marian": ("Marian", "bart"),
    "mbart": ("MBart", "bart"),
    "megatron-bert": ("MegatronBert", "bert"),
    "minimax_m2": ("MiniMaxM2", "mixtral"),
    "ministral": ("Ministral", "llama"),
    "mistral": ("Mistral", "llama"),
    "mixtral": ("Mixtral", "mixtral"),
    "modernbert": ("ModernBert", "modernbert"),
    "mpnet": ("MPNet", "mpnet"),
    "mpt": ("Mpt", "mpt"),
    "mt5": ("MT5", "t5"),
    "nemotron": ("Nemotron", "starcoder2"),
    "nomic_bert": ("NomicBert", "modernbert"),
    "olmo": ("Olmo", "olmo"),
    "olmo2": ("Olmo2", "olmo"),
    "olmo3": ("Olmo3", "olmo"),
    "olmoe": ("Olmoe", "mixtral"),
    "opt": ("OPT", "opt"),
    "pegasus": ("Pegasus", "bart"),
    "persimmon": ("Persimmon", "megatron"),
    "phi": ("Phi", "phi"),
    "phi3": ("Phi3", "phi"),
    "phimoe": ("Phimoe", "mixtral"),
    "qwen2": ("Qwen2", "llama"),
    "qwen2_moe": ("Qwen2Moe", "mixtral"),
    "qwen3": ("Qwen3", "llama"),
    "qwen3_5_text": ("Qwen3_5Text", "qwen3_next"),
    "qwen3_next": ("Qwen3Next", "qwen3_next"),
    "qwen3_moe": ("Qwen3Moe", "mixtral"),
    "roberta": ("Roberta", "bert"),
    "roberta-prelayernorm": ("RobertaPreLayerNorm", "bert"),
    "seed_oss": ("SeedOss", "llama"),
    "smollm3": ("SmolLM3", "llama"),
    "stablelm": ("StableLm", "starcoder2"),
    "starcoder2": ("Starcoder2", "starcoder2"),
    "t5": ("T5", "t5"),
    "umt5": ("UMT5", "t5"),
    "vaultgemma": ("VaultGemma", "gemma"),
    "xlm-roberta": ("XLMRoberta", "bert"),
    "xlm-roberta-xl": ("XLMRobertaXL", "bert"),
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
