//! bpf(2): a map, a program and its place at an interface.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Commands of bpf(2).
#[derive(Clone, Copy, Debug)]
enum Command {
    MapCreate = 0,
    MapLookup = 1,
    MapUpdate = 2,
    MapDelete = 3,
    ProgramLoad = 5,
    MapTake = 21,
    LinkCreate = 28,
}

/// Kinds of `bpf.h`.
const HASH: u32 = 1;
const NO_PREALLOCATION: u32 = 1;
const CLASSIFIER: u32 = 3;
const TCX_INGRESS: u32 = 46;
const NEW_ONLY: u64 = 1;
/// No function that is kept for programs under the GPL is called.
const LICENSE: &std::ffi::CStr = c"Apache-2.0";
/// What the kernel says of a program that it does not take.
const LOG_BYTES: usize = 1 << 18;

/// Arguments of a command, longer than any that is used here has them; what is not set is zero.
#[repr(C, align(8))]
struct Arguments([u8; 128]);

/// A hash table in the kernel with keys and values of these lengths.
#[derive(Debug)]
pub(crate) struct Map<const KEY: usize, const VALUE: usize>(OwnedFd);

/// A program that the kernel has taken.
#[derive(Debug)]
pub(crate) struct Program(OwnedFd);

/// A program's place at an interface; dropped, it is taken away.
#[derive(Debug)]
pub(crate) struct Link(#[expect(dead_code, reason = "it is kept open")] OwnedFd);

// === impl Arguments ===

impl Arguments {
    const fn new() -> Self {
        Self([0; 128])
    }

    fn word(mut self, place: usize, number: u32) -> Self {
        self.0[place..][..4].copy_from_slice(&number.to_ne_bytes());
        self
    }

    fn long(mut self, place: usize, number: u64) -> Self {
        self.0[place..][..8].copy_from_slice(&number.to_ne_bytes());
        self
    }

    fn address<T: ?Sized>(self, place: usize, of: *const T) -> Self {
        self.long(place, of.cast::<u8>() as u64)
    }

    /// # Safety
    /// What addresses point to lives across the call and is as long as the command reads and writes it.
    unsafe fn call(&mut self, command: Command) -> io::Result<i32> {
        // SAFETY: the arguments are longer than the kernel's, zeros at their end; the rest is the caller's.
        let done = unsafe {
            libc::syscall(libc::SYS_bpf, command as libc::c_long, self.0.as_mut_ptr(), self.0.len())
        };
        i32::try_from(done).ok().filter(|done| *done >= 0).ok_or_else(io::Error::last_os_error)
    }

    /// # Safety
    /// As of [`Self::call`]; the command returns a descriptor.
    unsafe fn open(&mut self, command: Command) -> io::Result<OwnedFd> {
        // SAFETY: the caller's.
        let fd = unsafe { self.call(command) }?;
        // SAFETY: the kernel has just made this descriptor for us; nobody else has it.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }
}

// === impl Map ===

impl<const KEY: usize, const VALUE: usize> Map<KEY, VALUE> {
    /// A table of at most so many entries.
    pub(crate) fn new(entries_max: u32) -> io::Result<Self> {
        let mut arguments = Arguments::new().word(0, HASH).word(4, KEY as u32).word(8, VALUE as u32);
        arguments = arguments.word(12, entries_max).word(16, NO_PREALLOCATION);
        // SAFETY: no addresses.
        unsafe { arguments.open(Command::MapCreate) }.map(Self)
    }

    pub(crate) fn descriptor(&self) -> i32 {
        self.0.as_raw_fd()
    }

    /// An entry that is not there yet.
    pub(crate) fn insert(&self, key: &[u8; KEY], value: &[u8; VALUE]) -> io::Result<()> {
        let mut arguments = self.arguments(key).address(16, value).long(24, NEW_ONLY);
        // SAFETY: key and value live across the call, and have the lengths of the map.
        unsafe { arguments.call(Command::MapUpdate) }.map(drop)
    }

    pub(crate) fn read(&self, key: &[u8; KEY]) -> io::Result<Option<[u8; VALUE]>> {
        self.value(key, Command::MapLookup)
    }

    /// Reads an entry and removes it. Kernels before 5.14 do it in two steps.
    pub(crate) fn take(&self, key: &[u8; KEY]) -> io::Result<Option<[u8; VALUE]>> {
        match self.value(key, Command::MapTake) {
            Err(e) if matches!(e.raw_os_error(), Some(libc::EINVAL | libc::ENOTSUP)) => {
                let value = self.read(key)?;
                // SAFETY: the key lives across the call, and has the length of the map.
                unsafe { self.arguments(key).call(Command::MapDelete) }?;
                Ok(value)
            }
            taken => taken,
        }
    }

    fn value(&self, key: &[u8; KEY], command: Command) -> io::Result<Option<[u8; VALUE]>> {
        let mut value = [0; VALUE];
        let mut arguments = self.arguments(key).address(16, &raw mut value);
        // SAFETY: key and value live across the call, and have the lengths of the map.
        match unsafe { arguments.call(command) } {
            Ok(_) => Ok(Some(value)),
            Err(e) if e.raw_os_error() == Some(libc::ENOENT) => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn arguments(&self, key: &[u8; KEY]) -> Arguments {
        Arguments::new().word(0, self.descriptor() as u32).address(8, key)
    }
}

// === impl Program ===

impl Program {
    /// A program for packets that come. What the kernel does not like of it is in the error.
    pub(crate) fn load(code: &[[u8; 8]]) -> io::Result<Self> {
        let mut arguments = Arguments::new().word(0, CLASSIFIER).word(4, code.len() as u32);
        arguments = arguments.address(8, code.as_ptr()).address(16, LICENSE.as_ptr());
        // SAFETY: code and licence live across the call; the number of instructions is the code's.
        match unsafe { arguments.open(Command::ProgramLoad) } {
            Ok(program) => Ok(Self(program)),
            Err(e) if e.raw_os_error() != Some(libc::EACCES) && e.raw_os_error() != Some(libc::EINVAL) => {
                Err(e)
            }
            Err(e) => {
                let mut log = vec![0_u8; LOG_BYTES];
                let mut again =
                    arguments.word(24, 1).word(28, LOG_BYTES as u32).address(32, log.as_mut_ptr());
                // SAFETY: as above, and the log lives across the call and has the length that is told.
                if let Ok(program) = unsafe { again.open(Command::ProgramLoad) } {
                    return Ok(Self(program));
                }
                let text = String::from_utf8_lossy(&log);
                let end = text.trim_end_matches('\0').trim_end().lines().rev().take(3).collect::<Vec<_>>();
                Err(io::Error::new(e.kind(), format!("{e}: {}", end.join(" | "))))
            }
        }
    }

    /// Has it run for all packets that an interface receives.
    pub(crate) fn attach(&self, interface: u32) -> io::Result<Link> {
        let mut arguments = Arguments::new().word(0, self.0.as_raw_fd() as u32).word(4, interface);
        arguments = arguments.word(8, TCX_INGRESS);
        // SAFETY: no addresses.
        unsafe { arguments.open(Command::LinkCreate) }.map(Link)
    }
}

/// The clock of the program, in nanoseconds.
pub(crate) fn now_ns() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` lives across the call, which fills it; this clock is always there.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}
