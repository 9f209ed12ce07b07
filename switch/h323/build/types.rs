//! Rust definitions of a module: a struct for each SEQUENCE, an enum for each CHOICE and ENUMERATED.

use crate::boxes::is_boxed;
use crate::codec::{read, rust_type, write};
use crate::names::{field_name, type_name};
use crate::schema::{Body, Definition, Module, Part, Schema};
use std::fmt::Write;

const DERIVE: &str = "#[derive(Clone, Debug, PartialEq)]\n";

pub fn module(schema: &Schema, module: &Module) -> String {
    let mut out = String::from("use crate::per::{BitString, Oid, Per, PerError, Reader, Writer};\n");
    for definition in &module.definitions {
        let name = type_name(&definition.name);
        let text = match &definition.body {
            Body::Seq(parts) => sequence(schema, module, definition, parts),
            Body::Choice(parts) => choice(schema, module, definition, parts),
            Body::Enum(parts) => enumerated(definition, parts),
            Body::Alias(kind) => format!("pub type {name} = {};\n", rust_type(&module.name, kind)),
        };
        out.push_str(&text);
    }
    out
}

fn part_type(schema: &Schema, module: &Module, part: &Part, is_alternative: bool) -> String {
    let plain = rust_type(&module.name, &part.kind);
    if is_boxed(schema, part, is_alternative) { format!("Box<{plain}>") } else { plain }
}

fn sequence(schema: &Schema, module: &Module, definition: &Definition, parts: &[Part]) -> String {
    let name = type_name(&definition.name);
    let mut out = String::new();
    let default = if parts.iter().any(|part| part.optional) || parts.is_empty() { "Default, " } else { "" };
    let _ = writeln!(out, "{}pub struct {name} {{", DERIVE.replace("Clone", &format!("{default}Clone")));
    for part in parts {
        let kind = part_type(schema, module, part, false);
        let kind = if part.optional { format!("Option<{kind}>") } else { kind };
        let _ = writeln!(out, "pub {}: {kind},", field_name(&part.name));
    }
    let _ = writeln!(out, "}}\nimpl Per for {name} {{");
    sequence_read(&mut out, schema, definition, parts);
    sequence_write(&mut out, schema, definition, parts);
    out.push_str("}\n");
    if default.is_empty() {
        let fields: String =
            parts.iter().map(|part| format!("{}: Default::default(), ", field_name(&part.name))).collect();
        let _ = writeln!(out, "impl Default for {name} {{ fn default() -> Self {{ Self {{ {fields} }} }} }}");
    }
    out
}

fn sequence_read(out: &mut String, schema: &Schema, definition: &Definition, parts: &[Part]) {
    let additions: Vec<&Part> = parts.iter().filter(|part| part.addition).collect();
    let n_optional = parts.iter().filter(|part| part.optional && !part.addition).count();
    out.push_str("fn read(r: &mut Reader<'_>) -> Result<Self, PerError> { r.enter()?;\n");
    if definition.extensible {
        out.push_str("let is_extended = r.bool()?;\n");
    }
    if n_optional > 0 {
        let _ = writeln!(out, "let present = r.bits({n_optional})?;");
    }
    let mutable = if additions.is_empty() { "" } else { "mut " };
    let _ = writeln!(out, "let {mutable}value = Self {{");
    let mut nth = n_optional;
    for part in parts {
        let field = field_name(&part.name);
        if part.addition {
            let _ = writeln!(out, "{field}: None,");
        } else if part.optional {
            nth -= 1;
            let read = read(schema, &part.kind);
            let _ = writeln!(
                out,
                "{field}: if present & {:#x} != 0 {{ Some({read}?) }} else {{ None }},",
                1u64 << nth
            );
        } else {
            let _ = writeln!(out, "{field}: {}?,", read(schema, &part.kind));
        }
    }
    out.push_str("};\n");
    if definition.extensible {
        out.push_str("if is_extended { let mut additions = r.additions()?;\n");
        out.push_str("while let Some((nth, outer)) = r.next_addition(&mut additions)? { match nth {\n");
        for (nth, part) in additions.iter().enumerate() {
            let _ = writeln!(
                out,
                "{nth} => value.{} = Some({}?),",
                field_name(&part.name),
                read(schema, &part.kind)
            );
        }
        out.push_str("_ => {} } r.leave_open(outer); } }\n");
    }
    out.push_str("r.leave(); Ok(value) }\n");
}

fn sequence_write(out: &mut String, schema: &Schema, definition: &Definition, parts: &[Part]) {
    let additions: Vec<&Part> = parts.iter().filter(|part| part.addition).collect();
    out.push_str("fn write(&self, w: &mut Writer) {\n");
    if !additions.is_empty() {
        let list: Vec<String> =
            additions.iter().map(|part| format!("self.{}.is_some()", field_name(&part.name))).collect();
        let _ = writeln!(out, "let additions = [{}];", list.join(", "));
        out.push_str("let is_extended = additions.contains(&true); w.bool(is_extended);\n");
    } else if definition.extensible {
        out.push_str("w.bool(false);\n");
    }
    for part in parts.iter().filter(|part| part.optional && !part.addition) {
        let _ = writeln!(out, "w.bool(self.{}.is_some());", field_name(&part.name));
    }
    for part in parts.iter().filter(|part| !part.addition) {
        let field = field_name(&part.name);
        if part.optional {
            let _ = writeln!(out, "if let Some(v) = &self.{field} {{ {} }}", write(schema, &part.kind, "v"));
        } else {
            let _ = writeln!(out, "{{ let v = &self.{field}; {} }}", write(schema, &part.kind, "v"));
        }
    }
    if !additions.is_empty() {
        out.push_str("if is_extended { w.additions(&additions);\n");
        for part in additions {
            let body = write(schema, &part.kind, "v");
            let _ = writeln!(
                out,
                "if let Some(v) = &self.{} {{ let open = w.open(); {body} w.close(open); }}",
                field_name(&part.name)
            );
        }
        out.push_str("}\n");
    }
    out.push_str("}\n");
}

