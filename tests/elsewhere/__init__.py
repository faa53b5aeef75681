"""Stand-ins for servers that live outside a stack: a Supabase project behind its pooler, and a Redis."""
