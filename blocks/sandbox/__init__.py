"""Stand-ins for Mambu and Xero on loopback: strict, stateful on disk, and seeded."""
