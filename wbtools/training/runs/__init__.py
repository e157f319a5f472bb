"""A run on disk: its record and log, the state to resume from, and checkpoints with their cards."""
