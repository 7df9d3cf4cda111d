"""What three floors or more share, and nothing else."""
