//! A place where data breaks its schema, said without repeating the data.

use std::fmt;

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde::Serialize;
use serde_json::Value;

use crate::problem::shorten_to;

/// The longest pointer that a violation names, in characters.
const VIOLATION_POINTER_CHARS_MAX: usize = 256;
/// The longest message of a violation, in characters.
const VIOLATION_MESSAGE_CHARS_MAX: usize = 200;
/// How many of a list of names or values a message names.
const LISTED_MAX: usize = 8;
/// The longest name or value of the schema that a message repeats, in characters.
const LISTED_CHARS_MAX: usize = 40;

/// One failing place of `eventData`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// JSON pointer to the failing value; for a missing property, to the object that lacks it.
    pub pointer: String,
    /// What is wrong there. Never repeats the value.
    pub message: String,
}

impl Violation {
    pub(crate) fn at_root(message: String) -> Self {
        Self { pointer: String::new(), message }
    }

    pub(crate) fn of(error: &ValidationError<'_>) -> Self {
        let pointer = error.instance_path().as_str();
        Self {
            pointer: shorten_to(pointer, VIOLATION_POINTER_CHARS_MAX),
            message: shorten_to(&message_of(error.kind()), VIOLATION_MESSAGE_CHARS_MAX),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pointer.as_str() {
            "" => write!(f, "the value {}", self.message),
            pointer => write!(f, "{pointer} {}", self.message),
        }
    }
}

fn message_of(kind: &Kind) -> String {
    match kind {
        Kind::Required { property } => format!("lacks the property {}", listed(property)),
        Kind::Type { kind: TypeKind::Single(one) } => format!("must be of type {one}"),
        Kind::Type { kind: TypeKind::Multiple(several) } => {
            format!("must be of type {}", list(several.iter().map(|kind| kind.to_string())))
        }
        Kind::Enum { options } => {
            let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
            format!("must be one of {}", list(options.iter().map(listed)))
        }
        Kind::Constant { expected_value } => format!("must be {}", listed(expected_value)),
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            format!(
                "has properties that are not allowed: {}",
                list(unexpected.iter().map(|name| quoted(name)))
            )
        }
        Kind::AdditionalItems { limit } => format!("must have at most {limit} items"),
        Kind::UnevaluatedItems { .. } => "has items that are not allowed".to_owned(),
        Kind::Pattern { pattern } => format!("must match the pattern {}", quoted(pattern)),
        Kind::Format { format } => format!("must have the format {}", quoted(format)),
        Kind::PropertyNames { error } => {
            format!("has a property name that {}", message_of(error.kind()))
        }
        Kind::AnyOf { .. } => "matches none of the alternatives of anyOf".to_owned(),
        Kind::OneOfNotValid { .. } => "matches none of the alternatives of oneOf".to_owned(),
        Kind::OneOfMultipleValid { .. } => {
            "matches more than one of the alternatives of oneOf".to_owned()
        }
        Kind::Not { .. } => "matches what the schema excludes with not".to_owned(),
        Kind::FalseSchema => "is not allowed here".to_owned(),
        Kind::Contains => "does not have the items that contains asks for".to_owned(),
        Kind::UniqueItems => "must not have two equal items".to_owned(),
        Kind::Custom { message, .. } => message.clone(),
        Kind::Referencing(error) => error.to_string(),
        other => bound_message(other),
    }
}

/// The message of a bound on a number, a length or a count.
fn bound_message(kind: &Kind) -> String {
    match kind {
        Kind::Minimum { limit } => format!("must be at least {limit}"),
        Kind::Maximum { limit } => format!("must be at most {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("must be more than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("must be less than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("must be a multiple of {multiple_of}"),
        Kind::MinLength { limit } => format!("must be at least {limit} characters long"),
        Kind::MaxLength { limit } => format!("must be at most {limit} characters long"),
        Kind::MinItems { limit } => format!("must have at least {limit} items"),
        Kind::MaxItems { limit } => format!("must have at most {limit} items"),
        Kind::MinProperties { limit } => format!("must have at least {limit} properties"),
        Kind::MaxProperties { limit } => format!("must have at most {limit} properties"),
        other => format!("breaks the schema's {}", other.keyword()),
    }
}

fn listed(value: &Value) -> String {
    match value {
        Value::Array(_) => "a certain list".to_owned(),
        Value::Object(_) => "a certain object".to_owned(),
        scalar => shorten_to(&scalar.to_string(), LISTED_CHARS_MAX),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", shorten_to(text, LISTED_CHARS_MAX))
}

fn list(mut items: impl Iterator<Item = String>) -> String {
    let mut named: Vec<String> = items.by_ref().take(LISTED_MAX).collect();
    match items.count() {
        0 => {}
        more => named.push(format!("{more} more")),
    }
    named.join(", ")
}
