//! Limits of the process and marks of a thread.

use std::ffi::CString;
use std::io;

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
            std::fs::read_to_string("/proc/thread-self/comm").expect("Linux")
        });
        assert_eq!(seen.join().expect("no panic").trim(), "shard-7");
        assert!(name_thread("a\0b").is_err());
    }
}
