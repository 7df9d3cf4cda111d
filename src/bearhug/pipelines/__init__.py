"""Pipelines: a task in one call. `pipeline(task)` loads, `pipe(inputs)` answers, `pipe.explain()` prints plain code."""

from bearhug._lib.lazy import attach

NAMES = {
    "pipeline": "bearhug.pipelines.registry",
    "PIPELINE_REGISTRY": "bearhug.pipelines.registry",
    "Pipeline": "bearhug.pipelines.steps",
    "ChunkPipeline": "bearhug.pipelines.steps",
    "PipelineException": "bearhug.pipelines.steps",
    "KeyDataset": "bearhug.pipelines.steps",
    "KeyPairDataset": "bearhug.pipelines.steps",
    "TextClassificationPipeline": "bearhug.pipelines.text_classification",
    "TextGenerationPipeline": "bearhug.pipelines.text_generation",
    "Text2TextGenerationPipeline": "bearhug.pipelines.text_to_text",
    "SummarizationPipeline": "bearhug.pipelines.text_to_text",
    "TranslationPipeline": "bearhug.pipelines.text_to_text",
    "FillMaskPipeline": "bearhug.pipelines.fill_mask",
    "TokenClassificationPipeline": "bearhug.pipelines.token_classification",
    "AggregationStrategy": "bearhug.pipelines.token_classification",
    "FeatureExtractionPipeline": "bearhug.pipelines.feature_extraction",
}
__getattr__, __dir__ = attach(__name__, NAMES)
__all__ = list(NAMES)  # pyright: ignore[reportUnsupportedDunderAll]
