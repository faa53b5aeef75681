"""Prometheus on dev."""
