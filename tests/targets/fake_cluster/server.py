"""The API: real HTTP on loopback, as far as the adapter and ``kubectl``'s habits need it."""

from __future__ import annotations

import json
import re
import socket
import threading
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.targets.fake_cluster.admission import Refused, admit
from tests.targets.fake_cluster.objects import JsonObject, merge

if TYPE_CHECKING:
    from tests.targets.fake_cluster.cluster import FakeCluster

_PATH = re.compile(
    r"/(?:api/v1|apis/(?P<group>[^/]+)/(?P<version>[^/]+))(?:/namespaces/(?P<namespace>[^/]+))?"
    r"/(?P<resource>[a-z]+)(?:/(?P<name>[^/]+))?(?:/(?P<sub>[a-z]+))?"
)
GROUPS = {
    "batch": "v1",
    "authorization.k8s.io": "v1",
}
KINDS = {
    "pods": ("v1", "Pod"),
    "configmaps": ("v1", "ConfigMap"),
    "secrets": ("v1", "Secret"),
    "events": ("v1", "Event"),
    "namespaces": ("v1", "Namespace"),
    "nodes": ("v1", "Node"),
    "resourcequotas": ("v1", "ResourceQuota"),
    "jobs": ("batch/v1", "Job"),
    "localqueues": ("kueue.x-k8s.io/v1beta1", "LocalQueue"),
    "clusterqueues": ("kueue.x-k8s.io/v1beta1", "ClusterQueue"),
    "rayjobs": ("ray.io/v1", "RayJob"),
    "trainjobs": ("trainer.kubeflow.org/v1alpha1", "TrainJob"),
}


def make_server(cluster: FakeCluster) -> ThreadingHTTPServer:
    """Return a server for a cluster, on a port that the system chooses."""

    class Handler(Api):
        pass

    Handler.cluster = cluster
    return Server(("127.0.0.1", 0), Handler)


class Server(ThreadingHTTPServer):
    """A server that can drop whoever is connected."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, *arguments: Any) -> None:
        self.open: set[socket.socket] = set()
        self.open_lock = threading.Lock()
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self.open_lock:
            self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self.open_lock:
            self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients are cut off on purpose."""

    def drop(self) -> None:
        """Cut every connection."""
        with self.open_lock:
            for connection in self.open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue


