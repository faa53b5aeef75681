"""MCP configurations that people install."""
