"""Trains a two-tower model with a module that arrives as an artifact."""
