"""The pages on which a person sees the books of the stand-ins."""
