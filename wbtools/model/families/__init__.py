"""The published families of networks, a file for each, and the blocks they share."""
