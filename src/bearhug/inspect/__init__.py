"""inspect: what a checkpoint holds and asks of the machine. Start reading at `report.py`."""
