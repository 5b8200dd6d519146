//! Lists of records and secrets, as their users meet them.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::config::{Certificate, SecretOrigin};
use radial_protocol::TenantId;

const VARIABLE: &str = "RADIAL__SERVER__CERTIFICATES";
const PRIVATE: &str = "hunter2-hunter2";

/// Loads a file beside a secret in `key.pem`, one in the variable `TLS_KEY`, and these variables.
fn load_beside(text: &str, variables: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    let mut sources = sources(variables, &[]);
    sources.environment.push(("TLS_KEY".to_owned(), PRIVATE.to_owned()));
    load_with(sources, |path| match path.to_str().unwrap() {
        FILE => Ok(text.to_owned()),
        "key.pem" => Ok(format!("{PRIVATE}\r\n\n")),
        "empty.pem" => Ok("\n".to_owned()),
        _ => Err(io::ErrorKind::NotFound.into()),
    })
}

fn problems(text: &str, variables: &[(&str, &str)]) -> String {
    load_beside(text, variables).err().map(|error| error.to_string()).unwrap_or_default()
}

/// Each certificate and where its key was found, which is checked.
fn origins(certificates: &[Certificate]) -> Vec<(&str, &SecretOrigin)> {
    let mut origins = Vec::new();
    for Certificate { certificate, key } in certificates {
        let key = key.as_ref().unwrap();
        assert_eq!(key.expose(), PRIVATE);
        origins.push((certificate.to_str().unwrap(), key.origin()));
    }
    origins
}

const THREE: &str = r#"
[server]
node = "n"
[[server.certificates]]
certificate = "a.pem"
key = "hunter2-hunter2"

[[server.certificates]]
certificate = "b.pem"
key_file = "key.pem"

[[server.certificates]]
key_env = "TLS_KEY"
certificate = "c.pem"
"#;

#[test]
fn records_are_read_and_their_secrets_found() {
    let loaded = load_beside(THREE, &[]).unwrap();
    let expected = [
        ("a.pem", &SecretOrigin::Inline),
        ("b.pem", &SecretOrigin::File("key.pem".into())),
        ("c.pem", &SecretOrigin::Variable("TLS_KEY".to_owned())),
    ];
    assert_eq!(origins(&loaded.config.server.certificates), expected);
    let inline = r#"server.certificates = [{ certificate = "a.pem", key_file = "key.pem" }]"#;
    assert_eq!(load_beside(inline, &[]).unwrap().config.server.certificates.len(), 1);
}

#[test]
fn a_variable_stands_in_the_place_of_the_whole_list() {
    let json = r#"[{"certificate": "v.pem", "key_env": "TLS_KEY"}]"#;
    let loaded = load_beside(THREE, &[(VARIABLE, json)]).unwrap();
    let expected = [("v.pem", &SecretOrigin::Variable("TLS_KEY".to_owned()))];
    assert_eq!(origins(&loaded.config.server.certificates), expected);
    let none = load_beside(THREE, &[(VARIABLE, "[]")]).unwrap();
    assert_eq!(none.config.server.certificates, []);
}

