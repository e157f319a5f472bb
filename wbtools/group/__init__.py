"""What a group of exports has in common."""
