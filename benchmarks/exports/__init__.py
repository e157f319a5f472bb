"""What an export costs: measured, against its physical limit, and against the shell pipeline for the same files."""
