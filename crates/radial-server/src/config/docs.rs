//! `docs/config.md`, written from the table of options.

use std::fmt::Write as _;

use super::environment::DISABLED;
use super::options::{ConfigOption, OPTIONS, SECTIONS};
use super::settings::Config;

const INTRODUCTION: &str = "\
# Configuration

<!-- Written by `cargo xtask generate` from crates/radial-server/src/config/options.rs. -->

Each option can be set in four places. A later one wins over an earlier one:

1. the default,
2. the TOML file: `radial serve --config FILE`,
3. the environment: `RADIAL__SECTION__KEY`, so that `RADIAL__STREAM__MAX_AGE` is `stream.max_age`,
4. a flag, where there is one: see `radial serve --help`.

`radial serve --print-config` prints every option with its effective value and whence it came. Its output is itself a
file; secrets are hidden in it. An unknown key, a value of the wrong type and a value out of its bounds are errors,
reported all together before the hub starts, also where a stronger source overrides them.

Durations are a whole number and a unit: `\"50ms\"`, `\"30s\"`, `\"5m\"`, `\"24h\"`, `\"7d\"`. Sizes are a whole number of
bytes, or one with a unit: `262144`, `\"256KiB\"`, `\"4MiB\"`, `\"1GiB\"`. Booleans are `true` and `false`, nothing else. In
variables and flags values are written without quotes, and lists with commas.
";

/// The documentation of every option, in Markdown: the text of `docs/config.md`.
pub fn docs() -> String {
    let mut text = INTRODUCTION.to_owned();
    for section in SECTIONS {
        let _ = writeln!(text, "\n## {}\n\n{}\n", section.name, section.doc);
        text.push_str("| option | value | default | what it does | example |\n");
        text.push_str("|---|---|---|---|---|\n");
        for option in OPTIONS.iter().filter(|option| option.section() == section.name) {
            text.push_str(&row(option));
        }
    }
    text
}

fn row(option: &ConfigOption) -> String {
    let default = option.kind.write(&mut Config::default());
    let (allowed, doc) = (option.kind.allowed(), option.doc);
    let secret = if option.secret { " Secret: its value is never shown." } else { "" };
    let example = example(option);
    format!("| `{}` | {allowed} | `{default}` | {doc}{secret} | `{example}` |\n", option.key)
}

fn example(option: &ConfigOption) -> String {
    match DISABLED {
        (variable, key) if key == option.key => format!("{variable}={}", option.example),
        _ => format!("{}={}", option.variable(), option.example),
    }
}
