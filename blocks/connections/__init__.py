"""Which systems belong together, and the policy for them."""
