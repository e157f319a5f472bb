"""Finished exports for others: packed as one checked zip file, and opened in other programs."""
