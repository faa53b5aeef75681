"""UI components, generated through the v0 API and counted against the plan's quota."""
