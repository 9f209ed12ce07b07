//! Where the journal's feeds go: `[nats]` and `[mail]`, each there or not.

use crate::check::Check;
use crate::field::Field;
use crate::reader::{Document, Table};
use crate::schema::{self, Section};
use crate::{Mail, MailTls, Nats, Server};

/// Ports when none is written.
const NATS_PORT: u16 = 4_222;
const SMTP_PORT: u16 = 25;

pub(crate) fn nats(document: &Document, check: &mut Check<'_>) -> Option<Nats> {
    let table = written(document, &schema::NATS)?;
    let server =
        table.text("url").and_then(|f| check.parsed(&f.span, parse_server(&f.value, "nats", NATS_PORT)));
    let stream = table.text("stream").and_then(|f| {
        let plain = !f.value.is_empty()
            && f.value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        checked(check, f, plain, "a stream's name has letters, digits, hyphens and underscores")
    });
    let subject = table.text("subject").and_then(|f| {
        let word =
            |w: &str| !w.is_empty() && w.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '*' | '>'));
        let plain = f.value.split('.').all(word);
        checked(check, f, plain, "a subject is words with dots between them, without * and >")
    });
    let (user, password_file) = login(&table, check);
    Some(Nats { server: server?, stream: stream?, subject: subject?, user, password_file })
}

pub(crate) fn mail(document: &Document, check: &mut Check<'_>) -> Option<Mail> {
    let table = written(document, &schema::MAIL)?;
    let server =
        table.text("smtp").and_then(|f| check.parsed(&f.span, parse_server(&f.value, "smtp", SMTP_PORT)));
    let from = table.text("from").and_then(|f| {
        let plain = rating::is_mail_address(&f.value);
        checked(check, f, plain, "write a plain mail address, as billing@example.net")
    });
    let tls = match table.text("tls").map(|f| f.value).as_deref() {
        Some("none") => MailTls::None,
        Some("tls") => MailTls::Tls,
        _ => MailTls::Starttls,
    };
    let (user, password_file) = login(&table, check);
    if user.is_some() && tls == MailTls::None {
        check.warning(
            &table.at("tls"),
            "the mail server's password goes over the network in clear: use tls = \"starttls\" or \"tls\"",
        );
    }
    let price_lists = table.text("price_lists").and_then(|f| {
        let plain = ["https://", "http://"].iter().any(|scheme| f.value.starts_with(scheme))
            && f.value.chars().all(|c| c.is_ascii_graphic());
        checked(check, f, plain, "write a URL, as https://example.net/prices/{deck}")
    });
    Some(Mail { server: server?, from: from?, tls, user, password_file, price_lists })
}

fn written(document: &Document, section: &'static Section) -> Option<Table> {
    document.many(section).first().cloned()
}

fn login(table: &Table, check: &mut Check<'_>) -> (Option<String>, Option<std::path::PathBuf>) {
    if table.has("user") != table.has("password_file") {
        let there = if table.has("user") { "user" } else { "password_file" };
        check.error(&table.at(there), "user and password_file are written both or not at all");
    }
    (table.text("user").map(|f| f.value), table.text("password_file").map(|f| check.path(&f.value)))
}

fn checked(check: &mut Check<'_>, field: Field<String>, right: bool, hint: &str) -> Option<String> {
    if right {
        return Some(field.value);
    }
    check.error(&field.span, format!("{:?}: {hint}", field.value));
    None
}

/// `scheme://host:port`, nothing else.
fn parse_server(text: &str, scheme: &str, port: u16) -> Result<Server, String> {
    let wrong =
        || format!("{text:?} is not a server: write {scheme}://192.0.2.1:{port} or {scheme}://name.example");
    let rest = text.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://")).ok_or_else(wrong)?;
    if rest.contains('@') {
        return Err(format!("no password in {scheme}://: write user and password_file"));
    }
    let (host, written) = match rest.rsplit_once(':') {
        // Colons inside of brackets are the address's own.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (rest, None),
    };
    let port = match written {
        Some(digits) => digits.parse().ok().filter(|&port| port != 0).ok_or_else(wrong)?,
        None => port,
    };
    let bare = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
    let right = match bare {
        Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
        }
    };
    if right { Ok(Server { host: bare.unwrap_or(host).to_owned(), port }) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_read() {
        for (text, written) in [
            ("nats://127.0.0.1:4222", "127.0.0.1:4222"),
            ("nats://127.0.0.1", "127.0.0.1:4222"),
            ("nats://nats.example:14222", "nats.example:14222"),
            ("nats://[2001:db8::1]:4222", "[2001:db8::1]:4222"),
            ("nats://[2001:db8::1]", "[2001:db8::1]:4222"),
        ] {
            assert_eq!(
                parse_server(text, "nats", 4_222).map(|s| s.to_string()).as_deref(),
                Ok(written),
                "{text}"
            );
        }
        for text in [
            "",
            "nats",
            "nats:",
            "nats://",
            "127.0.0.1:4222",
            "tls://127.0.0.1:4222",
            "nats://127.0.0.1:",
            "nats://127.0.0.1:0",
            "nats://127.0.0.1:99999",
            "nats://a b",
            "nats://a/b",
            "nats://u:p@a",
            "nats://2001:db8::1",
            "nats://[x]",
            "nats://a\r\n",
        ] {
            assert!(parse_server(text, "nats", 4_222).is_err(), "{text}");
        }
    }
}
