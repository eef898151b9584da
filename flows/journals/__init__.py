"""Mambu to Xero: one day's journal lines as balanced draft manual journals."""
