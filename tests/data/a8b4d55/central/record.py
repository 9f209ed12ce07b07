#!/usr/bin/env python3
"""Records what Tollgate of commit a8b4d55 writes into a central ledger and into its feeds, for the tests that later versions must open it.

    record.py TOLLGATE FOLDER

TOLLGATE is the binary of that commit. Two nodes on a PostgreSQL of their own take calls while operators pay, charge, grant and correct. Into
FOLDER come:

    dump.sql      the whole database at the end (pg_dump, one INSERT a row)
    dialogue.sql  every transaction of the nodes and of the operators in the order of their commits, with its values written out and the
                  name of its message above it; what only looks, and looks as before, is there once
    nats.txt      what one node and the NATS server said to each other, a line each
    smtp.txt      the same with the mail server
    expected.json what the old version says of all this by its own API, and the sums over its call records

It needs PostgreSQL, nats-server and SIPp. Everything runs on loopback, below a temporary folder, and is ended by its process id.
"""

import csv, json, os, pathlib, re, shutil, socket, subprocess, sys, tempfile, threading, time, urllib.error, urllib.request

TOLLGATE, OUT = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
SIPP = pathlib.Path(__file__).resolve().parents[3] / "sipp" / "drive.sh"
PG = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
DECK = "prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until\n34,Spain,0.60,1,1,,,\n"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait(what, done, seconds=60):
    ends = time.monotonic() + seconds
    while not (found := done()):
        if time.monotonic() > ends:
            raise SystemExit(f"{what}: not after {seconds} s")
        time.sleep(0.05)
    return found


class Tap:
    """A relay that writes down both directions line by line, until it is silenced."""

    def __init__(self, target):
        self.target, self.lines = target, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            near, _ = self.listener.accept()
            far = socket.create_connection(("127.0.0.1", self.target))
            for mark, source, sink in [(">", near, far), ("<", far, near)]:
                threading.Thread(target=self.pump, args=(mark, source, sink), daemon=True).start()

    def pump(self, mark, source, sink):
        for line in source.makefile("rb"):
            self.lines.append(f"{mark} {line.decode('utf-8', 'backslashreplace').rstrip(chr(10)).rstrip(chr(13))}")
            try:
                sink.sendall(line)
            except OSError:
                return


class Mail:
    """A mail server that takes everything."""

    def __init__(self):
        self.lines = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self.talk, args=(client,), daemon=True).start()

    def talk(self, client):
        def say(text):
            self.lines.append(f"< {text}")
            client.sendall(text.encode() + b"\r\n")

        say("220 mail.example ESMTP")
        in_data = False
        for raw in client.makefile("rb"):
            line = raw.decode().rstrip("\r\n")
            self.lines.append(f"> {line}")
            word = line.split(" ")[0].upper()
            if in_data:
                if line == ".":
                    in_data = False
                    say("250 taken")
            elif word == "DATA":
                in_data = True
                say("354 go on")
            elif word == "QUIT":
                say("221 bye")
                return
            else:
                say("250 fine")


