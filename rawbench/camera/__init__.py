"""Camera files: simulate, write, read and render them. Numpy only; nothing here imports torch."""
