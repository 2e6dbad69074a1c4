#!/usr/bin/env python3
"""Tries `exp schema` in yaml-language-server, as an editor would: shipped experiments get no complaints, faulty ones get
theirs at the right line, and names and words show where one types or points.

Usage: try_language_server.py SERVER EXP [FOLDER], with yaml-language-server, the program and the project's folder.
`npm install yaml-language-server` makes node_modules/.bin/yaml-language-server; Python needs nothing else.
"""
import json
import pathlib
import queue
import subprocess
import sys
import tempfile
import threading

PATIENCE = 60  # seconds to wait for an answer
SCHEMA = "exp.schema.json"

# Begin an experiment: without its model, with it but without stages, and with all it needs but the budget.
DATA = "name: x\noptimizer: adam\ndata: {dataset: synthetic}\n"
MODEL = DATA + "train: {epochs: 3}\nmodel:\n  head: classifier\n  stem: {type: conv, filters: 4}\n"
WHOLE = DATA + "model: {stem: {type: conv, filters: 4}, stages: [{filters: 4}], head: classifier}\n"
BARE = WHOLE.replace("optimizer: adam\n", "")

# Faulty texts, the line (from 1) that alone must be marked, and a word of the complaint.
FAULTY = {
    "unknown field": (WHOLE + "train: {epochs: 3}\ntrian: {}\n", 6, "trian"),
    "unknown field of a map": (WHOLE + "train:\n  epochs: 3\n  epocs: 3\n", 7, "epocs"),
    "unknown name": (MODEL + "  unit: {type: postactt}\n  stages: [{filters: 4}]\n", 8, "postact"),
    "unknown name in short": (MODEL + "  unit: postactt\n  stages: [{filters: 4}]\n", 8, "postact"),
    "unknown parameter": (WHOLE + "train: {epochs: 3}\nschedule:\n  type: cosine\n  nesterov: true\n", 8, "nesterov"),
    "parameter too small": (WHOLE + "train: {epochs: 3}\nschedule:\n  type: cosine\n  warmup: -1\n", 8, "0"),
    "unknown word": (WHOLE + "train:\n  epochs: 3\n  tta: flop\n", 7, "flip"),
    "number for a list": (MODEL + "  stages: 3\n", 8, "array"),
    "number too small": (WHOLE + "train:\n  epochs: 3\n  batch: 0\n", 7, "1"),
    "missing": (DATA + "train: {epochs: 3}\n", 1, "model"),
    "missing of a map": (WHOLE + "train:\n  batch: 8\n", 5, "epochs"),
    "missing of a name": (WHOLE.replace("conv, filters: 4", "conv") + "train: {epochs: 3}\n", 4, "filters"),
    "missing type": (WHOLE.replace("synthetic}", "synthetic, augment: [{pad: 4}]}") + "train: {epochs: 3}\n", 3, "type"),
    "missing of an item": (MODEL + "  stages:\n    - {pool: max}\n", 9, "filters"),
    "unknown field over a base": ("extends: quickstart.yaml\ntrian: {}\n", 2, "trian"),
    "unknown name over a base": ("extends: quickstart.yaml\noptimizer: {type: adamm}\n", 2, "adamw"),
}

# Texts with the cursor at `|`, what must be offered there, and words that must explain it.
COMPLETED = {
    "fields": (WHOLE + "|\n", ["train", "schedule", "extends"], "the budget"),
    "fields of a base": ("extends: quickstart.yaml\n|\n", ["train", "optimizer", "model"], "the budget"),
    "fields of a map": (WHOLE + "train:\n  |\n", ["epochs", "batch", "label_smoothing"], "passes over"),
    "names in a map": (BARE + "optimizer: {type: |}\n", ["adam", "sgd"], "momentum"),
    "names in a tall map": (BARE + "optimizer:\n  type: |\n", ["adam", "sgd"], "momentum"),
    "names in short": (BARE + "optimizer: |\n", ["adam", "sgd"], "momentum"),
    "parameters of a name": (BARE + "optimizer:\n  type: sgd\n  |\n", ["lr", "nesterov"], "learning rate"),
    "names over a base": ("extends: quickstart.yaml\noptimizer: {type: |}\n", ["adam", "sgd"], "momentum"),
    "names in an item": (MODEL + "  stages:\n    - filters: 4\n      unit: {type: |}\n", ["preact", "postact"], ""),
    "names in a list": ("data:\n  augment:\n    - |\n", ["flip"], ""),
    "words": (WHOLE + "train: {tta: |}\n", ["none", "flip", "flip-shift"], ""),
    "words beside another": (WHOLE + "train: {precision: {products: bf16, conv: |}}\n", ["winograd4", "winograd2", "direct"], ""),
}

