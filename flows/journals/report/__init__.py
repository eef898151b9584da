"""What a run of the journals tells people."""
