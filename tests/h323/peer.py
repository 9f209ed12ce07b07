#!/usr/bin/env python3
"""A peer for tests of H.323: a gateway that calls or answers, and a gatekeeper.

    peer.py call --to 127.0.0.1:1720 --number 442071234567 --mode fast-tunnelled --script 1:digits:signal:12,3:hangup
    peer.py answer --listen 127.0.0.1:1721 --mode slow --behaviour refuse:17
    peer.py gatekeeper --listen 127.0.0.1:1719 --route 127.0.0.1:1721

Each line printed is an event in JSON: `t` in seconds since the start, `event`, `call` and the event's facts.
The status is 0 if nothing came that no standard allows, and, of a call, if it was answered.
"""
import argparse
import asyncio
import json
import sys
import time

from call import Call
from codec import CODECS, Malformed
from frames import Frames, NoFrames
from gatekeeper import Gatekeeper, Rejections

START = time.monotonic()
WRONG = []


def tell(event, **facts):
    if event in ("malformed", "unsaid"):
        WRONG.append(event)
    print(json.dumps({"t": round(time.monotonic() - START, 3), "event": event, **facts}), flush=True)


def address(text):
    ip, _, port = text.rpartition(":")
    return ip, int(port)


def script(text):
    steps = []
    for step in filter(None, text.split(",")):
        at, verb, *words = step.split(":")
        steps.append((float(at), verb, words))
    return sorted(steps, key=lambda step: step[0])


def codecs(text):
    names = [name for name in text.split(",") if name]
    unknown = [name for name in names if name not in CODECS]
    if unknown:
        raise argparse.ArgumentTypeError(f"not among {', '.join(CODECS)}: {', '.join(unknown)}")
    return names


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pcap", help="what was sent and came, for tshark")
    parts = parser.add_subparsers(dest="part", required=True)
    side = argparse.ArgumentParser(add_help=False)
    side.add_argument("--mode", default="slow", choices=["slow", "fast", "tunnelled", "fast-tunnelled"])
    side.add_argument("--early-h245", action="store_true", help="H.245 before the answer")
    side.add_argument("--no-h245", dest="h245", action="store_false", help="none after a fast start")
    side.add_argument("--codecs", type=codecs, default=["PCMA", "PCMU"])
    side.add_argument("--send-codecs", type=codecs, default=[], help="what we send, if not the first common one")
    side.add_argument("--dtmf", type=lambda text: text.split(","), default=["signal", "alphanumeric", "rfc4733"])
    side.add_argument("--no-rtp", dest="rtp", action="store_false")
    side.add_argument("--script", type=script, default=[], help="AT:VERB[:WORDS],… seconds since the answer")
    call = parts.add_parser("call", parents=[side])
    call.add_argument("--to", type=address, required=True)
    call.add_argument("--local", default="127.0.0.1")
    call.add_argument("--calling", default="34911222333")
    call.add_argument("--number", default="442071234567")
    call.add_argument("--withheld", action="store_true")
    call.add_argument("--display", default="peer")
    call.add_argument("--cancel-after", type=float, help="seconds until the caller gives up, if nobody answers")
    call.add_argument("--limit", type=float, default=90, help="seconds until it ends in any case")
    answer = parts.add_parser("answer", parents=[side])
    answer.add_argument("--listen", type=address, required=True)
    answer.add_argument("--behaviour", default="answer",
                        help="answer, no-answer, silent, reset, refuse:CAUSE")
    answer.add_argument("--fast-in", default="connect", choices=["alerting", "connect"])
    answer.add_argument("--ring", type=float, default=0.2)
    answer.add_argument("--calls", type=int, default=0, help="ends after so many")
    keeper = parts.add_parser("gatekeeper")
    keeper.add_argument("--listen", type=address, required=True)
    keeper.add_argument("--name", default="gk")
    keeper.add_argument("--route", type=address, help="where admitted calls are sent")
    keeper.add_argument("--ttl", type=int, default=60)
    keeper.add_argument("--reject", choices=Rejections, help="every admission")
    keeper.add_argument("--rip", type=int, default=0, help="ms asked for before an admission is answered")
    keeper.add_argument("--lose", type=int, default=0, help="of every request so many are not answered")
    keeper.add_argument("--forget", type=float, help="seconds until it forgets registrations")
    keeper.add_argument("--unregister", type=float, help="seconds until it unregisters every endpoint")
    settings = parser.parse_args()
    if settings.part != "gatekeeper":
        settings.fast = settings.mode.startswith("fast")
        settings.tunnelling = settings.mode.endswith("tunnelled")
    return settings


async def place(settings, frames):
    reader, writer = await asyncio.open_connection(*settings.to, local_addr=(settings.local, 0))
    call = Call(settings, reader, writer, tell, frames)
    await call.setup()
    running = asyncio.ensure_future(call.run())
    if settings.cancel_after:
        async def cancel():
            await asyncio.sleep(settings.cancel_after)
            if not call.connected.is_set():
                call.release(16)
        call.later(cancel())
    done, _ = await asyncio.wait([running], timeout=settings.limit)
    if not done:
        call.release(16)
        await running
    running.result()
    return call.connected.is_set()


async def serve(settings, frames):
    count, over = 0, asyncio.Event()

    async def accept(reader, writer):
        nonlocal count
        call = Call(settings, reader, writer, tell, frames)
        try:
            await call.run()
        except Malformed as error:
            tell("malformed", error=str(error))
        count += 1
        if settings.calls and count >= settings.calls:
            over.set()

    server = await asyncio.start_server(accept, *settings.listen)
    frames.port = server.sockets[0].getsockname()[1]
    tell("listening", address=list(server.sockets[0].getsockname()[:2]))
    await over.wait()
    server.close()
    return True


async def keep(settings, frames):
    loop = asyncio.get_running_loop()
    wire, keeper = await loop.create_datagram_endpoint(
        lambda: Gatekeeper(settings, tell, frames), settings.listen)
    frames.port = wire.get_extra_info("sockname")[1]
    tell("listening", address=list(wire.get_extra_info("sockname")[:2]))
    await keeper.over.wait()
    return True


async def main():
    settings = arguments()
    port = settings.to[1] if settings.part == "call" else settings.listen[1]
    standard = 1719 if settings.part == "gatekeeper" else 1720
    frames = Frames(settings.pcap, port, standard) if settings.pcap else NoFrames()
    part = {"call": place, "answer": serve, "gatekeeper": keep}[settings.part]
    try:
        answered = await part(settings, frames)
    except (Malformed, ConnectionError) as error:
        tell("malformed" if isinstance(error, Malformed) else "lost", error=str(error))
        answered = False
    return 0 if answered and not WRONG else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
