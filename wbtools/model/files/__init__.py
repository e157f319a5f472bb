"""Files of weights, read as plain values: nothing in them is ever executed."""
