"""The cortical ribbon: how much of every voxel belongs to which vertex."""
