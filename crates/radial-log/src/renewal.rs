//! Giving a restored folder new epochs: cursors of the history that it was copied from must not name
//! events of the one that begins now.

use std::path::Path;

use radial_protocol::{Epoch, TenantId};

use crate::disk::RealDisk;
use crate::embedded::{OpenError, open_store};

/// Gives the log of every tenant of a folder a new epoch, and returns what each had and has. Blocks;
/// the folder is locked meanwhile. Nothing else changes, and nothing is taken over.
///
/// # Errors
/// The folder is in use, of another format, or cannot be opened or written.
pub fn renew_epochs(
    folder: &Path,
    random: impl Fn() -> u64,
) -> Result<Vec<(TenantId, Epoch, Epoch)>, OpenError> {
    let io_error = |source| OpenError::Io { folder: folder.to_owned(), source };
    std::fs::metadata(folder.join("store.redb")).map_err(io_error)?;
    let store = open_store(folder, &RealDisk, 1024 * 1024)?;
    let mut renewed = Vec::new();
    for (tenant, row) in store.tenants()? {
        let epoch = Epoch::new(random());
        store.add_tenant(&tenant, row.no, epoch)?;
        renewed.push((tenant, row.epoch, epoch));
    }
    Ok(renewed)
}
