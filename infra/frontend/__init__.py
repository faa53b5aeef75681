"""The Next.js app, which is kept elsewhere and hosted by Vercel. Dev has none."""
