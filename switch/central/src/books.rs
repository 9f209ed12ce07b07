//! The books of all nodes as an accountant reads them: statements, payments, call records and closings, in
//! the order of the central journal.

use ledger::{PeriodClosed, Record};
use rating::engine::{InTransit, TransitPlace};
use serde_json::value::RawValue;
use store::{
    Balances, CdrRow, Kind, MAX_PAGE_ROWS, NoticePage, NoticeRow, Page, PaymentList, PaymentPage, Query,
    Statement, StatementQuery, add_moved,
};
use units::{Name, Wall};

use crate::instruction::{Answer, Instruction};
use crate::journal::End;
use crate::questions::{Entry, Found, Lines, Question};
use crate::{Central, CentralError};

/// Entries read at once.
const CHUNK: u32 = 2_000;
/// What moves money of a customer.
const MONEY: [Kind; 2] = [Kind::CDR, Kind::MONEY];
/// Always, for dates.
const EVER: (Wall, Wall) = (Wall(i64::MIN), Wall(i64::MAX));

// === impl Central ===

impl Central {
    /// Closes the books for everything dated before `until`, once per key; true if it was done before.
    pub async fn close(
        &self,
        until: Wall,
        key: Name,
        at: Wall,
    ) -> Result<(PeriodClosed, bool), CentralError> {
        loop {
            self.end().await?;
            match self.order(Instruction::Close { until, key: key.clone(), at }).await? {
                Answer::Closed(closed, replayed) => return Ok((*closed, replayed)),
                // A node of the version before shipped in between.
                Answer::Behind => {}
                _ => return Err(CentralError::Statement("nothing was closed".to_owned())),
            }
        }
    }

