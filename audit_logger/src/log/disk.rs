//! The calls to the operating system that a log writer makes. Tests put a disk in their place
//! that is full or fails.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

/// Where segments are written.
pub trait Disk: Send {
    /// Creates a file that is not there yet.
    ///
    /// # Errors
    /// As the operating system says.
    fn create(&mut self, path: &Path) -> io::Result<Box<dyn LogFile>>;

    /// Opens a file to write from byte `at` on, over what is there.
    ///
    /// # Errors
    /// As the operating system says.
    fn open(&mut self, path: &Path, at: u64) -> io::Result<Box<dyn LogFile>>;

    /// Makes the names in a folder durable.
    ///
    /// # Errors
    /// As the operating system says.
    fn sync_folder(&mut self, path: &Path) -> io::Result<()>;
}

/// A segment that is being written.
pub trait LogFile: Send {
    /// Writes all of `bytes` behind what was written last.
    ///
    /// # Errors
    /// As the operating system says; part of the bytes may have been written.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes what was written durable (`fdatasync`).
    ///
    /// # Errors
    /// As the operating system says; what the file holds is unknown then.
    fn sync(&mut self) -> io::Result<()>;
}

/// The file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileSystem;

impl Disk for FileSystem {
    fn create(&mut self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        Ok(Box::new(OpenOptions::new().write(true).create_new(true).open(path)?))
    }

    fn open(&mut self, path: &Path, at: u64) -> io::Result<Box<dyn LogFile>> {
        let mut file = OpenOptions::new().write(true).open(path)?;
        file.seek(SeekFrom::Start(at))?;
        Ok(Box::new(file))
    }

    fn sync_folder(&mut self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
}

impl LogFile for File {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        Write::write_all(self, bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}
