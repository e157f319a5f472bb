"""Ribbon-constrained mapping: the share of every voxel that belongs to each vertex of the cortex."""
