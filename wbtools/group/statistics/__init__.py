"""Statistics of groups: pure functions of arrays, people x regions, NaN where a region has no voxels."""
