//! Routes of the configuration and of its files in one table, each prefix once over all of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use route::{CarrierOrder, Carriers, Origin, RouteTable, RouteTableBuilder};
use units::Prefix;

use crate::check::Check;
use crate::diagnostic::Diagnostic;
use crate::money::DeckSet;
use crate::reader::Document;
use crate::schema;

pub(crate) fn routes(
    document: &Document,
    carriers: &Carriers,
    decks: &DeckSet,
    check: &mut Check<'_>,
) -> RouteTable {
    let mut builder = RouteTableBuilder::default();
    let mut files: Vec<Arc<str>> = vec![check.source.name.clone()];
    for table in document.many(&schema::ROUTE) {
        let prefix = table.text("prefix").and_then(|f| {
            check.parsed(&f.span, Prefix::read(f.value.as_bytes()).map_err(|wrong| format!("prefix {wrong}")))
        });
        let order =
            table.text("order").and_then(|f| f.value.parse::<CarrierOrder>().ok()).unwrap_or_default();
        let fields = table.texts("carriers");
        for field in fields.iter().filter(|f| carriers.by_name(&f.value).is_none()) {
            check.error(
                &field.span,
                format!("carrier {:?} is not defined: add a [[carrier]] with this name", field.value),
            );
        }
        let names: Vec<&str> = fields.iter().map(|f| f.value.as_str()).collect();
        if !table.has("carriers") || names.iter().any(|name| carriers.by_name(name).is_none()) {
            continue;
        }
        let list = check.parsed(&table.at("carriers"), builder.list(carriers, &names, order));
        let (Some(prefix), Some(list)) = (prefix, list) else { continue };
        let (line, column) = check.source.place(table.at("prefix").start);
        check.parsed(&table.span, builder.add(prefix, list, Origin { file: 0, line, column }));
    }
    for table in document.many(&schema::ROUTES) {
        let Some((name, file)) = table.text("file").and_then(|field| check.open(&field)) else { continue };
        let at = u32::try_from(files.len()).unwrap_or(u32::MAX);
        for e in builder.add_csv(file, at, carriers) {
            check.report.findings.push(Diagnostic::error(&name, e.line, e.column, e.message));
        }
        files.push(name);
    }
    refuse_mixed_currencies(&builder, carriers, decks, &files, check);
    let (table, duplicates) = builder.build();
    for d in duplicates {
        let first = place(&files, d.first);
        let message = format!(
            "prefix \"{}\" has a route already, at {}:{}:{}",
            d.prefix, first.file, first.line, first.column
        );
        check.report.findings.push(Diagnostic { message, ..place(&files, d.second) });
    }
    table
}

/// The cheapest of two currencies is not known without a rate between them.
fn refuse_mixed_currencies(
    builder: &RouteTableBuilder,
    carriers: &Carriers,
    decks: &DeckSet,
    files: &[Arc<str>],
    check: &mut Check<'_>,
) {
    for (list, (ids, order)) in builder.lists().enumerate() {
        let decks_of = ids.iter().filter_map(|&id| carriers.by_id(id)?.deck.clone());
        let currencies: BTreeSet<_> =
            decks_of.filter_map(|deck| decks.currencies.get(&*deck).copied().flatten()).collect();
        let (CarrierOrder::Cheapest, 2..) = (order, currencies.len()) else { continue };
        let written: Vec<String> = currencies.iter().map(ToString::to_string).collect();
        let message = format!(
            "order \"cheapest\" cannot compare decks in {}: list these carriers in order",
            written.join(" and ")
        );
        let at = builder.first_use(u32::try_from(list).unwrap_or(u32::MAX)).unwrap_or_default();
        check.report.findings.push(Diagnostic { message, ..place(files, at) });
    }
}

fn place(files: &[Arc<str>], origin: Origin) -> Diagnostic {
    let unknown: Arc<str> = "?".into();
    let file = files.get(origin.file as usize).unwrap_or(&unknown);
    Diagnostic::error(file, origin.line, origin.column, "")
}
