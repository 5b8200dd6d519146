//! Query parameters: parsed strictly, so that a misspelt one is an error and not a surprise.

use std::str::FromStr;

use axum::extract::RawQuery;
use radial_hub::Start;
use radial_protocol::filter::Selection;
use radial_protocol::{Code, Cursor, Name, Pattern, Problem, TimeMs};
use serde_json::{Map, Value};

use super::credential::{QUERY_TOKEN, TICKET};

/// The parameters of one request; each is taken once, and what is left is an error.
#[derive(Debug)]
pub(crate) struct Parameters {
    pairs: Vec<(String, String)>,
    known: Vec<&'static str>,
}

impl Parameters {
    /// Splits and decodes the query.
    pub(crate) fn parse(RawQuery(query): &RawQuery) -> Result<Self, Problem> {
        let Some(query) = query.as_deref().filter(|query| !query.is_empty()) else {
            return Ok(Self { pairs: Vec::new(), known: Vec::new() });
        };
        let uri = http::Uri::builder().path_and_query(format!("/?{query}")).build();
        let uri = uri.map_err(|_| invalid("the query cannot be parsed"))?;
        let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&uri)
            .map_err(|rejection| invalid(&rejection.body_text()))?;
        let mut parameters = Self { pairs: pairs.0, known: Vec::new() };
        // Who asks is known by now, by whatever counted.
        parameters.pairs.retain(|(name, _)| name != QUERY_TOKEN);
        Ok(parameters)
    }

    /// The parameters of a request that has them as members of an object: a list there is what is
    /// separated by commas in a query.
    pub(crate) fn of_members(members: Map<String, Value>) -> Result<Self, Problem> {
        let pairs = members.into_iter().map(|(name, value)| {
            let text = match &value {
                Value::String(text) => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                Value::Bool(flag) => Some(flag.to_string()),
                Value::Array(values) => {
                    let texts: Option<Vec<&str>> = values.iter().map(Value::as_str).collect();
                    texts.map(|texts| texts.join(","))
                }
                Value::Null | Value::Object(_) => None,
            };
            let text = text
                .ok_or_else(|| invalid(&format!("{name} is a text, a number, or a list of texts")));
            Ok((name, text?))
        });
        Ok(Self { pairs: pairs.collect::<Result<_, Problem>>()?, known: Vec::new() })
    }

    /// Takes the ticket that opened the stream, if one did.
    pub(crate) fn ticket(&mut self) -> Result<(), Problem> {
        self.one(TICKET).map(drop)
    }

    /// Every value of a parameter.
    pub(crate) fn all(&mut self, name: &'static str) -> Vec<String> {
        self.known.push(name);
        let (taken, left) =
            std::mem::take(&mut self.pairs).into_iter().partition(|(found, _)| found == name);
        self.pairs = left;
        let taken: Vec<(String, String)> = taken;
        taken.into_iter().map(|(_, value)| value).collect()
    }

    /// The value of a parameter that may come once.
    pub(crate) fn one(&mut self, name: &'static str) -> Result<Option<String>, Problem> {
        let mut values = self.all(name);
        match values.len() {
            0 | 1 => Ok(values.pop()),
            _ => Err(invalid(&format!("{name} is given more than once"))),
        }
    }

    /// The parsed value of a parameter that may come once.
    pub(crate) fn parsed<T: FromStr<Err: std::fmt::Display>>(
        &mut self,
        name: &'static str,
    ) -> Result<Option<T>, Problem> {
        self.one(name)?
            .map(|value| value.parse().map_err(|error| invalid(&format!("{name}: {error}"))))
            .transpose()
    }

    /// How many of something are wanted: from 1 to `max`.
    pub(crate) fn limit(&mut self, default: usize, max: usize) -> Result<usize, Problem> {
        match self.parsed("limit")? {
            None => Ok(default),
            Some(limit) if (1..=max).contains(&limit) => Ok(limit),
            Some(_) => Err(invalid(&format!("limit is from 1 to {max}"))),
        }
    }

    /// `true`, `1` or nothing: on. `false`, `0` or absent: off.
    pub(crate) fn flag(&mut self, name: &'static str) -> Result<bool, Problem> {
        match self.one(name)?.as_deref() {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1" | "") => Ok(true),
            Some(_) => Err(invalid(&format!("{name} is either true or false"))),
        }
    }

    /// A list of patterns, separated by commas or given several times.
    fn patterns(&mut self, name: &'static str, default: &str) -> Result<Vec<Pattern>, Problem> {
        let mut texts = self.all(name);
        if texts.is_empty() {
            texts.push(default.to_owned());
        }
        let mut patterns: Vec<Pattern> = Vec::new();
        for text in texts.iter().flat_map(|text| text.split(',')) {
            let pattern = Pattern::new(text.trim())
                .map_err(|error| invalid(&format!("{name}: the pattern {text:?} {error}")))?;
            if !patterns.contains(&pattern) {
                patterns.push(pattern);
            }
        }
        Ok(patterns)
    }

    /// `channel`, or several as `channels`; without either, `main`.
    pub(crate) fn channels(&mut self, max: usize) -> Result<Vec<Pattern>, Problem> {
        let one = self.one("channel")?;
        let channels = self.patterns("channels", one.as_deref().unwrap_or("main"))?;
        if channels.len() > max {
            return Err(invalid(&format!("at most {max} channels")));
        }
        Ok(channels)
    }

    /// `channels` and `types`.
    pub(crate) fn selection(
        &mut self,
        channels_default: &str,
        filters_max: usize,
    ) -> Result<Selection, Problem> {
        let channels = self.patterns("channels", channels_default)?;
        let types = self.patterns("types", "*")?;
        if channels.len() + types.len() > filters_max {
            return Err(invalid(&format!("at most {filters_max} channels and types together")));
        }
        Ok(Selection { channels, types })
    }

    /// A list of names, separated by commas or given several times.
    pub(crate) fn names(&mut self, name: &'static str, max: usize) -> Result<Vec<Name>, Problem> {
        let texts = self.all(name);
        let mut names: Vec<Name> = Vec::new();
        for text in texts.iter().flat_map(|text| text.split(',')) {
            let found = Name::new(text.trim())
                .map_err(|error| invalid(&format!("{name}: {text:?} {error}")))?;
            if !names.contains(&found) {
                names.push(found);
            }
        }
        if names.len() > max {
            return Err(invalid(&format!("{name} names more than {max}")));
        }
        Ok(names)
    }

    /// A place in the log as a parameter names it.
    pub(crate) fn start_of(&mut self, name: &'static str) -> Result<Option<Start>, Problem> {
        let Some(text) = self.one(name)?.filter(|text| !text.is_empty()) else { return Ok(None) };
        if text == "earliest" {
            return Ok(Some(Start::Earliest));
        }
        text.parse::<Cursor>()
            .map(Start::After)
            .map(Some)
            .map_err(|error| Problem::new(Code::InvalidCursor, format!("{name} {error}")))
    }

    /// A time in milliseconds since 1970.
    pub(crate) fn time(&mut self, name: &'static str) -> Result<Option<TimeMs>, Problem> {
        Ok(self.parsed::<u64>(name)?.map(TimeMs))
    }

    /// Refuses whatever nobody asked for. Names that begin with `_` are let through: caches and
    /// polyfills add them.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        let Some((name, _)) = self.pairs.iter().find(|(name, _)| !name.starts_with('_')) else {
            return Ok(());
        };
        let nearest = self
            .known
            .iter()
            .max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
        let name: String = name.chars().take(64).collect();
        let hint = nearest.map_or(String::new(), |nearest| format!("; did you mean {nearest}?"));
        Err(invalid(&format!("there is no parameter {name:?} here{hint}")))
    }
}

pub(crate) fn invalid(detail: &str) -> Problem {
    Problem::new(Code::InvalidParameter, detail)
}
