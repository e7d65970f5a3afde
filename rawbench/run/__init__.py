"""From a configuration to measured cells."""
