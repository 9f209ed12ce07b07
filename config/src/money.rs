//! Decks and the accounts that use them: one currency on both sides of every reference, or a rate that
//! converts.

use std::collections::BTreeMap;
use std::sync::Arc;

use rating::{Decks, PaymentMethod, ProfitGuard, Term, Terms};
use units::{Calendar, Currency, Day, Exchanges, Money, Name};

use crate::AccountSettings;
use crate::check::Check;
use crate::deck_file;
use crate::diagnostic::{Diagnostic, Severity, Span};
use crate::field::Field;
use crate::prices::{PriceRules, currency, deck_rules, unknown_zone, zone};
use crate::reader::{Document, Table};
use crate::schema;

/// Decks as far as they could be read, and the names and currencies of all, so that one wrong deck makes no
/// further errors.
pub(crate) struct DeckSet {
    pub(crate) loaded: Decks,
    /// `None`: its currency could not be read.
    pub(crate) currencies: BTreeMap<String, Option<Currency>>,
    /// What converts between them.
    pub(crate) exchanges: Arc<Exchanges>,
}

pub(crate) fn decks(document: &Document, rules: &PriceRules, check: &mut Check<'_>) -> DeckSet {
    let mut seen = BTreeMap::new();
    let mut currencies = BTreeMap::new();
    let mut loaded = Vec::new();
    for table in document.many(&schema::DECK) {
        let name = check.name("deck", table, &mut seen);
        let currency = currency(table, "currency", check);
        if let Some(name) = &name {
            currencies.insert(name.to_string(), currency);
        }
        // Rows are checked even if the table is not right.
        let file = table.text("file").and_then(|field| check.open(&field));
        let Some((file, reader)) = file else { continue };
        let label = name.clone().unwrap_or_else(|| "?".into());
        let row = |severity, e: rating::DeckError| {
            let short = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
            Diagnostic { severity, ..Diagnostic::error(&file, short(e.line), short(e.column), e.message) }
        };
        let rules = deck_rules(table, &rules.periods);
        let sheet = table.text("sheet").map(|field| field.value);
        match deck_file::load(&label, currency.unwrap_or(Currency::EUR), &rules, reader, sheet.as_deref()) {
            Ok((deck, warnings)) => {
                check.report.findings.extend(warnings.into_iter().map(|w| row(Severity::Warning, w)));
                loaded.push(Arc::new(deck));
            }
            Err(errors) => check.report.findings.extend(errors.into_iter().map(|e| row(Severity::Error, e))),
        }
    }
    let exchanges = Arc::clone(&rules.exchanges);
    DeckSet { loaded: Decks::new(loaded).with_exchanges(Arc::clone(&exchanges)), currencies, exchanges }
}

pub(crate) fn accounts(document: &Document, decks: &DeckSet, check: &mut Check<'_>) -> Vec<AccountSettings> {
    let mut seen = BTreeMap::new();
    let mut accounts = Vec::new();
    for table in document.many(&schema::ACCOUNT) {
        let name = check.account_name(table, &mut seen);
        let currency = currency(table, "currency", check);
        let balance = money(table, "balance", currency, check);
        let credit = money(table, "credit_limit", currency, check);
        let terms = terms(table, currency, decks, check);
        if let (Some(name), Some(currency), Some(balance), Some(credit), Some(terms)) =
            (name, currency, balance, credit, terms)
        {
            accounts.push(AccountSettings { name, currency, balance, limit: credit.negated(), terms });
        }
    }
    // A reseller is opened before its customers, in whatever order they are written.
    accounts.sort_by_key(|account| account.name.split(':').count());
    accounts
}

/// Ways to pay; one rule for each name and currency.
pub(crate) fn payment_methods(document: &Document, check: &mut Check<'_>) -> Vec<PaymentMethod> {
    let mut methods: Vec<PaymentMethod> = Vec::new();
    for table in document.many(&schema::PAYMENT_METHOD) {
        // Each currency of a name is a method of its own.
        let name = check.name("payment_method", table, &mut BTreeMap::new());
        let currency = currency(table, "currency", check);
        let minimum = money(table, "minimum", currency, check);
        let listed = table.texts("amounts");
        let wanted = listed.len();
        let amounts: Vec<i64> =
            listed.iter().filter_map(|field| fixed_amount(field, currency, check)).collect();
        let (Some(name), Some(currency), Some(minimum)) = (name, currency, minimum) else { continue };
        if methods.iter().any(|method| method.name == name && method.currency == currency) {
            check
                .error(&table.at("name"), format!("payment_method {name:?} is defined twice for {currency}"));
        }
        let term = term(table, check);
        if amounts.len() == wanted {
            methods.push(PaymentMethod { name, currency, minimum: minimum.amount, amounts, term });
        }
    }
    methods
}

