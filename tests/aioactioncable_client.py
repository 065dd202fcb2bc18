"""Listens with the token that comes in, and prints what happens, a JSON text a line: python … URL"""

import asyncio
import json
import sys

import aioactioncable


async def main(url: str) -> None:
    async with aioactioncable.connect(url) as connection:
        session = {"channel": "RoomChannel", "pubsub_token": input()}
        subscription = await connection.subscribe(session)
        print(json.dumps("confirmed"), flush=True)
        async for event in subscription:
            print(event, flush=True)


asyncio.run(main(*sys.argv[1:]))
