"""A sender for Gotify: POST /message of title, text and priority, with a token."""

import http.client
import ipaddress
import json
import socket
import ssl
import threading
import time
import urllib.parse

import bellbuoy
import sender_pb2 as wire

MAX_REPLY = 1024

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "required": ["url", "token"],
    "properties": {
        "url": {"type": "string", "pattern": "^https?://", "description": "of the Gotify server"},
        "token": {"type": "string", "minLength": 1, "writeOnly": True, "description": "of the application"},
        "priority": {"type": ["integer", "null"], "minimum": 0, "maximum": 10, "description": "of the messages"},
    },
}


def read(raw):
    """The options, and all that is wrong with them at once. No fault repeats a value."""
    try:
        options = json.loads(raw)
    except ValueError:
        options = None
    if not isinstance(options, dict):
        return {}, [wire.Fault(message='the options of gotify are an object; write at least {url: "https://...", token: ...}')]
    faults = []

    def wrong(path, message):
        faults.append(wire.Fault(path=bellbuoy.clean(path, 128), message=message))

    for key in sorted(options.keys() - SCHEMA["properties"].keys()):
        wrong(" ".join(key.split()), "is no option of gotify; there are url, token and priority")
    url = options.get("url")
    if not isinstance(url, str) or not good_url(url):
        wrong("url", "is missing or no URL of a host; write it as https://host")
    token = options.get("token")
    if not isinstance(token, str) or not token or any(not "!" <= c <= "~" for c in token):
        wrong("token", "is missing or no token; give that of the application, as Gotify shows it")
    priority = options.get("priority")
    if priority is not None and (isinstance(priority, bool) or not isinstance(priority, (int, float)) or priority not in range(11)):
        wrong("priority", "is no whole number from 0 to 10; write one, or leave it out")
    return options, faults


def good_url(text):
    try:
        u = urllib.parse.urlsplit(text)
        return (
            text.startswith(("http://", "https://"))
            and all("!" <= c <= "~" for c in text)
            and bool(u.hostname)
            and (u.port is None or u.port > 0)
            and not (u.query or u.fragment or "@" in u.netloc)
        )
    except ValueError:
        return False


def text(value):
    """A value of the event as a line of plain text: strangers choose names."""
    return "".join(c for c in str(value) if c.isprintable())[:200]


def part(event, *path):
    for key in path:
        event = event.get(key) if isinstance(event, dict) else None
    return event


def message(event, priority):
    if not isinstance(event, dict):
        raise bellbuoy.Permanent("the event is no JSON object")
    name = text(part(event, "repository", "full_name") or part(event, "registry", "name") or "")
    tags = part(event, "artifact", "tags")
    if isinstance(tags, list) and tags:
        name += ":" + ", ".join(text(t) for t in tags[:3])
    facts = {
        "by": part(event, "actor", "name"),
        "digest": (part(event, "artifact", "digest") or "")[:19],
        "status": part(event, "status"),
        "in": part(event, "registry", "name"),
    }
    lines = [f"{k}: {text(v)}" for k, v in facts.items() if v]
    body = {"title": f"{text(part(event, 'type') or 'event')} {name}".strip(), "message": "\n".join(lines) or "-"}
    if priority is not None:
        body["priority"] = int(priority)
    return body


