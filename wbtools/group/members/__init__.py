"""Who is in a group, and what people are compared by."""
