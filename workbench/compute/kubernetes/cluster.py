"""Speak with an API server: the one file that imports the official client, and its errors in our words.

The client does what it is best at (kubeconfig, exec plugins, client certificates, TLS, proxies). Objects stay plain
JSON: building its model classes for a list of pods costs fifty times what reading the JSON does, and they drop fields
that they do not know.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from workbench.compute.kubernetes.options import KubernetesOptions
from workbench.foundation.errors import (
    ConflictError,
    DeniedError,
    NotFoundError,
    UnavailableError,
    UsageError,
    WorkbenchError,
)

JsonObject = dict[str, Any]

_CONNECT_S, _READ_S = 3.0, 10.0
_SILENCE_S = 20.0
"""A pod that lives says something every five seconds; a stream that is silent for longer may be a dead connection."""
_STREAMS = 128


class Cluster:
    """One namespace of one cluster, reached when it is first asked for."""

    def __init__(self, options: KubernetesOptions) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._client: Any = None
        self._namespace = options.namespace

    @property
    def namespace(self) -> str:
        """The namespace of the jobs."""
        self._api()
        return self._namespace

    @property
    def host(self) -> str:
        """The API server's address."""
        return str(self._api().configuration.host)

    def get(self, path: str, query: Mapping[str, str] | None = None) -> JsonObject:
        """Read an object or a list.

        Raises:
            WorkbenchError: As :func:`refusal` says.
        """
        return self._request("GET", path, query)

    def find(self, path: str) -> JsonObject | None:
        """Read an object, or return None where there is none."""
        try:
            return self.get(path)
        except NotFoundError:
            return None

    def create(self, path: str, body: JsonObject) -> JsonObject | None:
        """Create an object, every field of which must be known to the server; None where it is there already."""
        try:
            return self._request("POST", path, {"fieldValidation": "Strict"}, body)
        except ConflictError:
            return None

    def ask(self, path: str, body: JsonObject) -> JsonObject:
        """Have the server answer a question that is posed as an object (a review)."""
        return self._request("POST", path, None, body)

    def patch(self, path: str, body: JsonObject) -> JsonObject:
        """Merge a patch into an object."""
        return self._request("PATCH", path, None, body, "application/merge-patch+json")

    def delete(self, path: str, propagation: str, grace_s: int | None = None) -> bool:
        """Delete an object and tell whether there was one."""
        body: JsonObject = {"propagationPolicy": propagation}
        if grace_s is not None:
            body["gracePeriodSeconds"] = grace_s
        try:
            self._request("DELETE", path, None, body)
        except NotFoundError:
            return False
        return True

    def read_log(self, pod: str, container: str, since: str = "", *, follow: bool) -> Iterator[bytes]:
        """Yield pieces of a container's log with timestamps, as they come; ends when the container has ended.

        Args:
            pod: Name of the pod.
            container: Name of the container.
            since: RFC 3339 time; the server knows whole seconds only, so what is of the same second comes again.
            follow: Whether to stay and wait for more.
        """
        import urllib3

        query = {"container": container, "timestamps": "true", **({"follow": "true"} if follow else {})}
        if since:
            query["sinceTime"] = since
        path = self.path("pods", f"{pod}/log")
        response = self._send("GET", path, query, None, read_s=_SILENCE_S).response
        try:
            yield from response.stream(amt=None if follow else 1 << 16, decode_content=False)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self._unreachable(error) from error
        finally:
            response.close()

    def path(self, resource: str, name: str = "", group: str = "") -> str:
        """Return the path of a resource in the namespace: ``pods``, or ``jobs`` of group ``batch/v1``."""
        root = f"/apis/{group}" if group else "/api/v1"
        return f"{root}/namespaces/{quote(self.namespace)}/{resource}{f'/{name}' if name else ''}"

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: JsonObject | None = None,
        content_type: str = "application/json",
    ) -> JsonObject:
        import urllib3

        answer = self._send(method, path, query or {}, body, content_type=content_type)
        try:
            data = answer.read()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self._unreachable(error) from error
        found: JsonObject = json.loads(data or b"{}")
        return found

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: JsonObject | None,
        *,
        content_type: str = "application/json",
        read_s: float = _READ_S,
    ) -> Any:
        import urllib3
        from kubernetes.client.exceptions import ApiException

        client = self._api()
        headers = {"Accept": "application/json, */*", "Content-Type": content_type}
        request = client.param_serialize(
            method,
            path,
            query_params=list(query.items()),
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"],
        )
        try:
            answer = client.call_api(*request, _request_timeout=(_CONNECT_S, read_s))
            if not 200 <= answer.status <= 299:
                raise refusal(answer.status, answer.read(), self.host, self._namespace)
        except (urllib3.exceptions.HTTPError, ApiException, OSError) as error:
            raise self._unreachable(error) from error
        return answer

    def _api(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client, namespace = connect(self._options)
                self._namespace = self._namespace or namespace
        return self._client

    def _unreachable(self, error: Exception) -> UnavailableError:
        text = getattr(error, "reason", None) or error
        message = f"The cluster at {self.host} does not answer: {str(text)[:300]}"
        return UnavailableError("cluster-unreachable", message, f"kubectl{self._flags()} cluster-info")

    def _flags(self) -> str:
        return flags(self._options)


def flags(options: KubernetesOptions) -> str:
    """Return what a ``kubectl`` in a hint needs, so that it asks the same cluster."""
    kubeconfig = f" --kubeconfig {options.kubeconfig}" if options.kubeconfig else ""
    return kubeconfig + (f" --context {options.context}" if options.context else "")


def connect(options: KubernetesOptions) -> tuple[Any, str]:
    """Return a client and the namespace that its context names.

    Raises:
        UsageError: ``kubeconfig-unusable``.
    """
    from kubernetes import client, config
    from kubernetes.config.config_exception import ConfigException

    configuration = client.Configuration()
    configuration.retries = False  # the follower asks again; a call that hangs for a minute helps nobody
    configuration.connection_pool_maxsize = _STREAMS
    place = str(Path(options.kubeconfig).expanduser()) if options.kubeconfig else None
    try:
        if place is None and not os.environ.get("KUBECONFIG") and _is_pod():
            config.load_incluster_config(configuration)
            namespace = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace").read_text(encoding="utf-8")
            return client.ApiClient(configuration), namespace.strip()
        place = place or os.environ.get("KUBECONFIG")
        config.load_kube_config(place, options.context or None, configuration, persist_config=False)
        contexts, current = config.list_kube_config_contexts(place)
    except (ConfigException, OSError, TypeError, ValueError) as error:
        message = f"The kubeconfig cannot be used: {str(error)[:300]}"
        raise UsageError("kubeconfig-unusable", message, f"kubectl{flags(options)} config view --minify") from error
    wanted = options.context or current["name"]
    named: JsonObject = next((entry["context"] for entry in contexts if entry["name"] == wanted), {})
    return client.ApiClient(configuration), str(named.get("namespace") or "default")


def refusal(status: int, body: bytes | str, host: str, namespace: str) -> WorkbenchError:
    """Return what an answer of the API server means.

    Args:
        status: HTTP status.
        body: The ``Status`` object, or whatever a proxy in between said.
        host: Address of the server.
        namespace: Namespace of the jobs.
    """
    message = _message(body)
    if status == 401:
        hint = "sign in again, then: kubectl auth whoami"
        return UnavailableError("cluster-unauthenticated", f"The cluster at {host} does not know who you are", hint)
    if status == 403 and "exceeded quota" in message:
        return DeniedError("quota-exceeded", message, f"kubectl -n {namespace} describe resourcequota")
    if status == 403:
        return DeniedError("cluster-forbidden", message, f"kubectl -n {namespace} auth can-i --list")
    if status == 404 and message.startswith("namespaces "):
        hint = f"kubectl create namespace {namespace}"
        return NotFoundError("namespace-missing", f"There is no namespace '{namespace}' at {host}", hint)
    if status == 404:
        hint = f"see what is there: kubectl -n {namespace} get jobs,configmaps; kubectl api-resources"
        return NotFoundError("cluster-object-missing", message, hint)
    if status == 409:
        hint = "somebody else changed it at that moment; run the same command again"
        return ConflictError("cluster-conflict", message, hint)
    if status == 429 or status >= 500:
        hint = "kubectl get --raw /readyz"
        return UnavailableError("cluster-unreachable", f"The cluster at {host} cannot answer now: {message}", hint)
    return UsageError("manifest-refused", f"The cluster refuses the object: {message}", "change [targets.<name>]")


def _message(body: bytes | str) -> str:
    text = body.decode(errors="replace") if isinstance(body, bytes) else body
    try:
        return str(json.loads(text)["message"])[:600]
    except (ValueError, KeyError, TypeError):
        return text.strip()[:300] or "no reason given"


def _is_pod() -> bool:
    return "KUBERNETES_SERVICE_HOST" in os.environ and not (Path.home() / ".kube" / "config").exists()


def items(answer: JsonObject) -> Sequence[JsonObject]:
    """Return the objects of a list."""
    found: Sequence[JsonObject] = answer.get("items") or ()
    return found
