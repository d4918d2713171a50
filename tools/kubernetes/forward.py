"""Carry 127.0.0.1:PORT of this machine to 127.0.0.1:PORT of a network namespace.   forward.py NAMESPACE PORT

A socket stays in the network that it was made in. So this listens first, goes over into the namespace then, and makes
its connections there.
"""

import asyncio
import ctypes
import os
import socket
import sys
from contextlib import suppress

NEW_NETWORK = 0x40000000
"""CLONE_NEWNET of setns(2)."""
AT_ONCE = 65536


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Everything from one side to the other, its end included."""
    with suppress(OSError):
        while data := await reader.read(AT_ONCE):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


async def serve(namespace: str, port: int) -> None:
    """Run until ended."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(carry(reader, far_writer), carry(far_reader, writer))
        for side in (writer, far_writer):
            side.close()

    listener = socket.create_server(("127.0.0.1", port))
    where = os.open(namespace, os.O_RDONLY)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(where, NEW_NETWORK) != 0:
        raise OSError(ctypes.get_errno(), f"{namespace} cannot be entered")
    server = await asyncio.start_server(accept, sock=listener)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