fn choice(schema: &Schema, module: &Module, definition: &Definition, parts: &[Part]) -> String {
    let name = type_name(&definition.name);
    let n_root = parts.iter().filter(|part| !part.addition).count();
    let mut out = format!("{DERIVE}pub enum {name} {{\n");
    let (mut root_read, mut addition_read, mut writes) = (String::new(), String::new(), String::new());
    for (nth, part) in parts.iter().enumerate() {
        let alternative = type_name(&part.name);
        let kind = part_type(schema, module, part, true);
        let is_null = kind == "()";
        let _ = writeln!(out, "{alternative}{},", if is_null { String::new() } else { format!("({kind})") });
        let reading = if is_null {
            format!("Self::{alternative}")
        } else {
            format!("Self::{alternative}({}?)", read(schema, &part.kind))
        };
        let pattern = if is_null { "" } else { "(v)" };
        let body = write(schema, &part.kind, "v");
        if part.addition {
            let _ = writeln!(addition_read, "{} => {reading},", nth - n_root);
            let _ = writeln!(
                writes,
                "Self::{alternative}{pattern} => {{ w.bool(true); w.small({}); let open = w.open(); {body} w.close(open); }}",
                nth - n_root
            );
        } else {
            let _ = writeln!(root_read, "{nth} => {reading},");
            let extension = if definition.extensible { "w.bool(false);" } else { "" };
            let _ = writeln!(
                writes,
                "Self::{alternative}{pattern} => {{ {extension} w.whole({nth}, 0, {}); {body} }}",
                n_root - 1
            );
        }
    }
    if definition.extensible {
        out.push_str("/// An alternative of a later version: its number among the additions, its content.\n");
        out.push_str("UnknownExtension(u32, Vec<u8>),\n");
        writes.push_str(
            "Self::UnknownExtension(nth, bytes) => { w.bool(true); w.small(*nth); w.open_bytes(bytes); }\n",
        );
    }
    let _ = writeln!(
        out,
        "}}\nimpl Per for {name} {{\nfn read(r: &mut Reader<'_>) -> Result<Self, PerError> {{ r.enter()?;"
    );
    if definition.extensible {
        let _ = writeln!(
            out,
            "if r.bool()? {{ let nth = r.small()?; let outer = r.enter_open()?; let value = match nth {{"
        );
        let _ = writeln!(
            out,
            "{addition_read} _ => Self::UnknownExtension(nth, r.rest()), }}; r.leave_open(outer); r.leave(); return Ok(value); }}"
        );
    }
    let _ = writeln!(
        out,
        "let value = match r.whole(0, {})? {{\n{root_read} _ => return Err(PerError::Range) }}; r.leave(); Ok(value) }}",
        n_root - 1
    );
    let _ = writeln!(out, "fn write(&self, w: &mut Writer) {{ match self {{\n{writes} }} }} }}");
    first_is_default(&mut out, &name, schema, module, &parts[0]);
    out
}

fn first_is_default(out: &mut String, name: &str, schema: &Schema, module: &Module, part: &Part) {
    let payload = if part_type(schema, module, part, true) == "()" { "" } else { "(Default::default())" };
    let first = type_name(&part.name);
    let _ = writeln!(out, "impl Default for {name} {{ fn default() -> Self {{ Self::{first}{payload} }} }}");
}

fn enumerated(definition: &Definition, parts: &[Part]) -> String {
    let name = type_name(&definition.name);
    let n_root = parts.iter().filter(|part| !part.addition).count();
    let mut out =
        format!("{}pub enum {name} {{\n#[default]\n", DERIVE.replace("Clone", "Copy, Default, Clone"));
    let (mut reads, mut addition_reads, mut writes) = (String::new(), String::new(), String::new());
    for (nth, part) in parts.iter().enumerate() {
        let value = type_name(&part.name);
        let _ = writeln!(out, "{value},");
        if part.addition {
            let _ = writeln!(addition_reads, "{} => Self::{value},", nth - n_root);
            let _ = writeln!(writes, "Self::{value} => {{ w.bool(true); w.small({}); }}", nth - n_root);
        } else {
            let extension = if definition.extensible { "w.bool(false);" } else { "" };
            let _ = writeln!(reads, "{nth} => Self::{value},");
            let _ = writeln!(writes, "Self::{value} => {{ {extension} w.whole({nth}, 0, {}); }}", n_root - 1);
        }
    }
    if definition.extensible {
        out.push_str(
            "/// A value of a later version: its number among the additions.\nUnknownExtension(u32),\n",
        );
        writes.push_str("Self::UnknownExtension(nth) => { w.bool(true); w.small(*nth); }\n");
    }
    let _ =
        writeln!(out, "}}\nimpl Per for {name} {{\nfn read(r: &mut Reader<'_>) -> Result<Self, PerError> {{");
    if definition.extensible {
        let _ = writeln!(
            out,
            "if r.bool()? {{ return Ok(match r.small()? {{ {addition_reads} nth => Self::UnknownExtension(nth) }}); }}"
        );
    }
    let _ = writeln!(
        out,
        "Ok(match r.whole(0, {})? {{ {reads} _ => return Err(PerError::Range) }}) }}",
        n_root - 1
    );
    let _ = writeln!(out, "fn write(&self, w: &mut Writer) {{ match self {{\n{writes} }} }} }}");
    out
}
