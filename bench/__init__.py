"""Measurements of this project on the machine at hand (`make bench`)."""
