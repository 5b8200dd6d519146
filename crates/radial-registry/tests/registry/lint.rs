//! Every rule that refuses what cannot hold together.

use std::collections::HashSet;

use radial_registry::{Rule, Severity};

use super::{registry, report, with_type};

/// Each case: a rule, the lines of a type that break it (and nothing else), the lines that do not.
const POLICY_CASES: &[(Rule, &str, &str)] = &[
    (Rule::BadValue, "persistence = \"durabel\"", "persistence = \"durable\""),
    (Rule::BadValue, "ack = \"yes\"", "persistence = \"durable\"\nack = true"),
    (
        Rule::BadValue,
        "fallback = \"invalidate\"",
        "fallback = { kind = \"invalidate\", keys = [[\"cards\"]] }",
    ),
    (
        Rule::BadValue,
        "fallback = { kind = \"invalidate\", keys = [[]] }",
        "fallback = { kind = \"localStorage\" }",
    ),
    (Rule::BadValue, "fallback = { kind = \"none\", keys = [[\"a\"]] }", "fallback = \"none\""),
    (Rule::UnknownKey, "coalesce_key = [\"/a\"]", "coalesceKey = [\"/a\"]"),
    (
        Rule::UnknownKey,
        "dedupe = { windows = \"1s\" }",
        "dedupe = { window = \"1s\", key = [\"/a\"] }",
    ),
    (Rule::BadName, "routes = [\"a b\"]", "routes = [\"a.b\"]"),
    (Rule::BadName, "publishRoles = [\"\"]", "publishRoles = [\"editor\"]"),
    (Rule::BadPointer, "coalesceKey = [\"a\"]", "coalesceKey = [\"/a/b~1c\"]"),
    (Rule::BadPointer, "coalesceKey = [\"\"]", "coalesceKey = []"),
    (Rule::BadPointer, "dedupe = { key = [\"/a~2\"] }", "dedupe = {}"),
    (Rule::BadDuration, "ttl = \"60\"", "ttl = \"60s\""),
    (Rule::BadDuration, "ttl = 60", "ttl = \"1h\""),
    (Rule::BadDuration, "batch = \"of\"", "batch = \"off\""),
    (Rule::TtlBounds, "ttl = \"99ms\"", "ttl = \"100ms\""),
    (Rule::TtlBounds, "ttl = \"366d\"", "ttl = \"365d\""),
    (Rule::BatchBounds, "batch = \"0ms\"", "batch = \"1ms\""),
    (Rule::BatchBounds, "batch = \"2s\"", "batch = \"1s\""),
    (Rule::DedupeBounds, "dedupe = { window = \"0s\" }", "dedupe = { window = \"1ms\" }"),
    (Rule::DedupeBounds, "dedupe = { window = \"61s\" }", "dedupe = { window = \"1m\" }"),
    (
        Rule::TooManyItems,
        "coalesceKey = [\"/a\", \"/a\", \"/a\", \"/a\", \"/a\", \"/a\", \"/a\", \"/a\", \"/a\"]",
        "coalesceKey = [\"/a\", \"/a\", \"/a\", \"/a\", \"/a\", \"/a\", \"/a\", \"/a\"]",
    ),
    (
        Rule::EntityNeedsDurable,
        "entity = { type = \"card\", id = \"/id\" }",
        "persistence = \"durable\"\nentity = { type = \"card\", id = \"/id\" }",
    ),
    (Rule::AckNeedsDurable, "ack = true", "persistence = \"durable\"\nack = true"),
    (Rule::AckNeedsDurable, "persistence = \"live\"\nack = true", "persistence = \"live\""),
    (
        Rule::AckNotBroadcast,
        "persistence = \"durable\"\nack = true\nbroadcast = false",
        "persistence = \"durable\"\nbroadcast = false",
    ),
    (
        Rule::CoalesceWithMerge,
        "persistence = \"durable\"\ncoalesceKey = [\"/id\"]\nentity = { type = \"card\", id = \"/id\", state = \"merge\" }",
        "persistence = \"durable\"\ncoalesceKey = [\"/id\"]\nentity = { type = \"card\", id = \"/id\", state = \"replace\" }",
    ),
    (
        Rule::CoalesceWithDeletes,
        "persistence = \"durable\"\ncoalesceKey = [\"/id\"]\nentity = { type = \"card\", id = \"/id\", deletes = true }",
        "persistence = \"durable\"\nentity = { type = \"card\", id = \"/id\", deletes = true }",
    ),
    (
        Rule::CoalesceWithAck,
        "persistence = \"durable\"\ncoalesceKey = [\"/id\"]\nack = true",
        "persistence = \"durable\"\ncoalesceKey = [\"/id\"]",
    ),
    (
        Rule::DedupeOnLive,
        "persistence = \"live\"\ndedupe = {}",
        "persistence = \"recent\"\ndedupe = {}",
    ),
    (
        Rule::TtlWithState,
        "persistence = \"durable\"\nttl = \"60s\"\nentity = { type = \"card\", id = \"/id\", state = \"replace\" }",
        "persistence = \"durable\"\nttl = \"60s\"\nentity = { type = \"card\", id = \"/id\" }",
    ),
    (
        Rule::TtlWithState,
        "persistence = \"durable\"\nttl = \"60s\"\nentity = { type = \"card\", id = \"/id\", deletes = true }",
        "persistence = \"durable\"\nttl = \"60s\"",
    ),
    (
        Rule::StateWiderThanScope,
        "persistence = \"durable\"\nscope = \"user\"\nentity = { type = \"card\", id = \"/id\", state = \"merge\" }",
        "persistence = \"durable\"\nscope = \"user\"\nentity = { type = \"card\", id = \"$userId\", state = \"merge\" }",
    ),
    (
        Rule::StateWiderThanScope,
        "persistence = \"durable\"\nscope = \"session\"\nentity = { type = \"card\", id = \"$userId\", state = \"merge\" }",
        "persistence = \"durable\"\nscope = \"session\"\nentity = { type = \"card\", id = \"$sessionId\", state = \"merge\" }",
    ),
    (
        Rule::StateNotBroadcast,
        "persistence = \"durable\"\nbroadcast = false\nentity = { type = \"card\", id = \"/id\", state = \"merge\" }",
        "persistence = \"durable\"\nbroadcast = false\nentity = { type = \"card\", id = \"/id\" }",
    ),
    (
        Rule::DeletesWithState,
        "persistence = \"durable\"\nentity = { type = \"card\", id = \"/id\", state = \"merge\", deletes = true }",
        "persistence = \"durable\"\nentity = { type = \"card\", id = \"/id\", state = \"none\", deletes = true }",
    ),
    (
        Rule::DisjointWithReplace,
        "persistence = \"durable\"\nentity = { type = \"card\", id = \"/id\", state = \"replace\", conflict = \"mergeDisjoint\" }",
        "persistence = \"durable\"\nentity = { type = \"card\", id = \"/id\", state = \"merge\", conflict = \"mergeDisjoint\" }",
    ),
    (Rule::BadValue, "entity = { id = \"/id\" }", ""),
    (Rule::BadPointer, "entity = { type = \"card\", id = \"$user\" }", ""),
    (
        Rule::SeenByNoOne,
        "persistence = \"live\"\nbroadcast = false",
        "persistence = \"live\"\nbroadcast = false\nroutes = [\"analytics\"]",
    ),
    (
        Rule::EntityIdOptional,
        "persistence = \"durable\"\nentity = { type = \"card\", id = \"/cardId\" }",
        "persistence = \"durable\"\nentity = { type = \"card\", id = \"/id/inner\" }",
    ),
];

