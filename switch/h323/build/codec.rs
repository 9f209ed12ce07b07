//! How values of a kind are read and written: Rust expressions that call `per`.

use crate::names::type_name;
use crate::schema::{Kind, Schema, Size};

/// The Rust type of a kind, as seen from `module`.
pub fn rust_type(module: &str, kind: &Kind) -> String {
    match kind {
        Kind::Null => "()".into(),
        Kind::Bool => "bool".into(),
        Kind::Oid => "Oid".into(),
        Kind::Int(low, high, extensible) => int_type(*low, *high, *extensible).into(),
        Kind::Octets(Size(low, Some(high))) if low == high && *low <= 32 => format!("[u8; {low}]"),
        Kind::Octets(_) | Kind::Open => "Vec<u8>".into(),
        Kind::Bits(_) => "BitString".into(),
        Kind::Text(..) | Kind::Bmp(_) => "String".into(),
        Kind::List(_, of) => format!("Vec<{}>", rust_type(module, of)),
        Kind::Named(of, name) if of == module => type_name(name),
        Kind::Named(of, name) => format!("super::{of}::{}", type_name(name)),
    }
}

/// An expression of type `Result<value>` that reads from `r`.
pub fn read(schema: &Schema, kind: &Kind) -> String {
    match &schema.resolve(kind) {
        Kind::Null => "Ok::<(), PerError>(())".into(),
        Kind::Bool => "r.bool()".into(),
        Kind::Oid => "r.oid()".into(),
        Kind::Open => "r.open_bytes()".into(),
        Kind::Int(Some(low), Some(high), extensible) => {
            let call = if *extensible { "extensible_whole" } else { "whole" };
            let kind = int_type(Some(*low), Some(*high), *extensible);
            format!("r.{call}({low}, {high}).map(|v| v as {kind})")
        }
        Kind::Int(Some(low), None, _) => format!("r.at_least({low})"),
        Kind::Int(..) => "r.integer()".into(),
        Kind::Octets(Size(low, Some(high))) if low == high && *low <= 32 => "r.array()".into(),
        Kind::Octets(size) => format!("r.octets({})", bounds(*size)),
        Kind::Bits(size) => format!("r.bit_string({})", bounds(*size)),
        Kind::Text(size, bits, alphabet) => format!("r.text({}, {bits}, {alphabet:?})", bounds(*size)),
        Kind::Bmp(size) => format!("r.bmp({})", bounds(*size)),
        Kind::List(size, of) => match &schema.resolve(of) {
            Kind::Named(..) => format!("r.list({}, Per::read)", bounds(*size)),
            _ => format!("r.list({}, |r| {})", bounds(*size), read(schema, of)),
        },
        Kind::Named(..) => "Per::read(r)".into(),
    }
}

/// A statement that writes the value behind the reference `value` to `w`.
pub fn write(schema: &Schema, kind: &Kind, value: &str) -> String {
    match &schema.resolve(kind) {
        Kind::Null => String::new(),
        Kind::Bool => format!("w.bool(*{value});"),
        Kind::Oid => format!("w.oid({value});"),
        Kind::Open => format!("w.open_bytes({value});"),
        Kind::Int(Some(low), Some(high), extensible) => {
            let call = if *extensible { "extensible_whole" } else { "whole" };
            format!("w.{call}(i64::from(*{value}), {low}, {high});")
        }
        Kind::Int(Some(low), None, _) => format!("w.at_least(*{value}, {low});"),
        Kind::Int(..) => format!("w.integer(*{value});"),
        Kind::Octets(size) => format!("w.octets({value}, {});", bounds(*size)),
        Kind::Bits(size) => format!("w.bit_string({value}, {});", bounds(*size)),
        Kind::Text(size, bits, alphabet) => {
            format!("w.text({value}, {}, {bits}, {alphabet:?});", bounds(*size))
        }
        Kind::Bmp(size) => format!("w.bmp({value}, {});", bounds(*size)),
        Kind::List(size, of) => {
            format!(
                "w.count({value}.len(), {}); for v in {value} {{ {} }}",
                bounds(*size),
                write(schema, of, "v")
            )
        }
        Kind::Named(..) => format!("{value}.write(w);"),
    }
}

fn bounds(Size(low, high): Size) -> String {
    format!("{low}, {}", high.map_or("None".into(), |high| format!("Some({high})")))
}

fn int_type(low: Option<i64>, high: Option<i64>, extensible: bool) -> &'static str {
    match (low, high) {
        _ if extensible => "i64",
        (Some(0..), Some(0..=0xff)) => "u8",
        (Some(0..), Some(0..=0xffff)) => "u16",
        (Some(0..), Some(0..=0xffff_ffff)) => "u32",
        _ => "i64",
    }
}
