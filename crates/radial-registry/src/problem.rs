//! What can be wrong with a registry: every rule with its code, what was found, what to do.
//!
//! All problems of all files are collected into one [`Report`], so that one run of
//! `radial registry check` shows everything there is to mend.

use std::fmt;

use serde::{Serialize, Serializer};

/// Most problems that one report holds; further ones are only counted.
pub const PROBLEMS_MAX: usize = 500;

/// Whether a problem keeps the registry from loading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The registry is refused.
    Error,
    /// The registry loads; the problem is only shown.
    Warning,
}

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident $severity:ident $code:literal $advice:literal)*) => {
        /// One rule of the registry. Codes are stable and never used again for something else.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Rule {
            $(
                $(#[$doc])*
                $name,
            )*
        }

        impl Rule {
            /// Every rule there is.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The stable name of the rule.
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                }
            }

            /// Whether breaking the rule keeps the registry from loading.
            pub const fn severity(self) -> Severity {
                match self {
                    $(Self::$name => Severity::$severity,)*
                }
            }

            /// What to do about it.
            pub const fn advice(self) -> &'static str {
                match self {
                    $(Self::$name => $advice,)*
                }
            }
        }
    };
}

rules! {
    /// A file is not well-formed.
    FileSyntax Error "file-syntax" "Correct the file at the place named."
    /// A file is over the size limit.
    FileTooLarge Error "file-too-large" "Split the file, one per domain."
    /// A key that means nothing.
    UnknownKey Error "unknown-key" "Correct or remove the key."
    /// A value of the wrong kind or outside the allowed ones.
    BadValue Error "bad-value" "Write one of the allowed values."
    /// A name outside the rules for names.
    BadName Error "bad-name" "Choose another name."
    /// A name that only the hub publishes.
    ReservedName Error "reserved-name" "Choose another domain or action."
    /// The same type twice.
    DuplicateType Error "duplicate-type" "Keep one of the two; a changed schema is a new version of the same type."
    /// More types than the limit.
    TooManyTypes Error "too-many-types" "Merge types that differ only in their data."
    /// A type without any version.
    NoVersion Error "no-version" "Add [types.\"…\".versions.1] with a schema; schema = {} allows anything."
    /// A text that is not a pointer to a field.
    BadPointer Error "bad-pointer" "Write a JSON pointer to a field of eventData, such as \"/cardId\"."
    /// A text that is not a duration.
    BadDuration Error "bad-duration" "Write a whole number and a unit (ms, s, m, h, d), such as \"50ms\"."
    /// A time to live outside its bounds.
    TtlBounds Error "ttl-bounds" "Choose a ttl from 100ms to 365d, or leave it out."
    /// A batch window outside its bounds.
    BatchBounds Error "batch-bounds" "Choose a batch window from 1ms to 1s, or \"off\"."
    /// A dedupe window outside its bounds.
    DedupeBounds Error "dedupe-bounds" "Choose a dedupe window from 1ms to 60s."
    /// A list over its limit.
    TooManyItems Error "too-many-items" "Shorten the list."
    /// An entity on a type that is not durable.
    EntityNeedsDurable Error "entity-needs-durable" "Set persistence = \"durable\", or remove entity."
    /// Acknowledgements on a type that is not durable.
    AckNeedsDurable Error "ack-needs-durable" "Set persistence = \"durable\", or remove ack."
    /// Acknowledgements of events that nobody receives.
    AckNotBroadcast Error "ack-not-broadcast" "Set broadcast = true, or remove ack."
    /// Coalescing of events that are merged into a state.
    CoalesceWithMerge Error "coalesce-with-merge" "Remove coalesceKey, or let each event carry the whole state (state = \"replace\")."
    /// Coalescing of events that delete.
    CoalesceWithDeletes Error "coalesce-with-deletes" "Remove coalesceKey."
    /// Coalescing of events that must be acknowledged.
    CoalesceWithAck Error "coalesce-with-ack" "Remove coalesceKey or ack."
    /// Dedupe of events that have no place in the log.
    DedupeOnLive Error "dedupe-on-live" "Remove dedupe, or set persistence = \"recent\"."
    /// A time to live on a change of state.
    TtlWithState Error "ttl-with-state" "Remove ttl, or set state = \"none\" without deletes."
    /// A state that more may read than received the events.
    StateWiderThanScope Error "state-wider-than-scope" "Set scope = \"channel\", or id = \"$userId\" (scope user) or \"$sessionId\" (scope user or session)."
    /// A state that changes by events that nobody receives.
    StateNotBroadcast Error "state-not-broadcast" "Set broadcast = true, or set state = \"none\" without deletes."
    /// A deletion that also sets the state.
    DeletesWithState Error "deletes-with-state" "Remove state, or remove deletes."
    /// Disjoint merging where every change replaces all fields.
    DisjointWithReplace Error "disjoint-with-replace" "Set conflict = \"reject\", or state = \"merge\"."
    /// Types of one entity that different people may see.
    EntityVisibility Error "entity-visibility" "Give these types the same subscribeRoles and the same kind of id, or different entity types."
    /// A version's schema is not given or not found.
    SchemaMissing Error "schema-missing" "Write the schema inline, or the path of a .json file below the registry folder."
    /// A schema over the size limit.
    SchemaTooLarge Error "schema-too-large" "Make the schema smaller, or describe less of the data."
    /// A schema nested too deeply, by itself or through its references.
    SchemaTooDeep Error "schema-too-deep" "Flatten the schema."
    /// A schema that takes too long to apply.
    SchemaTooCostly Error "schema-too-costly" "Combine fewer alternatives, and refer to the same definition less often."
    /// A schema of another dialect.
    SchemaDialect Error "schema-dialect" "Write the schema in JSON Schema 2020-12."
    /// A reference outside the schema itself.
    SchemaRemoteReference Error "schema-remote-reference" "Copy what is referred to into $defs; nothing is ever fetched."
    /// A reference that leads nowhere or round in a circle.
    SchemaReference Error "schema-reference" "Refer to a subschema of the same schema, such as \"#/$defs/card\"."
    /// A pattern that the linear-time engine cannot take.
    SchemaPattern Error "schema-pattern" "Simplify the pattern: no look-around, no back-references; use maxLength for long repetitions."
    /// A schema that is not valid JSON Schema.
    SchemaInvalid Error "schema-invalid" "Correct the schema at the place named."
    /// A type that nobody can see.
    SeenByNoOne Warning "seen-by-no-one" "Set broadcast = true, name routes, or keep the events (persistence = \"recent\")."
    /// A type without a description.
    NoDescription Warning "no-description" "Say in a sentence when the event happens."
    /// A newest schema that says nothing about the kind of the data.
    SchemaNoType Warning "schema-no-type" "Add type = \"object\", or the type that eventData has."
    /// A `format`, which JSON Schema 2020-12 does not check.
    SchemaFormat Warning "schema-format" "Add a pattern if the format must hold."
    /// A schema keyword that means nothing.
    SchemaKeyword Warning "schema-keyword" "Correct the keyword, or begin it with x- if it is your own."
    /// An entity id that an event may leave out.
    EntityIdOptional Warning "entity-id-optional" "List the field in the schema's required."
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

/// One broken rule and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The rule that is broken.
    pub code: Rule,
    /// Whether it keeps the registry from loading.
    pub severity: Severity,
    /// The file, relative to the registry folder.
    pub file: String,
    /// The event type, if the problem is of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// The place inside the type or the file, such as `dedupe.window`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What is wrong, in a sentence.
    pub message: String,
    /// What to do, in a sentence.
    pub advice: &'static str,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}[{}] {}: ", self.code, self.file)?;
        for part in [&self.event_type, &self.field].into_iter().flatten() {
            write!(f, "{part}: ")?;
        }
        write!(f, "{} {}", self.message, self.advice)
    }
}

