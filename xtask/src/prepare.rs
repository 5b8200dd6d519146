//! What the tests need from the machine, installed only where it is missing.

use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use crate::process::{self, command, succeeds};

const CHROMIUM: &str = "/usr/bin/chromium";

/// The folders with a package-lock.json.
pub(crate) fn locked_folders(files: &[String]) -> impl Iterator<Item = &str> {
    let locks = files.iter().filter_map(|path| path.strip_suffix("package-lock.json"));
    locks.map(|folder| if folder.is_empty() { "." } else { folder.trim_end_matches('/') })
}

/// `npm ci`, unless the packages installed there are as new as the lock.
pub(crate) fn npm_packages(folder: &Path) -> anyhow::Result<()> {
    if packages_are_current(folder) {
        println!("the packages are there already");
        return Ok(());
    }
    process::run(command(folder, "npm", &["ci", "--no-audit", "--no-fund"]))
}

/// Packages of Python in a folder, which is what `PYTHONPATH` takes; `wanted` are the words of `pip
/// install` that name them. Installed anew when they are others than before.
pub(crate) fn python_packages(root: &Path, folder: &Path, wanted: &[&str]) -> anyhow::Result<()> {
    let note = folder.join("wanted");
    let text = wanted.join("\n");
    if std::fs::read_to_string(&note).is_ok_and(|found| found == text) {
        println!("the packages are there already");
        return Ok(());
    }
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    let mut pip = command(root, "python3", &["-m", "pip", "install", "-q", "--no-deps"]);
    pip.args(["--disable-pip-version-check", "--target"]).arg(folder).args(wanted);
    process::run(pip).context("Python 3.11 or newer with pip is needed")?;
    std::fs::write(note, text)?;
    Ok(())
}

/// Debian's Chromium for the browser tests.
pub(crate) fn chromium() -> anyhow::Result<()> {
    if Path::new(CHROMIUM).exists() {
        println!("{CHROMIUM} is there already");
        return Ok(());
    }
    process::run(apt_get(&["update", "-q"]))?;
    process::run(apt_get(&["install", "-y", "-q", "--no-install-recommends", "chromium"]))
        .context("install Chromium by hand, or run as root or a user that sudo lets install")
}

/// npm writes its hidden lock last, so that its age tells of the whole installation.
fn packages_are_current(folder: &Path) -> bool {
    let modified = |path: &str| folder.join(path).metadata().and_then(|meta| meta.modified());
    match (modified("node_modules/.package-lock.json"), modified("package-lock.json")) {
        (Ok(installed), Ok(locked)) => installed >= locked,
        _ => false,
    }
}

fn apt_get(arguments: &[&str]) -> Command {
    let root = Path::new("/");
    let mut words = vec!["DEBIAN_FRONTEND=noninteractive", "apt-get"];
    words.extend(arguments);
    if succeeds(command(root, "sh", &["-c", "test \"$(id -u)\" = 0"])) {
        return command(root, "env", &words);
    }
    words.insert(0, "env");
    command(root, "sudo", &words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locked_folders_are_found_at_any_depth() {
        let files = ["package-lock.json", "web/board/package-lock.json", "web/board/package.json"];
        let files = files.map(str::to_owned);
        assert_eq!(locked_folders(&files).collect::<Vec<_>>(), [".", "web/board"]);
    }

    #[test]
    fn packages_without_an_installation_are_not_current() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("package-lock.json"), "{}").unwrap();
        assert!(!packages_are_current(folder.path()));
        std::fs::create_dir(folder.path().join("node_modules")).unwrap();
        std::fs::write(folder.path().join("node_modules/.package-lock.json"), "{}").unwrap();
        assert!(packages_are_current(folder.path()));
    }
}
