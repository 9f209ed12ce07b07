//! What calls cost and who pays: decks, times of the week, conversion rates, accounts, ways to pay.

use super::{Kind, Preset, Section, key};

/// `[[deck]]`.
pub const DECK: Section = Section {
    name: "deck",
    many: true,
    required: false,
    doc: "A price list.",
    keys: &[
        key("name", Kind::Text, Preset::Required, "Unique among decks."),
        key(
            "file",
            Kind::Path,
            Preset::Required,
            "CSV `prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until,next_rate,period`; the last five may be \
             absent. `next_rate` holds after the first block, `period` names a `[[period]]`. \
             Or the same as a workbook (.xlsx).",
        ),
        key("sheet", Kind::Text, Preset::Nothing, "The sheet of a workbook; its first if absent."),
        key("currency", Kind::Text, Preset::Required, "Three letters, `EUR`."),
        key(
            "rounding",
            Kind::Word(&["half-up", "up", "down"]),
            Preset::Text("half-up"),
            "How the exact amount of a call becomes five places, once.",
        ),
        key(
            "rate_places",
            Kind::Int(5, 10),
            Preset::Int(5),
            "Decimal places that rates and connect fees keep, 10 for carriers' lists of fractions of a cent. What has more is rounded half-up \
             with a warning; what is above zero and would become zero is an error. Amounts have five places all the same.",
        ),
        key(
            "allow_empty",
            Kind::Bool,
            Preset::Bool(false),
            "Whether the file may have a header and no rows. A deck without rows prices nothing, so without this it is an error.",
        ),
    ],
};

/// `[[period]]`.
pub const PERIOD: Section = Section {
    name: "period",
    many: true,
    required: false,
    doc: "A part of the week for which decks have rows of their own. A block of seconds is priced by the period in which it begins. Where two \
          periods of a prefix overlap, the one defined first counts.",
    keys: &[
        key("name", Kind::Text, Preset::Required, "As decks call it in their column `period`."),
        key(
            "zone",
            Kind::Text,
            Preset::Text("UTC"),
            "Whose clocks count, `Europe/Madrid`, summer time included.",
        ),
        key(
            "days",
            Kind::Texts,
            Preset::Texts(&["mon", "tue", "wed", "thu", "fri", "sat", "sun"]),
            "Days on which it begins.",
        ),
        key("from", Kind::Text, Preset::Required, "`08:00`."),
        key(
            "until",
            Kind::Text,
            Preset::Required,
            "`20:00`, exclusive, up to `24:00`; earlier than `from`: on the next day.",
        ),
    ],
};

/// `[[exchange]]`.
pub const EXCHANGE: Section = Section {
    name: "exchange",
    many: true,
    required: false,
    doc: "A conversion rate for accounts whose deck is in another currency, and for carriers' costs beside prices. The newest of a pair that is not \
          after the call counts; nothing is derived from the other direction or a third currency. Keep old rates: calls are re-rated by them.",
    keys: &[
        key("from", Kind::Text, Preset::Required, "The deck's currency."),
        key("to", Kind::Text, Preset::Required, "The account's currency."),
        key(
            "rate",
            Kind::Text,
            Preset::Required,
            "How many of `to` one of `from` is, in quotes, at most ten places: `\"0.9215\"`.",
        ),
        key("at", Kind::Text, Preset::Required, "Since when, RFC 3339."),
    ],
};

/// `[[account]]`.
pub const ACCOUNT: Section = Section {
    name: "account",
    many: true,
    required: false,
    doc: "An account made at the first start; a restart or reload never touches its balance.",
    keys: &[
        key(
            "name",
            Kind::Text,
            Preset::Required,
            "Unique among accounts; `reseller:customer` stands below `reseller`, and both pay for its calls.",
        ),
        key(
            "currency",
            Kind::Text,
            Preset::Required,
            "Three letters; a deck in another currency needs an `[[exchange]]`.",
        ),
        key("balance", Kind::Money, Preset::Text("0"), "First balance, in quotes: `\"10.00\"`."),
        key("deck", Kind::Text, Preset::Nothing, "What its calls cost. This or `decks` is required."),
        key(
            "decks",
            Kind::Texts,
            Preset::Nothing,
            "Several price lists: the first that prices a number is taken.",
        ),
        key(
            "credit_limit",
            Kind::Money,
            Preset::Text("0"),
            "How far below zero calls may take the balance, in quotes.",
        ),
        key(
            "profit_guard",
            Kind::Word(&["block", "warn", "off"]),
            Preset::Text("off"),
            "`block`: no carrier that costs more than the customer pays; `warn`: such calls are logged and counted.",
        ),
        key(
            "low_balance",
            Kind::Money,
            Preset::Nothing,
            "Below this the owner is told, and it counts in `tollgate_balance_low_accounts`.",
        ),
        key(
            "idle_days",
            Kind::Int(1, rating::IDLE_DAYS_MAX as i64),
            Preset::Nothing,
            "The balance expires at the end of a day, when unused for so many days. This and `idle_months` absent: never.",
        ),
        key(
            "idle_months",
            Kind::Int(1, 1_200),
            Preset::Nothing,
            "The same in calendar months instead of days; 12 are a year.",
        ),
        key(
            "zone",
            Kind::Text,
            Preset::Text("UTC"),
            "By whose clocks the account's days begin and end, as `Europe/Madrid`.",
        ),
        key("email", Kind::Text, Preset::Nothing, "Where notices go. Absent: they are only kept."),
        key("language", Kind::Word(rating::LANGUAGES), Preset::Text("en"), "Of the notices."),
    ],
};

/// `[[payment_method]]`.
pub const PAYMENT_METHOD: Section = Section {
    name: "payment_method",
    many: true,
    required: false,
    doc: "How customers pay, in one currency. A top-up that names a method keeps its rules; one that names none has no rules.",
    keys: &[
        key(
            "name",
            Kind::Text,
            Preset::Required,
            "As in top-ups, `bank`. The same name may stand for several currencies.",
        ),
        key(
            "currency",
            Kind::Text,
            Preset::Required,
            "Three letters, `EUR`: of the amounts, and of the accounts that may use it.",
        ),
        key("minimum", Kind::Money, Preset::Text("0"), "Least amount, gross."),
        key(
            "amounts",
            Kind::Texts,
            Preset::Texts(&[]),
            "The only amounts, gross, `[\"10\", \"25\", \"50\"]`; empty: any.",
        ),
        key(
            "pending_minutes",
            Kind::Int(0, 525_600),
            Preset::Int(0),
            "Minutes after which an announced payment is late; 0 here and in `pending_days`: never.",
        ),
        key(
            "pending_days",
            Kind::Int(0, 366),
            Preset::Int(0),
            "Business days after which an announced payment is late: it is due until the last of them is over, not counting the day of the \
             announcement.",
        ),
        key(
            "zone",
            Kind::Text,
            Preset::Text("UTC"),
            "Where its days begin and end, as the tz database calls it, `\"Europe/Madrid\"`.",
        ),
        key(
            "holidays",
            Kind::Texts,
            Preset::Texts(&[]),
            "Dates that are no business days beside Saturdays and Sundays, `[\"2026-12-25\"]`.",
        ),
    ],
};
