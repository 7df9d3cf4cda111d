"""Tokenizers that are no tokenizer.json: bytes, characters, frames of sound, several SentencePiece models.

They work in Python, a text at a time, with the names and results of Hugging Face's tokenizers of that kind: no offsets,
and vocabulary files of their own. `python_tokenizer` is what they share; one file a subject.
"""
