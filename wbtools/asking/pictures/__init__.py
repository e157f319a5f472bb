"""Small pictures of brains, and sheets of them."""