/// Each case: a rule and a whole file that breaks it and nothing else.
const FILE_CASES: &[(Rule, &str)] = &[
    (Rule::FileSyntax, "[types"),
    (Rule::BadValue, "types = 1"),
    (Rule::BadValue, ""),
    (Rule::UnknownKey, "typos = {}\ntypes = {}"),
    (Rule::BadName, "[types.card]\ndescription = \"d\"\nversions.1.schema = {}"),
    (Rule::BadName, "[types.\"card..moved\"]\ndescription = \"d\"\nversions.1.schema = {}"),
    (Rule::BadName, "[types.\"card moved.x\"]\ndescription = \"d\"\nversions.1.schema = {}"),
    (Rule::BadName, "[types.\"t.a\"]\ndescription = \"d\"\nversions.\"a b\".schema = {}"),
    (Rule::ReservedName, "[types.\"$hub.flags\"]\ndescription = \"d\"\nversions.1.schema = {}"),
    (
        Rule::ReservedName,
        "[types.\"presence.joined\"]\ndescription = \"d\"\nversions.1.schema = {}",
    ),
    (Rule::NoVersion, "[types.\"t.a\"]\ndescription = \"d\""),
    (Rule::NoVersion, "[types.\"t.a\"]\ndescription = \"d\"\nversions = {}"),
    (Rule::SchemaMissing, "[types.\"t.a\"]\ndescription = \"d\"\nversions.1 = {}"),
    (Rule::SchemaMissing, "[types.\"t.a\"]\ndescription = \"d\"\nversions.1.schema = \"a.json\""),
    (
        Rule::SchemaMissing,
        "[types.\"t.a\"]\ndescription = \"d\"\nversions.1.schema = \"../a.json\"",
    ),
    (
        Rule::SchemaMissing,
        "[types.\"t.a\"]\ndescription = \"d\"\nversions.1.schema = \"/etc/passwd\"",
    ),
    (
        Rule::SchemaInvalid,
        "[types.\"t.a\"]\ndescription = \"d\"\nversions.1.schema = { type = \"x\" }",
    ),
    (
        Rule::SchemaPattern,
        "[types.\"t.a\"]\ndescription = \"d\"\nversions.1.schema = { type = \"string\", pattern = \"(\" }",
    ),
    (
        Rule::SchemaReference,
        "[types.\"t.a\"]\ndescription = \"d\"\nversions.1.schema.\"$ref\" = \"#/$defs/x\"",
    ),
    (
        Rule::SchemaRemoteReference,
        "[types.\"t.a\"]\ndescription = \"d\"\nversions.1.schema.\"$ref\" = \"https://example.org/x\"",
    ),
    (
        Rule::SchemaDialect,
        "[types.\"t.a\"]\ndescription = \"d\"\nversions.1.schema.\"$schema\" = \"http://json-schema.org/draft-07/schema#\"",
    ),
    (Rule::NoDescription, "[types.\"t.a\"]\nversions.1.schema = {}"),
    (
        Rule::SchemaNoType,
        "[types.\"t.a\"]\ndescription = \"d\"\nversions.1.schema = { required = [\"a\"] }",
    ),
    (
        Rule::SchemaFormat,
        "[types.\"t.a\"]\ndescription = \"d\"\nversions.1.schema = { type = \"string\", format = \"email\" }",
    ),
    (
        Rule::SchemaKeyword,
        "[types.\"t.a\"]\ndescription = \"d\"\nversions.1.schema = { type = \"string\", maxLenght = 1 }",
    ),
    (
        Rule::EntityVisibility,
        "[types.\"t.a\"]\ndescription = \"d\"\npersistence = \"durable\"\nentity = { type = \"e\", id = \"$userId\" }\nversions.1.schema = {}\n\
         [types.\"t.b\"]\ndescription = \"d\"\npersistence = \"durable\"\nentity = { type = \"e\", id = \"$sessionId\" }\nversions.1.schema = {}",
    ),
    (
        Rule::EntityVisibility,
        "[types.\"t.a\"]\ndescription = \"d\"\npersistence = \"durable\"\nsubscribeRoles = [\"a\"]\nentity = { type = \"e\", id = \"$userId\" }\nversions.1.schema = {}\n\
         [types.\"t.b\"]\ndescription = \"d\"\npersistence = \"durable\"\nentity = { type = \"e\", id = \"$userId\" }\nversions.1.schema = {}",
    ),
];

