#!/usr/bin/env python3
"""The peer against itself, without a switch: every mode, every failure, the gatekeeper; then tshark judges its frames."""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading

from call import GATEWAY, VENDOR
from codec import RAS_MESSAGE, VERSION, decode, encode, transport, where

HERE = os.path.dirname(os.path.abspath(__file__))
PEER = [sys.executable, os.path.join(HERE, "peer.py")]
MODES = ["slow", "fast", "tunnelled", "fast-tunnelled"]
FOLDER = tempfile.mkdtemp()
CHECKS = 0


def check(condition, what):
    global CHECKS
    CHECKS += 1
    if not condition:
        raise AssertionError(what)


class Peer:
    """A peer that runs, and what it has said."""

    def __init__(self, name, *words):
        self.pcap = os.path.join(FOLDER, name + ".pcap")
        self.process = subprocess.Popen([*PEER, "--pcap", self.pcap, *words], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self.events, self.news = [], threading.Condition()
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self):
        for line in self.process.stdout:
            with self.news:
                self.events.append(json.loads(line))
                self.news.notify_all()

    def wait(self, event, seconds=10):
        with self.news:
            if not self.news.wait_for(lambda: self.all(event), seconds):
                raise AssertionError(f"no {event} within {seconds} s: {self.events}")
            return self.all(event)[0]

    def all(self, event):
        return [one for one in self.events if one["event"] == event]

    def end(self, by_signal=False):
        if by_signal:
            self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(30)
        self.thread.join()
        errors = self.process.stderr.read()
        check(not errors, f"it complained: {errors}")
        return status


def pair(name, answer, call):
    """An answerer and a caller of one call: both when they have ended."""
    called = Peer(name + "-called", "answer", "--listen", "127.0.0.1:0", "--calls", "1", *answer)
    ip, port = called.wait("listening")["address"]
    caller = Peer(name + "-caller", "call", "--to", f"{ip}:{port}", *call)
    status = caller.end()
    check(called.end() == 0, f"{name}: {called.events}")
    return status, caller, called


def digits(peer):
    return "".join(one["digit"] for one in peer.all("digit"))


def whole_calls():
    script = "0.3:digits:signal:1,0.5:digits:alphanumeric:2,0.7:digits:rfc4733:3,1.1:digits:keypad:#,1.2:inquire," \
             "1.3:empty,1.4:keepalive,1.5:hold,1.9:resume,2.5:hangup"
    for mode in MODES:
        for early in ([], ["--early-h245"]):
            for fast_in in ("connect", "alerting"):
                name = mode + "".join(early) + "-" + fast_in
                status, caller, called = pair(
                    name, ["--mode", mode, "--fast-in", fast_in, *early], ["--mode", mode, "--script", script, *early])
                check(status == 0, f"{name}: {caller.events}")
                check(digits(called) == "123#", f"{name}: digits {called.events}")
                check(caller.all("status"), f"{name}: no status")
                check(called.all("hold") and called.all("resume"), f"{name}: not held")
                check(bool(caller.all("fast")) == mode.startswith("fast"), f"{name}: fast start")
                check(bool(caller.all("h245-connection")) != mode.endswith("tunnelled"), f"{name}: connection")
                for peer in (caller, called):
                    counts = peer.all("rtp")[0]
                    check(counts["received"] >= 40 and counts["odd"] == 0, f"{name}: {counts}")
                check(called.all("released")[0]["cause"] == 16, f"{name}: {called.events}")


def mixed_calls():
    """Sides that want different things agree on what both can."""
    for ours in MODES:
        for theirs in MODES:
            if ours != theirs:
                status, caller, called = pair(f"{ours}-with-{theirs}", ["--mode", theirs],
                                              ["--mode", ours, "--script", "0.6:hangup"])
                check(status == 0, f"{ours} with {theirs}: {caller.events}")
                check(called.all("rtp")[0]["received"] >= 10, f"{ours} with {theirs}: {called.events}")


def failures():
    for behaviour, cause in (("refuse:17", 17), ("refuse:1", 1), ("refuse:34", 34)):
        status, caller, _ = pair(behaviour.replace(":", "-"), ["--behaviour", behaviour], [])
        check(status == 1 and caller.all("released")[0]["cause"] == cause, f"{behaviour}: {caller.events}")
    status, caller, _ = pair("reset", ["--behaviour", "reset"], [])
    check(status == 1 and caller.all("lost"), f"reset: {caller.events}")
    status, caller, called = pair("no-answer", ["--behaviour", "no-answer"], ["--cancel-after", "0.5"])
    check(status == 1 and called.all("released")[0]["cause"] == 16, f"no answer: {called.events}")
    status, caller, called = pair("codecs", ["--codecs", "G729"], ["--codecs", "PCMA", "--script", "0.5:hangup"])
    check(status == 0 and caller.all("no-codec") and called.all("rtp")[0]["received"] == 0, f"codecs: {caller.events}")
    status, caller, called = pair("broken", [], ["--script", "0.5:reset"])
    check(status == 0 and called.all("lost"), f"reset in the call: {called.events}")
    for codec in ("G729", "G723"):
        status, caller, called = pair(codec, ["--codecs", codec, "--mode", "fast"],
                                      ["--codecs", codec, "--mode", "fast", "--script", "0.6:hangup"])
        check(called.all("rtp")[0]["codec"] == codec and called.all("rtp")[0]["received"] >= 8, f"{codec}")


