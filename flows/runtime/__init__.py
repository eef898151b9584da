"""What every run has, of whichever connector: its tasks, lease, incidents, artifacts and texts."""
