"""Runs a Functions app in Microsoft's own Python worker library, as the Functions host would.

`python driver.py FOLDER`, with the interpreter of `.worker-venv`, indexes the app in FOLDER and
says in one line of JSON what the worker found; then each line of JSON that it reads is an
invocation, and each line that it writes the worker's answer. Ends with its input.

The worker takes any objects that have the fields of the host's gRPC messages
(azure-functions-language-worker-protobuf, FunctionRpc.proto): `Message` stands for all of them.
"""

from __future__ import annotations

import asyncio
import base64
import importlib
import json
import os
import sys
import uuid
from types import ModuleType, SimpleNamespace
from typing import Any


class Message:
    """A protobuf message as the worker sees it: fields, and which one of a group is set."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)

    def WhichOneof(self, group: str) -> str | None:
        return next((name for name in self.__dict__ if name != "name"), None)


class StatusResult(Message):
    Failure, Success = 0, 1


class RpcHttpCookie(Message):
    SameSite = SimpleNamespace(**{"None": 0, "Lax": 1, "Strict": 2, "ExplicitNone": 3})


PROTOS = SimpleNamespace(
    BindingInfo=type("BindingInfo", (Message,), {"undefined": 0, "out": 1, "inout": 2}),
    RpcHttpCookie=RpcHttpCookie,
    StatusResult=StatusResult,
    **dict.fromkeys(
        [
            "FunctionLoadResponse",
            "FunctionMetadataResponse",
            "InvocationResponse",
            "NullableBool",
            "NullableDouble",
            "NullableString",
            "NullableTimestamp",
            "ParameterBinding",
            "RpcException",
            "RpcFunctionMetadata",
            "RpcHttp",
            "RpcRetryOptions",
            "TypedData",
            "WorkerInitResponse",
            "WorkerMetadata",
        ],
        Message,
    ),
)


def main(folder: str) -> None:
    # What the app prints must not get between the answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    os.chdir(folder)
    sys.path.insert(0, folder)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)

    def answer(content: dict[str, Any]) -> None:
        print(json.dumps(content), file=answers, flush=True)

    worker = importlib.import_module("azure_functions_runtime")

    worker.start_threadpool_executor()
    answer(loop.run_until_complete(index(worker, folder)))
    for line in sys.stdin:
        answer(loop.run_until_complete(invoke(worker, json.loads(line))))
    worker.stop_threadpool_executor()


async def index(worker: ModuleType, folder: str) -> dict[str, Any]:
    """What the worker tells the host after its start: the functions, or why there are none."""
    started = await worker.worker_init_request(
        request("worker_init_request", capabilities={}, function_app_directory=folder)
    )
    found = await worker.functions_metadata_request(request("functions_metadata_request"))
    functions = found.function_metadata_results or []
    for function in functions:
        loaded = await worker.function_load_request(
            request("function_load_request", function_id=function.function_id)
        )
        assert loaded.result.status == StatusResult.Success
    return {
        "error": error_of(started.result),
        "functions": {
            function.name: {
                "id": function.function_id,
                "bindings": [json.loads(binding) for binding in function.raw_bindings],
            }
            for function in functions
        },
    }


async def invoke(worker: ModuleType, call: dict[str, Any]) -> dict[str, Any]:
    """One invocation: `function`, `parameter`, its `input`, the trigger's `metadata`, and the
    `trace` that it belongs to."""
    response = await worker.invocation_request(
        request(
            "invocation_request",
            invocation_id=str(uuid.uuid4()),
            function_id=call["function"],
            input_data=[Message(name=call["parameter"], data=typed(call["input"]))],
            trigger_metadata={key: typed(value) for key, value in call["metadata"].items()},
            trace_context=Message(trace_parent=call["trace"], trace_state="", attributes={}),
            retry_context=Message(retry_count=0, max_retry_count=0, exception=None),
        )
    )
    error = error_of(response.result)
    return {"error": error, "http": None if error else http_of(response.return_value)}


def request(name: str, **fields: Any) -> Message:
    return Message(
        request=Message(**{name: Message(**fields)}),
        properties={"host": "127.0.0.1", "protos": PROTOS},
    )


def typed(value: dict[str, Any]) -> Message:
    """TypedData from `{"string": ...}`, `{"json": ...}` or `{"http": {...}}`."""
    if "http" not in value:
        return Message(**value)
    http = value["http"]
    # The worker asks for RawHttpBodyBytes: a body arrives as bytes, no body as an empty message.
    body = Message(bytes=base64.b64decode(http["body"])) if http["body"] else Message()
    return Message(http=Message(**{**http, "body": body}))


def http_of(returned: Any) -> dict[str, Any] | None:
    if returned is None:
        return None
    http = returned.http
    return {
        "status": int(http.status_code),
        "headers": http.headers,
        "body": base64.b64encode(http.body.bytes).decode(),
    }


def error_of(result: Any) -> str | None:
    if result.status == StatusResult.Success:
        return None
    return f"{result.exception.message}\n{result.exception.stack_trace}"


if __name__ == "__main__":
    main(sys.argv[1])
