//! What an account may ask for beside its name: the same rules for the configuration file, the API and the
//! command line.

use units::{Currency, Language, Name};

use crate::Decks;

/// Longest mail address, in bytes (RFC 5321 §4.5.3.1.3, without the angle brackets).
const ADDRESS_MAX: usize = 254;
/// Most days after which unused credit may end: a century.
pub const IDLE_DAYS_MAX: u16 = 36_500;
/// Languages that notices are written in; the first if none is named.
pub const LANGUAGES: &[&str] = &Language::CODES;

/// Whether mail can be sent to `text`: one `@`, no blanks, no quoting.
pub fn is_mail_address(text: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && part.chars().all(|c| !c.is_whitespace() && !c.is_control() && !r#"<>()[],;:\"@"#.contains(c))
    };
    text.len() <= ADDRESS_MAX
        && text.split_once('@').is_some_and(|(local, domain)| plain(local) && plain(domain))
}

/// Why an account in `currency` cannot be priced by the decks `named`: one is not loaded, or nothing converts
/// its currency.
pub fn unfit_deck(decks: &Decks, named: &[Name], currency: Currency) -> Option<String> {
    named.iter().find_map(|name| {
        let Some(deck) = decks.named(name) else {
            return Some(format!("there is no deck named {name:?}: add it to the configuration first"));
        };
        let theirs = deck.currency();
        (theirs != currency && !decks.exchanges().knows(theirs, currency))
            .then(|| format!("deck {name:?} is in {theirs}, the account in {currency}: add an [[exchange]] from {theirs} to {currency}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_addresses_are_plain() {
        for (text, right) in [
            ("ops@acme.example", true),
            ("a.b+c@d", true),
            ("", false),
            ("acme", false),
            ("@acme", false),
            ("ops@", false),
            ("a@b@c", false),
            ("a b@c", false),
            ("a@b\r\nBcc: c@d", false),
            ("<a@b>", false),
        ] {
            assert_eq!(is_mail_address(text), right, "{text}");
        }
    }
}
