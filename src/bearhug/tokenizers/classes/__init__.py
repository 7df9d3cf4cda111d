"""The tokenizer classes, as data: `BertTokenizer`, `GPT2Tokenizer`, ... differ in their defaults and in their parts.

Where a folder names one of these classes, the parts of its tokenizer.json are not taken as they stand, except for
vocabulary, merges and post-processor: the class makes them from the options in tokenizer_config.json (`do_lower_case`,
`add_prefix_space`, ...), as the reference does, so that changing an option there has its effect. Every other class
takes tokenizer.json as it is.

One file a family: `wordpiece`, `byte_level`, `unigram`, `sentencepiece_bpe`, and `unusual`, which are no
tokenizer.json; `kind` says what a class is.
"""

from bearhug.tokenizers.classes import byte_level, sentencepiece_bpe, unigram, unusual, wordpiece
from bearhug.tokenizers.classes.kind import TokenizerClass, bos_eos_template, template, text

__all__ = ["CLASSES", "OFTEN_WRONG", "OF_MODEL_TYPE", "PLAIN", "SAME_AS", "TokenizerClass", "bos_eos_template", "find"]
__all__ += ["template", "text"]

PLAIN = TokenizerClass("PreTrainedTokenizerFast", files=("tokenizer.model",))  # tokenizer.json as it is
PARAKEET = TokenizerClass(
    "ParakeetTokenizer", files=("tokenizer.model",), behaviour="bearhug.tokenizers.methods.sentinels:CtcDecoding"
)
RAG = TokenizerClass("RagTokenizer", behaviour="bearhug.tokenizers.methods.rag:RagTokenizer")  # two tokenizers
_ALL = (PARAKEET, RAG, *wordpiece.ALL, *byte_level.ALL, *unigram.ALL, *sentencepiece_bpe.ALL, *unusual.ALL, PLAIN)
CLASSES = {known.name: known for known in _ALL}
SAME_AS = {
    "BartTokenizer": "RobertaTokenizer",
    "BloomTokenizer": "PreTrainedTokenizerFast",
    "LEDTokenizer": "RobertaTokenizer",
    "LongformerTokenizer": "RobertaTokenizer",
    "MvpTokenizer": "RobertaTokenizer",
    "ElectraTokenizer": "BertTokenizer",
    "LayoutLMTokenizer": "BertTokenizer",
    "LxmertTokenizer": "BertTokenizer",
    "MobileBertTokenizer": "BertTokenizer",
    "RetriBertTokenizer": "BertTokenizer",
    "SqueezeBertTokenizer": "BertTokenizer",
    "ConvBertTokenizer": "BertTokenizer",
    "DPRContextEncoderTokenizer": "BertTokenizer",
    "DPRQuestionEncoderTokenizer": "BertTokenizer",
    "TokenizersBackend": "PreTrainedTokenizerFast",
    "PreTrainedTokenizer": "PreTrainedTokenizerFast",
}


def find(name: str) -> TokenizerClass | None:
    """The class of that name, with or without `Fast`; None where tokenizer.json is to be taken as it is."""
    bare = name if name in CLASSES else name.removesuffix("Fast")
    return CLASSES.get(SAME_AS.get(bare, bare))


