"""What a run of the payments tells people."""