/// Rules with tests of their own, for which a line in a table is too short.
const ELSEWHERE: &[Rule] = &[
    Rule::FileTooLarge,
    Rule::DuplicateType,
    Rule::TooManyTypes,
    Rule::SchemaTooLarge,
    Rule::SchemaTooDeep,
    Rule::SchemaTooCostly,
];

fn codes(text: &str) -> Vec<&'static str> {
    report(text).problems.iter().map(|problem| problem.code.code()).collect()
}

#[test]
fn each_rule_is_broken_by_its_case_alone() {
    for (rule, broken, whole) in POLICY_CASES {
        assert_eq!(
            codes(&with_type(broken)),
            [rule.code()],
            "{broken}: {}",
            report(&with_type(broken))
        );
        assert_eq!(codes(&with_type(whole)), [""; 0], "{whole}: {}", report(&with_type(whole)));
    }
    for (rule, broken) in FILE_CASES {
        assert_eq!(codes(broken), [rule.code()], "{broken}: {}", report(broken));
    }
}

#[test]
fn every_rule_has_a_case_a_code_and_advice() {
    let mut tested: HashSet<Rule> = POLICY_CASES.iter().map(|(rule, ..)| *rule).collect();
    tested.extend(FILE_CASES.iter().map(|(rule, _)| *rule));
    tested.extend(ELSEWHERE);
    let codes: HashSet<&str> = Rule::ALL.iter().map(|rule| rule.code()).collect();
    assert_eq!(codes.len(), Rule::ALL.len());
    for rule in Rule::ALL {
        assert!(tested.contains(rule), "{rule} has no case");
        assert!(rule.advice().ends_with('.'), "{rule}");
        assert!(rule.code().chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{rule}");
    }
}

#[test]
fn messages_are_sentences_with_file_type_and_place() {
    let report = report(&with_type("persistance = \"durable\""));
    assert_eq!(
        report.to_string(),
        "error[unknown-key] t.toml: t.a: There is no key \"persistance\" here. Did you mean \"persistence\"? \
         Correct or remove the key.\n1 error, 0 warnings"
    );
    let problem = &report.problems[0];
    assert_eq!((problem.code, problem.severity), (Rule::UnknownKey, Severity::Error));
    assert_eq!(
        serde_json::to_value(&report).unwrap(),
        serde_json::json!({
            "problems": [{
                "code": "unknown-key", "severity": "error", "file": "t.toml", "eventType": "t.a",
                "message": "There is no key \"persistance\" here. Did you mean \"persistence\"?",
                "advice": "Correct or remove the key.",
            }],
            "errorCount": 1,
            "warningCount": 0,
        })
    );
    for (_, broken, _) in POLICY_CASES {
        for problem in super::report(&with_type(broken)).problems {
            assert!(problem.message.ends_with(['.', '?']), "{problem}");
        }
    }
}

#[test]
fn warnings_do_not_keep_a_registry_from_loading() {
    let registry = registry("[types.\"t.a\"]\nversions.1.schema = { required = [\"a\"] }");
    let codes: Vec<&str> =
        registry.warnings().problems.iter().map(|each| each.code.code()).collect();
    assert_eq!(codes, ["no-description", "schema-no-type"]);
    assert!(registry.get("t.a").is_some());
}
