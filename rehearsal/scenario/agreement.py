"""Whether the cloud and a stack's state agree: nothing left over, nothing made twice, nothing missing."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from rehearsal.cloud import Record

REHEARSED = ("aws:", "cloudflare:", "vercel:")


def disagreements(records: Iterable[Record], resources: Iterable[Mapping[str, Any]]) -> list[str]:
    """A sentence for each. `records` are those of the stack, `resources` is its state."""
    known = {each["urn"]: each["id"] for each in resources if _is_rehearsed(each)}
    there = [record for record in records if record.urn]
    by_urn = Counter(record.urn for record in there)
    # The cloud keeps revisions of a task definition apart, for which Pulumi has one id.
    ids = {record.urn: record.outputs.get("id", record.id) for record in there}
    return [
        *(f"made {count} times: {urn}" for urn, count in sorted(by_urn.items()) if count > 1),
        *(f"left over, unknown to the state: {urn}" for urn in sorted(ids.keys() - known.keys())),
        *(f"in the state, but not in the cloud: {urn}" for urn in sorted(known.keys() - ids.keys())),
        *(
            f"another than the state knows: {urn}"
            for urn in sorted(ids.keys() & known.keys())
            if ids[urn] != known[urn]
        ),
    ]


def _is_rehearsed(resource: Mapping[str, Any]) -> bool:
    made = bool(resource.get("custom")) and not resource.get("external")
    return made and resource["type"].startswith(REHEARSED)
