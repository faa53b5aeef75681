"""How this process and what it depends on are doing."""
