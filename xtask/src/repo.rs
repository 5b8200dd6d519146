//! What the repository holds: its root, its files as git sees them, and its Cargo packages.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::Value;

use crate::process;

/// The repository's root, found from where this package was built.
pub(crate) fn root() -> anyhow::Result<PathBuf> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(package.parent().context("xtask is a folder of the repository")?.to_path_buf())
}

/// Every file that git tracks or would add, relative to the root, sorted. Deleted files are left
/// out.
pub(crate) fn files(root: &Path) -> anyhow::Result<Vec<String>> {
    let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let listing = process::output(process::command(root, "git", &arguments))?;
    let mut files: Vec<String> = listing
        .split('\0')
        .filter(|path| !path.is_empty() && root.join(path).is_file())
        .map(str::to_owned)
        .collect();
    files.sort();
    files.dedup();
    Ok(files)
}

/// The Cargo workspace, as `cargo metadata` tells it.
pub(crate) struct Workspace {
    pub(crate) target_directory: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// One package and what it links; development dependencies are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) dependencies: Vec<String>,
}

impl Workspace {
    /// Asks cargo; needs no network.
    pub(crate) fn load(root: &Path) -> anyhow::Result<Self> {
        let arguments = ["metadata", "--no-deps", "--format-version", "1"];
        let text = process::output(process::command(root, "cargo", &arguments))?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let metadata: Value = serde_json::from_str(text).context("cargo metadata is JSON")?;
        let target = field(&metadata, "target_directory")?.as_str().context("no path")?;
        let packages = field(&metadata, "packages")?.as_array().context("no list of packages")?;
        Ok(Self {
            target_directory: PathBuf::from(target),
            packages: packages.iter().map(Package::parse).collect::<anyhow::Result<_>>()?,
        })
    }
}

impl Package {
    fn parse(package: &Value) -> anyhow::Result<Self> {
        let name = field(package, "name")?.as_str().context("a name is text")?.to_owned();
        let dependencies = field(package, "dependencies")?.as_array().context("no list")?;
        let mut linked: Vec<String> = dependencies
            .iter()
            .filter(|dependency| dependency.get("kind").and_then(Value::as_str) != Some("dev"))
            .filter_map(|dependency| dependency.get("name").and_then(Value::as_str))
            .map(str::to_owned)
            .collect();
        linked.sort();
        linked.dedup();
        Ok(Self { name, dependencies: linked })
    }
}

fn field<'a>(value: &'a Value, name: &str) -> anyhow::Result<&'a Value> {
    value.get(name).with_context(|| format!("cargo metadata tells no {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn development_dependencies_are_left_out() {
        let text = r#"{"target_directory": "/t", "packages": [{"name": "a", "dependencies": [
            {"name": "z", "kind": null}, {"name": "b", "kind": "build"}, {"name": "d", "kind": "dev"}
        ]}]}"#;
        let workspace = Workspace::parse(text).unwrap();
        let expected = Package { name: "a".into(), dependencies: vec!["b".into(), "z".into()] };
        assert_eq!(workspace.packages, [expected]);
    }

    #[test]
    fn this_file_is_listed() {
        let files = files(&root().unwrap()).unwrap();
        assert!(files.contains(&"xtask/src/repo.rs".to_owned()));
    }
}
