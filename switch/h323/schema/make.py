#!/usr/bin/env python3
"""Writes h225.txt, h235.txt and h245.txt: the structure of the standards' types in the notation of README.md.

Needs pycrate (PyPI, pycrate==0.8.1), which ships the ITU-T modules compiled; only names, order, kinds and
constraints are read from it. Run by hand when the schema is to change: python3 make.py
"""

import os

from pycrate_asn1dir import H225

MODULES = {
    "H323-MESSAGES": ("h225", H225.H323_MESSAGES),
    "H235-SECURITY-MESSAGES": ("h235", H225.H235_SECURITY_MESSAGES),
    "MULTIMEDIA-SYSTEM-CONTROL": ("h245", H225.MULTIMEDIA_SYSTEM_CONTROL),
}
# what is encoded on its own
ROOTS = [
    ("H323-MESSAGES", "H323-UserInformation"),
    ("H323-MESSAGES", "RasMessage"),
    ("MULTIMEDIA-SYSTEM-CONTROL", "MultimediaSystemControlMessage"),
]
STRINGS = {
    "IA5String": "ia5",
    "BMPString": "bmp",
    "NumericString": "numeric",
    "GeneralString": "general",
    "PrintableString": "printable",
    "VisibleString": "visible",
    "GeneralizedTime": "visible",
}


def size(constraint):
    """`(4)`, `(1..20)`, `(0..)`; `...` at the end if larger ones may come."""
    if constraint is None:
        return ""
    low, high = constraint.lb, constraint.ub
    text = str(low) if low == high else f"{low}..{'' if high is None else high}"
    return f"({text}{',...' if constraint._ev is not None else ''})"


class Schema:
    def __init__(self):
        self.lines = {name: [] for name, _ in MODULES.values()}
        self.done = set()
        self.todo = list(ROOTS)

    def run(self):
        while self.todo:
            module, name = self.todo.pop(0)
            if (module, name) not in self.done:
                self.done.add((module, name))
                _, types = MODULES[module]
                self.define(module, name, getattr(types, name.replace("-", "_").replace(" ", "_")))

    def define(self, module, name, obj):
        """One definition and, before it, those of the unnamed types inside it."""
        lines = []
        kind = obj.TYPE
        extensible = " ..." if getattr(obj, "_ext", None) is not None else ""
        if kind == "SEQUENCE":
            lines.append(f"seq {name}{extensible}")
            for field in obj._root:
                part = obj._cont[field]
                optional = "?" if part._opt or part._def is not None else ""
                lines.append(f"  {field}{optional} {self.type(module, f'{name}.{field}', part)}")
            for field in obj._ext or []:
                if isinstance(field, list) or obj._cont[field]._group not in (None, -1):
                    raise SystemExit(f"{name}: addition groups are not written yet")
                part = obj._cont[field]
                lines.append(f"  +{field} {self.type(module, f'{name}.{field}', part)}")
        elif kind == "CHOICE":
            lines.append(f"choice {name}{extensible}")
            for mark, fields in (("", obj._root), ("+", obj._ext or [])):
                for field in fields:
                    part = obj._cont[field]
                    lines.append(f"  {mark}{field} {self.type(module, f'{name}.{field}', part)}")
        elif kind == "ENUMERATED":
            lines.append(f"enum {name}{extensible}")
            lines += [f"  {value}" for value in obj._root]
            lines += [f"  +{value}" for value in obj._ext or []]
        else:
            lines.append(f"type {name} {self.plain(module, name, obj)}")
        self.lines[MODULES[module][0]].append(lines)

    def type(self, module, path, obj):
        """A reference to a named type, a type written in place, or the name of an unnamed one that is defined
        here."""
        ref = obj._typeref
        if ref is not None and getattr(ref, "called", None) and obj.TYPE not in ("OPEN_TYPE",):
            target_module, target = ref.called
            if isinstance(target, str) and target_module in MODULES and not obj._param_given(target_module, target):
                self.todo.append((target_module, target))
                prefix = "" if target_module == module else MODULES[target_module][0] + ":"
                return prefix + target
        if obj.TYPE in ("SEQUENCE", "CHOICE", "ENUMERATED"):
            self.define(module, path, obj)
            return path
        return self.plain(module, path, obj)

    def plain(self, module, path, obj):
        kind = obj.TYPE
        if kind == "NULL":
            return "null"
        if kind == "BOOLEAN":
            return "bool"
        if kind == "OBJECT IDENTIFIER":
            return "oid"
        if kind == "INTEGER":
            return "int" + size(obj._const_val)
        if kind == "OCTET STRING":
            return "octets" + size(obj._const_sz)
        if kind == "BIT STRING":
            return "bits" + size(obj._const_sz)
        if kind in STRINGS:
            alphabet = ""
            if getattr(obj, "_const_alpha", None):
                alphabet = "[" + "".join(sorted(obj._const_alpha.root)) + "]"
            return STRINGS[kind] + size(obj._const_sz) + alphabet
        if kind in ("SEQUENCE OF", "SET OF"):
            return "list" + size(obj._const_sz) + " " + self.type(module, f"{path}.item", obj._cont)
        if "OPEN" in kind or kind == "ANY":
            return "open"
        raise SystemExit(f"{path}: {kind} is not known here")


def parametrized(obj, module, name):
    """Whether a reference gives parameters: its target has no encoding of its own."""
    return name in MODULES[module][1]._param_


def main():
    from pycrate_asn1rt.asnobj import ASN1Obj

    ASN1Obj._param_given = parametrized
    schema = Schema()
    schema.run()
    here = os.path.dirname(os.path.abspath(__file__))
    for name, definitions in schema.lines.items():
        with open(os.path.join(here, name + ".txt"), "w", encoding="ascii") as out:
            out.write(f"# made by make.py; the notation is in README.md\nmodule {name}\n")
            for lines in definitions:
                out.write("\n" + "\n".join(lines) + "\n")
        print(name, len(definitions))


if __name__ == "__main__":
    main()
