//! The configuration as its users meet it: what they write, and what they are told.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use radial_fanout::TimelineLimit;
use radial_protocol::limits::Limits;

use super::load::load_with;
use super::raw::Raw;
use super::sections::{self, ORDERS, SECTIONS};
use super::{Config, ConfigError, Loaded, LogFormat, LogLevel, Source, Sources, docs, load};

mod records;

const FILE: &str = "radial.toml";

fn sources(environment: &[(&str, &str)], flags: &[(&'static str, &str)]) -> Sources {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let flag = |(key, value): &(&'static str, &str)| (*key, "some-flag", (*value).to_owned());
    Sources {
        file: Some(PathBuf::from(FILE)),
        environment: environment.iter().map(owned).collect(),
        flags: flags.iter().map(flag).collect(),
    }
}

fn load_text(text: &str, sources: Sources) -> Result<Loaded, ConfigError> {
    load_with(sources, |path| {
        assert_eq!(path, Path::new(FILE));
        Ok(text.to_owned())
    })
}

/// What a file is told; empty if it is accepted.
fn file_problems(text: &str) -> String {
    load_text(text, sources(&[], &[])).err().map(|error| error.to_string()).unwrap_or_default()
}

fn variable_problems(variables: &[(&str, &str)]) -> String {
    load_text("", sources(variables, &[])).err().map(|error| error.to_string()).unwrap_or_default()
}

/// The file, the words that its refusal must contain.
fn check_file(text: &str, expected: &[&str]) {
    let problems = file_problems(text);
    for words in expected {
        assert!(problems.contains(words), "{text}\n{problems}\nlacks: {words}");
    }
    assert_eq!(problems.lines().count(), 1, "{problems}");
}

#[test]
fn without_settings_the_defaults_of_the_protocol_hold() {
    let loaded = load(Sources::default()).unwrap();
    assert_eq!(loaded.config, Config::default());
    assert_eq!(loaded.config.limits, Limits::default());
    assert_eq!(loaded.config.timeline, TimelineLimit::default());
    assert!(loaded.settings().iter().all(|setting| setting.source == Source::Default));
    assert_eq!(loaded.settings().len(), sections::options().count());
}

#[test]
fn flags_win_over_variables_over_the_file_over_defaults() {
    let text = "[stream]\nretry = \"3s\"\nheartbeat = \"3s\"\nmax_age = \"3m\"\n";
    let environment = [("RADIAL__STREAM__HEARTBEAT", "4s"), ("RADIAL__STREAM__MAX_AGE", "4m")];
    let loaded = load_text(text, sources(&environment, &[("stream.max_age", "5m")])).unwrap();
    let stream = &loaded.config.stream;
    assert_eq!(stream.retry, Duration::from_secs(3));
    assert_eq!(stream.heartbeat, Duration::from_secs(4));
    assert_eq!(stream.max_age, Duration::from_mins(5));
    let source = |key: &str| {
        let setting = loaded.settings().iter().find(|setting| setting.key == key);
        setting.unwrap().source.to_string()
    };
    assert_eq!(source("server.data"), "default");
    assert_eq!(source("stream.retry"), "file radial.toml:2");
    assert_eq!(source("stream.heartbeat"), "environment RADIAL__STREAM__HEARTBEAT");
    assert_eq!(source("stream.max_age"), "flag --some-flag");
}

#[test]
fn every_kind_of_value_is_read() {
    let text = r#"
        limits = { event_bytes = 1_000, body_bytes = "8MiB" }
        server.listen = "[::1]:0"
        [hub]
        tenants = ["acme", "globex"]
        registry = "types"
        builtin_types = false
    "#;
    let environment = [
        ("RADIAL__SERVER__LOG_FORMAT", "json"),
        ("RADIAL__SERVER__LOG_LEVEL", "debug"),
        ("RADIAL__SERVER__MAX_CONNECTIONS", "7"),
        ("RADIAL__HUB__TENANTS", "acme, globex,initech"),
        ("RADIAL__TIMELINE__BYTES", "65536"),
        ("RADIAL_DISABLED", "true"),
        ("RADIAL_URL", "http://127.0.0.1:7070"),
        ("RADIAL_TOKEN", "t"),
        ("PATH", "p"),
    ];
    let flags = [("hub.registry", ""), ("server.data", "/srv/radial")];
    let Config { server, hub, limits, timeline, .. } =
        load_text(text, sources(&environment, &flags)).unwrap().config;
    assert_eq!(server.listen.to_string(), "[::1]:0");
    assert_eq!(server.data, Path::new("/srv/radial"));
    assert_eq!((server.log_format, server.log_level), (LogFormat::Json, LogLevel::Debug));
    assert_eq!(server.max_connections, 7);
    let tenants: Vec<&str> = hub.tenants.iter().map(radial_protocol::TenantId::as_str).collect();
    assert_eq!(tenants, ["acme", "globex", "initech"]);
    assert_eq!(hub.registry, None);
    assert!(hub.disabled && !hub.builtin_types);
    assert_eq!((limits.event_bytes, limits.body_bytes), (1_000, 8 * 1024 * 1024));
    assert_eq!(timeline.bytes, 65_536);
}

#[test]
fn an_unknown_key_is_told_the_nearest_known_one() {
    let unknown = |place: &str, name: &str, nearest: &str| {
        format!("{place}: {name} is not known; the nearest known is {nearest}")
    };
    for (text, line, name, nearest) in [
        ("[stream]\n\nhartbeat = 1", 3, "stream.hartbeat", "stream.heartbeat"),
        ("[server]\nlog-format = 1", 2, "server.log-format", "server.log_format"),
        ("[hub]\nheartbeat = 1", 2, "hub.heartbeat", "stream.heartbeat"),
        ("listen = 1", 1, "listen", "server.listen"),
        ("[sever]\nlisten = 1", 1, "[sever]", "[server]"),
        ("sever.listen = 1", 1, "[sever]", "[server]"),
    ] {
        let place = format!("file radial.toml:{line}");
        assert_eq!(file_problems(text), unknown(&place, name, nearest));
    }
    for (name, nearest) in [
        ("RADIAL__STREAM__HARTBEAT", "RADIAL__STREAM__HEARTBEAT"),
        ("RADIAL__STREAM_HEARTBEAT", "RADIAL__STREAM__HEARTBEAT"),
        ("RADIAL__stream__heartbeat", "RADIAL__STREAM__HEARTBEAT"),
        ("RADIAL__DISABLED", "RADIAL__HUB__DISABLED"),
    ] {
        let place = format!("environment {name}");
        let problems = variable_problems(&[(name, "1")]);
        assert_eq!(problems, unknown(&place, "the variable", nearest));
    }
    let problems = load_text("", sources(&[], &[("server.port", "1")])).unwrap_err();
    assert!(problems.to_string().starts_with("flag --some-flag: server.port is not known"));
}

#[test]
fn wrong_types_are_refused() {
    for (setting, expected) in [
        ("server.listen = 7070", "it is an integer; it must be an IP address and a port"),
        ("server.listen = \"localhost:7070\"", "it must be an IP address and a port"),
        ("server.data = \"\"", "server.data is \"\"; it must be the path of a folder"),
        ("server.node = \"a b\"", "contains ' '"),
        ("server.log_format = \"xml\"", "is \"xml\"; it must be text or json"),
        ("server.log_level = \"trace\"", "it must be error, warn, info or debug"),
        ("server.max_connections = \"7\"", "it is a string; it must be a whole number from 1"),
        ("server.max_connections = 1.5", "is a number with a fraction"),
        ("server.header_timeout = 5", "it is an integer; it must be a duration from 100ms to 1m"),
        ("server.header_timeout = \"5\"", "has no unit"),
        ("hub.disabled = \"true\"", "it is a string; it must be true or false"),
        ("hub.disabled = 1", "it is an integer; it must be true or false"),
        ("hub.tenants = \"dev\"", "it is a string; it must be a list of 1 to 10000 names"),
        ("hub.tenants = [1]", "is [1]; it is a list of other things than strings"),
        ("limits.body_bytes = \"4MB\"", "the units of size are KiB, MiB and GiB"),
        ("server.listen.port = 1", "it is a table"),
        ("server = 5", "server is a section"),
    ] {
        check_file(setting, &["file radial.toml:1: ", expected]);
    }
    for value in ["TRUE", "1", "yes", "on", ""] {
        let expected = format!(
            "environment RADIAL_DISABLED: hub.disabled is \"{value}\"; it must be true or false"
        );
        assert_eq!(variable_problems(&[("RADIAL_DISABLED", value)]), expected);
    }
}

#[test]
fn values_out_of_bounds_are_refused() {
    for (setting, allowed) in [
        ("server.drain_timeout = \"11s\"", "a duration from 0ms to 10s"),
        ("server.max_connections = 0", "a whole number from 1 to 1000000"),
        ("server.max_connections = -1", "a whole number from 1 to 1000000"),
        ("limits.event_bytes = 63", "a number of bytes from 64 to 16MiB"),
        ("limits.body_bytes = \"33MiB\"", "a number of bytes from 256 to 32MiB"),
        ("limits.body_bytes = -1", "a number of bytes from 256 to 32MiB"),
        ("limits.nesting = 65", "a whole number from 1 to 64"),
        ("hub.tenants = []", "it holds 0 of them; it must be a list of 1 to 10000 names"),
        ("hub.tenants = [\"a\", \"a\"]", "\"a\" stands in it twice"),
        ("hub.tenants = [\"$hub\"]", "\"$hub\" contains '$'"),
        ("stream.retry = \"9ms\"", "a duration from 10ms to 5m"),
    ] {
        check_file(setting, &["file radial.toml:1: ", allowed]);
    }
    let huge = "99999999999999999999";
    for (name, value) in [
        ("RADIAL__SERVER__MAX_CONNECTIONS", huge),
        ("RADIAL__SERVER__MAX_CONNECTIONS", "+7"),
        ("RADIAL__LIMITS__BODY_BYTES", huge),
        ("RADIAL__HUB__TENANTS", ""),
        ("RADIAL__HUB__TENANTS", "a,,b"),
    ] {
        let problems = variable_problems(&[(name, value)]);
        assert!(problems.contains("; it must be a"), "{name}={value}: {problems}");
    }
}

#[test]
fn values_that_do_not_go_together_are_refused() {
    let problems = variable_problems(&[("RADIAL__LIMITS__EVENT_BYTES", "8MiB")]);
    let expected = "limits.event_bytes (\"8MiB\", environment RADIAL__LIMITS__EVENT_BYTES) must \
                    not be above limits.body_bytes (\"4MiB\", default)";
    assert_eq!(problems, expected);
    let both = [("RADIAL_DISABLED", "true"), ("RADIAL__HUB__DISABLED", "false")];
    assert!(variable_problems(&both).contains("their values differ"));
    let agreed = [("RADIAL_DISABLED", "true"), ("RADIAL__HUB__DISABLED", "true")];
    assert_eq!(variable_problems(&agreed), "");
}

#[test]
fn all_problems_are_reported_together() {
    let text = "[stream]\nretry = 1\nnothing = 2\n[limits]\nevent_bytes = \"x\"\n";
    let environment = [("RADIAL__NOTHING", "1"), ("RADIAL__STREAM__RETRY", "2s")];
    let flags = [("server.listen", "x"), ("stream.retry", "5s")];
    let error = load_text(text, sources(&environment, &flags)).unwrap_err();
    assert_eq!(error.problems().len(), 5, "{error}");
    assert_eq!(error.to_string().lines().count(), 5);
}

#[test]
fn a_broken_file_is_told_its_line() {
    check_file("[stream]\nretry = 5s\n", &["file radial.toml:2: "]);
    check_file("[stream]\nretry = \"5s\"\nretry = \"5s\"\n", &["file radial.toml:3: "]);
    let two = file_problems("[stream]\nretry = 5s\nx = [\n[[[\n");
    let lines: Vec<_> = two.lines().filter_map(|line| line.split(": ").next()).collect();
    assert_eq!(lines, ["file radial.toml:2", "file radial.toml:4"], "{two}");
    check_file(&"#".repeat(1024 * 1024 + 1), &["is larger than 1048576 bytes"]);
    let refused = load_with(sources(&[], &[]), |_| Err(io::ErrorKind::PermissionDenied.into()));
    assert!(refused.unwrap_err().to_string().starts_with("radial.toml: cannot be read: "));
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let real = load(Sources { file: Some(manifest), ..Sources::default() }).unwrap_err();
    assert!(real.to_string().contains("Cargo.toml:1: [package] is not known"), "{real}");
}

#[test]
fn errors_stay_on_one_line_and_short() {
    let problems = variable_problems(&[("RADIAL__SERVER__NODE", &"a\n".repeat(5_000))]);
    assert_eq!(problems.lines().count(), 1);
    assert!(problems.len() < 500, "{problems}");
    let lossy = variable_problems(&[("RADIAL__SERVER__DATA", "/srv/\u{fffd}")]);
    assert_eq!(lossy, "environment RADIAL__SERVER__DATA: its value is not UTF-8");
}

#[test]
fn what_is_printed_loads_back() {
    let text = "[hub]\ntenants = [\"acme\", \"globex\"]\n[limits]\nbody_bytes = 5_000_000\n";
    let environment = [
        ("RADIAL__HUB__REGISTRY", "a \"quoted\" \\ folder\nand # more"),
        ("RADIAL__SERVER__DRAIN_TIMEOUT", "1500ms"),
        ("RADIAL_DISABLED", "true"),
    ];
    let loaded = load_text(text, sources(&environment, &[("server.log_level", "warn")])).unwrap();
    let printed = loaded.print();
    for line in [
        "[server]",
        "listen = \"127.0.0.1:7070\" # default",
        "log_level = \"warn\" # flag --some-flag",
        "disabled = true # environment RADIAL_DISABLED",
        "tenants = [\"acme\", \"globex\"] # file radial.toml:2",
        "body_bytes = 5000000 # file radial.toml:4",
        "event_bytes = \"256KiB\" # default",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line}\n{printed}");
    }
    assert_eq!(load_text(&printed, sources(&[], &[])).unwrap().config, loaded.config);
    let default = load(Sources::default()).unwrap();
    assert_eq!(load_text(&default.print(), sources(&[], &[])).unwrap().config, default.config);
}

#[test]
fn the_table_is_sound() {
    for (index, option) in sections::options().enumerate() {
        let key = option.key;
        let section = key.split('.').next().unwrap();
        assert!(SECTIONS.iter().any(|known| known.name == section), "{key}");
        assert!(option.doc.ends_with('.') && !option.doc.contains('|'), "{key}");
        assert!(
            sections::options().take(index).all(|other| other.key != key),
            "{key} stands twice"
        );
        let mut set = Config::default();
        let given = Raw::Plain(option.example.to_owned());
        assert!(option.kind.read(&given, &mut set).is_ok(), "the example of {key}");
        assert_ne!(set, Config::default(), "the example of {key} is its default");
        let environment = vec![(option.variable(), option.example.to_owned())];
        let loaded = load(Sources { environment, ..Sources::default() });
        assert_eq!(loaded.unwrap().config, set, "the variable of {key}");
    }
    for order in ORDERS {
        assert!(sections::find(order.lower).is_some() && sections::find(order.upper).is_some());
    }
}

#[test]
fn docs_config_md_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/config.md");
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == docs(), "docs/config.md is out of date: run `cargo xtask generate`");
}
