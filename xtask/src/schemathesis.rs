//! `cargo xtask schemathesis`: requests made up from the OpenAPI document, against a hub that asks for
//! credentials.
//!
//! Every operation is asked with examples, with values at the limits and with random ones, right and
//! wrong. No answer may be a 5xx that the document does not name, nor one of a status, a media type or
//! a shape that it does not name. Schemathesis comes from `PyPI` and is put into the target folder.

use std::path::Path;

use crate::prepare;
use crate::process::{self, Background, command};
use crate::repo::Workspace;

/// Schemathesis and what it needs, each of one version.
const PACKAGES: &str = "xtask/schemathesis.txt";
const PYTHON: &str = "import sys; from schemathesis.cli import schemathesis; \
                      sys.argv[0] = 'schemathesis'; schemathesis()";
/// How it asks.
const SETTINGS: &str = "xtask/schemathesis.toml";
/// The seed of continuous integration.
const SEED: u64 = 20_261_121;
/// How many requests are made up at random for each operation.
const EXAMPLES: u32 = 25;
/// What each of the runs may take; on a quiet machine they take less.
const SECONDS: u64 = 55;
/// An event stream does not end; its `HEAD` takes the same parameters and does.
const ENDLESS: &str = "stream";
/// What takes away what the others need: these run last.
const HARMFUL: &[&str] = &["disable", "enable", "revoke"];

/// Nobody else has it, and the hub ends with the run.
const SECRET: &str = "a secret of the tests, which opens nothing";
/// A hub whose rates do not get in the way.
const CONFIG: &str = r#"
[server]
log_level = "warn"

[hub]
tenants = ["acme"]

[[auth.issuers]]
name = "app"
secret_env = "APP_SECRET"
tenants = ["acme"]
act_as = true
operator = "hub"

[rates]
publish_client = 0
events_client = 0
publish_user = 0
publish_address = 0
connections_user = 0
"#;

/// How to run.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The seed of what is random
    #[arg(long, default_value_t = SEED)]
    seed: u64,
    /// How many random requests for each operation
    #[arg(long, default_value_t = EXAMPLES)]
    examples: u32,
    /// How many seconds each of the two runs may take
    #[arg(long, default_value_t = SECONDS)]
    seconds: u64,
}

impl Options {
    /// Those of continuous integration.
    pub(crate) const USUAL: Self = Self { seed: SEED, examples: EXAMPLES, seconds: SECONDS };
}

/// Runs it; fails if an answer is none that the document names.
pub(crate) fn run(root: &Path, options: &Options) -> anyhow::Result<()> {
    let target = Workspace::load(root)?.target_directory;
    let folder = target.join("schemathesis");
    let packages = folder.join("python");
    let wanted = std::fs::read_to_string(root.join(PACKAGES))?;
    prepare::python_packages(root, &packages, &wanted.lines().collect::<Vec<_>>())?;
    process::run(command(root, "cargo", &["build", "--locked", "-p", "radial"]))?;
    let hub = Hub::start(root, &target.join("debug/radial"), &folder)?;
    println!("seed {}", options.seed);
    let among = |flag: &str, names: &[&str]| -> Vec<String> {
        names.iter().flat_map(|name| [flag.to_owned(), (*name).to_owned()]).collect()
    };
    let usual = among("--exclude-operation-id", &[&[ENDLESS], HARMFUL].concat());
    let harmful = among("--include-operation-id", HARMFUL);
    for selection in [usual, harmful] {
        // What it remembers between runs stays in the folder that it runs in.
        let mut runner = command(&folder, "python3", &["-c", PYTHON, "--config-file"]);
        let Options { seed, examples, seconds } = options;
        runner.env("PYTHONPATH", &packages).arg(root.join(SETTINGS)).arg("run");
        runner.arg(format!("--seed={seed}")).arg(format!("--max-examples={examples}"));
        runner.arg(format!("--max-time={seconds}"));
        runner.args(["-H".to_owned(), format!("Authorization: Bearer {}", hub.token)]);
        runner.args(selection).arg(format!("{}/openapi.json", hub.url));
        process::run(runner)?;
    }
    Ok(())
}

/// A hub, and a token that may do everything.
struct Hub {
    _process: Background,
    url: String,
    token: String,
}

impl Hub {
    fn start(root: &Path, binary: &Path, folder: &Path) -> anyhow::Result<Self> {
        let data = folder.join("data");
        if data.exists() {
            std::fs::remove_dir_all(&data)?;
        }
        std::fs::create_dir_all(folder)?;
        let config = folder.join("radial.toml");
        std::fs::write(&config, CONFIG)?;
        let binary = binary.to_string_lossy();
        let mut sign = command(root, &binary, &["token", "--secret-env", "APP_SECRET"]);
        sign.args(["--user", "ada", "--publish", "*", "--subscribe", "*", "--channels", "*"]);
        sign.args(["--history", "--act-as", "--operator", "hub"]).env("APP_SECRET", SECRET);
        let token = process::output(sign)?.trim().to_owned();
        let mut serve = command(root, &binary, &["serve", "--listen", "127.0.0.1:0", "--config"]);
        serve.arg(&config).arg("--data").arg(&data).env("APP_SECRET", SECRET);
        let process = Background::start(serve)?;
        let url = process.first_line.trim_start_matches("listening on ").to_owned();
        Ok(Self { _process: process, url, token })
    }
}
