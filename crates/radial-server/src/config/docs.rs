//! `docs/config.md`, written from the table of options.

use std::fmt::Write as _;

use super::environment::DISABLED;
use super::option::ConfigOption;
use super::records::RecordList;
use super::sections::{SECTIONS, TOP_LISTS};
use super::settings::Config;

const INTRODUCTION: &str = "\
# Configuration

<!-- Written by `cargo xtask generate` from crates/radial-server/src/config/sections. -->

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

A list of records is written in the file as one `[[section.list]]` for each record. A variable has the whole list as a
JSON array of objects, and stands in the place of all records of the file. Flags have none.

A secret option, say `key`, is given in one of three ways: `key` is the secret itself, `key_file` the path of a file
that holds it (line breaks at its end do not count), `key_env` the name of a variable that holds it. The secret is in no
log line, no error and not in the output of `--print-config`, which names the file or the variable.
";

/// The documentation of every option, in Markdown: the text of `docs/config.md`.
pub fn docs() -> String {
    let mut text = INTRODUCTION.to_owned();
    for section in SECTIONS {
        let _ = writeln!(text, "\n## {}\n\n{}\n", section.name, section.doc);
        text.push_str("| option | value | default | what it does | example |\n");
        text.push_str("|---|---|---|---|---|\n");
        for option in section.options {
            text.push_str(&row(option));
        }
        for list in section.lists {
            text.push_str(&records(list, "###"));
        }
    }
    for list in TOP_LISTS {
        text.push_str(&records(list, "##"));
    }
    text
}

fn row(option: &ConfigOption) -> String {
    let default = option.kind.write(&mut Config::default()).shown();
    let (allowed, doc) = (option.kind.allowed(), option.doc);
    let example = example(option);
    format!("| `{}` | {allowed} | `{default}` | {doc} | `{example}` |\n", option.key)
}

fn example(option: &ConfigOption) -> String {
    match DISABLED {
        (variable, key) if key == option.key => format!("{variable}={}", option.example),
        _ => format!("{}={}", option.variable(), option.example),
    }
}

fn records(list: &RecordList, heading: &str) -> String {
    let mut text = format!("\n{heading} `[[{}]]`\n\n{}\n\n", list.key, list.doc);
    text.push_str("| field | value | default | what it is | example |\n|---|---|---|---|---|\n");
    for row in list.table.rows() {
        let (name, allowed, default) = (row.name, row.allowed, row.default);
        let (doc, example) = (row.doc, row.example);
        let _ = writeln!(text, "| `{name}` | {allowed} | {default} | {doc} | `{example}` |");
    }
    let _ = writeln!(text, "\nAs a variable: `{}='{}'`", list.variable(), list.example);
    text
}
