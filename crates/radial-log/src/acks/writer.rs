//! The file: appending to it, and writing it anew where most of it is out of date.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::row::{AckKey, AckRow, decode, encode};
use crate::disk::{Disk, DiskFile};

/// The file, in the data folder.
const NAME: &str = "acks.journal";
/// The file while it is written anew.
const NEW_NAME: &str = "acks.journal.new";
/// What it begins with: the last byte is the version of its format.
const MAGIC: &[u8; 8] = b"radack\0\x01";
/// So much may be out of date in a file however short its rows are.
const SLACK_BYTES: u64 = 1024 * 1024;

/// What the thread works with.
pub(super) struct Writer {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    /// The file and its length; `None` until it has been written anew, at the start and after a
    /// failure: whatever a failed write has left is then out of the way.
    file: Option<(Box<dyn DiskFile>, u64)>,
    /// The newest row of each session, as it stands in the file.
    rows: HashMap<AckKey, Vec<u8>>,
    rows_bytes: u64,
}

impl Writer {
    /// Reads what is there.
    pub(super) fn open(
        disk: Arc<dyn Disk>,
        folder: &Path,
    ) -> io::Result<(Self, HashMap<AckKey, AckRow>)> {
        let bytes = match disk.read(&folder.join(NAME)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => MAGIC.to_vec(),
            Err(error) => return Err(error),
        };
        let mut rest = bytes.strip_prefix(MAGIC).ok_or_else(|| {
            let detail = format!("{NAME} was written by another version of Radial");
            io::Error::new(io::ErrorKind::InvalidData, detail)
        })?;
        let mut rows = HashMap::new();
        while let Some((key, row, length)) = decode(rest) {
            match row {
                Some(row) => drop(rows.insert(key, row)),
                None => drop(rows.remove(&key)),
            }
            rest = rest.get(length..).unwrap_or_default();
        }
        if !rest.is_empty() {
            // The last write before a crash: nobody was told that it is stored.
            tracing::info!(bytes = rest.len(), "the journal of acknowledgements ends torn");
        }
        let folder = folder.to_owned();
        let encoded = rows.iter().map(|(key, row)| (key.clone(), encode(key, Some(row))));
        let mut writer = Self { disk, folder, file: None, rows: HashMap::new(), rows_bytes: 0 };
        writer.take(encoded.map(|(key, row)| (key, Some(row))).collect());
        Ok((writer, rows))
    }

    /// Takes changes in, and gives them as they go into the file.
    fn take(&mut self, changes: Vec<(AckKey, Option<Vec<u8>>)>) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (key, row) in changes {
            let before = if let Some(row) = row {
                bytes.extend_from_slice(&row);
                self.rows_bytes += row.len() as u64;
                self.rows.insert(key, row)
            } else {
                bytes.extend_from_slice(&encode(&key, None));
                self.rows.remove(&key)
            };
            self.rows_bytes -= before.map_or(0, |row| row.len() as u64);
        }
        bytes
    }

    /// Brings changes to stable storage. After an error they are not there, or not for certain; they
    /// are written again with whatever comes next.
    pub(super) fn write(&mut self, changes: Vec<(AckKey, Option<Vec<u8>>)>) -> io::Result<()> {
        let bytes = self.take(changes);
        let added = bytes.len() as u64;
        let most = self.rows_bytes * 2 + SLACK_BYTES;
        match self.file.take() {
            Some((file, length)) if length + added <= most => {
                file.write_all_at(&bytes, length)?;
                file.sync_data()?;
                self.file = Some((file, length + added));
            }
            _ => self.file = Some(self.write_anew()?),
        }
        Ok(())
    }

    fn write_anew(&self) -> io::Result<(Box<dyn DiskFile>, u64)> {
        let (new, path) = (self.folder.join(NEW_NAME), self.folder.join(NAME));
        let file = self.disk.create(&new)?;
        let (mut bytes, mut length) = (MAGIC.to_vec(), 0);
        for row in self.rows.values() {
            bytes.extend_from_slice(row);
            if bytes.len() as u64 >= SLACK_BYTES {
                file.write_all_at(&bytes, length)?;
                length += bytes.len() as u64;
                bytes.clear();
            }
        }
        file.write_all_at(&bytes, length)?;
        length += bytes.len() as u64;
        file.sync_all()?;
        self.disk.rename(&new, &path)?;
        self.disk.sync_folder(&self.folder)?;
        Ok((file, length))
    }
}
