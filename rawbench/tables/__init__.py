"""Results as tables: on the terminal, as Markdown, LaTeX and CSV."""
