"""Commands that put people to a finished network."""
