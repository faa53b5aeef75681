"""The API's role inside a revision. Its name comes from the API's URL, so no revision contains it."""

from alembic import op


def api_role() -> str:
    """The role's name as a quoted identifier."""
    return str(op.get_context().opts["api_role"])


def grant_function(signature: str) -> None:
    """Let the API's role alone, besides the owner, execute a function of the schema public."""
    op.execute(f"REVOKE EXECUTE ON FUNCTION public.{signature} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION public.{signature} TO {api_role()}")
