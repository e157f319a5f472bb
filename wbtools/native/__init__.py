"""One person's native space: cortex, atlas, the ways between voxels and cortex, and checks that all belong together."""
