"""How a provider tells the engine that it failed."""

import sys
import traceback
from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn

import grpc
from pulumi.runtime.proto import provider_pb2, status_pb2

from rehearsal.cloud import Missing
from rehearsal.refusals import Refused
from rehearsal.schema import UnknownType


class HalfDone(Exception):
    """The call failed, but the resource is there: told its id, the engine keeps it and mends it next time."""

    def __init__(self, details: provider_pb2.ErrorResourceInitFailed) -> None:
        super().__init__("; ".join(details.reasons))
        self.details = details


class Lost(Exception):
    """No answer comes."""


def answering(call: Callable[..., Any]) -> Callable[..., Any]:
    """A method of the service, its exceptions turned into what the engine understands."""

    @wraps(call)
    def answered(self: Any, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return call(self, request, context)
        except HalfDone as error:
            _abort_half_done(context, error)
        except Lost as error:
            context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
        except (Refused, Missing, UnknownType) as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            context.abort(grpc.StatusCode.INTERNAL, f"the rehearsal itself failed: {error!r}")

    return answered


def _abort_half_done(context: grpc.ServicerContext, error: HalfDone) -> NoReturn:
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(error))
    status.details.add().Pack(error.details)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.UNKNOWN, str(error))
