//! A disk that can be filled: a small file system in memory, mounted where the data are to be. Only root may
//! mount; without, there is the limit of a file's length, see [`super::Site::start_on_small_disk`].

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Mounted while this lives.
pub struct SmallDisk {
    place: PathBuf,
}

impl SmallDisk {
    /// Of `mib` at `place`, which is made; none where this user may not mount.
    pub fn mount(place: &Path, mib: u32) -> Option<Self> {
        fs::create_dir_all(place).unwrap();
        let size = format!("size={mib}m,mode=700");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(place).output();
        let done = mounted.is_ok_and(|output| output.status.success());
        if !done {
            eprintln!("no small disk: this user may not mount");
        }
        done.then(|| Self { place: place.to_owned() })
    }

    /// Others take all room that is left.
    pub fn fill(&self) {
        const BLOCK: [u8; 4_096] = [7; 4_096];
        let mut file = File::options().create(true).append(true).open(self.filler()).unwrap();
        // Until the disk says no.
        while file.write_all(&BLOCK).is_ok() {}
    }

    /// And give it back.
    pub fn free(&self) {
        let _absent = fs::remove_file(self.filler());
    }

    fn filler(&self) -> PathBuf {
        self.place.join("of-others")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // A process that still ends may hold it: it goes with the last one that does.
        let _ = Command::new("umount").arg("--lazy").arg(&self.place).status();
    }
}
