"""What a program may ask a provider while it runs."""

from collections.abc import Callable, Mapping
from typing import Any

from rehearsal.cloud import Cloud
from rehearsal.computed import Place
from rehearsal.invokes import aws, cloudflare
from rehearsal.refusals import Refused

Answer = Callable[[Mapping[str, Any], Place, Cloud], dict[str, Any]]

ANSWERS: Mapping[str, Answer] = {**aws.ANSWERS, **cloudflare.ANSWERS}


def answered(token: str, arguments: Mapping[str, Any], place: Place, cloud: Cloud) -> dict[str, Any]:
    """The answer. Raises Refused when the rehearsal knows none, or the real one would be an error."""
    if token not in ANSWERS:
        raise Refused(f"the rehearsal has no answer to {token}; it answers {', '.join(sorted(ANSWERS))}")
    return {**arguments, **ANSWERS[token](arguments, place, cloud)}
