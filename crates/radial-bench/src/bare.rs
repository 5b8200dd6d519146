//! The bare figure: one write and one fdatasync, with nothing around them.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;

use crate::figures::{Latencies, median};
use crate::machine::{own_cpu, quiet_note, quietly};
use crate::report::{Report, Row, Unit};
use crate::{Settings, clock};

/// About what one small event takes in the write-ahead file.
const BLOCK: [u8; 512] = [0x5a; 512];
/// As large as a segment of the write-ahead file.
const AHEAD_BYTES: u64 = 16 * 1024 * 1024;

/// A file to write blocks to.
#[derive(Debug)]
pub(crate) struct Bare {
    file: File,
    at: u64,
    wrap_at: u64,
}

impl Bare {
    /// A file of zeros made ahead, as the log has it.
    pub(crate) fn made_ahead(folder: &Path, name: &str) -> anyhow::Result<Self> {
        let path = folder.join(name);
        std::fs::write(&path, vec![0; usize::try_from(AHEAD_BYTES)?])?;
        let file = OpenOptions::new().write(true).open(&path)?;
        file.sync_all()?;
        Ok(Self { file, at: 0, wrap_at: AHEAD_BYTES })
    }

    /// A file that grows.
    fn appended(folder: &Path) -> anyhow::Result<Self> {
        let file = File::create(folder.join("bare-appended"))?;
        file.sync_all()?;
        Ok(Self { file, at: 0, wrap_at: u64::MAX })
    }

    /// Writes one block and waits until it is on stable storage.
    pub(crate) fn write(&mut self) -> anyhow::Result<()> {
        self.file.write_all_at(&BLOCK, self.at).context("the disk takes no block")?;
        self.file.sync_data().context("the disk does not sync")?;
        self.at = (self.at + BLOCK.len() as u64) % self.wrap_at;
        Ok(())
    }

    /// Writes so many blocks.
    pub(crate) fn write_many(&mut self, blocks: usize) -> anyhow::Result<Latencies> {
        let mut latencies = Latencies::default();
        for _ in 0..blocks {
            latencies.time(|| self.write())?;
        }
        Ok(latencies)
    }
}

/// Writes in turns to both kinds of file.
pub(crate) fn run(settings: &Settings) -> anyhow::Result<Report> {
    let folder = settings.scratch()?;
    let mut files = [
        ("made ahead", Bare::made_ahead(folder.path(), "made-ahead")?),
        ("appended", Bare::appended(folder.path())?),
    ]
    .map(|(name, file)| (name, file, Vec::new()));
    let mut others = Vec::new();
    for _ in 0..settings.rounds {
        for (_, file, runs) in &mut files {
            let attempt = || for_a_while(file, settings.run);
            let (run, disturbed) = quietly(settings.quiet, own_cpu, attempt)?;
            runs.push(run);
            others.push(disturbed);
        }
    }
    let mut report = Report::new("Bare fsync: 512 bytes written, then fdatasync");
    for (name, _, runs) in files {
        let of = |share| median(runs.iter().map(|run: &Latencies| run.percentile(share)).collect());
        report.push(Row::new(format!("file {name}")).with("p50", of(0.5), Unit::Seconds).with(
            "p99",
            of(0.99),
            Unit::Seconds,
        ));
    }
    report.note("The limit is the disk.");
    report.note(quiet_note(&others));
    Ok(report)
}

fn for_a_while(file: &mut Bare, run: Duration) -> anyhow::Result<Latencies> {
    let mut latencies = Latencies::default();
    let end = clock::now() + run;
    while clock::now() < end {
        latencies.time(|| file.write())?;
    }
    Ok(latencies)
}
