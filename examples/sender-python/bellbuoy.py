"""All that a sender of bellbuoy's in Python needs beside itself: serve(senders).

It speaks the protocol of sender.proto over gRPC, in the way in which HashiCorp's
go-plugin starts and stops programs: a handshake line on standard output, TLS with
certificates of both sides made for this one process, a health service, and a
controller that says when to stop.
"""

import base64
import datetime
import logging
import os
import queue
import signal
import sys
import threading
import time
from concurrent import futures

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import sender_pb2 as wire

COOKIE = ("BELLBUOY_SENDER", "d1f0a0d67b7c4c58b3d1bff3c0c9a0f1")  # no secret: "a host started you"
VERSION = 1  # of the protocol
MAX_REQUEST = (3 << 20) + (256 << 10)
MAX_ANSWER = 256 << 10
SENDS = 16  # at a time

log = logging.getLogger("bellbuoy")


class Failed(Exception):
    """A send that failed: it is tried again on the host's schedule."""

    outcome = wire.OUTCOME_RETRY

    def __init__(self, message, receipt=None):
        super().__init__(message)
        self.receipt = receipt


class Permanent(Failed):
    """A send that would fail again."""

    outcome = wire.OUTCOME_PERMANENT


class RetryAfter(Failed):
    """A send that is not to be tried again before some seconds have passed."""

    def __init__(self, message, seconds, receipt=None):
        super().__init__(message, receipt)
        self.seconds = seconds


class Throttled(RetryAfter):
    """The target takes nothing, from anyone, before some seconds have passed."""

    outcome = wire.OUTCOME_THROTTLED


def serve(senders):
    """Serves senders, by target type, until the host has no more to send.

    A sender has describe() -> Description, check(CheckRequest) -> [Fault],
    render(Delivery) -> Request and send(Delivery, deadline) -> Receipt, which are
    called from many threads. send raises Failed or one of its kinds; deadline is in
    the time of time.monotonic().
    """
    if os.environ.get(COOKIE[0]) != COOKIE[1] or str(VERSION) not in os.environ.get("PLUGIN_PROTOCOL_VERSIONS", "").split(","):
        sys.exit(f"{sys.argv[0]}: this is a sender of bellbuoy's, not to be started by hand")
    # Standard output belongs to the handshake; whatever prints there later must not block.
    handshake = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    os.umask(0o077)
    for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, signal.SIG_IGN)  # the host stops us when its sends are done
    follow_host()

    key, cert = certificate()
    done = threading.Event()
    server = grpc.server(
        futures.ThreadPoolExecutor(16),
        options=[("grpc.max_receive_message_length", MAX_REQUEST), ("grpc.max_send_message_length", MAX_ANSWER)],
    )
    server.add_generic_rpc_handlers([handlers(Service(senders), done)])
    socket = os.path.join(os.environ["PLUGIN_UNIX_SOCKET_DIR"], "sender")
    server.add_secure_port(
        "unix:" + socket,
        grpc.ssl_server_credentials(
            [(key, cert.public_bytes(serialization.Encoding.PEM))],
            root_certificates=os.environ["PLUGIN_CLIENT_CERT"].encode(),
            require_client_auth=True,
        ),
    )
    server.start()
    der = base64.b64encode(cert.public_bytes(serialization.Encoding.DER)).decode().rstrip("=")
    with handshake:
        handshake.write(f"1|{VERSION}|unix|{socket}|grpc|{der}\n")
    done.wait()
    server.stop(1).wait()