/// How long a payment by a method may be on its way.
fn term(table: &Table, check: &mut Check<'_>) -> Option<Term> {
    let zone = table.text("zone").and_then(|field| {
        let zone = zone(&field.value);
        if zone.is_none() {
            unknown_zone(&field, check);
        }
        zone
    });
    let holidays: Vec<Day> =
        table.texts("holidays").iter().filter_map(|field| holiday(field, check)).collect();
    let [minutes, days] =
        ["pending_minutes", "pending_days"].map(|key| table.int(key).filter(|term| *term > 0));
    if minutes.is_some() && days.is_some() {
        check.error(
            &table.at("pending_minutes"),
            "pending_minutes and pending_days: one of them says when a payment is late",
        );
    }
    if days.is_none() {
        for key in ["zone", "holidays"].into_iter().filter(|key| table.has(key)) {
            check.error(&table.at(key), format!("{key} is of business days: it needs pending_days"));
        }
    }
    match (minutes, days) {
        (Some(minutes), _) => Some(Term::Minutes(minutes)),
        (None, Some(days)) => Some(Term::BusinessDays(days, Calendar::new(zone?.into(), holidays))),
        (None, None) => None,
    }
}

fn holiday(field: &Field<String>, check: &mut Check<'_>) -> Option<Day> {
    let day = Day::parse(&field.value);
    if day.is_none() {
        check.error(&field.span, format!("holiday {:?} must be a date, as \"2026-12-25\"", field.value));
    }
    day
}

fn fixed_amount(field: &Field<String>, currency: Option<Currency>, check: &mut Check<'_>) -> Option<i64> {
    let amount = check
        .parsed(&field.span, Money::parse_entered(&field.value, currency.unwrap_or(Currency::EUR)))?
        .amount;
    if amount <= 0 {
        check.error(&field.span, "an amount must be above zero".to_owned());
        return None;
    }
    Some(amount)
}

fn terms(table: &Table, currency: Option<Currency>, set: &DeckSet, check: &mut Check<'_>) -> Option<Terms> {
    let named: Vec<Field<String>> = table.text("deck").into_iter().chain(table.texts("decks")).collect();
    if named.is_empty() && !table.has("deck") && !table.has("decks") {
        check.error(&table.at("deck"), "[[account]] needs the key \"deck\", or \"decks\"".to_owned());
    }
    let wanted = named.len();
    let decks: Vec<Name> = named.iter().filter_map(|field| deck(field, currency, set, check)).collect();
    let low_balance = money(table, "low_balance", currency, check).map(|money| money.amount);
    let profit_guard = match table.text("profit_guard")?.value.as_str() {
        "block" => ProfitGuard::Block,
        "warn" => ProfitGuard::Warn,
        _ => ProfitGuard::Off,
    };
    let email = table.text("email").map(|field| {
        if !rating::is_mail_address(&field.value) {
            check.error(&field.span, format!("{:?} is no mail address", field.value));
        }
        Name::from(field.value.as_str())
    });
    let language =
        table.text("language").map(|field| Name::from(field.value.as_str())).filter(|word| &**word != "en");
    if let (true, Some(field)) =
        (table.has("idle_days"), table.has("idle_months").then(|| table.at("idle_months")))
    {
        check.error(&field, "an account has idle_days or idle_months, not both: leave one out".to_owned());
    }
    let zone = table.text("zone").filter(|field| field.value != "UTC").map(|field| {
        if zone(&field.value).is_none() {
            unknown_zone(&field, check);
        }
        Name::from(field.value.as_str())
    });
    let (idle_days, idle_months) = (table.int("idle_days"), table.int("idle_months"));
    let terms = Terms {
        profit_guard,
        low_balance,
        idle_days,
        idle_months,
        zone,
        email,
        language,
        decks,
        ..Terms::default()
    };
    (wanted > 0 && terms.decks.len() == wanted).then_some(terms)
}

/// The deck named at `field`, in the account's currency or in one that is converted to it.
fn deck(
    field: &Field<String>,
    currency: Option<Currency>,
    set: &DeckSet,
    check: &mut Check<'_>,
) -> Option<Name> {
    let deck_currency = set.find(field, check)?;
    if let (Some(ours), Some(theirs)) = (currency, deck_currency)
        && ours != theirs
        && !set.exchanges.knows(theirs, ours)
    {
        let name = &field.value;
        check.error(
            &field.span,
            format!("deck {name:?} is in {theirs}, the account in {ours}: add an [[exchange]] from {theirs} to {ours}"),
        );
        return None;
    }
    Some(Name::from(field.value.as_str()))
}

impl DeckSet {
    /// The currency of the deck named at `field`, itself unknown if the deck's is wrong; says so if there is
    /// no such deck.
    pub(crate) fn find(&self, field: &Field<String>, check: &mut Check<'_>) -> Option<Option<Currency>> {
        let found = self.currencies.get(&field.value).copied();
        if found.is_none() {
            check.error(
                &field.span,
                format!("deck {:?} is not defined: add a [[deck]] with this name", field.value),
            );
        }
        found
    }
}

/// An amount that is not negative; read as euros if the currency is wrong, so that its own errors still show.
fn money(table: &Table, key: &str, currency: Option<Currency>, check: &mut Check<'_>) -> Option<Money> {
    let field = table.text(key)?;
    let amount =
        check.parsed(&field.span, Money::parse_entered(&field.value, currency.unwrap_or(Currency::EUR)))?;
    if amount.amount < 0 {
        refuse_negative(&field.span, key, check);
        return None;
    }
    Some(amount)
}

fn refuse_negative(span: &Span, key: &str, check: &mut Check<'_>) {
    check.error(span, format!("{key} must not be negative"));
}
