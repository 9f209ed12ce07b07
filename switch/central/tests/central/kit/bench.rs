//! A database with one account, and what the tests ask of it.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use central::{Booked, Central, CentralError, NewGrant};
use ledger::{BucketKind, BucketTerms, CallId, PeriodClosed, Terms};
use rating::engine::{AccountView, MoveOrder, PaymentMethod};
use rating::payment::Term;
use rating::quotas::client::QuotaTiming;
use rating::quotas::transaction::NewAccount;
use store::{Statement, StatementQuery};
use units::{Currency, Money, Wall};

use super::node::Node;
use super::postgres::Postgres;

/// This moment.
pub fn today() -> Wall {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Wall(i64::try_from(since.as_millis()).unwrap())
}

/// After all that happens in a test.
pub const LATE: Wall = Wall(4_000_000_000_000);

pub struct Bench {
    pub postgres: Postgres,
    pub central: Central,
    pub runtime: tokio::runtime::Runtime,
    pub folders: tempfile::TempDir,
    pub boots: u64,
}

impl Bench {
    /// One account, `acme`, with this much.
    pub fn new(opening: i64) -> Self {
        Self::with_terms(opening, Terms::of_deck("retail"))
    }

    pub fn with_terms(opening: i64, terms: Terms) -> Self {
        let postgres = Postgres::start();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let central = Central::new(&postgres.address(), 1).unwrap();
        let acme = NewAccount { name: "acme".into(), currency: Currency::EUR, opening, limit: 0, terms };
        runtime.block_on(central.open(acme, Wall(1))).unwrap();
        Self { postgres, central, runtime, folders: tempfile::tempdir().unwrap(), boots: 0 }
    }

    pub fn node(&mut self, name: &str, timing: QuotaTiming) -> Node {
        self.boots += 1;
        Node::start(name, &self.folders.path().join(name), &self.postgres.address(), self.boots, timing)
    }

    pub fn move_money(&self, key: &str, order: MoveOrder) -> Result<Booked, CentralError> {
        let bank = PaymentMethod {
            name: "bank".into(),
            currency: Currency::EUR,
            minimum: 1_000_000,
            amounts: Vec::new(),
            term: Some(Term::Minutes(60)),
        };
        let methods: Arc<[PaymentMethod]> = Arc::new([bank]);
        self.runtime.block_on(self.central.move_money("acme".into(), key.to_owned(), order, methods, Wall(2)))
    }

    pub fn top_up(&self, key: &str, amount: i64) -> Result<Booked, CentralError> {
        let amount = Money::of(amount, Currency::EUR);
        self.move_money(
            key,
            MoveOrder::TopUp { amount, reference: String::new(), method: None, fee: 0, pending: false },
        )
    }

    pub fn announce(&self, key: &str, amount: i64) -> Result<Booked, CentralError> {
        let (amount, method) = (Money::of(amount, Currency::EUR), Some("bank".to_owned()));
        self.move_money(
            key,
            MoveOrder::TopUp { amount, reference: "invoice 7".to_owned(), method, fee: 0, pending: true },
        )
    }

    pub fn reverse(&self, key: &str, of: &str) -> Result<Booked, CentralError> {
        self.move_money(
            key,
            MoveOrder::Reverse { of: of.to_owned(), expired: None, cause: "asked for".to_owned() },
        )
    }

    /// A service paid at once: one piece at this price.
    pub fn charge(&self, key: &str, price: i64) -> Result<Booked, CentralError> {
        let (price, cause) = (Money::of(price, Currency::EUR), "a number for a month".to_owned());
        self.move_money(key, MoveOrder::Charge { pieces: 1, price, cause })
    }

    /// What an account has posted, whichever it is, 10⁻⁵ units.
    pub fn posted(&self, account: &str) -> i64 {
        self.count(&format!("SELECT posted FROM account WHERE name = '{account}'"))
    }

    pub fn reverse_call(&self, key: &str, call: u128) -> Result<Booked, CentralError> {
        let (call, transfers, cause) = (CallId(call), Vec::new(), "bad line".to_owned());
        self.move_money(key, MoveOrder::ReverseCall { call, transfers, cause })
    }

    /// Free minutes to `15…`.
    pub fn give_seconds(
        &self,
        key: &str,
        seconds: i64,
        expires_at: Option<Wall>,
    ) -> Result<Booked, CentralError> {
        let terms = BucketTerms {
            prefixes: vec!["15".parse().unwrap()],
            expires_at,
            ..BucketTerms::of(BucketKind::Minutes)
        };
        let (amount, reference) = (Money::of(seconds * 100_000, Currency::SEC), "welcome".to_owned());
        let grant = NewGrant {
            account: "acme".into(),
            bucket: "free".into(),
            amount,
            terms,
            reference,
            key: key.to_owned(),
        };
        self.runtime.block_on(self.central.grant(grant, Wall(2)))
    }

    /// A page of the account's movements.
    pub fn statement(&self, query: &StatementQuery) -> Result<Statement, CentralError> {
        self.runtime.block_on(self.central.statement(query, LATE))
    }

    pub fn close(&self, key: &str, until: Wall) -> Result<(PeriodClosed, bool), CentralError> {
        self.close_at(key, until, today())
    }

    /// By a node that takes this for the present moment.
    pub fn close_at(&self, key: &str, until: Wall, now: Wall) -> Result<(PeriodClosed, bool), CentralError> {
        self.runtime.block_on(self.central.close(until, key.into(), now))
    }

    pub fn tells_rates(&self, deck: &str, version: &str, node: &str) -> bool {
        self.runtime.block_on(self.central.tells_rates(deck.into(), version.into(), node.into())).unwrap()
    }

    pub fn account(&self) -> AccountView {
        self.runtime.block_on(self.central.account(&"acme".into())).unwrap().unwrap()
    }

    /// Posted and held, 10⁻⁵ units.
    pub fn money(&self) -> (i64, i64) {
        let view = self.account();
        (view.balance.amount, view.leased.amount)
    }

    /// Left and held of the free minutes, s.
    pub fn minutes(&self) -> (i64, i64) {
        let view = self.account();
        view.buckets
            .iter()
            .find(|bucket| &*bucket.name == "free")
            .map_or((0, 0), |p| (p.left.amount / 100_000, p.leased.amount / 100_000))
    }

    pub fn count(&self, sql: &str) -> i64 {
        self.postgres.number(sql)
    }

    /// Sum of all amounts in the call records, 10⁻⁵ units.
    pub fn amounts(&self) -> i64 {
        self.count("SELECT CAST(COALESCE(SUM(CAST(body::json->>'amount' AS NUMERIC) * 100000), 0) AS BIGINT) FROM cdr")
    }

    /// What all system accounts, customers and buckets of a currency sum to: zero, or money was lost or made.
    pub fn sum(&self, currency: &str) -> i64 {
        let text = "SELECT CAST(COALESCE((SELECT SUM(balance) FROM house WHERE currency = '$'), 0) \
                    + COALESCE((SELECT SUM(posted) FROM account WHERE currency = '$'), 0) AS BIGINT)";
        self.count(&text.replace('$', currency))
    }

    pub fn system_account(&self, system_account: &str) -> i64 {
        self.count(&format!(
            "SELECT CAST(COALESCE(SUM(balance), 0) AS BIGINT) FROM house WHERE house = '{system_account}'"
        ))
    }
}
