"""People whose true surfaces are known, made from the group average: their heads, and figures against the truth."""
