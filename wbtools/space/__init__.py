"""Where things lie: voxel grids, volumes on other grids, deformations, registration, and what is head in an image."""
