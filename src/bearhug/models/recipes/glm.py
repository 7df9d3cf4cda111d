"""GLM 4 (arXiv:2406.12793): Llama with half of a head turned, in pairs side by side; then norms around branches."""

from dataclasses import replace

from bearhug.models.config import PretrainedConfig
from bearhug.models.recipes.llama import DEFAULTS, LLAMA, WEIGHTS, but, by, heads
from bearhug.models.recipes.phi import FUSED_MLP


def _settle(hf: PretrainedConfig) -> None:
    hf.eos_token_id = [151329, 151336, 151338] if hf.eos_token_id is None else hf.eos_token_id


_WEIGHTS = but(WEIGHTS, "layers.{i}.mlp.*") | FUSED_MLP
GLM = replace(
    LLAMA, model_type="glm", name="Glm", weights=_WEIGHTS, heads=heads("sequence", "token"), settle=_settle,
    config=by(rope_interleaved=True, output_bias=False),
    defaults=but(
        DEFAULTS, "pretraining_tp", "mlp_bias", vocab_size=151552, intermediate_size=13696, num_hidden_layers=40,
        num_key_value_heads=2, head_dim=128, max_position_embeddings=131072, rms_norm_eps=1.5625e-07,
        rope_parameters={"partial_rotary_factor": 0.5}, pad_token_id=151329, eos_token_id=None, bos_token_id=None,
        attention_bias=True,
    ),
)  # fmt: skip
GLM4 = replace(
    GLM, model_type="glm4", name="Glm4", config=by(rope_interleaved=True, output_bias=False, block="sandwich"),
    weights=_WEIGHTS
    | {
        "layers.{i}.post_self_attn_layernorm.*": "layers.{i}.attention_out_norm.*",
        "layers.{i}.post_mlp_layernorm.*": "layers.{i}.mlp_out_norm.*",
    },
)  # fmt: skip
