"""The one page of Cloudflare's API that our own code reads: whether an origin-pull certificate is in use."""

import re

from rehearsal.cloud import Cloud
from rehearsal.services.protocol import Body, Page

CERTIFICATE = "cloudflare:index/authenticatedOriginPullsCertificate:AuthenticatedOriginPullsCertificate"
BASE = "/cloudflare"


def pages(cloud: Cloud) -> Page:
    """Answers below BASE, which `CLOUDFLARE_BASE_URL` ends with."""

    def answer(path: str) -> Body | None:
        asked = re.fullmatch(rf"{BASE}/zones/(\w+)/origin_tls_client_auth/(\w+)", path)
        if not asked:
            return None
        for record in cloud.list(CERTIFICATE):
            if record.outputs.get("zoneId") == asked[1] and record.outputs.get("certificateId", record.id) == asked[2]:
                return {"success": True, "result": {"id": asked[2], "status": record.outputs.get("status", "active")}}
        return None

    return answer
