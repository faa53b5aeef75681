"""A provider as Pulumi's engine sees it: https://github.com/pulumi/pulumi/blob/master/proto/pulumi/provider.proto."""

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from rehearsal import (
    account,
    certificates,
    computed,
    differences,
    faults,
    invokes,
    names,
    protection,
    references,
    replacements,
    restores,
    schema,
    sdk,
    uniqueness,
)
from rehearsal.answers import HalfDone, Lost, answering
from rehearsal.cloud import Cloud, Missing, Record, Taken
from rehearsal.computed import Place
from rehearsal.differences import Change
from rehearsal.faults import Operation
from rehearsal.names import Proposal
from rehearsal.refusals import Refused
from rehearsal.schema import Mistake, Type
from rehearsal.values import UNKNOWN, Path, closed, opened, plain, shown

MODES: Mapping[int, Any] = {0: "propose", 1: "enforce", 2: "disable"}
PropertyDiff = provider_pb2.PropertyDiff
KINDS = {
    (Change.ADD, False): PropertyDiff.ADD,
    (Change.ADD, True): PropertyDiff.ADD_REPLACE,
    (Change.DELETE, False): PropertyDiff.DELETE,
    (Change.DELETE, True): PropertyDiff.DELETE_REPLACE,
    (Change.UPDATE, False): PropertyDiff.UPDATE,
    (Change.UPDATE, True): PropertyDiff.UPDATE_REPLACE,
}


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """The provider of one package. It keeps only what it was configured with; the rest is in the cloud's file."""

    def __init__(self, package: str, cloud: Cloud, account: str, registry: str = "") -> None:
        self._package, self._cloud, self._account, self._registry = package, cloud, account, registry
        # The engine attaches once for each provider resource of a program, all to this one server.
        self._places: dict[str, Place] = {}
        self._given_up = threading.Event()

    @answering
    def Handshake(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.ProviderHandshakeResponse:
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, supports_autonaming_configuration=True)

    @answering
    def Attach(self, request: Any, context: grpc.ServicerContext) -> Empty:
        return Empty()

    @answering
    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=sdk.version(self._package))

    @answering
    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Empty:
        self._given_up.set()
        return Empty()

    @answering
    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        failures = _failures(account.mistakes(self._package, plain(request.news)))
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    @answering
    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        changes = dict(differences.between(plain(request.old_inputs), plain(request.news)))
        return _difference({path: (change, False) for path, change in changes.items()})

    @answering
    def Configure(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.ConfigureResponse:
        inputs = plain(request.args)
        self._places[context.peer()] = account.place(self._package, inputs, self._account, self._registry)
        self._given_up.clear()
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True
        )

    @answering
    def Check(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        kind = schema.described(_type_of(request.urn))
        news, secrets = opened(request.news)
        inputs = names.named(kind, news, plain(request.olds), _proposal(request))
        mistakes = [*schema.mistakes(kind.inputs, inputs), *filter(None, [names.mistake(kind, inputs)])]
        return provider_pb2.CheckResponse(inputs=closed(inputs, secrets), failures=_failures(mistakes))

    @answering
    def Diff(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        kind = schema.described(_type_of(request.urn))
        olds, news = _declared(plain(request.old_inputs)), plain(request.news)
        changes = {
            path: (change, replacements.replaces(kind, path))
            for path, change in differences.between(olds, _declared(news))
        }
        return _difference(changes, first_delete=names.collides(kind, olds, news))

    @answering
    def Create(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.CreateResponse:
        kind, place = schema.described(_type_of(request.urn)), self._place(context)
        inputs, secrets = opened(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(properties=closed(_foreseen(kind, inputs, place), secrets))
        fault = self._fault(Record(kind.token, "", urn=request.urn), "create", request.timeout, context)
        with self._cloud.transaction():
            record = self._made(kind, request.urn, inputs, place)
        answer = closed(record.outputs, secrets)
        _fail_after(fault, record, answer, request.properties)
        return provider_pb2.CreateResponse(id=record.outputs["id"], properties=answer)

    def _made(self, kind: Type, urn: str, inputs: dict[str, Any], place: Place) -> Record:
        references.check(self._cloud, kind.token, inputs)
        certificates.check(self._cloud, kind.token, inputs)
        if kind.token == restores.INSTANCE:
            restores.source(self._cloud, inputs, inputs.get("region") or place.region)
        id, outputs = computed.of(kind, inputs, place, self._cloud)
        key, region = computed.key(kind.token, id, outputs), outputs.get("region", "")
        record = Record(kind.token, key, region, urn, inputs, outputs)
        uniqueness.check(self._cloud, kind, record)
        try:
            return self._cloud.create(record)
        except Taken:
            # What has no name of its own is a setting of something else, and setting it twice is no error.
            return self._cloud.update(record)

    @answering
    def Read(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.ReadResponse:
        kind, place = schema.described(_type_of(request.urn)), self._place(context)
        state, secrets = opened(request.properties)
        declared, secret_inputs = opened(request.inputs)
        try:
            record = self._found(kind, request.id, state, place)
        except Missing:
            return provider_pb2.ReadResponse()
        self._fault(replace(record, urn=request.urn), "read", 0, context)
        inputs = _seen(kind, declared or record.inputs, state, record.outputs)
        return provider_pb2.ReadResponse(
            id=request.id,
            properties=closed(record.outputs, secrets | secret_inputs),
            inputs=closed(inputs, secret_inputs),
        )

    @answering
    def Update(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.UpdateResponse:
        kind, place = schema.described(_type_of(request.urn)), self._place(context)
        state, news, old_inputs = plain(request.olds), plain(request.news), plain(request.old_inputs)
        secrets = opened(request.news)[1] | opened(request.olds)[1]
        if request.preview:
            outputs = _updated(kind, state, old_inputs, news, place)
            return provider_pb2.UpdateResponse(properties=closed(outputs, secrets))
        fault = self._fault(Record(kind.token, "", urn=request.urn), "update", request.timeout, context)
        with self._cloud.transaction():
            record = self._found(kind, request.id, state, place)
            references.check(self._cloud, kind.token, news)
            certificates.check(self._cloud, kind.token, news)
            outputs = _updated(kind, record.outputs, old_inputs, news, place)
            record = self._cloud.update(replace(record, urn=request.urn, inputs=news, outputs=outputs))
        answer = closed(record.outputs, secrets)
        _fail_after(fault, record, answer, request.news)
        return provider_pb2.UpdateResponse(properties=answer)

    @answering
    def Delete(self, request: Any, context: grpc.ServicerContext) -> Empty:
        kind, place = schema.described(_type_of(request.urn)), self._place(context)
        state = plain(request.properties)
        fault = self._fault(Record(kind.token, "", urn=request.urn), "delete", request.timeout, context)
        try:
            record = self._found(kind, request.id, state, place)
            protection.check(self._cloud, record, state, place)
            with self._cloud.transaction():
                references.check_unused(self._cloud, record)
                protection.remove(self._cloud, record, state)
        except Missing:
            # As good as deleted.
            return Empty()
        if fault and fault.kind in ("half", "lost"):
            raise Lost(f"rehearsed fault: no answer came to deleting {record.id}")
        return Empty()

    @answering
    def Invoke(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.InvokeResponse:
        found = invokes.answered(request.tok, plain(request.args), self._place(context), self._cloud)
        response = provider_pb2.InvokeResponse()
        getattr(response, "return").CopyFrom(closed(found))
        return response

    def _place(self, context: grpc.ServicerContext) -> Place:
        # A connection that the engine made anew after a pause goes on with the newest configuration.
        return self._places.get(context.peer()) or next(reversed(self._places.values()), Place(self._account))

    def _found(self, kind: Type, id: str, state: Mapping[str, Any], place: Place) -> Record:
        region = state.get("region") or (place.region if "region" in kind.outputs else "")
        return self._cloud.read(kind.token, computed.key(kind.token, id, state), region)

    def _fault(
        self, record: Record, operation: Operation, timeout: float, context: grpc.ServicerContext
    ) -> faults.Fault | None:
        """The fault that the call meets. Raises Refused when nothing must be done after it."""
        fault = faults.take(self._cloud, record, operation)
        if fault is None:
            return None
        if fault.kind == "fail":
            raise Refused(f"InternalFailure: rehearsed fault: {operation} of {record.type} {record.name} failed")
        if fault.kind == "hang":
            self._hang(fault.seconds, timeout, context)
        return fault

    def _hang(self, seconds: float, timeout: float, context: grpc.ServicerContext) -> None:
        end = time.monotonic() + min(seconds, timeout or seconds)
        while time.monotonic() < end:
            if self._given_up.wait(0.05) or not context.is_active():
                raise Refused("RequestCanceled: rehearsed fault: given up while the service did not answer")
        if timeout and timeout < seconds:
            raise Refused(f"RequestTimeout: rehearsed fault: no answer for {timeout:g} seconds")


def _type_of(urn: str) -> str:
    """The last of the types that a URN lists: https://www.pulumi.com/docs/iac/concepts/resources/names/#urns."""
    return urn.split("::")[2].rpartition("$")[2]


def _proposal(request: provider_pb2.CheckRequest) -> Proposal:
    if request.HasField("autonaming"):
        return Proposal(request.autonaming.proposed_name, MODES[request.autonaming.mode])
    # The same for the preview and the update of one resource, as the engine asks of its providers.
    return Proposal(f"{request.urn.rpartition('::')[2]}-{request.randomSeed.hex()[:7]}")


def _failures(mistakes: Iterable[Mistake]) -> list[provider_pb2.CheckFailure]:
    return [provider_pb2.CheckFailure(property=one.property, reason=one.reason) for one in mistakes]


def _declared(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in inputs.items() if not name.startswith("__")}


def _difference(changes: Mapping[Path, tuple[Change, bool]], first_delete: bool = False) -> provider_pb2.DiffResponse:
    replaced = [path for path, (_, replaces) in changes.items() if replaces]
    some = provider_pb2.DiffResponse.DIFF_SOME if changes else provider_pb2.DiffResponse.DIFF_NONE
    return provider_pb2.DiffResponse(
        changes=some,
        replaces=[str(path[0]) for path in replaced],
        diffs=[str(path[0]) for path in changes],
        deleteBeforeReplace=bool(replaced) and first_delete,
        detailedDiff={shown(path): PropertyDiff(kind=KINDS[one], inputDiff=True) for path, one in changes.items()},
        hasDetailedDiff=True,
    )


def _foreseen(kind: Type, inputs: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """What a preview can say: the inputs, and that the rest is to come."""
    coming = {name: UNKNOWN for name in kind.outputs if name not in kind.inputs}
    region = {"region": place.region} if "region" in kind.outputs and place.region else {}
    tags = computed.again(kind, inputs, place)
    return {**coming, **region, **tags, **_declared(inputs)}


def _updated(
    kind: Type, outputs: Mapping[str, Any], old_inputs: Mapping[str, Any], news: Mapping[str, Any], place: Place
) -> dict[str, Any]:
    """The outputs after an update, which sends what changed: what somebody else did to the rest stays as it is."""
    kept = {name: value for name, value in outputs.items() if name not in old_inputs or name in news}
    sent = {name: value for name, value in _declared(news).items() if value != old_inputs.get(name)}
    after = {**kept, **{name: value for name, value in sent.items() if name in kind.outputs}}
    return {**after, **computed.again(kind, after, place)}


def _seen(
    kind: Type, declared: Mapping[str, Any], state: Mapping[str, Any], outputs: Mapping[str, Any]
) -> dict[str, Any]:
    """The inputs that would make what the cloud holds: those declared, as they are there, and what changed besides."""
    inputs = {name: outputs.get(name, value if name.startswith("__") else None) for name, value in declared.items()}
    changed = {
        name: value
        for name, value in outputs.items()
        if state and name in kind.inputs and name not in declared and value != state.get(name)
    }
    return {name: value for name, value in {**inputs, **changed}.items() if value is not None}


def _fail_after(fault: faults.Fault | None, record: Record, properties: Any, inputs: Any) -> None:
    """Raises what a fault makes of a call whose work is done."""
    if fault and fault.kind == "lost":
        raise Lost(f"rehearsed fault: no answer came, though {record.type} {record.id} is made")
    if fault and fault.kind == "half":
        reason = f"rehearsed fault: {record.type} {record.id} is there, but waiting for it failed"
        raise HalfDone(
            provider_pb2.ErrorResourceInitFailed(
                id=record.outputs["id"], properties=properties, reasons=[reason], inputs=inputs
            )
        )
