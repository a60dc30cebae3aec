"""Addresses that the driver itself makes: relays to a server, and dead ends."""

import socket
import threading

# The characters that HPACK (RFC 7541, appendix B) writes with 5, 6 and 7 bits,
# in the order of their codes, and the first code of each.
_HUFFMAN = {
    character: (first + place, bits)
    for bits, first, characters in (
        (5, 0x00, "012aceiost"),
        (6, 0x14, " %-./3456789=A_bdfghlmnpru"),
        (7, 0x5C, ":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz"),
    )
    for place, character in enumerate(characters)
}

_WATCH = "/wxident.v1.IdentityService/WatchAccessToken"
# As long as the name it stands for, in either way of writing it.
_NO_WATCH = "/wxident.v1.IdentityService/VatchAccessToken"


def huffman(text):
    """`text` as HPACK may write it; the last byte only where it is whole."""
    bits = "".join(format(code, f"0{size}b")
                   for code, size in map(_HUFFMAN.__getitem__, text))
    return bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits) - 7, 8))


class Gate:
    """Relays TCP to a server from an address of its own.

    A client that comes through a gate of its own shares nothing with others,
    and the driver sees what it sends. With `watch` false the server seems to
    be one that does not know WatchAccessToken: its name is misspelt on the way.
    The connection that first carries a header `cut` is lost with the answer.
    """

    def __init__(self, target, watch=True, cut=None):
        self._target = target
        self._swaps = [] if watch else [
            (_WATCH.encode(), _NO_WATCH.encode()),
            (huffman(_WATCH), huffman(_NO_WATCH)),
        ]
        self._cut = [cut.encode(), huffman(cut)] if cut else []
        self._lock = threading.Lock()
        self._open = threading.Event()
        self._open.set()
        self._seen = bytearray()
        self._sockets = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def saw(self, text):
        """Whether a client has sent this text as a header, or its beginning."""
        with self._lock:
            return text.encode() in self._seen or huffman(text) in self._seen

    def hold(self):
        """From now on nothing goes through, though connections stay."""
        self._open.clear()

    def close(self):
        """Ends the relay and every connection through it."""
        # Wakes the thread that accepts.
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()
        with self._lock:
            sockets, self._sockets = self._sockets, set()
        for each in sockets:
            _end(each)
        self._open.set()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._target)
            except OSError:
                client.close()
                continue
            with self._lock:
                self._sockets |= {client, server}
            doomed = threading.Event()
            for pump, source, sink in ((self._to_server, client, server),
                                       (self._to_client, server, client)):
                threading.Thread(target=self._pump, daemon=True,
                                 args=(pump, source, sink, doomed)).start()

    def _pump(self, pump, source, sink, doomed):
        try:
            pump(source, sink, doomed)
        except OSError:
            pass
        _end(source)
        _end(sink)

    def _to_server(self, source, sink, doomed):
        while data := source.recv(1 << 16):
            for known, unknown in self._swaps:
                data = data.replace(known, unknown)
            with self._lock:
                self._seen += data
                if any(each in data for each in self._cut):
                    self._cut = []
                    doomed.set()
            self._open.wait()
            sink.sendall(data)

    def _to_client(self, source, sink, doomed):
        while data := source.recv(1 << 16):
            if doomed.is_set():
                return
            self._open.wait()
            sink.sendall(data)


class DeadEnds:
    """Addresses where nobody helps: a closed port, and one that never speaks."""

    def __init__(self):
        # Bound, so that nobody else gets it, and not listening.
        self._closed = socket.socket()
        self._closed.bind(("127.0.0.1", 0))
        self._silent = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.closed = "127.0.0.1:%d" % self._closed.getsockname()[1]
        self.silent = "127.0.0.1:%d" % self._silent.getsockname()[1]

    def close(self):
        self._closed.close()
        self._silent.close()


def _end(each):
    try:
        each.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    each.close()
