"""The part of Cloudflare's SDK that stacks load, each time in a process of its own, as a stack does."""

import subprocess
import sys
import textwrap

from infra import release


def told_by(program: str) -> str:
    """What a new Python prints that runs `program`."""
    command = [sys.executable, "-c", textwrap.dedent(program)]
    return subprocess.run(command, cwd=release.ROOT, capture_output=True, text=True, check=True).stdout.strip()


def test_a_stack_loads_the_modules_that_it_uses_and_no_others() -> None:
    loaded = told_by("""
        import sys
        from infra import cloudflare_sdk
        print(*sorted(name.partition(".")[2] for name in sys.modules if name.startswith("pulumi_cloudflare.")))
    """)
    assert loaded.split() == ["_inputs", "_utilities", "dns_record", "get_ip_ranges", "outputs", "provider"]


def test_that_costs_far_less_than_the_whole_package() -> None:
    timed = """
        import time, pulumi
        begin = time.process_time()
        {}
        print(time.process_time() - begin)
    """
    part, whole = (
        float(told_by(timed.format(statement)))
        for statement in ("from infra import cloudflare_sdk", "import pulumi_cloudflare")
    )
    # Where compiled files may be written it is a third or less, where not a half.
    assert part * 1.5 < whole, f"{part:.2f} s and {whole:.2f} s"


def test_the_classes_are_the_sdks_own_also_when_the_rest_is_asked_for_later() -> None:
    told = told_by("""
        from infra import cloudflare_sdk
        import pulumi_cloudflare
        print(type(pulumi_cloudflare).__name__)
        assert callable(pulumi_cloudflare.get_ip_ranges), "a module has the same name"
        print(type(pulumi_cloudflare).__name__)
        assert pulumi_cloudflare.Ruleset.__module__ == "pulumi_cloudflare.ruleset"
        assert pulumi_cloudflare.DnsRecord is cloudflare_sdk.DnsRecord
        assert pulumi_cloudflare.Provider is cloudflare_sdk.Provider
        assert pulumi_cloudflare.get_ip_ranges_output is cloudflare_sdk.get_ip_ranges_output
        assert pulumi_cloudflare.outputs.DnsRecordSettings is not None
        assert not hasattr(pulumi_cloudflare, "Nonsense")
    """)
    assert told.split() == ["_Package", "module"]


def test_the_classes_are_the_sdks_own_also_when_the_rest_is_there_already() -> None:
    told = told_by("""
        import pulumi_cloudflare
        from infra import cloudflare_sdk
        assert pulumi_cloudflare.DnsRecord is cloudflare_sdk.DnsRecord
        print(callable(pulumi_cloudflare.get_ip_ranges))
    """)
    assert told == "True"
