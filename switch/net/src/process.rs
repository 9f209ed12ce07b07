//! Limits of the process and marks of a thread.

use std::ffi::CString;
use std::io;
use std::mem::size_of;
use std::time::Duration;

/// Raises the soft limit of open files to the hard one and returns it: each TCP connection and media port
/// needs a descriptor.
pub fn raise_open_files() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` lives across the call, which fills it.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    if limit.rlim_cur < limit.rlim_max {
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: `limit` lives across the call, which only reads it.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(limit.rlim_cur)
}

/// Names the calling thread, as `top -H` shows it; the kernel keeps 15 bytes.
pub fn name_thread(name: &str) -> io::Result<()> {
    let name = CString::new(name)?;
    // SAFETY: PR_SET_NAME reads a C string that lives across the call.
    if unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Sets the nice value of the calling thread: -20 first, 19 last. Below 0 needs CAP_SYS_NICE.
pub fn nice_thread(nice: i32) -> io::Result<()> {
    // SAFETY: no pointers. In Linux, id 0 with PRIO_PROCESS is the calling thread.
    if unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Arguments of `sched_getattr(2)`, in their first version.
#[repr(C)]
#[derive(Default)]
struct Scheduling {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    runtime_ns: u64,
    deadline_ns: u64,
    period_ns: u64,
}

/// Has the calling thread run in short stretches: when it wakes up, it does not wait for the end of another
/// thread's (EEVDF, Linux 6.12). Needs no permission; older kernels take no notice.
pub fn shorten_slices(slice: Duration) -> io::Result<()> {
    let size = size_of::<Scheduling>();
    let mut of_thread = Scheduling::default();
    // SAFETY: `of_thread` lives across the call, which fills as much of it as `size` says. In Linux, id 0 is
    // the calling thread.
    if unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut of_thread, size, 0) } != 0 {
        return Err(io::Error::last_os_error());
    }
    of_thread.runtime_ns = slice.as_nanos() as u64;
    // SAFETY: `of_thread` lives across the call, which reads as much of it as its first field says.
    if unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const of_thread, 0) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_files_reach_the_hard_limit() {
        let first = raise_open_files().expect("allowed");
        assert!(first >= 64);
        assert_eq!(raise_open_files().expect("nothing left to raise"), first);
    }

    #[test]
    fn a_thread_takes_name_and_nice() {
        let seen = std::thread::spawn(|| {
            name_thread("shard-7").expect("allowed");
            nice_thread(3).expect("lowering is always allowed");
            shorten_slices(Duration::from_micros(200)).expect("always allowed");
            let stat = std::fs::read_to_string("/proc/thread-self/stat").expect("Linux");
            assert_eq!(stat.split(' ').nth(18), Some("3"), "the nice value stays");
            std::fs::read_to_string("/proc/thread-self/comm").expect("Linux")
        });
        assert_eq!(seen.join().expect("no panic").trim(), "shard-7");
        assert!(name_thread("a\0b").is_err());
    }
}
