"""losses: how far scores are from labels. Start reading at `labels.py`."""
