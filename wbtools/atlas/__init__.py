"""The HCP-MMP 1.0 atlas: its own data, and the same atlas in one person's native space."""
