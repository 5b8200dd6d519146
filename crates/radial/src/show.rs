//! A delivered event as a line for people.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::failure::Failure;
use crate::moment;
use crate::output::Output;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delivered<'a> {
    #[serde(borrow)]
    event_type: Cow<'a, str>,
    #[serde(borrow)]
    channel: Cow<'a, str>,
    received_at: u64,
    #[serde(borrow)]
    event_data: &'a RawValue,
}

/// `time type channel data`; JSON that is no delivered event stays as it is.
pub(crate) fn human_line(json: &str) -> String {
    let line = match serde_json::from_str::<Delivered<'_>>(json) {
        Ok(event) => format!(
            "{} {} {} {}",
            moment::utc(event.received_at),
            event.event_type,
            event.channel,
            event.event_data.get()
        ),
        Err(_) => json.to_owned(),
    };
    if line.chars().any(char::is_control) {
        line.replace(char::is_control, "\u{fffd}")
    } else {
        line
    }
}

/// Prints the answer of a hub: as JSON, or a line for each thing in it.
pub(crate) fn answer(answer: &Value, as_json: bool) -> Result<(), Failure> {
    let mut output = Output::new();
    if as_json {
        output.line(&answer.to_string())?;
    } else {
        lines(answer, "", &mut output)?;
    }
    output.flush()
}

fn lines(value: &Value, name: &str, output: &mut Output) -> Result<(), Failure> {
    let line = match value {
        Value::Null => return Ok(()),
        Value::Object(members) => {
            return members.iter().try_for_each(|(member, value)| {
                let dot = if name.is_empty() { "" } else { "." };
                lines(value, &format!("{name}{dot}{member}"), output)
            });
        }
        Value::Array(items) if items.iter().all(Value::is_string) => {
            let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            format!("{name}: {}", items.join(", "))
        }
        Value::Array(items) => {
            return items
                .iter()
                .enumerate()
                .try_for_each(|(index, value)| lines(value, &format!("{name}[{index}]"), output));
        }
        Value::String(text) => format!("{name}: {text}"),
        other => format!("{name}: {other}"),
    };
    output.line(&line.replace(char::is_control, "\u{fffd}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_time_type_channel_and_data() {
        let json = r#"{"cursor":"AAAAAAAAAAA.1","offset":1,"eventId":"e","eventType":"card.moved",
            "eventData":{"n":1.0},"version":"1","channel":"board:1","receivedAt":0}"#;
        assert_eq!(human_line(json), r#"1970-01-01T00:00:00.000Z card.moved board:1 {"n":1.0}"#);
    }

    #[test]
    fn no_event_can_command_the_terminal() {
        let json = "{\"eventType\":\"a.b\",\"eventData\":\"\u{9b}2J\u{7f}\",\"channel\":\"main\",\"receivedAt\":0}";
        let shown = human_line(json);
        assert!(shown.ends_with("\"\u{fffd}2J\u{fffd}\""), "{shown:?}");
        assert_eq!(human_line("no\njson"), "no\u{fffd}json");
    }
}
