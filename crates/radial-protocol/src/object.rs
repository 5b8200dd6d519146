//! Structures that a client gives, and must give as objects.
//!
//! What serde derives takes a list in place of an object too: its items are the members, in the
//! order in which the code happens to have them. That order is in no contract, so that whoever sent
//! such a list would mean something else after any change of the code.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

/// A structure that is read from an object, and from nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members(PhantomData))
    }
}

struct Members<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members)).map(Object)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::value::RawValue;

    use super::*;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Example<'a> {
        one: &'a str,
        #[serde(borrow)]
        two: &'a RawValue,
    }

    #[test]
    fn only_an_object_is_read_and_what_it_lends_stays_lent() {
        let read = |text| serde_json::from_str::<Object<Example<'_>>>(text);
        let Object(example) = read(r#"{"two": [1,  2], "one": "a"}"#).unwrap();
        assert_eq!((example.one, example.two.get()), ("a", "[1,  2]"));
        for (text, expected) in [
            (r#"["a", 2]"#, "expected an object"),
            ("null", "expected an object"),
            (r#""a""#, "expected an object"),
            (r#"{"one": "a"}"#, "missing field `two`"),
            (r#"{"one": "a", "two": 2, "three": 3}"#, "unknown field `three`"),
            (r#"{"one": "a", "one": "a"}"#, "duplicate field `one`"),
        ] {
            let error = read(text).err().unwrap_or_else(|| panic!("{text} was read"));
            assert!(error.to_string().contains(expected), "{text}: {error}");
        }
    }
}
