"""Sets of reference brains: made-up heads, a card's own, and other people's; each laid in the person's place."""
