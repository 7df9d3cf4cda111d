"""GLM and GLM 4."""

from tiny_configs.sizes import DECODER

_GLM = {**DECODER, "pad_token_id": 0, "head_dim": 8}
CONFIGS = {
    "glm": ("glm", _GLM),
    "glm-whole": ("glm", {**_GLM, "attention_bias": False, "tie_word_embeddings": True, "rope_parameters": {
        "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8, "rope_theta": 100.0,
        "partial_rotary_factor": 1.0}}),
    "glm4": ("glm4", _GLM),
    "glm4-quarter": ("glm4", {**_GLM, "head_dim": 16, "attention_bias": False, "rope_parameters": {
        "rope_type": "default", "rope_theta": 100.0, "partial_rotary_factor": 0.25}}),
}  # fmt: skip