class Endpoint:
    """What asks a gatekeeper, by hand."""

    def __init__(self, target):
        self.wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.wire.bind(("127.0.0.1", 0))
        self.wire.settimeout(3)
        self.target, self.place, self.number = target, transport(*self.wire.getsockname()), 0

    def ask(self, name, value, again=False):
        self.number += 0 if again else 1
        self.wire.sendto(encode(RAS_MESSAGE, (name, {"requestSeqNum": self.number, **value})), self.target)
        return self.hear()

    def hear(self):
        return decode(RAS_MESSAGE, self.wire.recv(4096))

    def register(self, endpoint=None):
        value = {"protocolIdentifier": VERSION, "discoveryComplete": True, "callSignalAddress": [self.place],
                 "rasAddress": [self.place], "terminalType": GATEWAY, "terminalAlias": [("h323-ID", "a")],
                 "endpointVendor": VENDOR, "timeToLive": 60, "keepAlive": endpoint is not None,
                 "willSupplyUUIEs": False, "maintainConnection": False}
        return self.ask("registrationRequest", value | ({"endpointIdentifier": endpoint} if endpoint else {}))

    def admission(self, endpoint):
        return {"callType": ("pointToPoint", 0), "endpointIdentifier": endpoint,
                "destinationInfo": [("dialledDigits", "442071234567")], "srcInfo": [("dialledDigits", "1")],
                "bandWidth": 1280, "callReferenceValue": 1, "conferenceID": bytes(16), "activeMC": False,
                "answerCall": False, "canMapAlias": True, "callIdentifier": {"guid": bytes(16)},
                "willSupplyUUIEs": False}


def gatekeepers():
    keeper = Peer("keeper", "gatekeeper", "--listen", "127.0.0.1:0", "--route", "127.0.0.1:9", "--rip", "100",
                  "--forget", "1")
    us = Endpoint(tuple(keeper.wait("listening")["address"]))
    name, value = us.register()
    check(name == "registrationConfirm" and value["timeToLive"] == 60, f"{name} {value}")
    endpoint = value["endpointIdentifier"]
    check(us.register(endpoint)[0] == "registrationConfirm", "the lightweight registration")
    check(us.ask("admissionRequest", us.admission(endpoint))[0] == "requestInProgress", "RIP")
    name, value = us.hear()
    check(name == "admissionConfirm" and where(value["destCallSignalAddress"]) == ("127.0.0.1", 9), f"{name} {value}")
    name, _ = us.ask("disengageRequest", {
        "endpointIdentifier": endpoint, "conferenceID": bytes(16), "callReferenceValue": 1,
        "disengageReason": ("normalDrop", 0), "callIdentifier": {"guid": bytes(16)}, "answeredCall": False})
    check(name == "disengageConfirm", name)
    keeper.wait("forgot")
    name, value = us.register(endpoint)
    check(value["rejectReason"][0] == "fullRegistrationRequired", f"{name} {value}")
    keeper.end(by_signal=True)
    keeper = Peer("refuser", "gatekeeper", "--listen", "127.0.0.1:0", "--reject", "requestDenied", "--unregister", "1")
    us = Endpoint(tuple(keeper.wait("listening")["address"]))
    endpoint = us.register()[1]["endpointIdentifier"]
    name, value = us.ask("admissionRequest", us.admission(endpoint))
    check(name == "admissionReject" and value["rejectReason"][0] == "requestDenied", f"{name} {value}")
    check(us.hear()[0] == "unregistrationRequest", "URQ")
    keeper.end(by_signal=True)


def dissect():
    """Nothing that was sent is malformed, and the calls were seen as calls."""
    if not shutil.which("tshark"):
        print("no tshark: frames are not judged")
        return
    seen = 0
    for name in sorted(os.listdir(FOLDER)):
        words = ["tshark", "-r", os.path.join(FOLDER, name)]
        bad = subprocess.run([*words, "-Y", "_ws.malformed"], capture_output=True, text=True, check=True).stdout
        check(not bad, f"{name}: {bad}")
        rows = subprocess.run([*words, "-T", "fields", "-e", "_ws.col.Info"], capture_output=True, text=True,
                              check=True).stdout.splitlines()
        check(any("setup" in row or "registrationRequest" in row for row in rows), f"{name}: no call: {rows[:5]}")
        seen += len(rows)
    print(f"tshark: {seen} frames")


def main():
    try:
        for part in (gatekeepers, whole_calls, mixed_calls, failures, dissect):
            part()
            print(f"{part.__name__}: right", flush=True)
        print(f"{CHECKS} checks")
    finally:
        shutil.rmtree(FOLDER)


if __name__ == "__main__":
    main()
