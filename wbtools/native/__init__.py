"""A person's native space: cortex, projection between voxels and cortex, defacing, and consistency checks."""
