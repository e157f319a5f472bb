"""World space: voxel grids and volumes, resampling, deformation, registration, and foreground detection."""
