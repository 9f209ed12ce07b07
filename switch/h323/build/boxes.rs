//! Which parts are kept behind a box: large ones that are often absent, and those that hold themselves.

use crate::schema::{Body, Kind, Part, Schema, Size};
use std::collections::HashSet;

/// Bytes from which an optional part or an alternative goes behind a box.
const LARGE: u32 = 72;

/// Whether a part of a definition is boxed.
pub fn is_boxed(schema: &Schema, part: &Part, is_alternative: bool) -> bool {
    let kind = schema.resolve(&part.kind);
    let Kind::Named(module, name) = &kind else { return false };
    (part.optional || is_alternative)
        && (holds(schema, &kind, &(module.as_str(), name.as_str()), &mut HashSet::new())
            || size(schema, &kind, 0) > LARGE)
}

/// Whether a kind holds a value of a definition, or more of them inside, other than in lists.
fn holds(schema: &Schema, kind: &Kind, target: &(&str, &str), seen: &mut HashSet<String>) -> bool {
    let Kind::Named(module, name) = kind else { return false };
    let parts = match &schema.definition(module, name).body {
        Body::Seq(parts) | Body::Choice(parts) => parts,
        _ => return false,
    };
    seen.insert(format!("{module}:{name}"))
        && parts.iter().any(|part| match &schema.resolve(&part.kind) {
            Kind::Named(m, n) if (m.as_str(), n.as_str()) == *target => true,
            inner => holds(schema, inner, target, seen),
        })
}

/// About so many bytes. What is deeper than the recursion goes counts as large.
fn size(schema: &Schema, kind: &Kind, depth: u32) -> u32 {
    let Kind::Named(module, name) = kind else { return size_of_plain(kind) };
    if depth > 8 {
        return 1000;
    }
    let part_size = |part: &Part, is_alternative: bool| {
        let inner = size(schema, &schema.resolve(&part.kind), depth + 1);
        let is_named = matches!(schema.resolve(&part.kind), Kind::Named(..));
        if is_named && inner > LARGE && (part.optional || is_alternative) { 8 } else { inner }
    };
    match &schema.definition(module, name).body {
        Body::Seq(parts) => parts.iter().map(|part| part_size(part, false)).sum(),
        Body::Choice(parts) => parts.iter().map(|part| part_size(part, true)).max().unwrap_or(0).max(32),
        Body::Enum(_) => 8,
        Body::Alias(kind) => size(schema, kind, depth + 1),
    }
}

fn size_of_plain(kind: &Kind) -> u32 {
    match kind {
        Kind::Null => 0,
        Kind::Bool => 1,
        Kind::Int(..) => 4,
        Kind::Oid => 40,
        Kind::Octets(Size(low, Some(high))) if low == high => *low,
        Kind::Bits(_) => 32,
        _ => 24,
    }
}
