//! Variables of a case: saved from what was found, put in wherever a text names them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::case::{Fields, Saves};
use super::pattern::WORDS;
use super::transport::Item;

/// What the steps have saved so far.
#[derive(Debug, Default)]
pub(super) struct Variables(BTreeMap<String, Value>);

impl Variables {
    /// Saves what the pointers lead to.
    pub(super) fn save(&mut self, saves: &Saves, from: &Value) -> Result<(), String> {
        for (name, pointer) in saves {
            let value = from
                .pointer(pointer)
                .ok_or_else(|| format!("save: there is no {pointer:?} in {from}"))?;
            self.0.insert(name.clone(), value.clone());
        }
        Ok(())
    }

    /// Saves from an item; the pointer `id` is the place that a client would remember.
    pub(super) fn save_item(&mut self, saves: &Saves, item: &Item) -> Result<(), String> {
        let (ids, pointers): (Saves, Saves) =
            saves.clone().into_iter().partition(|(_, pointer)| pointer == "id");
        for name in ids.into_keys() {
            let id = item.id.as_deref().ok_or("save: the item has no id")?;
            self.0.insert(name, Value::from(id));
        }
        self.save(&pointers, &item.json)
    }

    /// The value with every variable in it replaced.
    ///
    /// `"$name"` becomes the variable with its type, `${name}` inside a text becomes its text, and
    /// `$$` at the beginning a single `$`.
    pub(super) fn fill(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => self.fill_text(text)?,
            Value::Array(items) => {
                Value::Array(items.iter().map(|item| self.fill(item)).collect::<Result<_, _>>()?)
            }
            Value::Object(members) => {
                let filled = members
                    .iter()
                    .map(|(name, member)| Ok((name.clone(), self.fill(member)?)))
                    .collect::<Result<_, String>>()?;
                Value::Object(filled)
            }
            other => other.clone(),
        })
    }

    /// Fields as texts: parameters and headers. A list becomes its items with commas between.
    pub(super) fn fill_fields(&self, fields: &Fields) -> Result<Vec<(String, String)>, String> {
        fields.iter().map(|(name, value)| Ok((name.clone(), plain(&self.fill(value)?)))).collect()
    }

    fn fill_text(&self, text: &str) -> Result<Value, String> {
        if WORDS.contains(&text) {
            return Ok(Value::from(text));
        }
        if let Some(rest) = text.strip_prefix("$$") {
            return Ok(Value::from(format!("${rest}")));
        }
        match text.strip_prefix('$') {
            Some(name) if !name.starts_with('{') => Ok(self.get(name)?.clone()),
            _ => self.fill_inside(text).map(Value::from),
        }
    }

    fn fill_inside(&self, text: &str) -> Result<String, String> {
        let mut parts = text.split("${");
        let mut filled = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) =
                part.split_once('}').ok_or_else(|| format!("{text:?} has no closing brace"))?;
            filled.push_str(&plain(self.get(name)?));
            filled.push_str(rest);
        }
        Ok(filled)
    }

    fn get(&self, name: &str) -> Result<&Value, String> {
        self.0.get(name).ok_or_else(|| format!("no step saved a variable {name:?}"))
    }
}

/// A value as it stands in a parameter, a header or a setting.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn variables_keep_their_type_alone_and_become_text_inside_a_text() {
        let mut variables = Variables::default();
        let saves = Saves::from([("n".into(), "/a/0".into()), ("whole".into(), String::new())]);
        variables.save(&saves, &json!({"a": [7]})).unwrap();
        let filled = variables.fill(&json!(["$n", "x${n}${n}y", "$$n", "$any", "$whole", 1]));
        assert_eq!(filled.unwrap(), json!([7, "x77y", "$n", "$any", {"a": [7]}, 1]));
    }

    #[test]
    fn an_unknown_variable_and_a_missing_place_are_errors() {
        let mut variables = Variables::default();
        assert!(variables.fill(&json!("$nobody")).is_err());
        assert!(variables.fill(&json!("${nobody}")).is_err());
        assert!(variables.save(&Saves::from([("a".into(), "/b".into())]), &json!({})).is_err());
    }
}
