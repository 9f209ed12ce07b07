//! The task of a feed, under a clock that jumps: order, pauses, and that nobody is held back.

mod kit;

use std::future::pending;
use std::iter::repeat_with;
use std::sync::Arc;
use std::time::Duration;

use feeds::{Consumer, Delivery, Message, Status, run};
use kit::{Books, cdr};
use store::{Start, Wants};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

/// What to do with each delivery in turn, then always to confirm it.
enum Mood {
    Confirm(usize),
    Hang,
}

/// Tells of every delivery: when it came, and the ids.
struct Clerk {
    moods: Box<dyn Iterator<Item = Mood> + Send>,
    told: UnboundedSender<(Instant, Vec<String>)>,
}

impl Clerk {
    fn new(
        moods: impl IntoIterator<Item = Mood, IntoIter: Send + 'static>,
    ) -> (Self, UnboundedReceiver<(Instant, Vec<String>)>) {
        let (told, heard) = unbounded_channel();
        (Self { moods: Box::new(moods.into_iter()), told }, heard)
    }
}

impl Consumer for Clerk {
    const BATCH: u32 = 3;
    const PATIENCE: Duration = Duration::from_secs(20);

    async fn deliver(&mut self, messages: &[Message]) -> Delivery {
        self.told
            .send((Instant::now(), messages.iter().map(|m| m.id.clone()).collect()))
            .expect("the test listens");
        match self.moods.next() {
            None => Delivery::done(messages),
            Some(Mood::Confirm(confirmed)) => Delivery::stopped(confirmed, "not in the mood"),
            Some(Mood::Hang) => pending().await,
        }
    }
}

fn start(books: &Books, clerk: Clerk) -> (Arc<Status>, tokio::task::JoinHandle<()>) {
    let feed = books.journal.feed("n", "clerk", Wants::Cdrs, Start::First).expect("opens");
    let status = Arc::new(Status::new(&feed));
    let task = tokio::spawn(run(feed, clerk, Arc::clone(&status), &books.journal));
    (status, task)
}

#[tokio::test(start_paused = true)]
async fn all_arrive_in_order_through_failures_and_new_ones_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut books = Books::open(folder.path());
    books.write((1..=5).map(cdr)).await;
    let (clerk, mut heard) = Clerk::new([Mood::Confirm(2), Mood::Confirm(0)]);
    let (status, _task) = start(&books, clerk);
    for expected in [vec!["n/1", "n/2", "n/3"], vec!["n/3", "n/4", "n/5"], vec!["n/3", "n/4", "n/5"]] {
        assert_eq!(heard.recv().await.expect("a delivery").1, expected);
    }
    books.write([cdr(6)]).await;
    assert_eq!(heard.recv().await.expect("a delivery").1, ["n/6"]);
    books.write([cdr(7)]).await;
    assert_eq!(heard.recv().await.expect("a delivery").1, ["n/7"]);
    assert_eq!((status.failures(), status.remark()), (2, None));
}

#[tokio::test(start_paused = true)]
async fn pauses_double_up_to_a_minute_and_end_with_the_first_success() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut books = Books::open(folder.path());
    books.write([cdr(1), cdr(2)]).await;
    let fails = (0..8).map(|_| Mood::Confirm(0));
    let (clerk, mut heard) = Clerk::new(fails.chain([Mood::Confirm(1), Mood::Confirm(0)]));
    let (status, _task) = start(&books, clerk);
    let mut before = heard.recv().await.expect("a delivery").0;
    for secs in [1, 2, 4, 8, 16, 32, 60, 60, 1, 2] {
        let (at, _) = heard.recv().await.expect("a delivery");
        assert_eq!((at - before).as_millis() / 100 * 100, secs * 1_000, "{:?}", status.remark());
        before = at;
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_answer_is_given_up_and_holds_nobody_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut books = Books::open(folder.path());
    books.write((1..=3).map(cdr)).await;
    let (clerk, mut heard) = Clerk::new(repeat_with(|| Mood::Hang));
    let (status, task) = start(&books, clerk);
    let (asked, _) = heard.recv().await.expect("a delivery");
    // The journal and another feed go on while this one hangs.
    books.write((4..=50).map(cdr)).await;
    let (other, mut told) = Clerk::new([]);
    let feed = books.journal.feed("n", "other", Wants::Cdrs, Start::First).expect("opens");
    let second = Arc::new(Status::new(&feed));
    tokio::spawn(run(feed, other, second, &books.journal));
    assert_eq!(told.recv().await.expect("a delivery").1, ["n/1", "n/2", "n/3"]);
    let (again, ids) = heard.recv().await.expect("a delivery");
    assert_eq!(
        ((again - asked).as_secs(), ids),
        (21, vec!["n/1".to_owned(), "n/2".to_owned(), "n/3".to_owned()])
    );
    assert_eq!(status.remark().as_deref(), Some("feed clerk is 50 entries behind: no answer within 20 s"));
    // Whoever stops it in the middle of a delivery loses nothing.
    task.abort();
    assert!(task.await.is_err_and(|e| e.is_cancelled()));
    let (clerk, mut heard) = Clerk::new([]);
    let (_status, _task) = start(&books, clerk);
    assert_eq!(heard.recv().await.expect("a delivery").1, ["n/1", "n/2", "n/3"]);
}
