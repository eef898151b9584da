"""What the runs of both connectors share: tasks, lease, incidents, artifacts, automations and texts."""
