"""Whether a run is as good as another: comparisons, references, gates and the leaderboard."""
