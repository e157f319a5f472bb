"""The HCP-MMP 1.0 atlas on the standard mesh, and in a person's native space."""