/// Everything that was found, in the order of files and types.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What was found, at most [`PROBLEMS_MAX`].
    pub problems: Vec<Problem>,
    /// How many errors there are, those beyond the limit included.
    pub error_count: usize,
    /// How many warnings there are, those beyond the limit included.
    pub warning_count: usize,
}

impl Report {
    /// Whether the registry is refused.
    pub fn has_errors(&self) -> bool {
        self.error_count > 0
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.error_count + self.warning_count == 0
    }

    /// Puts the problems in the order of the files; those of one file stay as they were found.
    pub(crate) fn sort(&mut self) {
        self.problems.sort_by(|a, b| a.file.cmp(&b.file));
    }

    pub(crate) fn add(&mut self, at: &Place<'_>, code: Rule, message: impl Into<String>) {
        match code.severity() {
            Severity::Error => self.error_count += 1,
            Severity::Warning => self.warning_count += 1,
        }
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem {
                code,
                severity: code.severity(),
                file: at.file.to_owned(),
                event_type: at.event_type.map(shorten),
                field: (!at.field.is_empty()).then(|| shorten(&at.field)),
                message: message.into(),
                advice: code.advice(),
            });
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{problem}")?;
        }
        let hidden = (self.error_count + self.warning_count).saturating_sub(self.problems.len());
        if hidden > 0 {
            writeln!(f, "{hidden} more not shown")?;
        }
        let plural = |count| if count == 1 { "" } else { "s" };
        let (errors, warnings) = (self.error_count, self.warning_count);
        write!(f, "{errors} error{}, {warnings} warning{}", plural(errors), plural(warnings))
    }
}

/// Where in the files something stands.
#[derive(Debug, Clone)]
pub(crate) struct Place<'a> {
    pub(crate) file: &'a str,
    pub(crate) event_type: Option<&'a str>,
    pub(crate) field: String,
}

impl<'a> Place<'a> {
    pub(crate) fn of_file(file: &'a str) -> Self {
        Self { file, event_type: None, field: String::new() }
    }

    pub(crate) fn of_type(file: &'a str, event_type: &'a str) -> Self {
        Self { file, event_type: Some(event_type), field: String::new() }
    }

    /// The place one step further in.
    pub(crate) fn at(&self, step: &str) -> Self {
        let field = match self.field.as_str() {
            "" => step.to_owned(),
            outer => format!("{outer}.{step}"),
        };
        Self { file: self.file, event_type: self.event_type, field }
    }
}

/// The longest text from a file that a message repeats, in characters.
const SHORT_CHARS: usize = 80;

/// A text as it may stand in a message: never long, never more than one line.
pub(crate) fn shorten(text: &str) -> String {
    shorten_to(text, SHORT_CHARS)
}

/// As [`shorten`], with another limit.
pub(crate) fn shorten_to(text: &str, chars_max: usize) -> String {
    let visible = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut short: String = text.chars().take(chars_max).map(visible).collect();
    if text.chars().nth(chars_max).is_some() {
        short.push('…');
    }
    short
}
