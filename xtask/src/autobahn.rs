//! `cargo xtask autobahn`: the Autobahn cases against the WebSocket codec.
//!
//! The cases come from `PyPI` (`kosoku`, a runner of the same case files) and are put into the target
//! folder. The other side is an echo server that is nothing but the codec.

use std::path::Path;

use crate::prepare;
use crate::process::{self, Background, command};
use crate::repo::Workspace;

const RUNNER: &str = "kosoku==0.1.0";
/// The cases of continuous integration: all but those that measure speed, and of the hundreds with
/// a thousand compressed messages one of each kind.
const FEW: &[&str] = &[
    "1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*", "12.1.1", "12.2.1", "12.5.1",
    "13.1.1", "13.3.1", "13.7.1",
];

/// What to run.
#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// Only the cases that continuous integration runs
    #[arg(long)]
    few: bool,
}

impl Options {
    /// The cases of continuous integration.
    pub(crate) const FEW: Self = Self { few: true };
}

/// Runs the cases; fails if one does.
pub(crate) fn run(root: &Path, options: &Options) -> anyhow::Result<()> {
    let target = Workspace::load(root)?.target_directory;
    let folder = target.join("autobahn");
    let packages = folder.join("python");
    prepare::python_packages(root, &packages, &[RUNNER])?;
    let profile: &[&str] = if options.few { &[] } else { &["--release"] };
    let build = ["build", "--locked", "-p", "radial-websocket", "--example", "echo"];
    process::run(command(root, "cargo", &[&build, profile].concat()))?;
    let folder_of = if options.few { "debug" } else { "release" };
    let echo = target.join(folder_of).join("examples/echo");
    let echo = Background::start(command(root, &echo.to_string_lossy(), &[]))?;
    let main = "from kosoku._cli import main; main()";
    let mut runner = command(root, "python3", &["-c", main, "-m", "fuzzingclient", "-p", "2"]);
    runner.env("PYTHONPATH", &packages).arg("-o").arg(folder.join("reports"));
    if options.few {
        runner.args(FEW.iter().flat_map(|cases| ["-i", cases]));
    }
    process::run({
        runner.arg(&echo.first_line);
        runner
    })
}