# model_type of config.json -> the class of its tokenizers, for folders that name none, or a wrong one.
_TYPES = {
    "PreTrainedTokenizerFast": (
        "EvollaModel arctic aria beam bigbird_pegasus camembertv2-base canary chatlm cohere_asr ernie4_5 "
        "ernie4_5_moe flex_olmo fuyu glm glm4 glm4_moe glm4_moe_lite glm4v glm4v_moe glm_image glmasr "
        "got_ocr2 gpt_bigcode gradium_phonon_tts granite granitemoe granitemoehybrid granitemoeshared "
        "h2ovl_chat hyperclovax hyperclovax_vlm internlm2 internlm3 iquestcoder jamba kimi_k25 kimi_linear "
        "kosmos-2 llava llava_next mimo_v2_flash minicpm3 minicpm_ocr minicpmv minicpmv4_6 minicpmv4_7 "
        "minimax_m2 ministral ministral3 mistral mistral3 mistral_large4 mixtral modernbert "
        "modernbert-decoder molmo molmo2 nemo_speechlm nemotron nvfp4 nystromformer olmo2 olmo3 olmo_hybrid "
        "opencua openvla paddleocr_vl pegasus_x persimmon phi3 phi3_v phimoe pix2struct pixtral pocket_tts "
        "smolvlm stablelm step3_vl umt5 vipllava voxtral voxtral_realtime xlm-roberta-xl"
    ),
    "CLIPTokenizer": "aimv2 clip clipseg groupvit omdet-turbo oneformer owlv2 owlvit sam3 sam3_video xclip",
    "AlbertTokenizer": "albert yoso",
    "BertTokenizer": (
        "align bark bert blip bros chinese_clip convbert electra ernie flava git grounding-dino layoutlm "
        "lxmert megatron-bert mm-grounding-dino mobilebert nezha nomic_bert qdqbert realm retribert "
        "squeezebert tvp vilt visual_bert"
    ),
    "Qwen2Tokenizer": (
        "audioflamingo3 colqwen2 cosmos3_omni dots3_note fun_asr_nano hunyuan_vl internvl lighton_ocr "
        "moss_transcribe_diarize ovis2 qianfan_ocr qwen2 qwen2_5_omni qwen2_5_vl qwen2_audio qwen2_moe "
        "qwen2_vl qwen3 qwen3_asr qwen3_moe qwen3_next qwen3_omni_moe qwen3_vl qwen3_vl_moe vibevoice"
    ),
    "CohereTokenizer": "aya_vision cohere cohere2",
    "RobertaTokenizer": (
        "bart bridgetower clap data2vec-text florence2 ibert led lilt longformer mega mra mvp roberta "
        "roberta-prelayernorm"
    ),
    "BarthezTokenizer": "barthez",
    "BartphoTokenizer": "bartpho",
    "BertGenerationTokenizer": "bert-generation",
    "BertJapaneseTokenizer": "bert-japanese",
    "BertweetTokenizer": "bertweet",
    "BigBirdTokenizer": "big_bird",
    "BioGptTokenizer": "biogpt",
    "BlenderbotTokenizer": "blenderbot",
    "BlenderbotSmallTokenizer": "blenderbot-small",
    "GPT2Tokenizer": (
        "blip-2 codegen dbrx emu3 gpt2 gpt_neo gptj hyperclovax_vision_v2 instructblip instructblipvideo "
        "jais2 opt phi starcoder2"
    ),
    "ByT5Tokenizer": "byt5",
    "CamembertTokenizer": "camembert",
    "CanineTokenizer": "canine",
    "ClvpTokenizer": "clvp",
    "CodeLlamaTokenizer": "code_llama",
    "CpmTokenizer": "cpm",
    "CpmAntTokenizer": "cpmant",
    "CTRLTokenizer": "ctrl",
    "Wav2Vec2CTCTokenizer": "data2vec-audio hubert unispeech unispeech-sat wav2vec2 wav2vec2-bert wav2vec2-conformer",
    "DebertaTokenizer": "deberta",
    "DebertaV2Tokenizer": "deberta-v2",
    "DiaTokenizer": "dia",
    "GemmaTokenizer": (
        "diffusion_gemma gemma gemma2 gemma3 gemma3_text gemma3n gemma3n_text recurrent_gemma shieldgemma2 t5gemma zaya"
    ),
    "DistilBertTokenizer": "distilbert",
    "DPRQuestionEncoderTokenizer": "dpr",
    "EsmTokenizer": "esm",
    "EsmcTokenizer": "esmc esmfold2",
    "GPTNeoXTokenizer": "falcon_mamba gpt_neox mamba mamba2 mpt olmo olmoe rwkv xlstm",
    "FlaubertTokenizer": "flaubert",
    "FNetTokenizer": "fnet",
    "FSMTTokenizer": "fsmt",
    "FunnelTokenizer": "funnel",
    "GPTSw3Tokenizer": "gpt-sw3",
    "GPTNeoXJapaneseTokenizer": "gpt_neox_japanese",
    "ParakeetTokenizer": (
        "granite_speech5_ctc nemotron3_5_asr nemotron_asr_streaming parakeet_ctc parakeet_rnnt parakeet_tdt"
    ),
    "XLMRobertaTokenizer": "gte jina_embeddings_v3 metaclip_2 trocr xlm-roberta xmod",
    "HerbertTokenizer": "herbert",
    "LlamaTokenizer": "idefics idefics2",
    "LasrTokenizer": "lasr_ctc lasr_encoder",
    "LayoutLMv2Tokenizer": "layoutlmv2",
    "LayoutLMv3Tokenizer": "layoutlmv3",
    "LayoutXLMTokenizer": "layoutxlm",
    "LukeTokenizer": "luke",
    "M2M100Tokenizer": "m2m_100",
    "MarianTokenizer": "marian",
    "MarkupLMTokenizer": "markuplm",
    "MBartTokenizer": "mbart",
    "MBart50Tokenizer": "mbart50",
    "MgpstrTokenizer": "mgp-str",
    "MLukeTokenizer": "mluke",
    "MPNetTokenizer": "mpnet",
    "T5Tokenizer": "mt5 musicgen musicgen_melody switch_transformers t5",
    "MyT5Tokenizer": "myt5",
    "NllbTokenizer": "nllb nllb-moe",
    "NougatTokenizer": "nougat pp_formulanet",
    "OpenAIGPTTokenizer": "openai-gpt",
    "PegasusTokenizer": "pegasus",
    "PerceiverTokenizer": "perceiver",
    "PhobertTokenizer": "phobert",
    "PLBartTokenizer": "plbart",
    "ProphetNetTokenizer": "prophetnet",
    "Qwen3_5Tokenizer": "qwen3_5 qwen3_5_moe qwen3_5_moe_text qwen3_5_text qwen4_exp",
    "RagTokenizer": "rag",
    "ReformerTokenizer": "reformer",
    "RemBertTokenizer": "rembert",
    "RoCBertTokenizer": "roc_bert",
    "RoFormerTokenizer": "roformer",
    "SeamlessM4TTokenizer": "seamless_m4t seamless_m4t_v2",
    "SiglipTokenizer": "siglip",
    "Siglip2Tokenizer": "siglip2",
    "Speech2TextTokenizer": "speech_to_text",
    "SpeechT5Tokenizer": "speecht5",
    "SplinterTokenizer": "splinter",
    "TapasTokenizer": "tapas",
    "Tipsv2Tokenizer": "tipsv2",
    "UdopTokenizer": "udop",
    "VideoPrismTokenizer": "videoprism",
    "VitsTokenizer": "vits",
    "Wav2Vec2PhonemeCTCTokenizer": "wav2vec2_phoneme",
    "WhisperTokenizer": "whisper",
    "XGLMTokenizer": "xglm",
    "XLMTokenizer": "xlm",
    "XLNetTokenizer": "xlnet",
}
OF_MODEL_TYPE = {model_type: name for name, types in _TYPES.items() for model_type in types.split()}
# Model types whose published folders often name a class that does not fit.
OFTEN_WRONG = frozenset("hyperclovax_vision_v2 qwen2 qwen3_5 qwen3_5_moe qwen3_5_moe_text qwen4_exp siglip2".split())
