"""HTTP as every client speaks it."""
