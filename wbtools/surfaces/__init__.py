"""Meshes, and the ways between them and voxels."""
