//! Everything once, tiny.

use std::time::Duration;

use crate::report::Report;
use crate::{Settings, appends, background, bare, million, publish, resume};

/// Runs every bench with sizes that say nothing about speed.
pub(crate) fn run(settings: &Settings) -> anyhow::Result<Vec<Report>> {
    let tiny = tiny(settings);
    Ok(vec![
        bare::run(&tiny)?,
        appends::run(&tiny)?,
        background::run(&tiny)?,
        million::run(&tiny)?,
        publish::run(&tiny)?,
        resume::run(&tiny)?,
    ])
}

fn tiny(settings: &Settings) -> Settings {
    Settings { run: Duration::from_millis(50), rounds: 1, events: 2_000, ..settings.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_benches_in_process_still_work() {
        let folder = tempfile::tempdir().unwrap();
        let settings = tiny(&Settings {
            run: Duration::ZERO,
            rounds: 0,
            folder: folder.path().to_owned(),
            events: 0,
            hub: None,
            pinned: false,
            quiet: false,
            only: String::new(),
        });
        let reports = [
            bare::run(&settings).unwrap(),
            appends::run(&settings).unwrap(),
            background::run(&settings).unwrap(),
        ];
        for report in reports {
            assert!(report.to_string().contains("p99"), "{report}");
        }
    }
}
