"""The interactive viewer of a person's report: slices with relevance, and surfaces with maps and area names."""
