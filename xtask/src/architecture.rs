//! `cargo xtask architecture`: the crates import what ARCHITECTURE.md allows, and nothing else.
//!
//! Two tables are read there. `## Allowed imports`: a crate, and the crates of the workspace that
//! it may link. `## External crates at the edges`: crates from outside, and the only crates that
//! may link them. A crate whose imports are "anything" is for development and free of both.
//! Development dependencies are free everywhere.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};

use crate::markdown;
use crate::repo::{Package, Workspace};

const DOCUMENT: &str = "ARCHITECTURE.md";
const IMPORTS_HEADING: &str = "## Allowed imports";
const EDGES_HEADING: &str = "## External crates at the edges";

/// Compares and fails with one line for each difference.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let text = fs::read_to_string(root.join(DOCUMENT)).with_context(|| {
        format!("cannot read {DOCUMENT}, which says what each crate may import")
    })?;
    let rules = Rules::parse(&text)?;
    let packages = Workspace::load(root)?.packages;
    let problems = rules.problems(&packages);
    if !problems.is_empty() {
        bail!("{DOCUMENT} and the crates disagree:\n  {}", problems.join("\n  "));
    }
    println!("{} packages import what {DOCUMENT} allows", packages.len());
    Ok(())
}

enum Imports {
    Anything,
    Only(Vec<String>),
}

struct Rules {
    imports: BTreeMap<String, Imports>,
    edges: Vec<Edge>,
}

/// Crates from outside, and the crates that may link them.
struct Edge {
    external: Vec<String>,
    importers: Vec<String>,
}

impl Rules {
    fn parse(text: &str) -> anyhow::Result<Self> {
        let mut imports = BTreeMap::new();
        for (name, allowed) in pairs(text, IMPORTS_HEADING)? {
            let allowed = match allowed.as_str() {
                "anything" => Imports::Anything,
                "nothing" => Imports::Only(Vec::new()),
                list => Imports::Only(markdown::list(list)),
            };
            for name in markdown::list(&name) {
                if imports.contains_key(&name) {
                    bail!("{DOCUMENT} has two rows for {name} under \"{IMPORTS_HEADING}\"");
                }
                let allowed = match &allowed {
                    Imports::Anything => Imports::Anything,
                    Imports::Only(names) => Imports::Only(names.clone()),
                };
                imports.insert(name, allowed);
            }
        }
        let edges = pairs(text, EDGES_HEADING)?.into_iter().map(|(external, importers)| Edge {
            external: markdown::list(&external),
            importers: markdown::list(&importers),
        });
        Ok(Self { imports, edges: edges.collect() })
    }

    fn problems(&self, packages: &[Package]) -> Vec<String> {
        let is_ours = |name: &str| packages.iter().any(|package| package.name == name);
        let mut problems = Vec::new();
        for (name, allowed) in &self.imports {
            let named: &[String] = match allowed {
                Imports::Anything => &[],
                Imports::Only(names) => names,
            };
            for missing in [name].into_iter().chain(named).filter(|name| !is_ours(name)) {
                problems
                    .push(format!("{missing} is in the table and is no crate of the workspace"));
            }
        }
        for package in packages {
            match self.imports.get(&package.name) {
                None => problems.push(format!("{} has no row in the table", package.name)),
                Some(Imports::Anything) => {}
                Some(Imports::Only(allowed)) => {
                    let ours = package.dependencies.iter().filter(|name| is_ours(name));
                    for name in ours.filter(|name| !allowed.contains(name)) {
                        problems.push(format!("{} may not import {name}", package.name));
                    }
                    self.edge_problems(package, &mut problems);
                }
            }
        }
        problems.dedup();
        problems
    }

    fn edge_problems(&self, package: &Package, problems: &mut Vec<String>) {
        for edge in self.edges.iter().filter(|edge| !edge.importers.contains(&package.name)) {
            for name in package.dependencies.iter().filter(|name| edge.external.contains(name)) {
                let importers = edge.importers.join(", ");
                problems.push(format!(
                    "{} may not import {name}, which is for {importers} alone",
                    package.name
                ));
            }
        }
    }
}

fn pairs(text: &str, heading: &str) -> anyhow::Result<Vec<(String, String)>> {
    let rows = markdown::table_under(text, heading)
        .with_context(|| format!("{DOCUMENT} has no table under the heading \"{heading}\""))?;
    let pair = |row: Vec<String>| match <[String; 2]>::try_from(row) {
        Ok([first, second]) => Ok((first, second)),
        Err(row) => bail!("a row under \"{heading}\" has {} cells instead of 2", row.len()),
    };
    rows.into_iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLES: &str = "## Allowed imports\n\n\
        | crate | may import |\n|---|---|\n| `low` | nothing |\n\
        | high | `low` |\n| kit, bench | anything |\n\n## External crates at the edges\n\n\
        | external | only under |\n|---|---|\n| axum, hyper | high |\n";

    #[track_caller]
    fn check(packages: &[(&str, &[&str])], expected: &[&str]) {
        let names = ["low", "high", "kit", "bench"];
        let of = |name: &str| packages.iter().find(|(n, _)| *n == name).map_or(&[][..], |(_, d)| d);
        let package = |name: &str, dependencies: &[&str]| Package {
            name: name.to_owned(),
            dependencies: dependencies.iter().map(|&d| d.to_owned()).collect(),
        };
        let mut all: Vec<_> = names.iter().map(|name| package(name, of(name))).collect();
        let extra = packages.iter().filter(|(name, _)| !names.contains(name));
        all.extend(extra.map(|(name, dependencies)| package(name, dependencies)));
        assert_eq!(Rules::parse(TABLES).unwrap().problems(&all), expected);
    }

    #[test]
    fn the_workspace_follows_architecture_md() {
        if let Err(error) = run(&crate::repo::root().unwrap()) {
            panic!("{error:#}");
        }
    }

    #[test]
    fn allowed_imports_pass() {
        check(&[("low", &["serde"]), ("high", &["low", "axum"]), ("kit", &["high", "hyper"])], &[]);
    }

    #[test]
    fn an_import_that_no_row_allows_is_named() {
        check(&[("low", &["high"])], &["low may not import high"]);
    }

    #[test]
    fn an_external_crate_stays_at_its_edge() {
        check(&[("low", &["axum"])], &["low may not import axum, which is for high alone"]);
    }

    #[test]
    fn a_crate_without_a_row_is_named() {
        check(&[("new", &[])], &["new has no row in the table"]);
    }

    #[test]
    fn a_row_without_a_crate_is_named() {
        let text = TABLES.replace("| `low` |\n", "| low, gone |\n");
        let packages = ["low", "high", "kit", "bench"]
            .map(|name| Package { name: name.into(), dependencies: vec![] });
        let problems = Rules::parse(&text).unwrap().problems(&packages);
        assert_eq!(problems, ["gone is in the table and is no crate of the workspace"]);
    }

    #[test]
    fn a_missing_heading_is_said_by_name() {
        let error = Rules::parse("# Architecture\n").err().unwrap().to_string();
        assert!(error.contains("\"## Allowed imports\""), "{error}");
    }
}
