"""TLS for one connection, over bytes: what came in goes through here, and so does what goes out.

asyncio's own TLS keeps a read buffer of 256 KiB for each connection (Python 3.11, ``sslproto.SSLProtocol``), a
gigabyte for the sessions of a thousand shards, and passes each byte through two more protocols. A session needs
neither: its protocol is called with ciphertext, and hands it to OpenSSL by memory alone. It also takes what came
right behind the packet that asked for TLS, which ``start_tls`` would lose.
"""

import ssl

_READ = 16384
"""Bytes of plaintext in a TLS record, at most (RFC 8446, 5.1)."""


class Tls:
    """One side of a TLS connection; ``name`` is the server's, given by a client."""

    __slots__ = ("_in", "_object", "_out", "established")

    def __init__(self, context: ssl.SSLContext, name: str | None = None) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self._in, self._out, server_side=name is None, server_hostname=name)
        self.established = False

    def handshake(self) -> None:
        """Go on with the handshake as far as what came allows.

        :raises ssl.SSLError: when the other side is not to be trusted, or speaks no TLS.
        """
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return
        self.established = True

    def received(self, data: bytes) -> bytes:
        """Take ciphertext, return the plaintext in it; go on with the handshake while there is one.

        :raises ssl.SSLError: as above.
        :raises EOFError: when the other side has ended the connection, as TLS does.
        """
        self._in.write(data)
        if not self.established:
            self.handshake()
            if not self.established:
                return b""
        found = b""
        while self._in.pending or self._object.pending():  # to read on and be refused costs an exception
            try:
                part = self._object.read(_READ)
            except ssl.SSLWantReadError:
                return found
            except ssl.SSLZeroReturnError as error:
                if found:
                    return found  # the end shows at the next read, or by the connection itself
                raise EOFError("the other side closed the connection") from error
            if not part:
                return found
            found = found + part if found else part
        return found

    def sealed(self, data: bytes) -> bytes:
        """``data`` as ciphertext to send."""
        self._object.write(data)
        return self._out.read()

    def outgoing(self) -> bytes:
        """What the handshake wants sent."""
        return self._out.read() if self._out.pending else b""
