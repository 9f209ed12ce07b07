#!/usr/bin/env python3
"""Two phones of another maker talk through Tollgate, each in a codec that the other has not, and what each hears is
compared with what the other said (PESQ, narrow band): `calls.py TOLLGATE [FOLDER]`.

Needs baresip, espeak-ng and sox, and python3 with pesq and numpy. Debian's baresip has neither G.729 nor G.723.1: where a
row names them they are spoken between two or three nodes in a row, so that each node transcodes between the codecs named.

Phones and nodes are in network namespaces of their own, made here and removed at the end (as root): a phone's packets have
to come from the address that it says.
"""
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import numpy
from pesq import pesq

SECONDS = 26
NAME = "tgcalls"
PHONES = [("10.99.1.2", "10.99.1.1"), ("10.99.2.2", "10.99.2.1")]
NODES = [PHONES[0][1], "10.99.0.2", "10.99.0.3"]
# What each of the two phones speaks, and what is spoken between the nodes.
CALLS = [
    ("PCMA - PCMA", "pcma", [], "pcma"),
    ("PCMA - PCMU", "pcma", [], "pcmu"),
    ("PCMA - G.729 - PCMA", "pcma", ["G729"], "pcma"),
    ("PCMA - G.729 - G.723.1 - PCMA", "pcma", ["G729", "G723"], "pcma"),
    ("Opus - PCMA", "opus", [], "pcma"),
    ("Opus - G.729 - PCMA", "opus", ["G729"], "pcma"),
]
SENTENCES = {
    "en": "The balance of your account is low. Please charge it before you place another call to this destination. Thank you for calling. "
    "Prices are shown on our page, and they change on the first day of every month.",
    "es": "El saldo de su cuenta es bajo. Recárguelo antes de hacer otra llamada a este destino. Gracias por llamar. Los precios se ven en "
    "nuestra página y cambian el primer día de cada mes.",
}


def say(folder, language):
    """Speech as WAV at 8 and at 48 kHz, which is what baresip plays to its codecs."""
    spoken = folder / f"say-{language}.wav"
    subprocess.run(["espeak-ng", "-v", language, "-s", "150", "-w", spoken, SENTENCES[language]], check=True)
    for rate, channels in ((8000, 1), (48000, 2)):
        out = folder / f"{language}-{rate}.wav"
        subprocess.run(
            ["sox", "-V1", spoken, "-r", str(rate), "-c", str(channels), "-b", "16", "-e", "signed", out, "gain", "-n", "-6", "pad", "1.5", "30"],
            check=True,
        )
    return folder / f"{language}-8000.wav"


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def make_networks():
    """One namespace for this program and the nodes, one for each phone."""
    ip("netns", "add", NAME)
    ip("-n", NAME, "link", "set", "lo", "up")
    for address in NODES[1:]:
        ip("-n", NAME, "address", "add", address + "/32", "dev", "lo")
    for n, (theirs, ours) in enumerate(PHONES):
        ip("netns", "add", f"{NAME}{n}")
        ip("-n", NAME, "link", "add", f"phone{n}", "type", "veth", "peer", "name", "eth0", "netns", f"{NAME}{n}")
        ip("-n", NAME, "address", "add", ours + "/24", "dev", f"phone{n}")
        ip("-n", NAME, "link", "set", f"phone{n}", "up")
        for words in (["address", "add", theirs + "/24", "dev", "eth0"], ["link", "set", "eth0", "up"], ["link", "set", "lo", "up"]):
            ip("-n", f"{NAME}{n}", *words)
        ip("-n", f"{NAME}{n}", "route", "add", "default", "via", ours)


def remove_networks():
    for name in (NAME, f"{NAME}0", f"{NAME}1"):
        subprocess.run(["ip", "netns", "delete", name], stderr=subprocess.DEVNULL)


def free_port(ip):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((ip, 0))
        return probe.getsockname()[1]


def node(tollgate, folder, number, ip, source, target, codecs):
    """One node: a gate at `source`, a carrier at `target`, with these codecs."""
    home = folder / f"node-{number}"
    (home / "secrets").mkdir(parents=True, exist_ok=True)
    (home / "deck.csv").write_text("prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until\n34,Spain,0.60,1,1,,,\n")
    http = free_port(ip)
    token = home / "secrets" / "token"
    token.write_text("token-token-token-token-token-token\n")
    os.chmod(token, 0o600)
    (home / "tollgate.toml").write_text(f"""
[node]
name = "n{number}"
max_calls = 100
data_dir = "{home}/data"
[sip]
listen = ["udp:{ip}:5060"]
[http]
listen = "{ip}:{http}"
admin_token_file = "secrets/token"
[media]
address = "{ip}"
ports = [{20000 + 1000 * number}, {20999 + 1000 * number}]
transcode = true
[[deck]]
name = "retail"
file = "deck.csv"
currency = "EUR"
[[account]]
name = "acme"
currency = "EUR"
deck = "retail"
balance = "100.00"
[[gate]]
name = "before"
account = "acme"
source = ["{source}"]
codecs = ["{codecs[0]}"]
[[carrier]]
name = "next"
address = "sip:{target};transport=udp"
codecs = ["{codecs[1]}"]
[[route]]
prefix = "34"
carriers = ["next"]
""")
    log = open(home / "log", "w")
    process = subprocess.Popen([tollgate, "run", "--config", home / "tollgate.toml"], stdout=log, stderr=log)
    return process, f"http://{ip}:{http}", home


