//! One readiness wait for a shard: sockets and a waker, by epoll, with a timeout in microseconds where the
//! kernel has one.

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Events taken in one wait; more stay for the next.
const EVENTS: usize = 256;
/// Token of the waker's own descriptor. Sockets must not use it.
const WAKER: u64 = u64::MAX;
/// Longest wait, to stay within what the system calls take.
const LONGEST: Duration = Duration::from_secs(3_600);

/// What to wait for on a socket. Errors are always told. Level-triggered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interest {
    /// Tell when there is something to read.
    pub read: bool,
    /// Tell when there is room to write.
    pub write: bool,
}

/// What a socket is ready for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ready {
    /// The token given with the socket.
    pub token: u64,
    /// Something to read.
    pub readable: bool,
    /// Room to write.
    pub writable: bool,
    /// An error is pending: read the socket's error queue.
    pub error: bool,
}

/// The wait of one thread.
pub struct Poller {
    epoll: OwnedFd,
    signal: Arc<Signal>,
    events: Box<[libc::epoll_event; EVENTS]>,
    has_pwait2: bool,
}

/// Ends a wait from any thread. Many wakes before the sleeper looks cost one system call.
#[derive(Clone)]
pub struct Waker(Arc<Signal>);

struct Signal {
    eventfd: OwnedFd,
    pending: AtomicBool,
}

// === impl Interest ===

impl Interest {
    /// For reading only.
    pub const READ: Self = Self { read: true, write: false };
    /// For both.
    pub const BOTH: Self = Self { read: true, write: true };

    fn events(self) -> u32 {
        let bit = |on: bool, event: libc::c_int| if on { event as u32 } else { 0 };
        bit(self.read, libc::EPOLLIN) | bit(self.write, libc::EPOLLOUT)
    }
}

// === impl Poller ===

impl Poller {
    /// A wait with its waker and no sockets.
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers.
        let epoll = owned(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: no pointers.
        let eventfd = owned(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        let signal = Arc::new(Signal { eventfd, pending: AtomicBool::new(false) });
        let events = Box::new([libc::epoll_event { events: 0, u64: 0 }; EVENTS]);
        let poller = Self { epoll, signal, events, has_pwait2: true };
        // Edge-triggered: each write is told once, and nothing ever has to read the count back.
        poller.control(
            libc::EPOLL_CTL_ADD,
            poller.signal.eventfd.as_raw_fd(),
            (libc::EPOLLIN | libc::EPOLLET) as u32,
            WAKER,
        )?;
        Ok(poller)
    }

    /// Waits for `socket` too, from now on. `token` comes back in [`Ready`]; `u64::MAX` is taken.
    pub fn add(&self, socket: &impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        if token == WAKER {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the waker has this token"));
        }
        self.control(libc::EPOLL_CTL_ADD, socket.as_fd().as_raw_fd(), interest.events(), token)
    }

    /// Changes what to wait for on `socket`.
    pub fn modify(&self, socket: &impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, socket.as_fd().as_raw_fd(), interest.events(), token)
    }

    /// Forgets `socket`. (Closing its last descriptor does that too.)
    pub fn remove(&self, socket: &impl AsFd) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_DEL, socket.as_fd().as_raw_fd(), 0, 0)
    }

    /// Wakes this poller.
    pub fn waker(&self) -> Waker {
        Waker(Arc::clone(&self.signal))
    }

    /// Waits until a socket is ready, the waker is called or `timeout` has passed (`None`: without end).
    /// Returns whether the waker was called. What was handed over before a wake is visible after this
    /// returns. A signal ends the wait early.
    pub fn wait(&mut self, timeout: Option<Duration>, mut on_ready: impl FnMut(Ready)) -> io::Result<bool> {
        let count = match self.wait_raw(timeout) {
            Ok(count) => count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => 0,
            Err(e) => return Err(e),
        };
        for event in self.events.iter().take(count) {
            let (bits, token) = (event.events as libc::c_int, event.u64);
            if token != WAKER {
                let readable = bits & (libc::EPOLLIN | libc::EPOLLHUP) != 0;
                on_ready(Ready {
                    token,
                    readable,
                    writable: bits & libc::EPOLLOUT != 0,
                    error: bits & libc::EPOLLERR != 0,
                });
            }
        }
        // Cleared before the caller looks at what was handed over: a wake from here on writes again. A wake
        // whose write was not seen by this wait is taken here too; its edge then ends the next wait once for
        // nothing.
        Ok(self.signal.pending.swap(false, Ordering::AcqRel))
    }

    fn wait_raw(&mut self, timeout: Option<Duration>) -> io::Result<usize> {
        let timeout = timeout.map(|t| t.min(LONGEST));
        if self.has_pwait2 {
            let spec = timeout.map(|t| libc::timespec {
                tv_sec: t.as_secs() as libc::time_t,
                tv_nsec: t.subsec_nanos().into(),
            });
            let spec_at = spec.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
            // SAFETY: `events` has room for EVENTS entries and `spec` lives across the call; no signal mask
            // is given.
            let count = unsafe {
                libc::syscall(
                    libc::SYS_epoll_pwait2,
                    self.epoll.as_raw_fd(),
                    self.events.as_mut_ptr(),
                    EVENTS as libc::c_int,
                    spec_at,
                    std::ptr::null::<libc::sigset_t>(),
                    0_usize,
                )
            };
            match usize::try_from(count) {
                Ok(count) => return Ok(count),
                Err(_) => {
                    let e = io::Error::last_os_error();
                    // Kernels before 5.11, and sandboxes that refuse what they do not know.
                    if !matches!(e.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) {
                        return Err(e);
                    }
                    self.has_pwait2 = false;
                }
            }
        }
        // Rounded up: waking before a deadline would only wait again.
        let ms = timeout.map_or(-1, |t| t.as_micros().div_ceil(1_000) as libc::c_int);
        // SAFETY: `events` has room for EVENTS entries.
        let count = unsafe {
            libc::epoll_wait(self.epoll.as_raw_fd(), self.events.as_mut_ptr(), EVENTS as libc::c_int, ms)
        };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }

    fn control(&self, operation: libc::c_int, fd: RawFd, events: u32, token: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events, u64: token };
        // SAFETY: `event` lives across the call, which copies it.
        let done = unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), operation, fd, &raw mut event) };
        if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

