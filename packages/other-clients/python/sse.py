"""Prints the events of a stream, one JSON line each, and comes back after every cut."""

import json
import sys
import time

import httpx
from httpx_sse import connect_sse

url, named = sys.argv[1], sys.argv[2] == "named"
last_id = None
while True:
    headers = {"Last-Event-ID": last_id} if last_id else {}
    try:
        with httpx.Client(timeout=httpx.Timeout(5, read=None)) as client:
            with connect_sse(client, "GET", url, headers=headers) as source:
                source.response.raise_for_status()
                for sse in source.iter_sse():
                    last_id = sse.id or last_id
                    if sse.event == ("activity:new" if named else "message"):
                        print(json.dumps({"name": sse.event, **sse.json()}), flush=True)
    except (httpx.TransportError, httpx.HTTPStatusError):
        pass
    time.sleep(0.1)