#[test]
fn what_is_wrong_with_a_record_is_told_with_its_line() {
    let record = |fields: &str| format!("[[server.certificates]]\n{fields}\n");
    let good = "certificate = \"a.pem\"\nkey_file = \"key.pem\"";
    for (text, line, expected) in [
        (record("certificate = \"a.pem\""), 1, "[[server.certificates]] lacks key; it must be a"),
        (record("key_file = \"key.pem\""), 1, "[[server.certificates]] lacks certificate; it must"),
        (
            record(&format!("{good}\nkye = 1")),
            4,
            "server.certificates.kye is not known; the nearest known is server.certificates.key",
        ),
        (record(&format!("{good}\nkey = \"x\"")), 3, "has key in two ways: give one"),
        (
            record("certificate = 5\nkey_file = \"key.pem\""),
            2,
            "server.certificates.certificate is 5",
        ),
        (
            record(&good.replace("key.pem", "no.pem")),
            3,
            "server.certificates.key_file is (hidden); the file that it names cannot be read",
        ),
        (record(&good.replace("key.pem", "empty.pem")), 3, "it is empty"),
        (record(&good.replace("key_file", "key_env")), 3, "the variable that it names is not set"),
        (record(&good.replace("\"key.pem\"", "[]")), 3, "it is a list"),
        (
            format!("{}{}", record(good), record(good)),
            5,
            "[[server.certificates]] has certificate \"a.pem\" in another record too",
        ),
        ("server.certificates = 5".to_owned(), 1, "is a list of tables: write [[server.certif"),
        ("server.certificates = [5]".to_owned(), 1, "is a list of tables: write [[server.certif"),
        ("[server.certificates]\nkey = \"x\"".to_owned(), 1, "is a list of tables"),
        ("[[server.certificate]]\n".to_owned(), 1, "the nearest known is server.certificates"),
        (record(good).repeat(101), 1, "has 101 records, at most 100"),
    ] {
        let told = problems(&text, &[]);
        let first = told.lines().next().unwrap_or_default();
        assert!(first.starts_with(&format!("file radial.toml:{line}: ")), "{text}\n{told}");
        assert!(first.contains(expected), "{text}\n{told}\nlacks: {expected}");
    }
    for (json, expected) in [
        ("{", "environment RADIAL__SERVER__CERTIFICATES: it is not a JSON array of objects, at"),
        ("[1]", "it is not a JSON array of objects, at line 1 column 2"),
        (
            r#"[{"certificate": "a", "key": "x"}, {"certificate": "b"}]"#,
            "environment RADIAL__SERVER__CERTIFICATES, record 2: [[server.certificates]] lacks key",
        ),
        (r#"[{"certificate": 1.5, "key": "x"}]"#, "is a number with a fraction"),
        (r#"[{"certificate": null, "key": "x"}]"#, "is null"),
    ] {
        let told = problems("", &[(VARIABLE, json)]);
        assert!(told.contains(expected), "{json}\n{told}");
    }
}

#[test]
fn records_print_as_a_file_that_loads_to_the_same() {
    let without_inline = THREE.replace("key = \"hunter2-hunter2\"", "key_file = \"key.pem\"");
    let loaded = load_beside(&without_inline, &[]).unwrap();
    let printed = loaded.print();
    let expected = "[[server.certificates]] # file radial.toml:8\ncertificate = \"b.pem\"\n\
                    key_file = \"key.pem\"\n";
    assert!(printed.contains(expected), "{printed}");
    assert_eq!(load_beside(&printed, &[]).unwrap().config, loaded.config);
    let none = load_beside("", &[]).unwrap().print();
    assert!(none.contains("# [[server.certificates]]: none\n"), "{none}");
}

#[test]
fn secrets_are_in_nothing_that_is_shown() {
    let loaded = load_beside(THREE, &[]).unwrap();
    let printed = loaded.print();
    assert!(printed.contains("certificate = \"a.pem\"\n# key = (hidden)\n"), "{printed}");
    let environment = vec![(VARIABLE.to_owned(), PRIVATE.to_owned())];
    let sources = Sources { environment, ..Sources::default() };
    let mut shown = vec![printed, format!("{loaded:?}"), format!("{sources:?}")];
    for given in ["key", "key_file", "key_env"] {
        for quotes in ["\"", "'", "\"\"\"", ""] {
            let value = format!("{quotes}{PRIVATE}{quotes}");
            shown.push(problems(&format!("[[server.certificates]]\n{given} = {value}\n"), &[]));
            shown.push(problems(&format!("[[server.certificates]]\n{given} = [{value}]\n"), &[]));
            shown.push(problems(
                &format!("[[server.certificates]]\n{given} = {quotes}{PRIVATE}"),
                &[],
            ));
        }
        let json = format!(r#"[{{"{given}": "{PRIVATE}"}}]"#);
        shown.push(problems("", &[(VARIABLE, &json)]));
        shown.push(problems("", &[(VARIABLE, json.trim_end_matches("\"}]"))]));
        shown.push(problems("", &[(VARIABLE, &format!("\"{PRIVATE}\""))]));
    }
    for text in &shown {
        assert!(!text.is_empty() && !text.contains("hunter2"), "{text}");
    }
}

#[test]
fn a_tenant_is_kept_as_its_record_says_and_else_as_the_log() {
    let text = r#"
[hub]
tenants = ["acme", "globex"]
[log]
keep_age = "2d"
keep_events = 7
[[tenants]]
name = "globex"
keep_age = "1d"
quota_bytes = "1MiB"
"#;
    let loaded = load_beside(text, &[]).unwrap();
    let settings = loaded.config.log.settings(&loaded.config.tenants, 1);
    let day = Duration::from_hours(24);
    let retention = settings.retention;
    assert_eq!((retention.keep.age, retention.keep.events), (Some(2 * day), Some(7)));
    assert_eq!(retention.quota_bytes, None);
    let names: Vec<&str> = settings.tenants.keys().map(TenantId::as_str).collect();
    assert_eq!(names, ["globex"]);
    let retention = settings.tenants.values().next().unwrap();
    assert_eq!((retention.keep.age, retention.keep.events), (Some(day), Some(7)));
    assert_eq!(retention.quota_bytes, Some(1024 * 1024));
    assert_eq!(load_beside(&loaded.print(), &[]).unwrap().config, loaded.config);
    let told = problems(&text.replace("name = \"globex\"", "name = \"initech\""), &[]);
    let expected =
        "file radial.toml:7: [[tenants]] has name \"initech\", which is not among hub.tenants";
    assert!(told.contains(expected), "{told}");
}

#[test]
fn the_lists_are_sound() {
    for list in sections::lists() {
        assert!(list.doc.ends_with('.') && !list.doc.contains('|'), "{}", list.key);
        let rows = list.table.rows();
        assert!(rows.iter().all(|row| row.doc.ends_with('.') && !row.doc.contains('|')));
        let names: Vec<&str> = rows.iter().map(|row| row.name).collect();
        let mut distinct = names.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), names.len(), "{}", list.key);
        let sources = sources(&[(&list.variable(), list.example)], &[]);
        let read = |path: &Path| match path.to_str() {
            Some(FILE) => Ok(String::new()),
            _ => Ok(PRIVATE.to_owned()),
        };
        let loaded = load_with(sources, read).unwrap();
        assert!(loaded.records().iter().any(|record| record.list == list.key), "{}", list.key);
    }
}

#[test]
fn an_alias_that_stands_in_the_hubs_way_is_refused_with_its_line() {
    let alias = |path: &str| format!("[[streams]]\npath = \"{path}\"\n");
    let loaded = load_beside(&alias("/ws/realtime"), &[]).unwrap();
    assert_eq!(loaded.config.streams[0].path, "/ws/realtime");
    for (text, line, expected) in [
        (alias("/api/sse/events"), 2, "it is a path of the hub's own, /api/sse/events"),
        (alias("/api/registry/x"), 2, "it is a path of the hub's own, /api/registry/{event_type}"),
        (alias("feeds"), 2, "streams.path is \"feeds\"; it begins with no /"),
        (alias("/a").repeat(2), 4, "[[streams]] has path \"/a\" in another record too"),
        ("[[streams]]\n".to_owned(), 1, "[[streams]] lacks path; it must be a path"),
        (format!("{}transport = \"poll\"\n", alias("/a")), 3, "must be sse or websocket"),
        (format!("{}types = []\n", alias("/a")), 3, "must be a list of 1 to 50 patterns"),
        (format!("{}types = [\"a b\"]\n", alias("/a")), 3, "\"a b\""),
    ] {
        let told = problems(&text, &[]);
        assert!(told.starts_with(&format!("file radial.toml:{line}: ")), "{text}\n{told}");
        assert!(told.contains(expected), "{text}\n{told}\nlacks: {expected}");
    }
}