def phone(folder, name, number, codec, wav):
    ip = PHONES[number][0]
    home = folder / f"phone-{name}"
    home.mkdir(parents=True, exist_ok=True)
    control = 4444
    modules = next(p for p in ("/usr/lib/baresip/modules", "/usr/lib/x86_64-linux-gnu/baresip/modules") if os.path.isdir(p))
    (home / "config").write_text(f"""sip_listen {ip}:5060
audio_source aufile,{wav}
audio_player aubridge,x
audio_alert aubridge,x
rtp_ports 30000-30999
module_path {modules}
module g711.so
module opus.so
module aubridge.so
module aufile.so
module sndfile.so
snd_path {home}
module_app account.so
module_app menu.so
module ctrl_tcp.so
ctrl_tcp_listen {ip}:{control}
dns_server 127.0.0.1:9
""")
    (home / "accounts").write_text(f"<sip:{name}@{ip}>;regint=0;answermode=auto;audio_codecs={codec}\n")
    log = open(home / "log", "w")
    process = subprocess.Popen(["ip", "netns", "exec", f"{NAME}{number}", "baresip", "-f", home], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=home)
    for _ in range(100):
        try:
            return process, socket.create_connection((ip, control), 1), home
        except OSError:
            time.sleep(0.05)
    sys.exit(f"baresip did not start: {log.name}")


def command(line, name, params):
    text = json.dumps({"command": name, "params": params})
    line.sendall(f"{len(text)}:{text},".encode())


def load(path):
    raw = subprocess.run(
        ["sox", "-V1", path, "-t", "raw", "-e", "signed", "-b", "16", "-r", "8000", "-c", "1", "-"], check=True, stdout=subprocess.PIPE
    ).stdout
    return numpy.frombuffer(raw, dtype="<i2").astype(numpy.float64)


def score(spoken, heard):
    """PESQ of what was said, found in what was heard by its likeness; and by how many samples it is later there."""
    active = numpy.nonzero(numpy.abs(spoken) > 500)[0]
    begin, end = active[0], active[-1]
    spoken = spoken[begin:end]
    size = 1 << (len(heard) + len(spoken)).bit_length()
    likeness = numpy.fft.irfft(numpy.fft.rfft(heard, size) * numpy.conj(numpy.fft.rfft(spoken, size)), size)
    at = int(numpy.argmax(likeness[: max(1, len(heard) - len(spoken) // 2)]))
    heard = heard[at : at + len(spoken)]
    spoken = spoken[: len(heard)]
    piece = 8 * 8000
    values = [pesq(8000, spoken[i : i + piece] / 32768, heard[i : i + piece] / 32768, "nb") for i in range(0, len(heard) - piece + 1, piece)]
    return (sum(values) / len(values) if values else float("nan")), len(heard) / 8000


def call(tollgate, folder, wavs, row):
    title, first, between, last = row
    home = folder / title.replace(" ", "").replace(".", "")
    home.mkdir(parents=True, exist_ok=True)
    count = max(1, len(between) + (1 if between else 0))
    ips = NODES[:count]
    ends = [theirs for theirs, _ in PHONES]
    names = {"pcma": "PCMA", "pcmu": "PCMU", "opus": "OPUS"}
    chain = [names[first], *between, names[last]]
    running = []
    try:
        for n, ip in enumerate(ips):
            source = ends[0] if n == 0 else ips[n - 1]
            target = f"{ips[n + 1]}:5060" if n + 1 < count else f"{ends[1]}:5060"
            process, api, _ = node(tollgate, home, n, ip, source, target, (chain[n], chain[n + 1]))
            running.append(process)
        time.sleep(2.5)
        phones = []
        for name, number, codec, language in (("34911000001", 0, first, "en"), ("34911000000", 1, last, "es")):
            rate = 48000 if codec == "opus" else 8000
            codec = "opus/48000/2" if codec == "opus" else codec
            process, line, at = phone(home, name, number, codec, folder / f"{language}-{rate}.wav")
            running.append(process)
            phones.append((line, at))
        command(phones[0][0], "dial", f"sip:34911000000@{ips[0]}:5060")
        time.sleep(SECONDS)
        command(phones[0][0], "hangup", "")
        time.sleep(2)
        heard = []
        for (_, at), language in zip(phones, ("es", "en")):
            files = sorted(at.glob("*dec.wav"))
            if not files:
                print(f"{title:<32} phone {at.name} heard nothing: {at}/log")
                return
            value, seconds = score(load(wavs[language]), load(files[0]))
            heard.append(f"{value:5.2f} ({seconds:.1f} s)")
        print(f"{title:<32} a to b {heard[1]}   b to a {heard[0]}")
    finally:
        for process in reversed(running):
            process.send_signal(signal.SIGTERM)
        for process in running:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def main():
    tollgate = os.path.realpath(sys.argv[1])
    folder = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else "target/calls").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    wavs = {language: say(folder, language) for language in SENTENCES}
    for row in CALLS:
        call(tollgate, folder, wavs, row)


if os.environ.get("TGCALLS"):
    main()
else:
    remove_networks()
    make_networks()
    try:
        inside = ["ip", "netns", "exec", NAME, sys.executable, *sys.argv]
        sys.exit(subprocess.run(inside, env={**os.environ, "TGCALLS": "1"}).returncode)
    finally:
        remove_networks()
