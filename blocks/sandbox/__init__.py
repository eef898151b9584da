"""Stand-ins for Mambu, Xero and Infor LN on loopback: strict, stateful on disk, and seeded."""
