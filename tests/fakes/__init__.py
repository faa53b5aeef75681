"""Fakes of Stripe and v0: HTTP servers that the API reaches like the real ones, by a base URL, without keys or money.

For tests and dev stacks only. Every answer carries `X-Fake: true`.
"""
