"""Whether a map can be believed: compared with randomised networks, and with the network's own answers."""