# Texts with the pointer at `|`, and what must be said.
POINTED = {
    "a field": (WHOLE + "train: {label_smoo|thing: 0.1}\n", "all classes share"),
    "a field over a base": ("extends: quickstart.yaml\ntrain: {label_smoo|thing: 0.1}\n", "all classes share"),
    "a map": (WHOLE + "tr|ain: {epochs: 3}\n", "the budget"),
    "a role": (BARE + "opti|mizer: {type: sgd}\n", "how weights follow their gradients"),
    "a name": (BARE + "optimizer: {type: sg|d}\n", "stochastic gradient descent with momentum"),
    "a name in short": (BARE + "optimizer: sg|d\n", "stochastic gradient descent with momentum"),
    "a parameter": (BARE + "optimizer: {type: sgd, nest|erov: true}\n", "look ahead"),
    "a parameter alone": ("extends: quickstart.yaml\noptimizer: {weight|_decay: 0.1}\n", "added to the gradient"),
    "a rate alone": ("extends: quickstart.yaml\noptimizer: {l|r: 0.1}\n", "learning rate"),
    "a stage's name": (MODEL + "  stages:\n    - {filters: 4, unit: {type: pre|act}}\n", "BN-ReLU"),
}


class Server:
    """A language server at the other end of a pipe; answers and diagnostics come over a thread, so that none is waited for
    without end."""

    def __init__(self, command, settings):
        self.pipe = subprocess.Popen([command, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.settings, self.inbox, self.last, self.opened = settings, queue.Queue(), 0, 0
        threading.Thread(target=self.read, daemon=True).start()
        self.info = self.ask("initialize", {
            "processId": None, "rootUri": None,
            "capabilities": {
                "workspace": {"configuration": True, "didChangeConfiguration": {"dynamicRegistration": True}},
                "textDocument": {"publishDiagnostics": {}, "hover": {"contentFormat": ["markdown"]},
                                 "completion": {"completionItem": {"documentationFormat": ["markdown"], "snippetSupport": True}}},
            }})
        self.tell("initialized", {})
        self.tell("workspace/didChangeConfiguration", {"settings": settings})

    def read(self):
        out = self.pipe.stdout
        while header := out.readline():
            size = 0
            while header.strip():
                name, _, value = header.partition(b":")
                if name.lower() == b"content-length":
                    size = int(value)
                header = out.readline()
            self.inbox.put(json.loads(out.read(size)))

    def send(self, message):
        text = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.pipe.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(text), text))
        self.pipe.stdin.flush()

    def tell(self, method, params):
        self.send({"method": method, "params": params})

    def ask(self, method, params):
        self.last += 1
        self.send({"id": self.last, "method": method, "params": params})
        m = self.wait(lambda m: m.get("id") == self.last and "method" not in m)
        if "error" in m:
            raise RuntimeError(f"{method}: {m['error']}")
        return m["result"]

    def wait(self, wanted):
        """The first message that is wanted; meanwhile the server's own questions are answered."""
        while True:
            m = self.inbox.get(timeout=PATIENCE)
            if "method" in m and "id" in m:
                answer = None
                if m["method"] == "workspace/configuration":
                    answer = [self.settings.get(item.get("section")) for item in m["params"]["items"]]
                self.send({"id": m["id"], "result": answer})
            elif wanted(m):
                return m

    def open(self, text, folder, suffix=".yaml"):
        """Opens a text as an editor does, and gives its address."""
        self.opened += 1
        uri = (folder / f"opened-{self.opened}{suffix}").as_uri()
        self.tell("textDocument/didOpen", {"textDocument": {"uri": uri, "languageId": "yaml", "version": 1, "text": text}})
        return uri

    def faults(self, text, folder, suffix=".yaml"):
        """What the server finds wrong with a text."""
        uri = self.open(text, folder, suffix)
        m = self.wait(lambda m: m.get("method") == "textDocument/publishDiagnostics" and m["params"]["uri"] == uri)
        return m["params"]["diagnostics"]

    def at_cursor(self, method, text, folder):
        before, _, after = text.partition("|")
        uri = self.open(before + after, folder)
        at = {"line": before.count("\n"), "character": len(before) - before.rfind("\n") - 1}
        return self.ask(method, {"textDocument": {"uri": uri}, "position": at})

    def close(self):
        self.ask("shutdown", None)
        self.tell("exit", None)
        self.pipe.wait(PATIENCE)