    /// A page of an account's movements over all nodes. The last page of a time that reaches to `now` closes
    /// with what the account has.
    pub async fn statement(&self, query: &StatementQuery, now: Wall) -> Result<Statement, CentralError> {
        let upto = self.end().await?.place;
        let family = self.family(&query.account).await?;
        let span = (query.from.unwrap_or(EVER.0), query.to.unwrap_or(EVER.1));
        let opening = match (&query.after, query.from) {
            (Some(place), _) => place.balances.clone(),
            (None, None) => Balances::new(),
            (None, Some(from)) => self.balances_before(&query.account, &family, upto, from).await?,
        };
        let mut page = Statement::beginning(opening, query.after.as_ref().map_or(0, |place| place.entry));
        'page: loop {
            let entries = self.lines(&family, &MONEY, page.closing.entry, upto, span).await?;
            let is_last = entries.len() < CHUNK as usize;
            for entry in entries {
                if page.movements.len() >= query.limit {
                    page.more = true;
                    break 'page;
                }
                page.take(entry.place, &record(&entry)?, &query.account);
            }
            if is_last {
                break;
            }
        }
        if !page.more {
            page.closing.entry = page.closing.entry.max(upto);
            if query.to.is_none_or(|to| to > now) {
                self.compare(&query.account, &family, &page).await?;
            }
        }
        Ok(page)
    }

    /// Up to `limit` payments of an account after a place, each with what became of it.
    pub async fn payments(
        &self,
        account: &Name,
        after: u64,
        limit: u32,
    ) -> Result<PaymentPage, CentralError> {
        let upto = self.end().await?.place;
        if self.family(account).await?.is_empty() {
            return Err(CentralError::NoAccount(account.to_string()));
        }
        let limit = limit.clamp(1, MAX_PAGE_ROWS) as usize;
        let (mut list, mut place) = (PaymentList::default(), after);
        loop {
            let entries =
                self.lines(std::slice::from_ref(account), &[Kind::MONEY], place, upto, EVER).await?;
            for entry in &entries {
                let record = record(entry)?;
                if list.len() <= limit {
                    list.begin(entry.place, &record);
                }
                list.next_word(&record);
                place = entry.place;
            }
            if entries.len() < CHUNK as usize {
                return Ok(list.page(limit));
            }
        }
    }

    /// Up to `limit` payments of all accounts that are on their way, after one of them; or only those that
    /// are late.
    pub async fn in_transit(
        &self,
        after: Option<TransitPlace>,
        late_only: bool,
        limit: usize,
        now: Wall,
    ) -> Result<Vec<InTransit>, CentralError> {
        match self.ask(Question::InTransit { after, late_only, limit, now }).await? {
            Found::InTransit(rows) => Ok(rows),
            _ => Ok(Vec::new()),
        }
    }

    /// A page of call records of all nodes.
    pub async fn cdrs(&self, query: &Query) -> Result<Page, CentralError> {
        let (entries, next) = self.page(query, Question::Cdrs).await?;
        let row = |entry: Entry| -> Result<CdrRow, CentralError> {
            Ok(CdrRow { seq: entry.place, cdr: RawValue::from_string(entry.body).map_err(unreadable)? })
        };
        Ok(Page { rows: entries.into_iter().map(row).collect::<Result<_, _>>()?, next })
    }

    /// A page of notices of all nodes.
    pub async fn notices(&self, query: &Query) -> Result<NoticePage, CentralError> {
        let (entries, next) = self.page(query, Question::Notices).await?;
        let mut rows = Vec::with_capacity(entries.len());
        for Entry { place, account, at, body } in entries {
            // A kind of notice that this program does not know is passed on as it is.
            let whole: serde_json::Value = serde_json::from_str(&body).map_err(unreadable)?;
            let notice =
                whole.get("body").and_then(|body| body.get("notice")).unwrap_or(&serde_json::Value::Null);
            let notice = serde_json::value::to_raw_value(notice).map_err(unreadable)?;
            rows.push(NoticeRow { seq: place, account, at, notice });
        }
        Ok(NoticePage { rows, next })
    }

    async fn page(
        &self,
        query: &Query,
        question: fn(Query) -> Question,
    ) -> Result<(Vec<Entry>, Option<u64>), CentralError> {
        self.end().await?;
        let limit = query.limit.clamp(1, MAX_PAGE_ROWS);
        let mut entries = self.entries(question(Query { limit: limit + 1, ..query.clone() })).await?;
        let more = entries.len() > limit as usize;
        entries.truncate(limit as usize);
        let next = entries.last().filter(|_| more).map(|entry| entry.place);
        Ok((entries, next))
    }

    /// How far the central journal goes, once every entry that is here has its place.
    async fn end(&self) -> Result<End, CentralError> {
        loop {
            match self.ask(Question::CatchUp).await? {
                Found::End(end) if !end.behind => return Ok(end),
                Found::End(_) => {}
                _ => return Err(CentralError::Statement("no end of the journal".to_owned())),
            }
        }
    }

    async fn family(&self, account: &Name) -> Result<Vec<Name>, CentralError> {
        match self.ask(Question::Family(account.clone())).await? {
            Found::Names(names) if !names.is_empty() => Ok(names),
            _ => Err(CentralError::NoAccount(account.to_string())),
        }
    }

    async fn entries(&self, question: Question) -> Result<Vec<Entry>, CentralError> {
        match self.ask(question).await? {
            Found::Entries(entries) => Ok(entries),
            _ => Ok(Vec::new()),
        }
    }

    async fn lines(
        &self,
        accounts: &[Name],
        kinds: &[Kind],
        after: u64,
        upto: u64,
        span: (Wall, Wall),
    ) -> Result<Vec<Entry>, CentralError> {
        let (accounts, kinds) = (accounts.to_vec(), kinds.to_vec());
        self.entries(Question::Lines(Lines { accounts, kinds, after, upto, span, limit: CHUNK })).await
    }

    /// The balances of all that is dated before `from`.
    async fn balances_before(
        &self,
        account: &Name,
        family: &[Name],
        upto: u64,
        from: Wall,
    ) -> Result<Balances, CentralError> {
        let (mut balances, mut after) = (Balances::new(), 0);
        loop {
            let entries = self.lines(family, &MONEY, after, upto, (EVER.0, from)).await?;
            for entry in &entries {
                add_moved(&mut balances, &record(entry)?, account);
                after = entry.place;
            }
            if entries.len() < CHUNK as usize {
                return Ok(balances);
            }
        }
    }

    /// What the journal says of an account up to the page's end and after it must be what its rows say.
    async fn compare(&self, account: &Name, family: &[Name], page: &Statement) -> Result<(), CentralError> {
        let (live, upto) = loop {
            match self.ask(Question::Posted(account.clone())).await? {
                Found::Posted(balances, end) if !end.behind => break (balances, end.place),
                _ => _ = self.end().await?,
            }
        };
        let (mut said, mut after) = (page.closing.balances.clone(), page.closing.entry);
        loop {
            let entries = self.lines(family, &MONEY, after, upto, EVER).await?;
            for entry in &entries {
                add_moved(&mut said, &record(entry)?, account);
                after = entry.place;
            }
            if entries.len() < CHUNK as usize {
                break;
            }
        }
        let (said, live) = (without_zeros(said), without_zeros(live));
        if said == live {
            return Ok(());
        }
        let detail = format!(
            "the statement of {account} does not close with its balance in the central ledger: its journal says {}, the account has {}. \
             Keep the database as it is, and run `tollgate ledger verify` on each node",
            words(&said),
            words(&live)
        );
        tracing::error!(detail, "books and journal differ");
        Err(CentralError::Broken(detail))
    }
}

fn without_zeros(mut balances: Balances) -> Balances {
    balances.retain(|_, amount| *amount != 0);
    balances
}

/// `1.00000 EUR, 60.00000 SEC in free`.
fn words(balances: &Balances) -> String {
    let one = |((bucket, currency), amount): (&(Name, units::Currency), &i64)| {
        let within = if bucket.is_empty() { String::new() } else { format!(" in {bucket}") };
        format!("{} {currency}{within}", units::Money::of(*amount, *currency))
    };
    balances.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The record of an entry, with the date that it has in the books.
fn record(entry: &Entry) -> Result<Record, CentralError> {
    let record = Record::decode(entry.body.as_bytes());
    let record = record
        .map_err(|e| CentralError::Row(format!("entry {} of the central journal: {e}", entry.place)))?;
    Ok(Record::new(entry.at, record.account, record.body))
}

fn unreadable(error: serde_json::Error) -> CentralError {
    CentralError::Row(error.to_string())
}