// === impl Waker ===

impl Waker {
    /// Ends the current wait, or the next if there is none. Hand over first, then wake.
    pub fn wake(&self) {
        if !self.0.pending.swap(true, Ordering::AcqRel) {
            let one = 1_u64.to_ne_bytes();
            // SAFETY: eight bytes that live across the call. It can fail only when the count is full, 2^64 -
            // 1 wakes from now.
            unsafe { libc::write(self.0.eventfd.as_raw_fd(), one.as_ptr().cast(), one.len()) };
        }
    }
}

fn owned(fd: RawFd) -> io::Result<OwnedFd> {
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor for us; nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_wake_from_another_thread_ends_the_wait_and_shows_what_was_handed_over() {
        let mut poller = Poller::new().expect("epoll");
        let waker = poller.waker();
        let (sender, receiver) = mpsc::channel();
        const ROUNDS: u32 = 20_000;
        let other = thread::spawn(move || {
            for n in 0..ROUNDS {
                sender.send(n).expect("open");
                waker.wake();
            }
        });
        let mut seen = 0;
        while seen < ROUNDS {
            let start = Instant::now();
            poller.wait(Some(Duration::from_secs(20)), |_| {}).expect("waits");
            assert!(start.elapsed() < Duration::from_secs(20), "a wake was lost after {seen}");
            seen += receiver.try_iter().count() as u32;
        }
        other.join().expect("no panic");
    }

    #[test]
    fn many_wakes_are_one_and_then_the_wait_is_quiet() {
        let mut poller = Poller::new().expect("epoll");
        let waker = poller.waker();
        (0..1_000).for_each(|_| waker.wake());
        assert!(poller.wait(None, |_| {}).expect("waits"));
        assert!(!poller.wait(Some(Duration::ZERO), |_| {}).expect("waits"));
        waker.wake();
        assert!(poller.wait(None, |_| {}).expect("waits"));
    }

    #[test]
    fn a_timeout_is_never_early_and_not_rounded_to_nothing() {
        let mut poller = Poller::new().expect("epoll");
        for has_pwait2 in [true, false] {
            poller.has_pwait2 = has_pwait2;
            for us in [1, 300, 2_500] {
                let (start, timeout) = (Instant::now(), Duration::from_micros(us));
                assert!(!poller.wait(Some(timeout), |_| {}).expect("waits"));
                assert!(start.elapsed() >= timeout, "{us} us, {has_pwait2}");
            }
        }
    }

    #[test]
    fn sockets_are_told_by_token_until_removed() {
        let mut poller = Poller::new().expect("epoll");
        let socket = UdpSocket::bind("127.0.0.1:0").expect("binds");
        poller.add(&socket, 7, Interest::READ).expect("adds");
        assert!(poller.add(&socket, u64::MAX, Interest::READ).is_err());
        socket.send_to(b"x", socket.local_addr().expect("bound")).expect("sends");
        let mut ready = Vec::new();
        poller.wait(Some(Duration::from_secs(5)), |r| ready.push(r)).expect("waits");
        assert_eq!(ready, [Ready { token: 7, readable: true, writable: false, error: false }]);
        poller.modify(&socket, 7, Interest::BOTH).expect("modifies");
        ready.clear();
        poller.wait(Some(Duration::from_secs(5)), |r| ready.push(r)).expect("waits");
        assert_eq!(ready, [Ready { token: 7, readable: true, writable: true, error: false }]);
        poller.remove(&socket).expect("removes");
        ready.clear();
        poller.wait(Some(Duration::ZERO), |r| ready.push(r)).expect("waits");
        assert!(ready.is_empty());
    }
}
