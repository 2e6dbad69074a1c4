#!/usr/bin/env python3
"""Holds `exp schema` against a JSON Schema validator: shipped experiments must be valid, the faulty ones of
configs/testdata/bad must not be, except for faults that a schema cannot express.

Usage: check_schema.py EXP [FOLDER], with the program and the project's folder.
Needs jsonschema and ruamel.yaml (YAML 1.2, in which 1e-4 is a number).
"""
import json
import pathlib
import subprocess
import sys

from jsonschema import Draft202012Validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

# What only the program can see: shapes and sizes, what has no effect or excludes something else, files, names of layers,
# the command line (set-*), the writing of a value where the value is right, and values that read themselves.
BEYOND = {
    "clean-eval", "clean-eval-too-many", "crop-too-large", "cutout-too-large", "ema-too-seldom", "even-kernel",
    "extends-conflict", "extends-cycle", "extends-itself", "extends-missing", "extends-missing-deep",
    "extends-other-type", "extends-wrong-in-base", "flip-alternate", "images", "images-size", "invisible", "layers",
    "limit", "no-norm", "no-stages", "no-unit", "normalize", "normalize-channels", "octal", "pictures-without-test",
    "pooling-does-not-divide", "shortcut-narrows", "shortcut-shapes", "shortcut-shapes-default", "shortcut-shapes-stage",
    "stage-names", "too-large", "too-many-units", "too-small", "training", "training-late", "unit-no-effect", "units-no-effect",
    "unknown-oneof", "validation", "zero-init-plain",
}


def load(path):
    yaml = YAML(typ="safe", pure=True)
    yaml.constructor.add_constructor("!replace", lambda loader, node: loader.construct_mapping(node, deep=True))
    return yaml.load(path)


def main():
    exp, root = sys.argv[1], pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else ".")
    schema = json.loads(subprocess.run([exp, "schema"], check=True, capture_output=True).stdout)
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    wrong = 0
    shipped = sorted((root / "configs").glob("*.yaml")) + sorted((root / "examples").glob("*.yaml"))
    for path in shipped:
        for fault in validator.iter_errors(load(path)):
            wrong += 1
            print(f"{path}: {fault.json_path}: {fault.message:.200}")
    refused, beyond = 0, 0
    for path in sorted((root / "configs/testdata/bad").glob("*.yaml")):
        try:
            valid = validator.is_valid(load(path))
        except (YAMLError, ValueError, RecursionError):
            continue  # no YAML: no editor needs a schema to mark it
        if not valid:
            refused += 1
        elif path.stem in BEYOND or path.stem.startswith("set-"):
            beyond += 1
        else:
            wrong += 1
            print(f"{path}: is valid")
    print(f"{len(shipped)} shipped experiments; {refused} faulty ones refused, {beyond} beyond a schema; {wrong} surprises")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
