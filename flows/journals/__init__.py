"""Mambu to Xero: one night's journal lines as balanced draft manual journals."""
