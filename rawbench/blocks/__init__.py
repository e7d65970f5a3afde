"""What methods are built from: exact polynomials, bits, integers, tiles and weights; part of every stream key."""