class Api(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    cluster: FakeCluster

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_PATCH(self) -> None:
        self._serve("PATCH")

    def do_DELETE(self) -> None:
        self._serve("DELETE")

    def _serve(self, method: str) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or b"{}") if length else {}
        if self.cluster.is_cut:
            self.close_connection = True
            self.connection.close()
            return
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        self.cluster.requests.append((method, parts.path))
        try:
            if self.cluster.faults:
                raise self.cluster.faults.pop(0)
            if self.headers.get("Authorization") != f"Bearer {self.cluster.token}":
                raise Refused(401, "Unauthorized", "Unauthorized")
            self._route(method, unquote(parts.path), query, body)
        except Refused as refused:
            self._answer(refused.status, _status(refused))

    def _route(self, method: str, path: str, query: dict[str, str], body: JsonObject) -> None:
        if group := re.fullmatch(r"/apis/([^/]+)", path):
            self._answer(200, self._group(group[1]))
            return
        if path == "/version":
            self._answer(200, {"major": "1", "minor": "36", "gitVersion": "v1.36.0"})
            return
        found = _PATH.fullmatch(path)
        if not found:
            raise Refused(404, "NotFound", "the server could not find the requested resource")
        group, namespace = found["group"] or "", found["namespace"] or ""
        resource, name, sub = found["resource"], found["name"] or "", found["sub"] or ""
        if not group and namespace and resource and not name and f"/namespaces/{namespace}" == path[7:]:
            resource, name, namespace = "namespaces", namespace, ""
        if resource == "selfsubjectaccessreviews":
            self._answer(201, self._review(body))
            return
        verb = {"POST": "create", "PATCH": "patch", "DELETE": "delete"}.get(method) or ("get" if name else "list")
        self._authorize(verb, resource, sub, group, namespace)
        if resource == "localqueues" and sub == "pendingworkloads":
            self._answer(200, {"items": self.cluster.pending_workloads(namespace, name)})
            return
        if resource not in KINDS or (group and group not in self._groups()):
            raise Refused(404, "NotFound", "the server could not find the requested resource")
        if sub == "log":
            self._log(namespace, name, query)
        elif method == "GET":
            self._answer(200, self._read(resource, namespace, name, query))
        elif method == "POST":
            self._answer(201, self._create(resource, namespace, query, body))
        elif method == "PATCH":
            self._answer(200, self._patch(resource, namespace, name, body))
        elif method == "DELETE":
            self._answer(200, self._delete(resource, namespace, name, body))

    def _groups(self) -> dict[str, str]:
        return {**GROUPS, **self.cluster.custom_groups}

    def _group(self, group: str) -> JsonObject:
        version = self._groups().get(group)
        if version is None:
            raise Refused(404, "NotFound", "the server could not find the requested resource")
        named = {"groupVersion": f"{group}/{version}", "version": version}
        return {"kind": "APIGroup", "apiVersion": "v1", "name": group, "versions": [named], "preferredVersion": named}

    def _review(self, body: JsonObject) -> JsonObject:
        asked = body["spec"]["resourceAttributes"]
        resource = "/".join(filter(None, [asked["resource"], asked.get("subresource", "")]))
        allowed = (asked["verb"], resource) not in self.cluster.forbidden
        return {**body, "status": {"allowed": allowed}}

    def _authorize(self, verb: str, resource: str, sub: str, group: str, namespace: str) -> None:
        full = f"{resource}/{sub}" if sub else resource
        if (verb, full) in self.cluster.forbidden:
            place = f' in the namespace "{namespace}"' if namespace else " at the cluster scope"
            name = f"{resource}.{group}" if group else resource
            message = f'{name} is forbidden: User "ada" cannot {verb} resource "{full}" in API group "{group}"{place}'
            raise Refused(403, "Forbidden", message)

    def _find(self, resource: str, namespace: str, name: str) -> JsonObject:
        found = self.cluster.objects.get(resource, namespace, name)
        if found is None:
            group = KINDS[resource][0].rpartition("/")[0]
            full = f"{resource}.{group}" if group else resource
            raise Refused(404, "NotFound", f'{full} "{name}" not found')
        return found

    def _read(self, resource: str, namespace: str, name: str, query: dict[str, str]) -> JsonObject:
        if name:
            return self._find(resource, namespace, name)
        found = self.cluster.objects.list(resource, namespace)
        found = [one for one in found if _matches(one, query.get("labelSelector", ""), query.get("fieldSelector", ""))]
        api, kind = KINDS[resource]
        return {"apiVersion": api, "kind": f"{kind}List", "metadata": {"resourceVersion": "1"}, "items": found}

    def _create(self, resource: str, namespace: str, query: dict[str, str], body: JsonObject) -> JsonObject:
        if namespace and self.cluster.objects.get("namespaces", "", namespace) is None:
            raise Refused(404, "NotFound", f'namespaces "{namespace}" not found')
        found = admit(resource, body, query.get("fieldValidation", "Warn"))
        name = found["metadata"]["name"]
        found["metadata"]["namespace"] = namespace
        found.setdefault("status", {}) if resource != "configmaps" else None
        with self.cluster.objects.lock:
            if self.cluster.objects.get(resource, namespace, name) is not None:
                raise Refused(409, "AlreadyExists", f'{resource} "{name}" already exists')
            return self.cluster.objects.add(resource, found)

    def _patch(self, resource: str, namespace: str, name: str, body: JsonObject) -> JsonObject:
        found = self._find(resource, namespace, name)
        if self.headers["Content-Type"] != "application/merge-patch+json":
            raise Refused(415, "UnsupportedMediaType", "the body of the request was in an unknown format")
        changed = {key for key in body if key != "metadata"}
        if found.get("immutable") and changed & {"data", "binaryData", "immutable"}:
            raise Refused(422, "Invalid", f'ConfigMap "{name}" is invalid: data: Forbidden: field is immutable')
        with self.cluster.objects.change(resource, namespace, name) as kept:
            merge(kept, body)
        return self._find(resource, namespace, name)

    def _delete(self, resource: str, namespace: str, name: str, body: JsonObject) -> JsonObject:
        found = self._find(resource, namespace, name)
        grace = body.get("gracePeriodSeconds")
        if resource == "pods":
            with self.cluster.objects.change(resource, namespace, name) as kept:
                default = found["spec"].get("terminationGracePeriodSeconds", 30)
                kept["metadata"]["deletionGracePeriodSeconds"] = default if grace is None else grace
        self.cluster.objects.delete(resource, found, body.get("propagationPolicy", "Background"))
        return {"kind": "Status", "apiVersion": "v1", "status": "Success"}

    def _log(self, namespace: str, name: str, query: dict[str, str]) -> None:
        pod = self._find("pods", namespace, name)
        log = self.cluster.kubelet.logs.get(pod["metadata"]["uid"])
        if log is None:
            container = query.get("container") or pod["spec"]["containers"][0]["name"]
            message = f'container "{container}" in pod "{name}" is waiting to start: ContainerCreating'
            raise Refused(400, "BadRequest", message)
        since = None
        if "sinceTime" in query:  # the server passes whole seconds on to the kubelet
            since = datetime.fromisoformat(query["sinceTime"][:19] + "+00:00")
        tail = int(query["tailLines"]) if "tailLines" in query else None
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        follow, stamps = query.get("follow") == "true", query.get("timestamps") == "true"
        for line in log.read(since, tail, follow=follow, stamps=stamps):
            if self.cluster.is_cut or self.cluster.is_closed:
                self.close_connection = True
                return
            if line:
                self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def _answer(self, status: int, body: JsonObject) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _status(refused: Refused) -> JsonObject:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": refused.message,
        "reason": refused.reason,
        "code": refused.status,
    }


def _matches(found: JsonObject, labels: str, fields: str) -> bool:
    own = found["metadata"].get("labels", {})
    for term in filter(None, labels.split(",")):
        key, _, value = term.partition("=")
        if own.get(key) != value.lstrip("="):
            return False
    for term in filter(None, fields.split(",")):
        is_not = "!=" in term
        key, _, value = term.partition("!=" if is_not else "=")
        node: Any = found
        for part in key.split("."):
            node = node.get(part, "") if isinstance(node, dict) else ""
        if (node == value) is is_not:
            return False
    return True
