"""A stand-in for AWS, Cloudflare and Vercel, so that their stacks can be rehearsed without an account.

Nothing here serves people. Pulumi's real engine is attached to provider processes of ours (`providers`), which know the
types and properties of the real SDKs, keep "the cloud" in one SQLite file and answer as the real providers do.
"""
