"""Names in the zone at Cloudflare. What the zone has once (TLS, cache rules, WAF) belongs to bootstrap/."""
