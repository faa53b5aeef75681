"""What the jobs need to run."""

import subprocess
import sys

from infra.release import ROOT

# Of what is installed, the ops image has psycopg and boto3, with what that brings.
IMPORT = """
import sys
import jobs.__main__
installed = {name.partition(".")[0] for name, module in sys.modules.items()
    if "site-packages" in str(getattr(module, "__file__", ""))}
print(*sorted(installed))
"""
IN_THE_IMAGE = {
    *("psycopg", "psycopg_binary", "typing_extensions"),
    *("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3", "certifi"),
}


def test_they_run_with_what_their_image_has() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORT], check=True, cwd=ROOT, capture_output=True, text=True)
    start_up = {"_virtualenv", "_distutils_hack"}
    assert set(done.stdout.split()) <= IN_THE_IMAGE | start_up
    dockerfile = (ROOT / "images" / "ops" / "Dockerfile").read_text()
    assert " python3-psycopg python3-boto3 " in dockerfile
    assert {"COPY jobs/ jobs/", "COPY migrations/ migrations/"} <= set(dockerfile.splitlines())
