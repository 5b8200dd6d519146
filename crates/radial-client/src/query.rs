//! Query strings.

use std::fmt::Write as _;

/// A query string under construction.
#[derive(Debug, Default)]
pub(crate) struct Query(String);

impl Query {
    /// Adds `name=value`.
    pub(crate) fn add(&mut self, name: &str, value: &str) {
        self.0.push(if self.0.is_empty() { '?' } else { '&' });
        self.0.push_str(name);
        self.0.push('=');
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~*:,".contains(&byte) {
                self.0.push(char::from(byte));
            } else {
                // Writing to a String cannot fail.
                let _ = write!(self.0, "%{byte:02X}");
            }
        }
    }

    /// Adds `name=value` if there is a value.
    pub(crate) fn add_some(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.add(name, value);
        }
    }

    /// Adds `name=a,b`; nothing for an empty list.
    pub(crate) fn add_list(&mut self, name: &str, values: &[String]) {
        if !values.is_empty() {
            self.add(name, &values.join(","));
        }
    }

    /// The text from `?` on, or nothing.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped() {
        let mut query = Query::default();
        query.add_list("channels", &["board:*".to_owned(), "a b".to_owned()]);
        query.add_list("types", &[]);
        query.add_some("userId", Some("ü&x=1"));
        query.add_some("sessionId", None);
        assert_eq!(query.as_str(), "?channels=board:*,a%20b&userId=%C3%BC%26x%3D1");
    }
}
