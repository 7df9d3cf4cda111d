"""caches: what a model keeps of the text that it has read. Start reading at `kv.py`."""