class Gotify:
    def describe(self):
        return wire.Description(
            type="gotify", version="1.0.0", options=json.dumps(SCHEMA).encode(), secrets=["token"], order="none", concurrency=4
        )

    def check(self, request):
        faults = read(request.options)[1] if request.options else []
        if request.template:
            faults.append(wire.Fault(part="template", message="gotify takes no template; remove it"))
        if request.title:
            faults.append(wire.Fault(part="title", message="gotify takes no title; remove it"))
        return faults

    def request(self, d):
        """The options, and the request as it may be shown."""
        options, faults = read(d.options)
        if faults:
            raise bellbuoy.Failed("the options are not good: " + "; ".join(f"{f.path} {f.message}" for f in faults))
        try:
            event = json.loads(d.event)
        except (ValueError, RecursionError):
            raise bellbuoy.Permanent("the event is not JSON") from None
        body = json.dumps(message(event, options.get("priority")))
        return options, wire.Request(
            method="POST",
            url=options["url"].rstrip("/") + "/message",
            body=body,
            headers=[wire.Header(name="Content-Type", value="application/json"), wire.Header(name="X-Gotify-Key", value="***")],
        )

    def render(self, d):
        return self.request(d)[1]

    def send(self, d, deadline):
        options, request = self.request(d)
        receipt = wire.Receipt(request=request)
        began = time.monotonic()
        try:
            status, retry_after, reply = post(request, options["token"], deadline - began, d.egress.allow if d.HasField("egress") else None)
        except Denied as e:
            receipt.scope = "misconfigured"
            raise bellbuoy.Failed(f"send to {urllib.parse.urlsplit(request.url).netloc}: {e}", receipt) from None
        except (OSError, http.client.HTTPException) as e:
            receipt.latency_ns = int((time.monotonic() - began) * 1e9)
            raise bellbuoy.Failed(f"send to {urllib.parse.urlsplit(request.url).netloc}: {type(e).__name__}", receipt) from None
        receipt.latency_ns = int((time.monotonic() - began) * 1e9)
        receipt.status = status
        receipt.reply = bellbuoy.clean(reply.decode("utf-8", "replace").replace(options["token"], "***"), MAX_REPLY)
        said = f"gotify answered {status}"
        if 200 <= status < 300:
            return receipt
        if status == 429:
            raise bellbuoy.Throttled(said, retry_after, receipt)
        if status >= 500 or status == 408:
            raise bellbuoy.RetryAfter(said, retry_after, receipt)
        if status in (401, 403):
            receipt.scope = "misconfigured"
        raise bellbuoy.Permanent(said, receipt)


class Denied(Exception):
    """An address that the target may not be at."""


# Where clouds give the machine's credentials to whoever asks, beside link-local addresses.
METADATA = ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254")


def meant(ip):
    """The IPv4 address within an IPv6 one that a network may translate, or ip itself."""
    if ip.version == 6:
        if ip in ipaddress.ip_network("64:ff9b::/96"):
            return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        return ip.ipv4_mapped or ip.sixtofour or ip
    return ip


def connect(host, port, timeout, allow):
    """Connects to what host is, where that is no metadata service and, for a target that
    is restricted (allow is a list of networks, not None), public or allowed. What is
    judged is what is connected to: a name may mean something else the next time."""
    failed = OSError("no address")
    for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        ip = ipaddress.ip_address(address[0].partition("%")[0])
        ip = meant(ip)
        public = ip.is_global and not ip.is_multicast
        if ip.is_link_local or str(ip) in METADATA:
            raise Denied("egress denied: it is link-local or a metadata service")
        if allow is not None and not public and not any(ip in ipaddress.ip_network(n) for n in allow):
            raise Denied("egress denied: it is not public, and its network is not allowed")
        try:
            return socket.create_connection(address[:2], timeout)
        except OSError as e:
            failed = e
    raise failed


def post(request, token, timeout, allow):
    """One request: no redirects, a bounded reply, and an end at the deadline."""
    u = urllib.parse.urlsplit(request.url)
    timeout = min(max(timeout, 0.001), 60)
    tls = u.scheme == "https"
    connection = http.client.HTTPConnection(u.hostname, u.port or (443 if tls else 80), timeout=timeout)
    connection.sock = connect(u.hostname, connection.port, timeout, allow)

    def cut():  # also where a byte comes now and then
        if connection.sock is not None:
            try:
                connection.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it is closed already

    timer = threading.Timer(timeout, cut)
    timer.daemon = True
    timer.start()
    try:
        if tls:
            connection.sock = ssl.create_default_context().wrap_socket(connection.sock, server_hostname=u.hostname)
        headers = {"Content-Type": "application/json", "X-Gotify-Key": token, "User-Agent": "bellbuoy-sender-gotify/1.0.0", "Host": u.netloc}
        connection.request("POST", u.path, request.body.encode(), headers)
        response = connection.getresponse()
        after = response.headers.get("Retry-After", "")
        after = min(int(after), 86400) if after.isdecimal() and len(after) < 10 else 0
        try:
            reply = response.read(2 * MAX_REPLY)
        except (OSError, http.client.HTTPException) as e:
            reply = getattr(e, "partial", b"")  # the status has said what counts
        return response.status, after, reply
    finally:
        timer.cancel()
        connection.close()


if __name__ == "__main__":
    bellbuoy.serve({"gotify": Gotify()})
