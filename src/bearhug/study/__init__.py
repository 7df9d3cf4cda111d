"""study: writes the one plain file of torch that a model stands for. Start reading at `writer.py`."""
