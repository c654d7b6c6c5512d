"""Pipelines that wire the components, and the places they run."""
