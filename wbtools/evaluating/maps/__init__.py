"""How good maps are: judged by a known lesion, or by what a network answers to the most relevant voxels alone."""