def follow_host():
    """Ends this process when the host does: only it holds the other end of the pipe."""
    fd = os.environ.get("BELLBUOY_LIFE_FD")
    if not fd:
        return

    def wait():
        while os.read(int(fd), 1):
            pass
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def certificate():
    """Makes a certificate for this process alone, which is called localhost."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.utcnow()
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem, cert


class Service:
    """Answers the calls of sender.proto."""

    def __init__(self, senders):
        self.senders = senders
        self.pool = futures.ThreadPoolExecutor(SENDS)

    def sender(self, typ, context):
        if typ not in self.senders:
            context.abort(grpc.StatusCode.NOT_FOUND, f"this program serves no target type {typ!r}")
        return self.senders[typ]

    def describe(self, request, context):
        return self.sender(request.type, context).describe()

    def check(self, request, context):
        return wire.CheckReply(faults=self.sender(request.type, context).check(request))

    def render(self, request, context):
        return wire.RenderReply(request=self.sender(request.delivery.type, context).render(request.delivery))

    def send(self, batches, context):
        """One stream for the whole life: a thread reads deliveries, the pool makes the
        attempts, and this generator writes acks as they come, in any order."""
        acks = queue.SimpleQueue()

        def read():
            try:
                for batch in batches:
                    for d in batch.deliveries:
                        deadline = time.monotonic() + d.timeout_ms / 1000 if d.timeout_ms else float("inf")
                        self.pool.submit(self.attempt, d, deadline, acks)
            except grpc.RpcError:
                pass  # the host has gone
            finally:
                acks.put(None)

        threading.Thread(target=read, daemon=True).start()
        while (ack := acks.get()) is not None:
            yield wire.Acks(acks=[ack])

    def attempt(self, d, deadline, acks):
        ack = wire.Ack(number=d.number, outcome=wire.OUTCOME_DELIVERED)
        try:
            ack.receipt.CopyFrom(self.senders[d.type].send(d, deadline))
        except Failed as e:
            ack.outcome, ack.error = e.outcome, clean(str(e))
            if e.receipt is not None:
                ack.receipt.CopyFrom(e.receipt)
            if isinstance(e, Throttled):
                ack.until_unix_ns = time.time_ns() + int(e.seconds * 1e9) if e.seconds else 0
            elif isinstance(e, RetryAfter):
                ack.after_ns = int(e.seconds * 1e9)
        except Exception:  # a bug of the sender's: its text could hold anything
            log.exception("send failed")
            ack.outcome, ack.error = wire.OUTCOME_RETRY, "the sender failed; its log says how"
        acks.put(ack)


def clean(text, most=1024):
    """text as a protobuf string can hold it, and of at most so many bytes."""
    return text.encode("utf-8", "replace")[:most].decode("utf-8", "ignore")


def handlers(service, done):
    """All services of the process. Those of go-plugin's own need no generated code:
    their messages are empty, or not read."""

    def shutdown(_, context):
        context.add_callback(done.set)
        return b""

    def stdio(_, context):  # what is printed goes to standard error, not through here
        done.wait()
        yield from ()

    def one(call, request, reply):
        return grpc.unary_unary_rpc_method_handler(call, request.FromString, reply.SerializeToString)

    methods = {
        "/bellbuoy.sender.v1.Sender/Describe": one(service.describe, wire.DescribeRequest, wire.Description),
        "/bellbuoy.sender.v1.Sender/Check": one(service.check, wire.CheckRequest, wire.CheckReply),
        "/bellbuoy.sender.v1.Sender/Render": one(service.render, wire.RenderRequest, wire.RenderReply),
        "/bellbuoy.sender.v1.Sender/Send": grpc.stream_stream_rpc_method_handler(
            service.send, wire.Deliveries.FromString, wire.Acks.SerializeToString
        ),
        "/grpc.health.v1.Health/Check": grpc.unary_unary_rpc_method_handler(lambda _, __: b"\x08\x01"),  # SERVING
        "/plugin.GRPCController/Shutdown": grpc.unary_unary_rpc_method_handler(shutdown),
        "/plugin.GRPCStdio/StreamStdio": grpc.unary_stream_rpc_method_handler(stdio),
    }

    class Handlers(grpc.GenericRpcHandler):
        def service(self, call):
            return methods.get(call.method)

    return Handlers()
