"""Each benchmark at a tiny size: that it works, not how fast."""
