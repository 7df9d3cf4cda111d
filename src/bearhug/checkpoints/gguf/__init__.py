"""gguf: models in one file, as llama.cpp reads them: the file (`file.py`), and a model in it (`model.py`)."""
