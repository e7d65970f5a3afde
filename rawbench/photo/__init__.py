"""A photographer's files: raw images packed into JPEGs, and brought back."""
