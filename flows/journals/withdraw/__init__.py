"""Withdraw: a day's drafts are taken out of Xero again."""
