"""What methods share that follow torch's own gradients, or hang zennit's rules on them: hooks, layers, feature maps."""
