"""Commands for scans as they come from the scanner."""
