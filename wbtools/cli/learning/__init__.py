"""Commands that make data sets, train networks on them, and say how good these are."""