class Node:
    def __init__(self, name, folder, address, carrier, more=""):
        self.name, self.folder = name, folder / name
        self.sip, self.http = free_port(), free_port()
        (self.folder / "decks").mkdir(parents=True)
        (self.folder / "decks" / "retail.csv").write_text(DECK)
        (self.folder / "tollgate.toml").write_text(f"""
[node]
name = "{name}"
data_dir = "./data"
drain_secs = 20
ledger = "{address}"
slice_max = "1.00"
[sip]
listen = ["udp:127.0.0.1:{self.sip}", "tcp:127.0.0.1:{self.sip}"]
[http]
listen = "127.0.0.1:{self.http}"
admin_token_file = "./data/admin.token"
[media]
mode = "bypass"
address = "127.0.0.1"
[[deck]]
name = "retail"
file = "decks/retail.csv"
currency = "EUR"
[[account]]
name = "acme"
currency = "EUR"
balance = "9.00"
deck = "retail"
low_balance = "8.00"
email = "ops@acme.example"
[[account]]
name = "acme:shop"
currency = "EUR"
balance = "2.00"
deck = "retail"
[[payment_method]]
name = "bank"
currency = "EUR"
minimum = "1"
pending_days = 7
[[gate]]
name = "pbx"
account = "acme"
source = ["127.0.0.11"]
[[gate]]
name = "shop"
account = "acme:shop"
source = ["127.0.0.12"]
[[carrier]]
name = "alpha"
address = "sip:127.0.0.1:{carrier};transport=udp"
[[route]]
prefix = "34"
carriers = ["alpha"]
{more}
""")
        self.process = started(subprocess.Popen([TOLLGATE, "run", "--config", "tollgate.toml"], cwd=self.folder, stdout=subprocess.PIPE, text=True))
        line = self.process.stdout.readline()
        assert line.startswith("ready"), line
        self.token = (self.folder / "data" / "admin.token").read_text().strip()

    def api(self, path, body=None, key=None, method=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}/api/v1{path}", method=method)
        request.add_header("Authorization", f"Bearer {self.token}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        if key:
            request.add_header("Idempotency-Key", key)
        try:
            return json.load(urllib.request.urlopen(request))
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{path}: {error.read().decode()}")

    def stop(self):
        self.process.terminate()
        assert self.process.wait(60) == 0


def call(node, source, calls, pause_ms):
    subprocess.run(
        [SIPP, "uac_call", f"{source}:{free_port()}", "-t", f"127.0.0.1:{node.sip}", "-c", str(calls), "-d", str(pause_ms)], check=True
    )


class Postgres:
    def __init__(self, folder):
        self.folder, self.data = folder, folder / "data"
        # PostgreSQL refuses to run as root.
        self.as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
        if self.as_user:
            shutil.chown(folder, "postgres", "postgres")
        self.run("initdb", "--auth=trust", "--username=tollgate", "--no-sync", "--no-instructions", "-D", self.data)
        settings = ["fsync=off", "log_destination=csvlog", "logging_collector=on", "log_statement=all", "log_parameter_max_length=-1",
                    "log_filename=log", "log_rotation_size=0", "log_directory=log"]
        arguments = [word for setting in settings for word in ("-c", setting)]
        self.process = started(subprocess.Popen([*self.as_user, PG / "postgres", "-D", self.data, "-k", folder, "-h", "", *arguments]))
        wait("the database", lambda: subprocess.run([PG / "pg_isready", "-q", "-h", folder]).returncode == 0)
        self.address = f"postgres://tollgate@{str(folder).replace('/', '%2F')}/postgres"

    def run(self, program, *words):
        done = subprocess.run([*self.as_user, PG / program, *words], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{program}: {done.stderr}")
        return done.stdout

    def rows(self, sql):
        return self.run("psql", "-XAtq", "-U", "tollgate", "-d", "postgres", "-h", self.folder, "-c", sql).split("\n")[:-1]

    def stop(self):
        subprocess.run([*self.as_user, "kill", "-INT", str(self.process.pid)], check=True)
        self.process.wait()


MESSAGES = [  # the first whose mark a transaction has
    ("set up", "CREATE TABLE"), ("set up", "information_schema"), ("ship", "INSERT INTO entry (node, seq, account, at_ms, body, hash) SELECT"),
    ("lend", "SELECT count(*) FROM node WHERE seen_ms"), ("beat", "a.wanted_by <>"), ("join", "UPDATE node SET seen_ms"),
    ("last shipped", "SELECT last_seq FROM node"), ("expire", "due_ms <="), ("slices", "FROM slice s JOIN node"), ("trial balance", "FROM house"),
    ("order", "INSERT INTO entry"), ("order", "'@central' FOR UPDATE"), ("tell rates", "INTO told"), ("accounts", "FROM account"),
]


def written_out(sql, detail):
    """A statement with its values in the place of `$1` and so on."""
    values = dict(re.findall(r"\$(\d+) = ('(?:[^']|'')*'|NULL)", detail))
    return re.sub(r"\$(\d+)", lambda found: values.get(found[1], found[0]), sql)


def dialogue(postgres):
    """Transactions by the order of their commits."""
    open_, done = {}, []
    for row in csv.reader((postgres.data / "log" / "log.csv").read_text().splitlines(keepends=True)):
        session, text, detail, program = row[5], row[13], row[14], row[22]
        if program != "tollgate" or not (found := re.match(r"(?:execute [^:]*|statement): (.*)", text, re.S)):
            continue
        sql = " ".join(found[1].split())
        if sql.startswith(("START TRANSACTION", "BEGIN")):
            open_[session] = []
        elif sql.startswith("COMMIT"):
            done.append(open_.pop(session, []))
        elif sql.startswith("ROLLBACK"):
            open_.pop(session, None)
        elif session in open_:
            open_[session].append(written_out(sql, detail))
    said, seen = [], set()
    for statements in done:
        whole = "\n".join(statements)
        name = next((name for name, mark in MESSAGES if mark in whole), None)
        if name is None:
            raise SystemExit(f"no message has these statements:\n{whole}")
        writes = re.search(r"^(INSERT|UPDATE|DELETE|CREATE)", whole, re.M)
        # A beat writes its time and nothing else of use.
        shape = re.sub(r"'[^']*'", "?", whole)
        if (name == "beat" or not writes) and shape in seen:
            continue
        seen.add(shape)
        said.append(f"-- {name}\nBEGIN;\n" + "".join(f"{statement};\n" for statement in statements) + "COMMIT;\n")
    return "\n".join(said)


STARTED = []


def started(process):
    STARTED.append(process)
    return process


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    try:
        record()
    finally:
        for process in STARTED:
            if process.poll() is None:
                process.terminate()


def record():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tg", dir="/tmp"))
    os.chmod(folder, 0o755)
    (folder / "pg").mkdir()
    postgres = Postgres(folder / "pg")
    nats_port = free_port()
    nats = started(subprocess.Popen(["nats-server", "-a", "127.0.0.1", "-p", str(nats_port), "-js", "-sd", folder / "nats", "-l", folder / "nats.log"]))
    wait("NATS", lambda: socket.socket().connect_ex(("127.0.0.1", nats_port)) == 0)
    tap, mail, carrier = Tap(nats_port), Mail(), free_port()
    alpha = started(subprocess.Popen(["bash", SIPP, "uas_answer", f"127.0.0.1:{carrier}", "-w", "120"], start_new_session=True))
    mails = f'[mail]\nsmtp = "smtp://127.0.0.1:{mail.port}"\nfrom = "billing@example.net"\ntls = "none"\n'
    one = Node("n1", folder, postgres.address, carrier, f'[nats]\nurl = "nats://127.0.0.1:{tap.port}"\n{mails}')
    # Either may be the one that tells the customer.
    two = Node("n2", folder, postgres.address, carrier, mails)
    for node in ("n1", "n2"):
        wait("a slice", lambda: postgres.rows(f"SELECT 1 FROM slice WHERE node = '{node}' AND granted > returned AND account = 'acme'"))
    one.api("/accounts/acme/grants", {"pocket": "free", "kind": "minutes", "seconds": 3, "prefixes": ["34"], "reference": "welcome"}, "g1")
    wait("minutes", lambda: postgres.rows("SELECT 1 FROM slice WHERE account = 'acme/free' AND granted > 0"))
    wait("they are booked", lambda: not postgres.rows("SELECT 1 FROM lent"))
    call(one, "127.0.0.11", 2, 2_000)
    call(two, "127.0.0.11", 1, 3_000)
    call(two, "127.0.0.12", 1, 1_000)
    one.api("/accounts/acme/topups", {"amount": "5.00", "reference": "invoice 7"}, "t1")
    two.api("/accounts/acme/topups", {"amount": "20.00", "reference": "soon", "method": "bank", "state": "pending"}, "a1")
    two.api("/accounts/acme/topups", {"amount": "30.00", "reference": "later", "method": "bank", "state": "pending"}, "a2")
    one.api("/accounts/acme/topups/a1/book", {"fee": "0.50"}, "b1")
    one.api("/accounts/acme/charges", {"pieces": 3, "price": "0.10", "cause": "fax pages"}, "c1")
    two.api("/accounts/acme/corrections", {"amount": "-18.00", "reason": "counted twice"}, "x1")
    two.api("/accounts/acme/topups/t1/reverse", {"cause": "chargeback"}, "v1")
    one.api("/accounts/acme", {"language": "es"}, method="PATCH")
    shipped = "SELECT 1 WHERE (SELECT count(*) FROM cdr) = 4 AND NOT EXISTS (SELECT 1 FROM notice)"
    wait("all is shipped and told", lambda: postgres.rows(shipped))
    wait("NATS has both records", lambda: sum(line.startswith("> PUB") or line.startswith("> HPUB tollgate.cdr") for line in tap.lines) >= 2)
    wait("mails are sent", lambda: mail.lines.count("< 250 taken") >= 1)
    subprocess.run([TOLLGATE, "ledger", "slices", "--config", one.folder / "tollgate.toml"], check=True, stdout=subprocess.DEVNULL)
    expected = {
        "accounts": {name: one.api(f"/accounts/{name}") for name in ("acme", "acme:shop")},
        "trial": one.api("/ledger/trial-balance"),
        "cdrs": {node.name: node.api("/cdrs")["items"] for node in (one, two)},
    }
    one.stop()
    two.stop()
    os.killpg(alpha.pid, 15)
    expected["posted"] = {row.split("|")[0]: int(row.split("|")[1]) for row in postgres.rows("SELECT name, posted FROM account ORDER BY name")}
    expected["entries"] = int(postgres.rows("SELECT count(*) FROM entry")[0])
    (OUT / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    dump = postgres.run("pg_dump", "-U", "tollgate", "-d", "postgres", "-h", postgres.folder, "--inserts", "--no-owner")
    # Commands of the newest psql only.
    (OUT / "dump.sql").write_text(re.sub(r"^\\\\(un)?restrict.*\n", "", dump, flags=re.M))
    (OUT / "dialogue.sql").write_text(dialogue(postgres))
    (OUT / "nats.txt").write_text("\n".join(tap.lines) + "\n")
    (OUT / "smtp.txt").write_text("\n".join(mail.lines) + "\n")
    postgres.stop()
    nats.terminate()
    nats.wait()
    shutil.rmtree(folder)


main()
