"""``python -m rawbench``."""

from rawbench.cli import main

if __name__ == "__main__":
    main()
