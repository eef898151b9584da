"""The flows of Daybook."""