def words(value):
    """The text of a hover or a documentation, which may be marked up."""
    return value.get("value", "") if isinstance(value, dict) else value or ""


def shown(diagnostics):
    return "; ".join(f"line {d['range']['start']['line'] + 1}: {d['message']}" for d in diagnostics) or "nothing"


def try_all(server, root, folder):
    wrong = 0

    def check(good, what, got):
        nonlocal wrong
        if not good:
            wrong += 1
            print(f"{what}: got {got:.600}")

    shipped = sorted((root / "configs").glob("*.yaml")) + sorted((root / "examples").glob("*.yaml"))
    for path in shipped:
        found = server.faults(path.read_text(), folder)
        check(not found, f"{path.name}: no complaints", shown(found))
    for name, (text, line, word) in FAULTY.items():
        found = server.faults(text, folder)
        at = {d["range"]["start"]["line"] + 1 for d in found}
        check(at == {line} and any(word in d["message"] for d in found), f"{name}: {word!r} at line {line} only", shown(found))
    for name, (text, labels, about) in COMPLETED.items():
        items = server.at_cursor("textDocument/completion", text, folder)["items"]
        given = [i["label"] for i in items]
        check(set(labels) <= set(given), f"{name}: completion of {labels}", str(given))
        written = [(i["label"], i.get("insertText")) for i in items]  # a name may be offered alone and as a map
        check(len(set(written)) == len(written), f"{name}: each completion once", str(given))
        said = [words(i.get("documentation")) for i in items]
        check(any(about in s for s in said), f"{name}: completion about {about!r}", str(said))
    for name, (text, about) in POINTED.items():
        hover = server.at_cursor("textDocument/hover", text, folder)
        said = words(hover["contents"]) if hover else "nothing"
        check(said.count(about) == 1, f"{name}: {about!r}, once", repr(said))
    modeline = f"# yaml-language-server: $schema={SCHEMA}\n"
    found = server.faults(modeline + "extends: quickstart.yaml\ntrian: {}\n", folder, suffix=".yml")  # not bound by the settings
    check("trian" in shown(found), "a file that names its schema: 'trian'", shown(found))
    tries = 1 + len(shipped) + len(FAULTY) + len(COMPLETED) + len(POINTED)
    print(f"{len(shipped)} shipped experiments, {len(FAULTY)} faulty ones, {len(COMPLETED)} completions, "
          f"{len(POINTED)} hovers, a modeline: {tries} tries, {wrong} surprises")
    return 1 if wrong else 0


def main():
    command, exp, root = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3] if len(sys.argv) > 3 else ".")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        schema = folder / SCHEMA
        schema.write_bytes(subprocess.run([exp, "schema"], check=True, capture_output=True).stdout)
        server = Server(command, {"yaml": {
            "schemas": {schema.as_uri(): "*.yaml"},
            "customTags": ["!replace mapping"],  # what `exp schema --help` says
            "schemaStore": {"enable": False},  # no network
            "validate": True, "hover": True, "completion": True,
        }})
        try:
            return try_all(server, root, folder)
        finally:
            server.close()


if __name__ == "__main__":
    sys.exit(main())
