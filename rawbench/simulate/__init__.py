"""The simulated camera: scenes, sensors and the DNG files that they give."""
