//! Callers and called parties as messages name them, and which headers speak of the call alone.

use sip::{Message, Name, NameAddr};

use crate::ConfigSnapshot;

/// The called party as the caller wrote it: the Request-URI's user part, or the whole of a `tel:` URI.
pub(crate) fn called_party(message: &Message) -> String {
    match message.uri() {
        Ok(uri) if uri.scheme == sip::Scheme::Tel => message.request_uri().to_owned(),
        Ok(uri) => {
            let user = uri.user.unwrap_or_default();
            // RFC 3966 has the context in the user part; some write it among the URI's parameters.
            uri.param("phone-context")
                .map_or_else(|| user.to_owned(), |context| format!("{user};phone-context={context}"))
        }
        Err(_) => String::new(),
    }
}

/// The called party of a carrier's INVITE: one to the Contact that we registered there says in To which
/// number of ours was dialled.
pub(crate) fn called_by_carrier(config: &ConfigSnapshot, message: &Message) -> String {
    let asked = called_party(message);
    if !config.carriers.are_registered_as(&asked) {
        return asked;
    }
    let to = message.to().ok();
    let dialled = to.as_ref().and_then(NameAddr::parse_uri).and_then(|uri| uri.user.map(str::to_owned));
    dialled.filter(|dialled| config.numbers.find_dialled(dialled).is_some()).unwrap_or(asked)
}

/// The caller as From names it: the user part without its parameters, but with the context that a local
/// number needs.
pub(crate) fn calling_party(uri: &sip::Uri<'_>) -> String {
    let is_context = |(name, _): &(&str, &str)| name.eq_ignore_ascii_case("phone-context");
    let params = uri.user.unwrap_or_default().split(';').skip(1);
    let context =
        params.filter_map(|param| param.split_once('=')).find(is_context).map(|(_, context)| context);
    let base = uri.user_base();
    match context.or_else(|| uri.param("phone-context")) {
        Some(context) if !base.starts_with('+') => format!("{base};phone-context={context}"),
        Some(_) | None => base.into_owned(),
    }
}

/// A user part that can stand in a URI of ours: what needs escaping is escaped (RFC 3261 §25.1), an empty one
/// is `anonymous`.
pub(super) fn escaped_user(user: &str) -> String {
    if user.is_empty() {
        return "anonymous".to_owned();
    }
    let mut text = String::with_capacity(user.len());
    for byte in user.bytes().take(128) {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,?/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            use std::fmt::Write as _;
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// Headers that cross from leg to leg: those that nobody here understands, and a few that speak of the call
/// and not of the path.
pub(crate) const fn passes(name: Name) -> bool {
    matches!(name, Name::Other | Name::Subject | Name::Priority | Name::UserToUser | Name::AcceptLanguage)
}
