"""Training of networks on synthetic twins, such as the built-in demonstration network."""
