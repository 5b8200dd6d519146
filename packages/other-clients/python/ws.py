"""Prints the events of a WebSocket, one JSON line each, and comes back after every cut."""

import json
import sys
import time

from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import connect

url, channel = sys.argv[1], sys.argv[2]
cursor = "earliest"
while True:
    try:
        with connect(url, subprotocols=["radial.v1"]) as socket:
            subscribe = {"op": "subscribe", "id": 1, "channels": [channel], "cursor": cursor}
            socket.send(json.dumps(subscribe))
            for text in socket:
                message = json.loads(text)
                if "op" not in message:
                    cursor = message["cursor"]
                    print(json.dumps({"name": "message", **message}), flush=True)
    except (ConnectionClosed, InvalidHandshake, OSError):
        pass
    time.sleep(0.1)
