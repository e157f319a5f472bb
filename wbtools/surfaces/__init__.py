"""Surface meshes, their files, and mappings between meshes and between mesh and voxels."""
