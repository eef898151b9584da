"""Process: five steps from a day's lines to balanced batches."""
