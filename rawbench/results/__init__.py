"""What was measured: stored, read, averaged, and turned into rate-distortion curves."""
